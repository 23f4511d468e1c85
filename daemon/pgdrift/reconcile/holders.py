"""A session and names of tables in; out, which locks it has taken there, or who else has.

Names are as SQL writes them. Only `keep_others_off` waits for a lock.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import asyncpg

_MODES = {
    "RowShareLock": "ROW SHARE",
    "RowExclusiveLock": "ROW EXCLUSIVE",
    "ShareUpdateExclusiveLock": "SHARE UPDATE EXCLUSIVE",
    "ShareLock": "SHARE",
    "ShareRowExclusiveLock": "SHARE ROW EXCLUSIVE",
    "ExclusiveLock": "EXCLUSIVE",
    "AccessExclusiveLock": "ACCESS EXCLUSIVE",
}

# What is not of the catalog, and was there before this transaction: nobody waits for the rest.
_TAKEN = """
SELECT l.relation::int8, l.mode::text FROM pg_catalog.pg_locks l
WHERE l.pid = pg_catalog.pg_backend_pid() AND l.granted AND l.locktype = 'relation'
    AND l.relation >= 16384 AND l.mode <> 'AccessShareLock'
"""
_NAMES = """
SELECT c.oid::int8, c.oid::pg_catalog.regclass::text FROM pg_catalog.pg_class c
WHERE c.oid >= 16384 AND c.relkind IN ('r', 'p', 'm', 'v', 'f', 'S')
    AND c.relnamespace <> 'pg_toast'::pg_catalog.regnamespace
"""
_OTHERS = """
SELECT DISTINCT pg_catalog.format('process %s of %s (%s, %s) holds %s on %s',
    a.pid, a.usename, a.application_name, a.state, l.mode, n.name)
FROM pg_catalog.unnest($1::text[]) AS n (name)
JOIN pg_catalog.pg_locks l ON l.relation = pg_catalog.to_regclass(n.name)
JOIN pg_catalog.pg_stat_activity a ON a.pid = l.pid
WHERE l.granted AND l.pid <> pg_catalog.pg_backend_pid() ORDER BY 1 LIMIT 5
"""
# Who may drop a table need not be given any of these: the owner of its schema, for one.
_MAY_LOCK = """
SELECT pg_catalog.has_table_privilege(
    pg_catalog.to_regclass($1)::pg_catalog.oid, 'UPDATE, DELETE, TRUNCATE')
"""


@dataclass(frozen=True, slots=True, order=True)
class Taken:
    """A lock that was taken: on what, and how strong, as PostgreSQL's documentation names it."""

    table: str
    mode: str


async def names(session: asyncpg.Connection) -> dict[int, str]:
    """Return by OID what there is that holds rows, or shows some."""
    return {row[0]: row[1] for row in await session.fetch(_NAMES)}


async def taken(session: asyncpg.Connection, known: dict[int, str]) -> frozenset[Taken]:
    """Return what this transaction holds of what was there before it."""
    rows = await session.fetch(_TAKEN)
    return frozenset(Taken(known[r[0]], _MODES.get(r[1], r[1])) for r in rows if r[0] in known)


async def keep_others_off(session: asyncpg.Connection, table: str) -> None:
    """Lock a table as dropping it does, where it is there and this role may: what is seen of it
    afterwards is what there is until the transaction ends. Waits no longer than `lock_timeout`.
    """
    if await session.fetchval(_MAY_LOCK, table):
        await session.execute(f"LOCK TABLE {table} IN ACCESS EXCLUSIVE MODE")


async def others(session: asyncpg.Connection, tables: Sequence[str]) -> list[str]:
    """Say which other sessions hold a lock on these tables."""
    return [row[0] for row in await session.fetch(_OTHERS, list(tables))]
