"""What happened, for people who ask: events, incidents, sync points, names of environments."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import Row, select
from sqlalchemy.ext.asyncio import AsyncConnection

from pgdrift.core.alerts.incident import Incident, State
from pgdrift.core.model import Event, SyncPoint
from pgdrift.core.timeline import concerns
from pgdrift.store import codec, tables
from pgdrift.store.points import as_sync_point

# Lines that are looked through at a time for those about an object.
_BATCH = 1_000


async def timeline(
    c: AsyncConnection,
    environment: str,
    limit: int,
    since: datetime | None = None,
    about: frozenset[str] | None = None,
) -> tuple[Event, ...]:
    """Return the latest lines of an environment's timeline, the newest first.

    `since` is the oldest moment, UTC. `about` are keys of objects: then only lines that are about
    one of them, about what belongs to it, or about what it came or went with.
    """
    t = tables.event
    query = select(t).where(t.c.environment == environment).order_by(t.c.id.desc())
    if since is not None:
        query = query.where(t.c.at >= since)
    if about is None:
        return tuple(map(_event, await c.execute(query.limit(limit))))
    found: list[Event] = []
    last: int | None = None
    while len(found) < limit:
        older = query if last is None else query.where(t.c.id < last)
        rows = (await c.execute(older.limit(_BATCH))).all()
        found += (e for e in map(_event, rows) if concerns(e, about))
        if len(rows) < _BATCH:
            break
        last = rows[-1].id
    return tuple(found[:limit])


def _event(row: Row[Any]) -> Event:
    detail = None if row.detail is None else codec.DETAIL.read(row.detail)
    return Event(row.environment, row.at, row.verb, row.text, row.subject, detail)


async def subjects(c: AsyncConnection, environment: str) -> frozenset[str]:
    """Return the keys of all objects that lines of the timeline are about."""
    t = tables.event
    query = select(t.c.subject).distinct().where(t.c.environment == environment)
    return frozenset((await c.execute(query.where(t.c.subject != ""))).scalars())


async def known_since(c: AsyncConnection, environment: str) -> datetime | None:
    """Return when the oldest line was written that is kept, UTC; None of no line."""
    t = tables.event
    query = select(t.c.at).where(t.c.environment == environment).order_by(t.c.id).limit(1)
    at: datetime | None = (await c.execute(query)).scalar_one_or_none()
    return at


async def incidents(
    c: AsyncConnection, environment: str | None, limit: int, *, open_only: bool
) -> tuple[Incident, ...]:
    """Return the incidents of one environment, or of all for None, the latest opened first."""
    t = tables.incident
    query = select(t.c.body).order_by(t.c.opened_at.desc(), t.c.id).limit(limit)
    if environment is not None:
        query = query.where(t.c.environment == environment)
    if open_only:
        query = query.where(t.c.state != State.RESOLVED)
    return tuple(map(codec.INCIDENT.read, (await c.execute(query)).scalars()))


async def sync_points(c: AsyncConnection, environment: str) -> tuple[SyncPoint, ...]:
    """Return all sync points of an environment, the latest first."""
    t = tables.sync_point
    query = select(t).where(t.c.environment == environment).order_by(t.c.id.desc())
    return tuple(map(as_sync_point, await c.execute(query)))


async def environments(c: AsyncConnection) -> tuple[str, ...]:
    """Return the names of all environments that anything is kept of, sorted."""
    return tuple(sorted((await c.execute(select(tables.environment.c.name))).scalars()))
