"""A plan that was run in; out, its row in the ledger of the database, where our ledger is.

In the transaction of the last statement, where that is one. Says nothing where there is no ledger.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

import asyncpg

_TABLE = "gitversion.migration_changes"
_IS_OURS = """
SELECT pg_catalog.has_schema_privilege('gitversion', 'USAGE')
    AND pg_catalog.has_table_privilege('gitversion.migrations', 'INSERT')
    AND pg_catalog.has_table_privilege('gitversion.history', 'SELECT')
    AND pg_catalog.has_table_privilege('gitversion.migration_changes', 'INSERT')
"""
_ROW = """
INSERT INTO gitversion.migrations (
    version, description, up_script, down_script, checksum, applied_at, applied_by,
    execution_time_ms)
VALUES ($1, $2, $3, $4, pg_catalog.md5($3), pg_catalog.clock_timestamp(), CURRENT_USER,
    pg_catalog.round(EXTRACT(epoch FROM pg_catalog.clock_timestamp() - $5::timestamptz) * 1000))
ON CONFLICT (version) DO NOTHING RETURNING id
"""
# What was recorded since the start is this migration's: the next one does not hold it again.
_CHANGES = """
INSERT INTO gitversion.migration_changes (history_id, migration_id)
SELECT h.id, $1 FROM gitversion.history h
WHERE h.id > $2 AND NOT EXISTS (
    SELECT FROM gitversion.migration_changes c WHERE c.history_id = h.id)
"""


@dataclass(frozen=True, slots=True)
class Stamp:
    """What a ledger is to know: version, why, both scripts, since when, and its last entry then.

    `began` is a time in ISO 8601 with its zone; `mark` is None where there was no ledger.
    """

    version: str
    reason: str
    up: str
    down: str
    began: str
    mark: int | None


async def mark(session: asyncpg.Connection) -> int | None:
    """Return the number of the last change on record; None where there is no ledger to write to."""
    # has_table_privilege raises where there is no such table.
    there = await session.fetchval("SELECT pg_catalog.to_regclass($1)::text", _TABLE)
    if there is None or not await session.fetchval(_IS_OURS):
        return None
    return int(await session.fetchval("SELECT max(h.id) FROM gitversion.history h") or 0)


async def stamp(session: asyncpg.Connection, what: Stamp) -> None:
    """Write the row, once."""
    if what.mark is None:
        return
    row = (what.version, what.reason, what.up, what.down, datetime.fromisoformat(what.began))
    made = await session.fetchval(_ROW, *row)
    if made is not None:
        await session.execute(_CHANGES, made, what.mark)
