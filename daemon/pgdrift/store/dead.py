"""How the deliveries of each channel went; and those of a dead one, told by others in its place.

Who began to hear of a thread in place of another hears it to its end, also when that one is back.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from sqlalchemy import ColumnElement, Row, and_, exists, func, or_, select
from sqlalchemy.ext.asyncio import AsyncConnection

from pgdrift.core.alerts.dead import Health
from pgdrift.store import codec, tables
from pgdrift.store.outbox import WAITING, Stage
from pgdrift.store.snapshots import batches

_d, _n = tables.delivery, tables.notice
# What is wrong with the whole channel, and not with one message.
_WIDE = ("unreachable", "rate_limited", "authentication", "invalid")
_COPIED = ("notice_id", "incident_id", "digest", "not_before", "mention")


async def health(c: AsyncConnection) -> tuple[Health, ...]:
    """Return how the deliveries of every channel went that anything was ever for."""
    tried = and_(_d.c.state.in_(WAITING), _d.c.attempts > 0, _d.c.reason.in_(_WIDE))
    gave_up = and_(_d.c.state == Stage.FAILED, _d.c.reason.in_(_WIDE))
    query = (
        select(
            _d.c.channel,
            func.min(func.coalesce(_d.c.not_before, _n.c.at)).filter(tried).label("stuck"),
            func.max(_d.c.ended_at).filter(gave_up).label("gave_up"),
            func.max(_d.c.ended_at).filter(_d.c.state == Stage.DONE).label("delivered"),
        )
        .join(_n)
        .group_by(_d.c.channel)
    )
    rows = (await c.execute(query)).all()
    return tuple(
        [Health(r.channel, r.stuck, r.gave_up, r.delivered, await _why(c, r.channel)) for r in rows]
    )


async def _why(c: AsyncConnection, channel: str) -> str:
    mine = and_(_d.c.channel == channel, _d.c.reason.in_(_WIDE))
    query = select(_d.c.reason).where(mine).order_by(_d.c.attempted_at.desc()).limit(1)
    return (await c.execute(query)).scalar_one_or_none() or ""


async def cover(c: AsyncConnection, channel: str, *, is_dead: bool) -> int:
    """Let others be told what a channel was to be told, and return how many deliveries that adds.

    All that waits there or was given up since something last arrived, where it is dead; else what
    goes on in threads that others began to hear of.
    """
    mine = and_(_d.c.channel == channel, _d.c.fallback != "[]", _d.c.stands_for.is_(None))
    wanted = or_(_untold(channel), _followed(channel)) if is_dead else _followed(channel)
    rows = (await c.execute(select(_d).where(mine, wanted).order_by(_d.c.seq))).all()
    new = [values for row in rows for values in _stand_ins(row)]
    known: set[str] = set()
    for ids in batches(v["id"] for v in new):
        known.update((await c.execute(select(_d.c.id).where(_d.c.id.in_(ids)))).scalars())
    missing = [v for v in new if v["id"] not in known]
    for values in missing:
        await c.execute(_d.insert().values(values))
    return len(missing)


def _untold(channel: str) -> ColumnElement[bool]:
    arrived = (
        select(func.max(_d.c.ended_at))
        .where(_d.c.channel == channel, _d.c.state == Stage.DONE)
        .scalar_subquery()
    )
    since = or_(arrived.is_(None), _d.c.ended_at > arrived)
    return or_(_d.c.state.in_(WAITING), and_(_d.c.state == Stage.FAILED, since))


def _followed(channel: str) -> ColumnElement[bool]:
    """Return the condition that an earlier delivery of the thread was told in the channel's place.

    Such a delivery has the notice of one of the channel's own, from which on others hear it all.
    """
    stand_in, own = _d.alias(), _d.alias()
    return exists(
        select(stand_in.c.seq)
        .join(own, and_(own.c.notice_id == stand_in.c.notice_id, own.c.channel == channel))
        .where(stand_in.c.stands_for == channel, stand_in.c.incident_id == _d.c.incident_id)
        .where(own.c.group == _d.c.group, own.c.seq < _d.c.seq)
    )


def _stand_ins(row: Row[Any]) -> Iterator[dict[str, Any]]:
    names: Sequence[str] = codec.NOTES.read(row.fallback)
    for name in names:
        yield {column: getattr(row, column) for column in _COPIED} | {
            "id": f"{row.notice_id}-{name}-for-{row.channel}",
            "channel": name,
            # A thread of its own: the stand-in may hear of the same incident in its own right.
            "group": ",".join(filter(None, [row.group, f"for={row.channel}"])),
            "state": Stage.PENDING.value,
            "attempts": 0,
            "uncertain": False,
            "reason": "",
            "next_attempt_at": row.not_before,
            "fallback": "[]",
            "stands_for": row.channel,
        }
