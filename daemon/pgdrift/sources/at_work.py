"""Is one of us writing here now? A connection in, who it is out; empty for nobody.

`reconcile/` holds one advisory lock for as long as it is at work. That it is held every role can
see; who holds it, as far as the server tells.
"""

from __future__ import annotations

import asyncpg

from pgdrift.core.printable import one_line
from pgdrift.core.why.enacted import AT_WORK

# An advisory lock with one key of 64 bits shows its halves, and 1. What another role's session
# calls itself is shown to few, its role to everybody.
_HOLDER = """
SELECT l.pid, a.usename::text AS role
FROM pg_catalog.pg_locks l LEFT JOIN pg_catalog.pg_stat_activity a ON a.pid = l.pid
WHERE l.locktype = 'advisory' AND l.objsubid = 1 AND l.granted
    AND (l.classid::int8 << 32) | l.objid::int8 = $1
    AND l.database = (
        SELECT d.oid FROM pg_catalog.pg_database d
        WHERE d.datname = pg_catalog.current_database()
    )
LIMIT 1
"""


async def at_work(connection: asyncpg.Connection) -> str:
    """Say who of us is writing to this database: `pgdrift writes here, process 7 of owner`."""
    row = await connection.fetchrow(_HOLDER, AT_WORK)
    if row is None:
        return ""
    of = f" of {one_line(row['role'])}" if row["role"] else ""
    return f"pgdrift writes here, process {row['pid']}{of}"
