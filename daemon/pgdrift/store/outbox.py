"""Notices on their way: decided and durable first, then tried, then ended.

A channel hears of one thread of an incident in order: only its oldest unended delivery is ever
due, or all that waits there as one. One that a crashed process was trying may have arrived; it
says so.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum
from typing import Any, TypeAlias

from sqlalchemy import ColumnElement, Row, Select, and_, func, or_, select, true
from sqlalchemy.ext.asyncio import AsyncConnection

from pgdrift.core.alerts.incident import Delivery, Notice, Reason, State
from pgdrift.core.alerts.route import QUIET, WITHIN, Address
from pgdrift.errors import StoreError
from pgdrift.store import codec, digests, tables
from pgdrift.store.snapshots import batches

_d = tables.delivery


class Stage(StrEnum):
    """Where a delivery is on its way. The first two are waiting, the last two have ended."""

    PENDING = "pending"
    ATTEMPTING = "attempting"
    DONE = "done"
    FAILED = "failed"


WAITING = (Stage.PENDING, Stage.ATTEMPTING)


To: TypeAlias = Address | str


async def add(c: AsyncConnection, notices: Iterable[tuple[Notice, tuple[To, ...]]]) -> None:
    """Write notices and one delivery for each of their addresses; a name alone is told at once."""
    for notice, to in notices:
        row = {"id": notice.id, "incident_id": notice.incident.id, "at": notice.at}
        await c.execute(tables.notice.insert().values(row | {"body": codec.NOTICE.write(notice)}))
        for address in to:
            known = Address(address) if isinstance(address, str) else address
            if await _woken(c, notice, known):
                known = replace(known, digest=WITHIN)
            await c.execute(_d.insert().values(_new(notice, known)))


async def _woken(c: AsyncConnection, notice: Notice, address: Address) -> bool:
    """Let what waits in a thread for the end of quiet hours go along with what does not wait."""
    mine = (
        _d.c.channel == address.channel,
        _d.c.incident_id == notice.incident.id,
        _d.c.group == address.group,
        _d.c.state == Stage.PENDING,
        _d.c.digest == QUIET,
        _d.c.not_before > (address.not_before or notice.at),
    )
    change = {"digest": WITHIN, "next_attempt_at": address.not_before}
    change["not_before"] = address.not_before
    return bool((await c.execute(_d.update().where(*mine).values(change))).rowcount)


def _new(notice: Notice, address: Address) -> dict[str, Any]:
    return {
        "id": f"{notice.id}-{address.channel}",
        "notice_id": notice.id,
        "incident_id": notice.incident.id,
        "channel": address.channel,
        "state": Stage.PENDING.value,
        "attempts": 0,
        "uncertain": False,
        "reason": "",
        "group": address.group,
        "digest": address.digest,
        "not_before": address.not_before,
        "next_attempt_at": address.not_before,
        "mention": codec.NOTES.write(address.mention),
        "fallback": codec.NOTES.write(address.fallback),
    }


def _heads() -> ColumnElement[bool]:
    oldest = (
        select(func.min(_d.c.seq))
        .where(_d.c.state.in_(WAITING))
        .group_by(_d.c.channel, _d.c.incident_id, _d.c.group)
    )
    return and_(_d.c.seq.in_(oldest), _d.c.state == Stage.PENDING)


@dataclass(frozen=True, slots=True)
class Lane:
    """Which channels are meant: only these, or None for all; none of the others."""

    only: frozenset[str] | None = None
    but: frozenset[str] = frozenset()

    def holds(self) -> ColumnElement[bool]:
        """Return the condition on a delivery."""
        mine = true() if self.only is None else _d.c.channel.in_(self.only)
        return and_(mine, _d.c.channel.not_in(self.but))


ALL = Lane()


async def due(
    c: AsyncConnection, now: datetime, limit: int, lane: Lane = ALL
) -> tuple[Delivery, ...]:
    """Return what may be tried now; what failed least, then oldest first.

    A delivery that makes its channel fail each time stands behind those that it would keep back.
    What may be told together comes as one delivery.
    """
    when = _d.c.next_attempt_at
    order = (_d.c.attempts, _d.c.seq)
    ready = and_(_heads(), or_(when.is_(None), when <= now), lane.holds())
    heads = list(await c.execute(_rows().where(ready).order_by(*order).limit(limit)))
    groups = await _told_together(c, heads, now)
    return await _deliveries(c, [groups[key] for key in dict.fromkeys(map(digests.key, heads))])


async def _told_together(
    c: AsyncConnection, heads: Sequence[Row[Any]], now: datetime
) -> Mapping[digests.Key, Sequence[Row[Any]]]:
    """Return for each of the heads all rows that are told in the same message, oldest first."""
    groups: dict[digests.Key, Sequence[Row[Any]]] = {digests.key(row): [row] for row in heads}
    shared = {row.channel for row in heads if row.digest or row.batch}
    if shared:
        mine = (_d.c.channel.in_(shared), _d.c.state.in_(WAITING))
        waiting = digests.together(await c.execute(_rows().where(*mine).order_by(_d.c.seq)), now)
        groups |= {key: rows for key, rows in waiting.items() if key in groups}
    return groups


def _rows() -> Select[Any]:
    earlier = _d.alias()
    same = (
        earlier.c.channel == _d.c.channel,
        earlier.c.incident_id == _d.c.incident_id,
        earlier.c.group == _d.c.group,
    )
    thread = (
        select(earlier.c.ref)
        .where(*same, earlier.c.state == Stage.DONE)
        .order_by(earlier.c.seq.desc())
        .limit(1)
        .scalar_subquery()
    )
    return select(_d, thread.label("thread"))


async def _deliveries(
    c: AsyncConnection, groups: Sequence[Sequence[Row[Any]]]
) -> tuple[Delivery, ...]:
    n = tables.notice.c
    found: dict[str, Notice] = {}
    for ids in batches({row.notice_id for rows in groups for row in rows}):
        for id_, body in await c.execute(select(n.id, n.body).where(n.id.in_(ids))):
            found[id_] = codec.NOTICE.read(body)
    return tuple(digests.delivery(rows, found) for rows in groups)


async def next_due(c: AsyncConnection, now: datetime, lane: Lane = ALL) -> datetime | None:
    """Return when the next delivery may be tried, at the earliest `now`; None for none at all."""
    query = select(_d.c.next_attempt_at).where(_heads(), lane.holds())
    moments = (await c.execute(query)).scalars().all()
    return min((max(m or now, now) for m in moments), default=None)


async def begin(c: AsyncConnection, delivery: Delivery, now: datetime) -> Delivery:
    """Mark that a try begins and return the delivery with that try counted.

    What is tried together once stays together: a receiver knows it by its id.
    """
    change = {"state": Stage.ATTEMPTING.value, "attempts": _d.c.attempts + 1, "attempted_at": now}
    await _move(c, delivery, Stage.PENDING, change | {"batch": delivery.id})
    rows = (await c.execute(_rows().where(_d.c.batch == delivery.id).order_by(_d.c.seq))).all()
    return (await _deliveries(c, [rows]))[0]


async def done(
    c: AsyncConnection, delivery: Delivery, now: datetime, ref: Mapping[str, str]
) -> None:
    """Mark that it arrived; `ref` is what the channel returned."""
    change = {"state": Stage.DONE.value, "ended_at": now, "ref": codec.TEXTS.write(dict(ref))}
    await _move(c, delivery, Stage.ATTEMPTING, change | {"reason": ""})


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
    await _move(c, delivery, Stage.ATTEMPTING, change)


async def postpone(c: AsyncConnection, channel: str, until: datetime) -> None:
    """Let everything that waits for a channel wait at least until then."""
    when = _d.c.next_attempt_at
    mine = and_(_d.c.channel == channel, _d.c.state == Stage.PENDING)
    sooner = or_(when.is_(None), when < until)
    await c.execute(_d.update().where(mine, sooner).values(next_attempt_at=until))


async def _move(
    c: AsyncConnection, delivery: Delivery, stage: Stage, change: dict[str, Any]
) -> None:
    ids = delivery.covers or (delivery.id,)
    moved = 0
    for some in batches(ids):
        mine = and_(_d.c.id.in_(some), _d.c.state == stage)
        moved += (await c.execute(_d.update().where(mine).values(change))).rowcount
    if moved != len(ids):
        raise StoreError(
            f"delivery {delivery.id} is not {stage.value} any more",
            reason="stale",
            hint="see that only one pgdrift daemon works on this store",
        )


async def recover(c: AsyncConnection, lane: Lane = ALL) -> int:
    """Take back what a crashed process was trying, and return how many those are."""
    change = {"state": Stage.PENDING.value, "uncertain": True, "next_attempt_at": None}
    mine = and_(_d.c.state == Stage.ATTEMPTING, lane.holds())
    return (await c.execute(_d.update().where(mine).values(change))).rowcount


async def waiting(c: AsyncConnection) -> int:
    """Return how many deliveries have not ended."""
    query = select(func.count()).select_from(_d).where(_d.c.state.in_(WAITING))
    return (await c.execute(query)).scalar_one()


async def standing(c: AsyncConnection, channel: str) -> tuple[Delivery, ...]:
    """Return what was told last of each thread of an open incident, where nothing is on its way.

    What was told as resolved does not stand any more; what was given up was not told.
    """
    mine = and_(_d.c.channel == channel, _d.c.state != Stage.FAILED)
    latest = select(func.max(_d.c.seq)).where(mine).group_by(_d.c.incident_id, _d.c.group)
    i = tables.incident
    open_ = select(i.c.id).where(i.c.state != State.RESOLVED, i.c.id == _d.c.incident_id)
    told = and_(_d.c.seq.in_(latest), _d.c.state == Stage.DONE, open_.exists())
    rows = (await c.execute(_rows().where(told).order_by(_d.c.seq))).all()
    found = await _deliveries(c, [[row] for row in rows])
    return tuple(d for d in found if d.notice.reason is not Reason.RESOLVED)


async def fate(c: AsyncConnection, notice_id: str) -> Mapping[str, tuple[str, str]]:
    """Return by channel where the deliveries of a notice are, and why their last try failed."""
    query = select(_d.c.channel, _d.c.state, _d.c.reason).where(_d.c.notice_id == notice_id)
    return {row.channel: (row.state, row.reason) for row in await c.execute(query)}


async def withdraw(c: AsyncConnection, incident_id: str) -> None:
    """Forget the deliveries of an incident that wait."""
    mine = and_(_d.c.incident_id == incident_id, _d.c.state == Stage.PENDING)
    await c.execute(_d.delete().where(mine))
