"""Whether the server session behind a connection is ours, or one that a pooler lends.

In come a session and its DSN, out comes a yes or no. Nothing is written and nothing is sent to
anybody: where a notification would show it best, the numbers of server processes do, too.
"""

from __future__ import annotations

from pgdrift.sources.connection import Connection, connection, translated

_PROCESS = "SELECT pg_catalog.pg_backend_pid()"


async def lends_sessions(session: Connection, dsn: str) -> bool:
    """Tell whether each transaction may get another server session, as behind PgBouncer's
    `pool_mode = transaction`. What is set for a session, and LISTEN, is lost there.

    Never wrongly yes. Wrongly no, where other clients of the pool are served in between.
    Raises SourceError when the server, or a second connection to it, is not to be had.
    """
    with translated(session.where):
        ours = await session.fetchval(_PROCESS)
        # A server tells the number at the start; a pooler makes one up.
        if ours == session.get_server_pid():
            return False
    async with connection(dsn) as other:
        with translated(session.where):
            # A pool hands out what was used last, or what was used longest ago.
            theirs = await other.fetchval(_PROCESS)
            return bool(theirs == ours or await session.fetchval(_PROCESS) != ours)
