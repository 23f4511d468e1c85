"""What a ledger has as there and the catalog has not: a connection in, kinds and paths out.

Held against each other by name, for numbers are others' after a restore. What a ledger is known to
forget (the drop of what has quotes in its name, a rename) is not told: that is no ghost.
"""

from __future__ import annotations

from collections.abc import Mapping

import asyncpg

from pgdrift.core.names import quote_ident

# So many are named; the rest is told once these are mended.
_GHOSTS = """
SELECT o.object_kind AS kind, o.address_names AS path
FROM {schema}.objects o
WHERE o.is_active AND CASE
    WHEN o.object_kind IN (
        'table', 'view', 'materialized view', 'index', 'sequence', 'foreign table'
    ) THEN NOT EXISTS (
        SELECT FROM pg_catalog.pg_class c
        JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
        WHERE n.nspname = o.address_names[1] AND c.relname = o.address_names[2]
    )
    WHEN o.object_kind IN ('function', 'procedure', 'aggregate') THEN NOT EXISTS (
        SELECT FROM pg_catalog.pg_proc p
        JOIN pg_catalog.pg_namespace n ON n.oid = p.pronamespace
        WHERE n.nspname = o.address_names[1] AND p.proname = o.address_names[2]
    )
    WHEN o.object_kind = 'schema' THEN NOT EXISTS (
        SELECT FROM pg_catalog.pg_namespace n WHERE n.nspname = o.address_names[1]
    )
    WHEN o.object_kind IN ('table column', 'policy', 'trigger', 'rule', 'table constraint')
    THEN NOT EXISTS (
        SELECT FROM pg_catalog.pg_class c
        JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
        WHERE n.nspname = o.address_names[1] AND c.relname = o.address_names[2] AND CASE
            o.object_kind
            WHEN 'table column' THEN EXISTS (
                SELECT FROM pg_catalog.pg_attribute a
                WHERE a.attrelid = c.oid AND a.attname = o.address_names[3]
            )
            WHEN 'policy' THEN EXISTS (
                SELECT FROM pg_catalog.pg_policy p
                WHERE p.polrelid = c.oid AND p.polname = o.address_names[3]
            )
            WHEN 'trigger' THEN EXISTS (
                SELECT FROM pg_catalog.pg_trigger t
                WHERE t.tgrelid = c.oid AND t.tgname = o.address_names[3]
            )
            WHEN 'rule' THEN EXISTS (
                SELECT FROM pg_catalog.pg_rewrite r
                WHERE r.ev_class = c.oid AND r.rulename = o.address_names[3]
            )
            ELSE EXISTS (
                SELECT FROM pg_catalog.pg_constraint k
                WHERE k.conrelid = c.oid AND k.conname = o.address_names[3]
            )
        END
    )
    ELSE false
END
ORDER BY o.id
LIMIT 100
"""

# Other ledgers keep a row for ever of what was renamed, and of what has quotes in its name or goes
# with a session: none of these tells. A routine has no name there at all.
_GHOSTS_BY_NAME = """
SELECT lower(o.object_type::text) AS kind, ARRAY[o.schema_name, o.object_name] AS path
FROM {schema}.objects o
WHERE coalesce(o.is_active, true) AND o.object_type::text IN ('TABLE', 'VIEW', 'INDEX')
    AND o.schema_name <> '' AND o.schema_name || o.object_name NOT LIKE '%"%'
    AND o.schema_name !~ '^(pg_|gitversion$|pggit(_|$))'
    AND NOT EXISTS (
        SELECT FROM pg_catalog.pg_class c
        JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
        WHERE n.nspname = o.schema_name AND c.relname = o.object_name
    )
    AND NOT EXISTS (
        SELECT FROM pg_catalog.pg_class c WHERE c.oid::text = o.metadata ->> 'oid'
    )
    AND NOT EXISTS (
        SELECT FROM {schema}.objects other
        WHERE other.id <> o.id AND (
            other.metadata ->> 'oid' = o.metadata ->> 'oid'
            OR (other.object_type, other.schema_name, other.object_name)
                = (o.object_type, o.schema_name, o.object_name)
                AND NOT coalesce(other.is_active, true)
        )
    )
ORDER BY o.id
LIMIT 100
"""


async def ghosts(
    connection: asyncpg.Connection, schema: str, readable: Mapping[str, bool], *, by_identity: bool
) -> tuple[tuple[str, tuple[str, ...]], ...]:
    """Return kind and path of what the ledger in a schema has and the catalog has not.

    `readable` says which columns of its objects there are and may be read; what cannot be told
    without the others is nothing. Raises what the driver raises.
    """
    needed = ("object_kind", "address_names") if by_identity else ("metadata",)
    if not all(readable.get(column) for column in (*needed, "is_active")):
        return ()
    statement = _GHOSTS if by_identity else _GHOSTS_BY_NAME
    rows = await connection.fetch(statement.replace("{schema}", quote_ident(schema)))
    return tuple((r["kind"], tuple(r["path"])) for r in rows)
