"""Which life of which server a session is in: from its start to its end or crash."""

from __future__ import annotations

from pgdrift.sources.connection import Connection, reading

# What sessions of one life have in common, whatever stands between: the start counts microseconds.
LIFE = """
SELECT pg_catalog.concat_ws(
    ' ', pg_catalog.date_part('epoch', pg_catalog.pg_postmaster_start_time()),
    pg_catalog.inet_server_addr(), pg_catalog.inet_server_port(), pg_catalog.pg_is_in_recovery()
)
"""


async def life_of(session: Connection) -> str:
    """Return what is the same for all sessions of one life of one server. Raises SourceError."""
    async with reading(session):
        return str(await session.fetchval(LIFE))
