"""Which databases were found, by section of the configuration: known before any server is asked."""

from __future__ import annotations

from collections.abc import Mapping

from sqlalchemy import delete, select
from sqlalchemy.ext.asyncio import AsyncConnection

from pgdrift.core.found import Database
from pgdrift.store import codec, tables
from pgdrift.store.snapshots import batches, insert_all

_f = tables.found


async def kept(c: AsyncConnection) -> Mapping[str, Mapping[str, Database]]:
    """Return what was found, by section and environment."""
    found: dict[str, dict[str, Database]] = {}
    for row in await c.execute(select(_f).order_by(_f.c.name)):
        d = Database(row.name, row.database, codec.TEXTS.read(row.parts))
        found.setdefault(row.section, {})[row.name] = d
    return found


async def keep(c: AsyncConnection, section: str, members: Mapping[str, Database]) -> None:
    """Write these that a section has found, in place of what was known of each."""
    for batch in batches(members):
        await c.execute(delete(_f).where(_f.c.name.in_(batch)))
    rows = [
        {"name": d.name, "section": section, "database": d.database}
        | {"parts": codec.TEXTS.write(d.parts)}
        for d in members.values()
    ]
    await insert_all(c, _f, rows)


async def drop(c: AsyncConnection, environment: str) -> None:
    """Forget one that is found no more."""
    await c.execute(delete(_f).where(_f.c.name == environment))
