"""How the outbox stands, channel by channel; and what was given up, taken up once more."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import Select, and_, func, select
from sqlalchemy.ext.asyncio import AsyncConnection

from pgdrift.core.alerts.letters import Letter, Tray
from pgdrift.core.shown.render import headline
from pgdrift.store import codec, tables
from pgdrift.store.outbox import WAITING, Stage

_d, _n = tables.delivery, tables.notice
_MOST = 10  # dead letters of a channel that are shown


async def trays(c: AsyncConnection) -> tuple[Tray, ...]:
    """Return how every channel stands that anything was ever for, sorted by name."""
    rows = (await c.execute(_counts())).all()
    return tuple(
        [
            Tray(
                channel=row.channel,
                waiting=row.waiting,
                oldest_at=row.oldest_at,
                why=await _why(c, row.channel) if row.waiting else "",
                delivered_at=row.delivered_at,
                given_up=row.given_up,
                dead=await _dead(c, row.channel) if row.given_up else (),
            )
            for row in sorted(rows, key=lambda row: row.channel)
        ]
    )


def _counts() -> Select[Any]:
    waits, ended = _d.c.state.in_(WAITING), _d.c.ended_at
    return (
        select(
            _d.c.channel,
            func.count().filter(waits).label("waiting"),
            func.min(_n.c.at).filter(waits).label("oldest_at"),
            func.max(ended).filter(_d.c.state == Stage.DONE).label("delivered_at"),
            func.count().filter(_d.c.state == Stage.FAILED).label("given_up"),
        )
        .join(_n)
        .group_by(_d.c.channel)
    )


async def _why(c: AsyncConnection, channel: str) -> str:
    mine = and_(_d.c.channel == channel, _d.c.state.in_(WAITING), _d.c.reason != "")
    latest = select(_d.c.reason).where(mine).order_by(_d.c.attempted_at.desc()).limit(1)
    return (await c.execute(latest)).scalar_one_or_none() or ""


async def _dead(c: AsyncConnection, channel: str) -> tuple[Letter, ...]:
    mine = and_(_d.c.channel == channel, _d.c.state == Stage.FAILED)
    query = select(_n.c.body, _d.c.reason, _d.c.ended_at).join(_n).where(mine)
    rows = await c.execute(query.order_by(_d.c.ended_at.desc(), _d.c.seq.desc()).limit(_MOST))
    return tuple(
        Letter(channel, headline(codec.NOTICE.read(row.body)), row.reason, row.ended_at)
        for row in rows
    )


async def revive(c: AsyncConnection, since: datetime) -> int:
    """Let what was given up be tried again, and return how many those are.

    Only what was decided since then, and what no later delivery of its thread overtook.
    """
    later = _d.alias()
    overtaken = (
        select(later.c.seq)
        .where(later.c.channel == _d.c.channel, later.c.incident_id == _d.c.incident_id)
        .where(later.c.group == _d.c.group, later.c.seq > _d.c.seq, later.c.state == Stage.DONE)
    )
    decided = select(_n.c.id).where(_n.c.id == _d.c.notice_id, _n.c.at > since)
    mine = and_(_d.c.state == Stage.FAILED, decided.exists(), ~overtaken.exists())
    change = {"state": Stage.PENDING.value, "next_attempt_at": None, "ended_at": None}
    return (await c.execute(_d.update().where(mine).values(change))).rowcount
