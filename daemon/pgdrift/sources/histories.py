"""Migration histories: what the migration tools wrote down in this database, as a table of readers.

In comes a connection inside the look's transaction, out come Histories; a table that cannot be
read becomes a note. A tool is recognised by its table's name and columns, in any schema. To add
one, add a row to TOOLS.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Literal

import asyncpg

from pgdrift.core.model import History, Migration
from pgdrift.core.names import dotted

_TEXT = frozenset({"text", "varchar", "bpchar"})
_WHOLE = frozenset({"int2", "int4", "int8", "numeric"})
_FLAG = frozenset({"bool"})
_TIME = frozenset({"timestamp", "timestamptz"})


@dataclass(frozen=True, slots=True)
class Tool:
    """How to know one migration tool's table, and how to read it.

    columns: those it must have, each with the types it may be of. sole: it must have no other
    one. select: gives version and, where the tool keeps them, description, checksum, applied and
    failed, in the order of application; `{table}` stands for the table. schema: the only one it
    can be in. heads_only: it keeps no row of what it applied before the latest.
    """

    name: str
    tables: tuple[str, ...]
    columns: Mapping[str, frozenset[str]]
    select: str
    sole: bool = False
    schema: str | None = None
    heads_only: bool = False

    def knows(self, schema: str, table: str, columns: Mapping[str, str]) -> bool:
        """Tell whether a table, given with the types of its columns, is one of this tool's."""
        return (
            table in self.tables
            and self.schema in {None, schema}
            and all(columns.get(c) in types for c, types in self.columns.items())
            and not (self.sole and columns.keys() != self.columns.keys())
        )


def _ledger(schema: str) -> Tool:
    # A migration that was run with psql instead of apply_migration() has no applied_at.
    return Tool(
        schema,
        ("migrations",),
        {"version": _TEXT, "up_script": _TEXT, "checksum": _TEXT, "applied_at": _TIME},
        """
        SELECT version, description, checksum, applied_at IS NOT NULL AS applied
        FROM {table} ORDER BY id
        """,
        schema=schema,
    )


TOOLS: tuple[Tool, ...] = (
    _ledger("gitversion"),
    _ledger("pggit"),
    Tool(
        "flyway",
        ("flyway_schema_history", "schema_version"),  # the latter before Flyway 5
        {
            "installed_rank": _WHOLE,
            "version": _TEXT,
            "description": _TEXT,
            "type": _TEXT,
            "checksum": _WHOLE,
            "success": _FLAG,
        },
        # A repeatable migration has no version and a row for every time it ran. Undoing writes a
        # further row, as does giving up a version whose file is gone. The last row of each holds.
        # The row of type SCHEMA says that Flyway made the schema, and is no migration.
        """
        SELECT version, description, checksum, applied, failed
        FROM (
            SELECT DISTINCT ON (coalesce(version, 'R__' || description))
                installed_rank, coalesce(version, 'R__' || description) AS version, description,
                checksum::text AS checksum, NOT success AS failed,
                success AND type <> 'DELETE' AND type NOT LIKE 'UNDO%' AS applied
            FROM {table}
            WHERE type <> 'SCHEMA'
            ORDER BY coalesce(version, 'R__' || description), installed_rank DESC
        ) latest
        ORDER BY installed_rank
        """,
    ),
    Tool(
        "liquibase",
        ("databasechangelog",),
        {
            "id": _TEXT,
            "author": _TEXT,
            "filename": _TEXT,
            "orderexecuted": _WHOLE,
            "exectype": _TEXT,
            "md5sum": _TEXT,
        },
        """
        SELECT filename || '::' || id || '::' || author AS version, md5sum AS checksum,
            exectype IN ('EXECUTED', 'RERAN', 'MARK_RAN') AS applied, exectype = 'FAILED' AS failed
        FROM {table} ORDER BY orderexecuted
        """,
    ),
    Tool(
        "alembic",
        ("alembic_version",),
        {"version_num": _TEXT},
        # Only the heads are kept: one row, or one for every branch.
        "SELECT version_num AS version FROM {table} ORDER BY 1",
        heads_only=True,
    ),
    Tool(
        "django",
        ("django_migrations",),
        {"id": _WHOLE, "app": _TEXT, "name": _TEXT, "applied": _TIME},
        "SELECT app || '.' || name AS version FROM {table} ORDER BY id",
    ),
    Tool(
        "rails",
        ("schema_migrations",),
        {"version": _TEXT},
        "SELECT version FROM {table} ORDER BY 1",
        sole=True,
    ),
    Tool(
        "golang-migrate",
        ("schema_migrations",),
        {"version": _WHOLE, "dirty": _FLAG},
        # One row: the latest version, dirty when it failed half-way.
        "SELECT version::text, NOT dirty AS applied, dirty AS failed FROM {table} ORDER BY 1",
        sole=True,
        heads_only=True,
    ),
    Tool(
        "ecto",
        ("schema_migrations",),
        {"version": _WHOLE, "inserted_at": _TIME},
        "SELECT version::text FROM {table} ORDER BY inserted_at, 1",
        sole=True,
    ),
)

NAMES: tuple[str, ...] = tuple(t.name for t in TOOLS)
"""The tools that can be asked for."""

# Only plain tables: a view of that name could run anybody's function as the role that watches.
_FIND = """
SELECT n.nspname::text AS schema, c.relname::text AS name,
    pg_catalog.has_schema_privilege(n.oid, 'USAGE')
        AND pg_catalog.has_table_privilege(c.oid, 'SELECT') AS readable,
    pg_catalog.row_security_active(c.oid) AS filtered,
    (
        SELECT pg_catalog.jsonb_object_agg(a.attname, CASE
            WHEN t.typnamespace = 'pg_catalog'::pg_catalog.regnamespace THEN t.typname::text
            ELSE 'of a user'
        END)
        FROM pg_catalog.pg_attribute a
        JOIN pg_catalog.pg_type t ON t.oid = a.atttypid
        WHERE a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
    ) AS columns
FROM pg_catalog.pg_class c
JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
WHERE c.relname = ANY ($1::text[]) AND c.relkind IN ('r', 'p') AND c.relpersistence <> 't'
ORDER BY 1, 2
"""


@dataclass(frozen=True, slots=True)
class _Found:
    tool: Tool
    table: str
    readable: bool
    filtered: bool


async def read_histories(
    connection: asyncpg.Connection,
    *,
    wanted: Collection[str] | Literal["auto"],
    notes: list[str],
) -> tuple[History, ...]:
    """Return the histories of the wanted tools, sorted by table, and say in `notes` what is amiss.

    To be called inside the transaction that reads the catalog; that stays usable. `auto` wants
    every tool that is found; of tools named by hand one that is not found is noted.
    """
    tools = [t for t in TOOLS if wanted == "auto" or t.name in wanted]
    found = await _find(connection, tools)
    if wanted != "auto":
        missing = sorted(set(wanted) - {f.tool.name for f in found})
        notes.extend(f"no migration history of {name} was found" for name in missing)
    histories = [await _read(connection, f, notes) for f in found]
    return tuple(h for h in histories if h)


async def _find(connection: asyncpg.Connection, tools: Collection[Tool]) -> list[_Found]:
    names = sorted({table for tool in tools for table in tool.tables})
    return [
        _Found(tool, dotted((row["schema"], row["name"])), row["readable"], row["filtered"])
        for row in await connection.fetch(_FIND, names)
        for tool in tools
        if tool.knows(row["schema"], row["name"], json.loads(row["columns"] or "{}"))
    ]


async def _read(connection: asyncpg.Connection, found: _Found, notes: list[str]) -> History | None:
    called = f"the migration history {found.table} ({found.tool.name})"
    if not found.readable:
        notes.append(
            f"no right to read {called}: GRANT SELECT ON {found.table} and USAGE on its"
            " schema to the role that watches"
        )
        return None
    if found.filtered:
        # The policies of such a table would run as the role that watches, too.
        notes.append(f"row-level security hides rows of {called}: it was not read")
        return None
    try:
        async with connection.transaction():
            rows = await connection.fetch(found.tool.select.replace("{table}", found.table))
    except asyncpg.PostgresError as error:
        if connection.is_closed():
            raise
        notes.append(f"{called} could not be read: {error.args[0]}")
        return None
    migrations = tuple(_migration(row) for row in rows)
    return History(found.tool.name, found.table, migrations, found.tool.heads_only)


def _migration(row: Mapping[str, object]) -> Migration:
    given = {name: value for name, value in row.items() if value is not None}
    return Migration(**given)  # type: ignore[arg-type]  # the table of tools names the fields
