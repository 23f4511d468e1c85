"""Keeps that looks were spared: many environments in one transaction, and those alone that are as
they were left. Whoever is not may have been declared right, or looked at by somebody else.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Row, bindparam, select
from sqlalchemy.ext.asyncio import AsyncConnection

from pgdrift.core.still import Still
from pgdrift.core.watched import Upstream
from pgdrift.store import codec, tables
from pgdrift.store.snapshots import batches

_e, _s = tables.environment, tables.snapshot

# Upstreams need their snapshot's time and histories; of what was spared a few columns do.
_ROWS = select(_e.c.name, _e.c.looked_at, _e.c.failures, _e.c.sync_point_id)
_UPSTREAMS = select(_e.c.name, _e.c.failures, _e.c.histories, _s.c.taken_at, _s.c.root).select_from(
    _e.join(_s, _s.c.id == _e.c.snapshot_id)
)


async def touch(c: AsyncConnection, spared: Sequence[tuple[Still, datetime]]) -> frozenset[str]:
    """Write until when each is known to be as it was; return those of which that holds."""
    names = {of.environment for of, _ in spared}
    followed = {of.upstream.name for of, _ in spared if of.upstream and of.upstream.watched}
    rows, upstreams = await _rows(c, _ROWS, names), await _rows(c, _UPSTREAMS, followed)
    holding = [
        (of, at)
        for of, at in spared
        if _as_left(of, rows.get(of.environment)) and _follows_the_same(of.upstream, upstreams)
    ]
    if holding:
        update = _e.update().where(_e.c.name == bindparam("its"))
        update = update.values(looked_at=bindparam("at"), seen_at=bindparam("at"))
        await c.execute(update, [{"its": of.environment, "at": at} for of, at in holding])
    return frozenset(of.environment for of, _ in holding)


async def _rows(c: AsyncConnection, query: Any, names: Iterable[str]) -> Mapping[str, Row[Any]]:
    found: dict[str, Row[Any]] = {}
    for batch in batches(names):
        for row in await c.execute(query.where(_e.c.name.in_(batch))):
            found[row.name] = row
    return found


def _as_left(of: Still, row: Row[Any] | None) -> bool:
    here = (of.looked_at, of.sync_point, 0)
    return row is not None and (row.looked_at, row.sync_point_id, row.failures) == here


def _follows_the_same(upstream: Upstream | None, rows: Mapping[str, Row[Any]]) -> bool:
    if upstream is None or not upstream.watched:
        return True
    row, snapshot = rows.get(upstream.name), upstream.snapshot
    return (
        row is not None
        and snapshot is not None
        and row.failures == 0
        and (row.taken_at, row.root) == (snapshot.taken_at, snapshot.root)
        and row.histories == codec.HISTORIES.write(upstream.histories)
    )
