"""What happened, for people who ask: events, incidents, sync points, names of environments."""

from __future__ import annotations

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncConnection

from pgdrift.core.incident import Incident, State
from pgdrift.core.model import Event, SyncPoint
from pgdrift.store import codec, tables
from pgdrift.store.books import as_sync_point


async def timeline(c: AsyncConnection, environment: str, limit: int) -> tuple[Event, ...]:
    """Return the latest lines of an environment's timeline, the newest first."""
    t = tables.event
    query = select(t).where(t.c.environment == environment).order_by(t.c.id.desc()).limit(limit)
    rows = await c.execute(query)
    return tuple(Event(r.environment, r.at, r.verb, r.text, r.subject) for r in rows)


async def incidents(
    c: AsyncConnection, environment: str | None, limit: int, *, open_only: bool
) -> tuple[Incident, ...]:
    """Return the incidents of one environment, or of all for None, the latest opened first."""
    t = tables.incident
    query = select(t.c.body).order_by(t.c.opened_at.desc(), t.c.id).limit(limit)
    if environment is not None:
        query = query.where(t.c.environment == environment)
    if open_only:
        query = query.where(t.c.state == State.OPEN)
    return tuple(map(codec.INCIDENT.read, (await c.execute(query)).scalars()))


async def sync_points(c: AsyncConnection, environment: str) -> tuple[SyncPoint, ...]:
    """Return all sync points of an environment, the latest first."""
    t = tables.sync_point
    query = select(t).where(t.c.environment == environment).order_by(t.c.id.desc())
    return tuple(map(as_sync_point, await c.execute(query)))


async def environments(c: AsyncConnection) -> tuple[str, ...]:
    """Return the names of all environments that anything is kept of, sorted."""
    return tuple(sorted((await c.execute(select(tables.environment.c.name))).scalars()))
