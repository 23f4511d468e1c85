"""Rows of the outbox in, deliveries out: which of them wait together, and become one message.

A digest is of threads that begin, or that began in a digest: what has a message of its own is told
there. What was tried together once stays together.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any, TypeAlias

from sqlalchemy import Row

from pgdrift.core.alerts.folded import folded
from pgdrift.core.alerts.incident import Delivery, Notice
from pgdrift.core.alerts.route import WITHIN
from pgdrift.store import codec

Key: TypeAlias = tuple[str, ...]


def key(row: Row[Any]) -> Key:
    """Return what the rows of one message have in common."""
    if row.batch:
        return ("batch", row.batch)
    if not row.digest:
        return ("row", row.id)
    own = row.thread is not None and "digest" not in codec.TEXTS.read(row.thread)
    if own or row.digest == WITHIN:
        return ("thread", *_thread(row))
    return ("digest", row.channel, row.digest)


def together(waiting: Iterable[Row[Any]], now: datetime) -> Mapping[Key, Sequence[Row[Any]]]:
    """Return what can be told now, by what it can be told with. Rows come and go oldest first.

    A row that stands behind another of its thread, which is not told with it, has to wait.
    """
    found: dict[Key, list[Row[Any]]] = {}
    threads: dict[Key, Key] = {}
    for row in waiting:
        mine = key(row)
        ready = row.state == "pending" and (row.next_attempt_at or now) <= now
        if threads.setdefault(_thread(row), mine if ready else ()) == mine and ready:
            found.setdefault(mine, []).append(row)
        else:
            threads[_thread(row)] = ()
    return found


def delivery(rows: Sequence[Row[Any]], notices: Mapping[str, Notice]) -> Delivery:
    """Return the delivery that tells these rows, oldest first, as one; `notices` are by id."""
    threads: dict[Key, list[Row[Any]]] = {}
    for row in rows:
        threads.setdefault(_thread(row), []).append(row)
    parts = [folded([notices[row.notice_id] for row in of]) for of in threads.values()]
    first = rows[0]
    many = len(parts) > 1
    mention = (name for row in rows for name in codec.NOTES.read(row.mention))
    return Delivery(
        id=first.batch or first.id,
        channel=first.channel,
        notice=parts[0],
        attempts=max(row.attempts for row in rows),
        uncertain=any(row.uncertain for row in rows),
        thread=None if many or first.thread is None else codec.TEXTS.read(first.thread),
        group=first.group,
        mention=tuple(dict.fromkeys(mention)),
        not_before=max((row.not_before for row in rows if row.not_before), default=None),
        parts=tuple(parts) if many else (),
        covers=tuple(row.id for row in rows),
        threads=tuple((row.incident_id, row.group) for row in rows),
    )


def _thread(row: Row[Any]) -> Key:
    return (row.channel, row.incident_id, row.group)
