"""What the migration tools wrote down in one database: a connection in, Histories out.

To be called inside the transaction that reads the catalog. A table that cannot be read becomes a
note. Knows no tool: these are rows of the tables beside this file.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Literal

import asyncpg

from pgdrift.core.model import History, Migration
from pgdrift.core.names import dotted, quote_ident
from pgdrift.sources.histories.frameworks import FRAMEWORKS
from pgdrift.sources.histories.locks import Held, held
from pgdrift.sources.histories.runners import RUNNERS
from pgdrift.sources.histories.tool import Place, Tool

TOOLS: tuple[Tool, ...] = (*RUNNERS, *FRAMEWORKS)
"""The first that knows a table is its tool."""

NAMES: tuple[str, ...] = tuple(dict.fromkeys(t.name for t in TOOLS))
"""The tools that can be asked for."""

# What stands beside a history's table and tells tools apart, or is read with it.
_BESIDE = {name for t in TOOLS for name in (t.without, t.lock_table, *t.needs) if name}

# Only plain tables: a view of that name could run anybody's function as the role that watches.
_FIND = """
SELECT n.nspname::text AS schema, c.relname::text AS name, c.oid::int8 AS oid,
    pg_catalog.current_database()::text AS database,
    pg_catalog.has_schema_privilege(n.oid, 'USAGE')
        AND pg_catalog.has_table_privilege(c.oid, 'SELECT') AS readable,
    pg_catalog.row_security_active(c.oid) AS filtered,
    (
        SELECT pg_catalog.jsonb_object_agg(a.attname, CASE
            WHEN t.typnamespace <> 'pg_catalog'::pg_catalog.regnamespace THEN 'of a user'
            ELSE t.typname::text
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
class _Table:
    """A table that was found; `beside` are those that matter here and stand in its schema."""

    place: Place
    oid: int
    readable: bool
    filtered: bool
    columns: Mapping[str, str]
    beside: Mapping[str, _Table]

    @property
    def name(self) -> str:
        return dotted((self.place.schema, self.place.table))

    @property
    def safe(self) -> bool:
        return self.readable and not self.filtered


@dataclass(frozen=True, slots=True)
class _Found:
    tool: Tool
    table: _Table

    @property
    def called(self) -> str:
        return f"the migration history {self.table.name} ({self.tool.name})"

    @property
    def keys(self) -> tuple[int, ...]:
        return self.tool.keys(self.table.place)

    @property
    def lock_table(self) -> _Table | None:
        """The table in which the tool keeps its lock, where there is one."""
        return self.table.beside.get(self.tool.lock_table)

    @property
    def oids(self) -> tuple[int, ...]:
        return tuple(t.oid for t in (self.table, self.lock_table) if t)

    def words(self, locks: Held) -> list[str]:
        """Say what others hold of this history."""
        said = locks.words(self.table.oid, self.keys)
        if self.lock_table and locks.modes.get(self.lock_table.oid):
            said.append(f"an open transaction has written to {self.lock_table.name}")
        return said

    def sql(self, template: str) -> str:
        """Return a statement of the tool's with this table's names in it."""
        has = self.table.columns
        names = {c: quote_ident(c) if c in has else "NULL" for c in self.tool.optional}
        names["schema"] = quote_ident(self.table.place.schema)
        names["table"] = self.table.name
        # In one pass: a name may look like a place for another.
        return template.format_map(names)


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
    keys = {key for f in found for key in f.keys}
    locks = await held(connection, keys, {oid for f in found for oid in f.oids})
    histories = [await _read(connection, f, locks, notes) for f in found]
    return tuple(h for h in histories if h)


async def _find(connection: asyncpg.Connection, tools: Collection[Tool]) -> list[_Found]:
    names = {table for tool in tools for table in tool.tables} | _BESIDE
    tables = list(_tables(await connection.fetch(_FIND, sorted(names))))
    return [_Found(tool, t) for t in tables for tool in [_tool(t, tools)] if tool]


def _tables(rows: Collection[Mapping[str, object]]) -> Iterator[_Table]:
    by_schema: dict[str, dict[str, _Table]] = {}
    for row in rows:
        place = Place(str(row["database"]), str(row["schema"]), str(row["name"]))
        beside = by_schema.setdefault(place.schema, {})
        table = _Table(
            place,
            int(str(row["oid"])),
            bool(row["readable"]),
            bool(row["filtered"]),
            json.loads(str(row["columns"] or "{}")),
            beside,
        )
        beside[place.table] = table
    for of_schema in by_schema.values():
        yield from of_schema.values()


def _tool(table: _Table, tools: Collection[Tool]) -> Tool | None:
    schema, name, beside = table.place.schema, table.place.table, frozenset(table.beside)
    return next((t for t in tools if t.knows(schema, name, table.columns, beside)), None)


async def _read(
    connection: asyncpg.Connection, found: _Found, locks: Held, notes: list[str]
) -> History | None:
    tool, table = found.tool, found.table
    if blocked := next((t for t in _asked(found) if not t.safe), None):
        notes.append(_unsafe(found, blocked))
        return None
    said = found.words(locks)
    history = History(tool.name, table.name, (), tool.heads_only, unread=True)
    if locks.bars(table.oid):
        return replace(history, in_flight="; ".join(said))
    try:
        async with connection.transaction():
            rows = await connection.fetch(found.sql(tool.select))
        said += await _holders(connection, found, notes)
    except asyncpg.PostgresError as error:
        if connection.is_closed():
            raise
        if isinstance(error, asyncpg.LockNotAvailableError):
            return replace(history, in_flight="; ".join([*said, "its table is locked"]))
        notes.append(f"{found.called} could not be read: {error.args[0]}")
        return None
    locked = bool(said)
    migrations = tuple(_migration(row, tool, locked=locked) for row in rows)
    said += [f"{m.version} began and has not ended" for m in migrations if m.begun]
    return replace(history, migrations=migrations, in_flight="; ".join(said), unread=False)


def _asked(found: _Found) -> Iterator[_Table]:
    """Give the tables that the tool's statement reads."""
    yield found.table
    yield from (found.table.beside[name] for name in found.tool.needs)


def _unsafe(found: _Found, table: _Table) -> str:
    if not table.readable:
        return (
            f"no right to read {found.called}: GRANT SELECT ON {table.name} and USAGE on its"
            " schema to the role that watches"
        )
    # The policies of such a table would run as the role that watches, too.
    return f"row-level security hides rows of {found.called}: it was not read"


async def _holders(connection: asyncpg.Connection, found: _Found, notes: list[str]) -> list[str]:
    """Say who holds the lock that the tool keeps in a table of its own."""
    table = found.lock_table
    if table is None:
        return []
    if not table.safe:
        notes.append(
            f"whether {found.tool.title} is at work is not known: GRANT SELECT ON {table.name}"
            " to the role that watches"
        )
        return []
    try:
        async with connection.transaction():
            rows = await connection.fetch(found.sql(found.tool.holder))
    except asyncpg.UndefinedColumnError:
        return []  # somebody else's table, which only has the name
    return [_holder(table.name, row["by"], row["since"]) for row in rows]


def _holder(table: str, by: str | None, since: str | None) -> str:
    whose = f" by {by}" if by else ""
    return f"the lock in {table} is held{whose}{f' since {since}' if since else ''}"


def _migration(row: Mapping[str, object], tool: Tool, *, locked: bool) -> Migration:
    given = {name: value for name, value in row.items() if value is not None}
    migration = Migration(**given)  # type: ignore[arg-type]  # the table of tools names the fields
    if migration.begun and tool.begun_is_locked and not locked:
        return replace(migration, begun=False, failed=True)
    return migration
