"""How large tables are, and how much is done with them, asked of their server.

In come a session and names as SQL writes them, out come the weights that it may know of: a role
with no rights is told as much as any. Waits for nobody longer than a look does.
"""

from __future__ import annotations

from collections.abc import Sequence

import asyncpg

from pgdrift.core.names import split_dotted
from pgdrift.core.plan.weight import Weight, Weights
from pgdrift.errors import SourceError
from pgdrift.log import get_logger
from pgdrift.sources.connection import Connection, connection, reading

log = get_logger("sources.weights")

_NO_ANSWER = (OSError, TimeoutError, SourceError, asyncpg.PostgresError, asyncpg.InterfaceError)
# A partitioned table holds what its partitions hold.
_WEIGHTS = """
WITH RECURSIVE asked AS (
    SELECT c.oid, a.schema, a.name
    FROM ROWS FROM (pg_catalog.unnest($1::text[]), pg_catalog.unnest($2::text[])) a (schema, name)
    JOIN pg_catalog.pg_namespace n ON n.nspname = a.schema
    JOIN pg_catalog.pg_class c ON c.relnamespace = n.oid AND c.relname = a.name
    WHERE c.relkind IN ('r', 'p', 'm')
), below AS (
    SELECT a.oid AS top, a.oid FROM asked a
    UNION
    SELECT b.top, h.inhrelid FROM below b
    JOIN pg_catalog.pg_inherits h ON h.inhparent = b.oid
), summed AS (
    SELECT b.top, sum(pg_catalog.pg_total_relation_size(b.oid))::int8 AS size,
        CASE WHEN bool_and(c.reltuples >= 0 AND (c.relpages > 0 OR c.reltuples > 0)
                OR c.relkind = 'p')
            THEN sum(greatest(c.reltuples, 0))::int8 END AS rows,
        sum(coalesce(s.seq_scan, 0) + coalesce(s.idx_scan, 0))::int8 AS reads,
        sum(coalesce(s.n_tup_ins + s.n_tup_upd + s.n_tup_del, 0))::int8 AS writes
    FROM below b JOIN pg_catalog.pg_class c USING (oid)
    LEFT JOIN pg_catalog.pg_stat_all_tables s ON s.relid = b.oid
    WHERE c.relkind IN ('r', 'p', 'm') GROUP BY b.top
)
SELECT a.schema, a.name, s.size, s.rows, s.reads, s.writes, (
    SELECT pg_catalog.to_char(d.stats_reset AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS"Z"')
    FROM pg_catalog.pg_stat_database d WHERE d.datname = pg_catalog.current_database()
) AS since
FROM asked a JOIN summed s ON s.top = a.oid
"""


async def read_weights(dsn: str, names: Sequence[str]) -> Weights:
    """Return what is known of these relations; nothing where the server cannot be asked.

    `names` are as SQL writes them, with their schema.
    """
    if not names:
        return {}
    try:
        async with connection(dsn) as session, reading(session):
            return await _asked(session, names)
    except (
        OSError,
        TimeoutError,
        SourceError,
        asyncpg.PostgresError,
        asyncpg.InterfaceError,
    ) as error:
        log.warning("weights_unknown", reason=type(error).__name__)
        return {}


async def _asked(session: Connection, names: Sequence[str]) -> Weights:
    by_path = {split_dotted(name): name for name in names}
    pairs = [path for path in by_path if len(path) == 2]
    rows = await session.fetch(_WEIGHTS, [p[0] for p in pairs], [p[1] for p in pairs])
    return {
        by_path[r["schema"], r["name"]]: Weight(
            r["size"], r["rows"], r["reads"], r["writes"], r["since"] or ""
        )
        for r in rows
    }
