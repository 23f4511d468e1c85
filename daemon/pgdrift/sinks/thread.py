"""A delivery in, the same out, without a thread that another type of channel kept.

Threads are kept by a channel's name, and the channel of that name may be of another type today.
"""

from dataclasses import replace

from pgdrift.core.incident import Delivery


def own(delivery: Delivery, *names: str) -> Delivery:
    """Return the delivery; its thread is None unless it holds what this type keeps (`names`)."""
    if delivery.thread is None or delivery.thread.keys() >= set(names):
        return delivery
    return replace(delivery, thread=None)
