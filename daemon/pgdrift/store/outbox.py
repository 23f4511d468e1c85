"""Notices on their way: decided and durable first, then tried, then ended.

A channel hears of one incident in order: only the oldest unended delivery of a pair (channel,
incident) is ever due. One that a crashed process was trying may have arrived; it says so.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import ColumnElement, Row, Select, and_, func, or_, select
from sqlalchemy.ext.asyncio import AsyncConnection

from pgdrift.core.incident import Delivery, Notice
from pgdrift.errors import StoreError
from pgdrift.store import codec, tables

_d = tables.delivery


class Stage(StrEnum):
    """Where a delivery is on its way. The first two are waiting, the last two have ended."""

    PENDING = "pending"
    ATTEMPTING = "attempting"
    DONE = "done"
    FAILED = "failed"


_WAITING = (Stage.PENDING, Stage.ATTEMPTING)


async def add(c: AsyncConnection, notices: tuple[tuple[Notice, tuple[str, ...]], ...]) -> None:
    """Write notices and one delivery for each of their channels."""
    for notice, channels in notices:
        row = {"id": notice.id, "incident_id": notice.incident.id, "at": notice.at}
        await c.execute(tables.notice.insert().values(row | {"body": codec.NOTICE.write(notice)}))
        for channel in channels:
            await c.execute(_d.insert().values(_new(notice, channel)))


def _new(notice: Notice, channel: str) -> dict[str, Any]:
    return {
        "id": f"{notice.id}-{channel}",
        "notice_id": notice.id,
        "incident_id": notice.incident.id,
        "channel": channel,
        "state": Stage.PENDING.value,
        "attempts": 0,
        "uncertain": False,
        "reason": "",
    }


def _heads() -> ColumnElement[bool]:
    oldest = (
        select(func.min(_d.c.seq))
        .where(_d.c.state.in_(_WAITING))
        .group_by(_d.c.channel, _d.c.incident_id)
    )
    return and_(_d.c.seq.in_(oldest), _d.c.state == Stage.PENDING)


async def due(c: AsyncConnection, now: datetime, limit: int) -> tuple[Delivery, ...]:
    """Return what may be tried now, of each channel so many; what failed least, then oldest first.

    A delivery that makes its channel fail each time stands behind those that it would keep back.
    """
    when = _d.c.next_attempt_at
    order = (_d.c.attempts, _d.c.seq)
    place = func.row_number().over(partition_by=_d.c.channel, order_by=order).label("place")
    ready = (
        select(_d.c.seq, place).where(_heads(), or_(when.is_(None), when <= now)).subquery("ready")
    )
    first = select(ready.c.seq).where(ready.c.place <= limit)
    query = _deliveries().where(_d.c.seq.in_(first)).order_by(*order)
    return tuple(map(_delivery, await c.execute(query)))


def _deliveries() -> Select[Any]:
    earlier = _d.alias()
    thread = (
        select(earlier.c.ref)
        .where(earlier.c.channel == _d.c.channel, earlier.c.incident_id == _d.c.incident_id)
        .where(earlier.c.state == Stage.DONE)
        .order_by(earlier.c.seq.desc())
        .limit(1)
        .scalar_subquery()
    )
    body = tables.notice.c.body
    return select(_d, body.label("body"), thread.label("thread")).join(tables.notice)


def _delivery(row: Row[Any]) -> Delivery:
    return Delivery(
        id=row.id,
        channel=row.channel,
        notice=codec.NOTICE.read(row.body),
        attempts=row.attempts,
        uncertain=row.uncertain,
        thread=None if row.thread is None else codec.TEXTS.read(row.thread),
    )


async def next_due(c: AsyncConnection, now: datetime) -> datetime | None:
    """Return when the next delivery may be tried, at the earliest `now`; None for none at all."""
    moments = (await c.execute(select(_d.c.next_attempt_at).where(_heads()))).scalars().all()
    return min((max(m or now, now) for m in moments), default=None)


async def begin(c: AsyncConnection, id_: str, now: datetime) -> Delivery:
    """Mark that a try begins and return the delivery with that try counted."""
    change = {"state": Stage.ATTEMPTING.value, "attempts": _d.c.attempts + 1, "attempted_at": now}
    await _move(c, id_, Stage.PENDING, change)
    return _delivery((await c.execute(_deliveries().where(_d.c.id == id_))).one())


async def done(c: AsyncConnection, id_: str, now: datetime, ref: Mapping[str, str]) -> None:
    """Mark that it arrived; `ref` is what the channel returned."""
    change = {"state": Stage.DONE.value, "ended_at": now, "ref": codec.TEXTS.write(dict(ref))}
    await _move(c, id_, Stage.ATTEMPTING, change | {"reason": ""})


async def failed(
    c: AsyncConnection,
    delivery: Delivery,
    now: datetime,
    reason: str,
    next_attempt_at: datetime | None,
) -> None:
    """Mark that it did not arrive, and when to try again; None gives it up."""
    change: dict[str, Any] = {"reason": reason, "uncertain": delivery.uncertain}
    if next_attempt_at is None:
        change |= {"state": Stage.FAILED.value, "ended_at": now}
    else:
        change |= {"state": Stage.PENDING.value, "next_attempt_at": next_attempt_at}
    await _move(c, delivery.id, Stage.ATTEMPTING, change)


async def postpone(c: AsyncConnection, channel: str, until: datetime) -> None:
    """Let everything that waits for a channel wait at least until then."""
    when = _d.c.next_attempt_at
    mine = and_(_d.c.channel == channel, _d.c.state == Stage.PENDING)
    sooner = or_(when.is_(None), when < until)
    await c.execute(_d.update().where(mine, sooner).values(next_attempt_at=until))


async def _move(c: AsyncConnection, id_: str, stage: Stage, change: dict[str, Any]) -> None:
    mine = and_(_d.c.id == id_, _d.c.state == stage)
    if not (await c.execute(_d.update().where(mine).values(change))).rowcount:
        raise StoreError(
            f"delivery {id_} is not {stage.value} any more",
            reason="stale",
            hint="see that only one pgdrift daemon works on this store",
        )


async def recover(c: AsyncConnection) -> int:
    """Take back what a crashed process was trying, and return how many those are."""
    change = {"state": Stage.PENDING.value, "uncertain": True, "next_attempt_at": None}
    mine = _d.c.state == Stage.ATTEMPTING
    return (await c.execute(_d.update().where(mine).values(change))).rowcount


async def waiting(c: AsyncConnection) -> int:
    """Return how many deliveries have not ended."""
    query = select(func.count()).select_from(_d).where(_d.c.state.in_(_WAITING))
    return (await c.execute(query)).scalar_one()
