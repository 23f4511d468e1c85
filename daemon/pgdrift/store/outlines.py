"""How all environments stand, in little: enough to see which are to be read again; and the room.

On a connection it is given.
"""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from sqlalchemy import func, select, text
from sqlalchemy.ext.asyncio import AsyncConnection

from pgdrift.store import tables

_e, _s = tables.environment, tables.snapshot
# What a standing is made of, but for the times, which each look moves.
_SHOWN = (_e.c.outcome, _e.c.reason, _e.c.against, _e.c.not_compared, _e.c.notes, _e.c.content)
_SIZE = text(
    "SELECT CAST(sum(pg_total_relation_size(c.oid)) AS bigint) FROM pg_catalog.pg_class AS c"
    " WHERE c.relkind = 'r' AND c.relname = ANY(CAST(:names AS text[]))"
    " AND c.relnamespace = (SELECT relnamespace FROM pg_catalog.pg_class"
    " WHERE oid = CAST('environment' AS regclass))"
)


@dataclass(frozen=True, slots=True)
class Outline:
    """`content` is another text as soon as something else is to be shown than the times, UTC."""

    content: str
    looked_at: datetime | None
    seen_at: datetime | None
    server_version: int | None
    objects: int


async def outlines(c: AsyncConnection) -> Mapping[str, Outline]:
    """Return the outline of every environment that anything is kept of. Of a server alone."""
    parts = [func.coalesce(column, "") for column in _SHOWN]
    content = func.md5(func.concat_ws("\x1f", *parts, func.coalesce(_e.c.sync_point_id, 0)))
    query = select(
        _e.c.name,
        content.label("content"),
        _e.c.looked_at,
        _e.c.seen_at,
        _s.c.server_version,
        func.coalesce(_s.c.objects, 0).label("objects"),
    ).join(_s, _s.c.id == _e.c.snapshot_id, isouter=True)
    return {row.name: Outline(*row[1:]) for row in await c.execute(query)}


async def size(c: AsyncConnection, path: str) -> int:
    """Return how many bytes the tables take with their indexes, or the file with its journal."""
    if c.dialect.name == "postgresql":
        names = list(tables.metadata.tables)
        return int((await c.execute(_SIZE, {"names": names})).scalar_one() or 0)
    return sum(map(_bytes, (Path(path), Path(f"{path}-wal"))))


def _bytes(file: Path) -> int:
    with suppress(OSError):
        return file.stat().st_size
    return 0
