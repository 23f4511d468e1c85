"""What people said of incidents and findings: rows in, marks out, and back.

On a connection it is given. Whether an order can be meant is decided elsewhere (marking.py).
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from datetime import datetime
from typing import Any

from sqlalchemy import Row, bindparam, func, select
from sqlalchemy.ext.asyncio import AsyncConnection

from pgdrift.core.alerts.marks import Mark, Verb
from pgdrift.store import codec, snapshots, tables

_m = tables.mark

# Each look asks: made once, for to make a statement takes as long as to run it.
_OPEN = select(_m).where(_m.c.ended_at.is_(None)).order_by(_m.c.id)
_OPEN_SINCE = _OPEN.where(_m.c.until.is_(None) | (_m.c.until > bindparam("since")))


def _as_mark(row: Row[Any]) -> Mark:
    return Mark(
        row.id,
        Verb(row.verb),
        row.actor,
        row.reason,
        row.at,
        row.until,
        row.environment,
        row.incident_id,
        codec.RIGHTS.read(row.findings),
        codec.MATCHER.read(row.matcher),
        row.ended_at,
        row.ended_by,
    )


async def keep(c: AsyncConnection, mark: Mark) -> Mark:
    """Write a new mark; return it with its number."""
    row = {
        "verb": mark.verb.value,
        "actor": mark.actor,
        "reason": mark.reason,
        "at": mark.at,
        "until": mark.until,
        "environment": mark.environment,
        "incident_id": mark.incident,
        "findings": codec.RIGHTS.write(mark.findings),
        "matcher": codec.MATCHER.write(mark.matcher),
        "ended_by": "",
    }
    return replace(mark, id=await snapshots.insert(c, _m, row))


async def end(c: AsyncConnection, ids: Iterable[int], by: str, now: datetime) -> None:
    """Write down that marks were ended before their time; of one that was, nothing changes."""
    mine = _m.c.id.in_(tuple(ids)) & _m.c.ended_at.is_(None)
    await c.execute(_m.update().where(mine).values(ended_at=now, ended_by=by))


async def by_id(c: AsyncConnection, id_: int) -> Mark | None:
    """Return one mark; None when there is none of that number."""
    row = (await c.execute(select(_m).where(_m.c.id == id_))).one_or_none()
    return None if row is None else _as_mark(row)


async def about(c: AsyncConnection, environment: str, since: datetime | None) -> tuple[Mark, ...]:
    """Return what was said of an environment and not ended, the oldest first.

    Also what came to its end after `since`, so that a look can tell of it.
    """
    asked = _OPEN if since is None else _OPEN_SINCE
    found = map(_as_mark, await c.execute(asked, {} if since is None else {"since": since}))
    return tuple(m for m in found if m.is_for(environment))


async def kept(
    c: AsyncConnection, environment: str | None, holding_at: datetime | None
) -> tuple[Mark, ...]:
    """Return what was said, the latest first; of one environment, or of all for None."""
    query = select(_m).order_by(_m.c.id.desc())
    if holding_at is not None:
        query = query.where(_m.c.ended_at.is_(None))
    found = map(_as_mark, await c.execute(query))
    return tuple(
        m
        for m in found
        if (environment is None or m.is_for(environment))
        and (holding_at is None or m.holds(holding_at))
    )


async def moved(c: AsyncConnection) -> str:
    """Return a text that is another one whenever a mark was made or ended."""
    query = select(func.max(_m.c.id), func.max(_m.c.ended_at), func.count(_m.c.ended_at))
    return repr(tuple((await c.execute(query)).one()))
