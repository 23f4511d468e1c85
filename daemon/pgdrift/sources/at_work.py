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
SELECT l.pid
FROM pg_catalog.pg_locks l
WHERE l.locktype = 'advisory' AND l.objsubid = 1 AND l.granted
    AND (l.classid::int8 << 32) | l.objid::int8 = $1
    AND l.database = (
        SELECT d.oid FROM pg_catalog.pg_database d
        WHERE d.datname = pg_catalog.current_database()
    )
LIMIT 1
"""
# Apart, for it is seldom needed, and to plan it takes as long as all the rest.
_ROLE = "SELECT a.usename::text FROM pg_catalog.pg_stat_activity a WHERE a.pid = $1"


async def at_work(connection: asyncpg.Connection) -> str:
    """Say who of us is writing to this database: `pgdrift writes here, process 7 of owner`."""
    pid = await connection.fetchval(_HOLDER, AT_WORK)
    if pid is None:
        return ""
    role = await connection.fetchval(_ROLE, pid)
    of = f" of {one_line(role)}" if role else ""
    return f"pgdrift writes here, process {pid}{of}"
