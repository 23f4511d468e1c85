"""Sync points and the migrations that a look saw applied: kept, listed, taken back.

On a connection it is given; the caller's transaction keeps all of it or nothing.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import Any

from sqlalchemy import Row, Select, select
from sqlalchemy.ext.asyncio import AsyncConnection

from pgdrift.core.model import Finding, How, SyncPoint
from pgdrift.core.syncpoint import Applied, Declaration, TakenBack
from pgdrift.store import codec, snapshots, tables

_p = tables.sync_point
_s = tables.snapshot


def as_sync_point(row: Row[Any]) -> SyncPoint:
    """Return the sync point that a row stands for."""
    how = How(row.how)
    return SyncPoint(
        row.environment, row.at, row.reason, row.actor, row.id, how=how, migration=row.migration
    )


async def keep(
    c: AsyncConnection,
    point: SyncPoint,
    snapshot_id: int,
    before_id: int | None,
    settled: tuple[Finding, ...] = (),
    expected_id: int | None = None,
) -> int:
    """Write a new sync point and return its id.

    `before_id` is what was expected before it, `expected_id` what is from then on, where that is
    not what it declares.
    """
    row = {
        "environment": point.environment,
        "at": point.at,
        "reason": point.reason,
        "actor": point.actor,
        "how": point.how.value,
        "migration": point.migration,
        "settled": codec.FINDINGS.write(settled),
        "snapshot_id": snapshot_id,
        "before_id": before_id,
        "expected_id": expected_id,
    }
    return await snapshots.insert(c, _p, row)


async def declarations(c: AsyncConnection, environment: str) -> tuple[Declaration, ...]:
    """Return all sync points of an environment with what is known of them, the latest first."""
    query = select(_p, _s.c.root).join(_s, _s.c.id == _p.c.snapshot_id)
    mine = query.where(_p.c.environment == environment).order_by(_p.c.id.desc())
    return tuple(map(_declaration, await c.execute(mine)))


def _declaration(row: Row[Any]) -> Declaration:
    gone = row.undone_at and TakenBack(row.undone_at, row.undone_by, row.undone_reason)
    return Declaration(as_sync_point(row), row.root, codec.FINDINGS.read(row.settled), gone)


async def standing(c: AsyncConnection, environment: str) -> tuple[Row[Any], ...]:
    """Return the rows of the two latest sync points that were not undone, the latest first."""
    mine = (_p.c.environment == environment) & _p.c.undone_at.is_(None)
    found = await c.execute(select(_p).where(mine).order_by(_p.c.id.desc()).limit(2))
    return tuple(found)


async def since(c: AsyncConnection, environment: str, at: datetime) -> Row[Any] | None:
    """Return the row of a sync point that was declared or undone after a time; None for none.

    Those that a migration declared moved nothing.
    """
    later = (_p.c.at > at) | (_p.c.undone_at > at)
    mine = (_p.c.environment == environment) & (_p.c.how != How.MIGRATION.value)
    found = await c.execute(select(_p).where(mine, later).order_by(_p.c.id.desc()).limit(1))
    row: Row[Any] | None = found.one_or_none()
    return row


async def mark_undone(c: AsyncConnection, id_: int, gone: TakenBack) -> None:
    """Write down that a sync point was taken back; its row stays."""
    values = {"undone_at": gone.at, "undone_by": gone.actor, "undone_reason": gone.reason}
    await c.execute(_p.update().where(_p.c.id == id_).values(values))


async def keep_applied(c: AsyncConnection, rows: Iterable[Applied], now: Row[Any]) -> None:
    """Write which migrations a look saw applied; `now` is its environment's row after it."""
    values = [
        {
            "environment": now.name,
            "at": row.at,
            "tool": row.tool,
            "version": row.version,
            "description": row.description,
            "snapshot_id": now.snapshot_id,
            "expected_id": now.expected_id,
        }
        for row in rows
    ]
    await snapshots.insert_all(c, tables.applied, values)


async def applied(c: AsyncConnection, environment: str) -> tuple[Applied, ...]:
    """Return the migrations that looks saw applied, as far as they are kept, the latest first."""
    t = tables.applied
    query = select(t).where(t.c.environment == environment).order_by(t.c.id.desc())
    return tuple(
        Applied(r.tool, r.version, r.at, r.description, r.id) for r in await c.execute(query)
    )


async def row_of_applied(c: AsyncConnection, id_: int) -> Row[Any] | None:
    """Return the row of one of them; None when it is no longer kept."""
    t = tables.applied
    row: Row[Any] | None = (await c.execute(select(t).where(t.c.id == id_))).one_or_none()
    return row


async def seen_by(
    c: AsyncConnection, environment: str, at: datetime
) -> tuple[int, datetime] | None:
    """Return id and time of what an environment was last seen as at a time; None for no look."""
    query = _seen(environment).where(_s.c.kept_at <= at)
    row = (await c.execute(query.order_by(_s.c.kept_at.desc(), _s.c.id.desc()))).first()
    return None if row is None else (row.id, row.kept_at)


async def first_seen(c: AsyncConnection, environment: str) -> datetime | None:
    """Return the time of the earliest that is kept of what an environment was seen as."""
    row = (await c.execute(_seen(environment).order_by(_s.c.kept_at))).first()
    return None if row is None else row.kept_at


def _seen(environment: str) -> Select[Any]:
    mine = (_s.c.environment == environment) & _s.c.seen
    return select(_s.c.id, _s.c.kept_at).where(mine).limit(1)
