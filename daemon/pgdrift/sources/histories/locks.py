"""Is a migration running now? A connection and the histories found in, who holds what lock out.

What is asked is visible to every role. A standby shows none of it. Nothing here waits for a lock.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field

import asyncpg

# What nobody holds who only reads. VACUUM and ANALYZE hold one of them, and are no migration.
_MODES = (
    "RowExclusiveLock",
    "ShareUpdateExclusiveLock",
    "ShareLock",
    "ShareRowExclusiveLock",
    "ExclusiveLock",
    "AccessExclusiveLock",
)

# An advisory lock with one key of 64 bits shows its halves, and 1.
_HELD = """
SELECT CASE WHEN l.locktype = 'relation' THEN l.relation END AS relation, l.mode,
    (l.classid::int8 << 32) | l.objid::int8 AS key
FROM pg_catalog.pg_locks l
WHERE l.granted AND l.pid IS DISTINCT FROM pg_catalog.pg_backend_pid()
    AND l.database = (
        SELECT d.oid FROM pg_catalog.pg_database d
        WHERE d.datname = pg_catalog.current_database()
    )
    AND CASE l.locktype
        WHEN 'advisory' THEN
            l.objsubid = 1 AND (l.classid::int8 << 32) | l.objid::int8 = ANY ($1::int8[])
        WHEN 'relation' THEN
            l.relation = ANY ($2::oid[]) AND l.mode = ANY ($3::text[])
            AND NOT (
                l.mode = 'ShareUpdateExclusiveLock' AND l.pid IN (
                    SELECT v.pid FROM pg_catalog.pg_stat_progress_vacuum v
                    UNION ALL
                    SELECT a.pid FROM pg_catalog.pg_stat_progress_analyze a
                )
            )
    END
"""


@dataclass(frozen=True, slots=True)
class Held:
    """The advisory locks that are held, and by table those on the tables of histories."""

    keys: frozenset[int] = frozenset()
    modes: Mapping[int, frozenset[str]] = field(default_factory=dict)

    def bars(self, oid: int) -> bool:
        """Tell whether to read a table would be to wait."""
        return "AccessExclusiveLock" in self.modes.get(oid, ())

    def words(self, oid: int, keys: Collection[int]) -> list[str]:
        """Say what is held of a history: of its tool's keys, and on its table."""
        said = ["its tool holds its advisory lock"] if self.keys.intersection(keys) else []
        modes = self.modes.get(oid, frozenset())
        if modes - {"RowExclusiveLock"}:
            said.append("its table is locked")
        elif modes:
            said.append("an open transaction has written to its table")
        return said


async def held(
    connection: asyncpg.Connection, keys: Collection[int], oids: Collection[int]
) -> Held:
    """Return what others hold of these keys, and on these tables."""
    if not oids:
        return Held()
    rows = await connection.fetch(_HELD, sorted(keys), sorted(oids), _MODES)
    modes: dict[int, set[str]] = {}
    for row in rows:
        if row["relation"] is not None:
            modes.setdefault(row["relation"], set()).add(row["mode"])
    return Held(
        frozenset(row["key"] for row in rows if row["relation"] is None),
        {oid: frozenset(of) for oid, of in modes.items()},
    )
