"""A delivery in, the same out, without a thread that another type of channel kept.

Threads are kept by a channel's name, and the channel of that name may be of another type today.
"""

from collections.abc import Iterator
from dataclasses import replace

from pgdrift.core.alerts.incident import Delivery, Notice


def own(delivery: Delivery, *names: str) -> Delivery:
    """Return the delivery; its thread is None unless it holds what this type keeps (`names`)."""
    if delivery.thread is None or delivery.thread.keys() >= set(names):
        return delivery
    return replace(delivery, thread=None)


def notices(delivery: Delivery) -> Iterator[tuple[str, Notice]]:
    """Give all that a delivery tells: each notice with the group that names its thread."""
    told = delivery.parts or (delivery.notice,)
    threads = dict.fromkeys(delivery.threads) or [(n.incident.id, delivery.group) for n in told]
    for (_, group), notice in zip(threads, told, strict=True):
        yield group, notice
