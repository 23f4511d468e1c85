"""What the tests of the room share: a target as the command line makes it, and traces counted."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import asyncpg

from pgdrift.core.model import Snapshot
from pgdrift.reconcile.writing import Target
from pgdrift.sources.catalog import read_catalog, snapshot
from pgdrift.sources.connection import connection
from pgdrift.sources.ledger_found import ledger_schemas

# All that a script could leave behind: what hangs on nothing included.
_CATALOGS = """
SELECT c.relname::text FROM pg_catalog.pg_class c
WHERE c.relnamespace = 'pg_catalog'::pg_catalog.regnamespace AND c.relkind = 'r'
    AND c.relname NOT LIKE 'pg_statistic%' AND c.relname NOT IN ('pg_largeobject', 'pg_database')
"""


@asynccontextmanager
async def target(dsn: str) -> AsyncIterator[Target]:
    async with connection(dsn) as session:

        async def read() -> Snapshot:
            own = await ledger_schemas(session)
            return await read_catalog(session, exclude_schemas=own)

        yield Target(session, session.where, session.settings, read)


async def traces(dsn: str) -> tuple[str, list[str]]:
    """Return the digest of all that is there, nothing left out, and how many rows catalogs have."""
    async with connection(dsn) as session:
        whole = await snapshot(session)
    plain = await asyncpg.connect(dsn)
    try:
        counts = " UNION ALL ".join(
            f"SELECT '{row[0]} ' || count(*) FROM pg_catalog.{row[0]}"
            for row in await plain.fetch(_CATALOGS)
        )
        return whole.root, sorted(row[0] for row in await plain.fetch(counts))
    finally:
        await plain.close()
