"""A ledger: what `pg_gitversion` wrote down in this very database, since we last asked.

In comes a connection inside the look's REPEATABLE READ transaction, out comes a Ledger. What its
entries explain is for the core to say. A ledger is found by the catalog alone: no shape of it
carries a version number that could be trusted.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import asyncpg

from pgdrift.core.model import Ledger, LedgerEntry, LedgerMark
from pgdrift.core.names import quote_ident
from pgdrift.errors import SourceError
from pgdrift.log import get_logger

log = get_logger("ledger")

SCHEMAS = ("gitversion", "pggit")
"""Where a ledger can be, the preferred one first."""

# What must be there, and what must be readable. `xmin` is a column that can be granted as well,
# so a role can be kept from `sql_executed`, which holds whatever secrets a statement held.
_NEEDED = {
    "history": ("id", "object_id", "change_type", "created_at", "created_by", "xmin"),
    "objects": ("id", "object_type", "schema_name", "object_name"),
}
_STATUS = ("version", "is_active", "updated_at")
_HALLMARKS = {
    "history": {"object_id", "change_type"},
    "objects": {"object_type", "object_name"},
}

_FIND = """
SELECT
    n.nspname::text AS schema,
    pg_catalog.has_schema_privilege(n.oid, 'USAGE') AS usable,
    NOT EXISTS (
        SELECT FROM pg_catalog.pg_depend d
        WHERE d.refclassid = 'pg_catalog.pg_namespace'::pg_catalog.regclass AND d.refobjid = n.oid
    ) AS empty,
    (
        SELECT pg_catalog.jsonb_object_agg(c.relname, pg_catalog.jsonb_build_object(
            'oid', c.oid::pg_catalog.int8,
            'filtered', pg_catalog.row_security_active(c.oid),
            'columns', (
                SELECT pg_catalog.jsonb_object_agg(
                    a.attname, pg_catalog.has_column_privilege(c.oid, a.attnum, 'SELECT')
                )
                FROM pg_catalog.pg_attribute a
                WHERE a.attrelid = c.oid AND NOT a.attisdropped
                    AND (a.attnum > 0 OR a.attname = 'xmin')
            )
        ))
        FROM pg_catalog.pg_class c
        WHERE c.relnamespace = n.oid AND c.relkind = 'r' AND c.relname IN ('history', 'objects')
    ) AS tables,
    EXISTS (
        SELECT FROM pg_catalog.pg_proc p
        WHERE p.pronamespace = n.oid AND p.proname = 'generate_migration'
            AND 'p_from_version' = ANY (p.proargnames)
    ) AS by_versions,
    t.known AS triggers,
    t.enabled = 2 AND coalesce(
        pg_catalog.current_setting('event_triggers', true), 'on'
    ) = 'on' AS tracking
FROM pg_catalog.pg_namespace n
CROSS JOIN LATERAL (
    SELECT count(*) AS known, count(*) FILTER (WHERE e.evtenabled IN ('O', 'A')) AS enabled
    FROM pg_catalog.pg_event_trigger e
    WHERE e.evtname IN (n.nspname || '_ddl_trigger', n.nspname || '_drop_trigger')
) t
WHERE n.nspname = ANY ($1::text[])
"""

_INSTANT = """
SELECT pg_catalog.pg_snapshot_xmin(s)::text AS horizon,
    pg_catalog.pg_snapshot_xmax(s)::text AS ahead, d.oid::text AS database, {system} AS system
FROM pg_catalog.pg_current_snapshot() s, pg_catalog.pg_database d
WHERE d.datname = pg_catalog.current_database()
"""
_SYSTEM = "(SELECT c.system_identifier::text FROM pg_catalog.pg_control_system() c)"
_MAY_ASK_SYSTEM = """
SELECT pg_catalog.has_function_privilege('pg_catalog.pg_control_system()', 'EXECUTE')
"""

# Which rows are new. Let S be the snapshot of the last reading, h its xmin, and `seen` the ids of
# the rows that S showed with xmin >= h.
# - A row that S did not show and that is shown now was written by a transaction that had not
#   committed at S. It was either running at S, so its id is at least h, which is the smallest id
#   then running; or it had no id yet, so its id is at least S's xmax, which is at least h.
# - A row written in a subtransaction carries the id of that one, and a subtransaction gets its
#   id after its parent has one: it is greater still.
# - So every such row has xmin >= h: nothing that commits late is missed, whatever its `id`, its
#   timestamp, or its writer's time zone. Of the rows with xmin >= h exactly those in `seen` were
#   shown at S: leaving them out, nothing is told twice.
# A row's xmin is what 32 bits can say, and a frozen row keeps an old one. So what is asked is how
# many transactions ago it was: at least one, as every row shown now has an id below the present
# xmax, and no more than h. That tells apart all that is less than 2^31 transactions from now, and
# leaves out the ids below 3, which are nobody's; only a row exactly 2^32 transactions old can be
# told again. It also costs a third of what computing with each xmin does.
# A row that somebody edits in place counts as new, and so it should: it says something else now.
_ROWS = """
SELECT h.id, (h.xmin::text::int8 - $1::int8 + 4294967296) % 4294967296 AS distance,
    o.object_type::text, o.schema_name::text, o.object_name::text, h.change_type::text,
    h.created_at::text AS at, h.created_by::text AS who
FROM {schema}.history h
JOIN {schema}.objects o ON o.id = h.object_id
WHERE pg_catalog.age(h.xmin) BETWEEN 1 AND pg_catalog.age($1::int8::text::pg_catalog.xid)
ORDER BY h.id
"""
_XIDS = 1 << 32

_OBJECTS = """
SELECT o.object_type::text AS type, o.schema_name::text AS schema, o.object_name::text AS name,
    max(o.version) AS version, bool_and(coalesce(o.is_active, true)) AS is_active,
    max(o.updated_at)::text AS updated_at
FROM {schema}.objects o
GROUP BY 1, 2, 3
ORDER BY 1, 2, 3
"""


@dataclass(frozen=True, slots=True)
class LedgerObject:
    """One object that a ledger knows, over all of its branches.

    `is_active` is False once any drop of it was recorded, and stays so when it is created again:
    whether it exists is for the catalog to say. `updated_at` has no zone and is shown only.
    """

    type: str
    schema: str
    name: str
    version: int
    is_active: bool
    updated_at: str | None


@dataclass(frozen=True, slots=True)
class _Table:
    oid: int
    filtered: bool
    columns: Mapping[str, bool]


@dataclass(frozen=True, slots=True)
class _Found:
    """A schema with a ledger's name, and what the catalog says of it."""

    schema: str
    usable: bool = False
    empty: bool = True
    tables: Mapping[str, _Table] | None = None
    by_versions: bool = False
    triggers: int = 0
    tracking: bool = False

    def columns(self, table: str) -> Mapping[str, bool]:
        """Return the table's columns and whether each may be read; none without the table."""
        found = (self.tables or {}).get(table)
        return found.columns if found else {}

    @property
    def is_ledger(self) -> bool:
        return self.triggers > 0 or any(
            marks <= self.columns(table).keys() for table, marks in _HALLMARKS.items()
        )

    @property
    def shape(self) -> str:
        if "branch_name" in self.columns("objects"):
            return "new"
        return "ext" if self.by_versions else "core"


async def read_ledger(
    connection: asyncpg.Connection, since: LedgerMark | None, *, prefer: str = "auto"
) -> Ledger | None:
    """Return what the ledger told since the mark, or None where there is no ledger.

    `prefer` is auto, gitversion, pggit or none. To be called inside the transaction that reads
    the catalog; that stays usable whatever is wrong with the ledger. A mark of another ledger, or
    of none, gives a baseline: a new mark and no entries. An incomplete ledger gives `since` back
    as its mark, so that nothing is lost once it can be read again.
    """
    if prefer == "none":
        return None
    found = _choose(await _find(connection), prefer)
    if found is None:
        return None
    if trouble := _trouble(found):
        return _incomplete(found, since, trouble)
    try:
        async with connection.transaction():
            return await _read(connection, found, since)
    except asyncpg.PostgresError as error:
        if connection.is_closed():
            raise
        return _incomplete(found, since, f"its tables could not be read: {error.args[0]}")


async def read_objects(
    connection: asyncpg.Connection, ledger_schema: str
) -> tuple[LedgerObject, ...]:
    """Return the objects that a ledger knows, each once, sorted by type, schema and name.

    Raises SourceError when they cannot be read; the surrounding transaction stays usable.
    """
    try:
        async with connection.transaction():
            rows = await connection.fetch(_OBJECTS.format(schema=quote_ident(ledger_schema)))
    except asyncpg.PostgresError as error:
        if connection.is_closed():
            raise
        denied = isinstance(error, asyncpg.InsufficientPrivilegeError)
        raise SourceError(
            f"the objects of the ledger {ledger_schema} could not be read: {error.args[0]}",
            reason="permission" if denied else "interrupted",
            hint=_grant(ledger_schema),
        ) from error
    return tuple(LedgerObject(**row) for row in rows)


async def ledger_schemas(connection: asyncpg.Connection) -> tuple[str, ...]:
    """Return the schemas that belong to a ledger in this database, which no snapshot holds.

    A schema that only has a ledger's name is its owner's, and is not returned.
    """
    ledgers = {f.schema for f in await _find(connection) if f.is_ledger}
    if "pggit" in ledgers:
        rows = await connection.fetch(
            "SELECT n.nspname::text FROM pg_catalog.pg_namespace n"
            " WHERE pg_catalog.starts_with(n.nspname::text, 'pggit_')"
        )
        ledgers.update(row[0] for row in rows)
    return tuple(sorted(ledgers))


async def _find(connection: asyncpg.Connection) -> tuple[_Found, ...]:
    return tuple(_parse(row) for row in await connection.fetch(_FIND, list(SCHEMAS)))


def _parse(row: Mapping[str, object]) -> _Found:
    values = dict(row)
    tables = json.loads(str(values["tables"])) if values["tables"] else {}
    values["tables"] = {name: _Table(**table) for name, table in tables.items()}
    return _Found(**values)  # type: ignore[arg-type]  # the query names the fields


def _choose(found: Iterable[_Found], prefer: str) -> _Found | None:
    """Return the schema to read: the one asked for, or the one that tells most."""
    if prefer != "auto":
        return next((f for f in found if f.schema == prefer), _Found(prefer))
    candidates = [f for f in found if f.is_ledger or f.empty]
    return min(
        candidates,
        key=lambda f: (_trouble(f) is not None, not f.tracking, SCHEMAS.index(f.schema)),
        default=None,
    )


def _trouble(found: _Found) -> str | None:
    """Return why a ledger cannot be read, and what to do about it, or None."""
    for table, needed in _NEEDED.items():
        columns = found.columns(table)
        if not columns:
            return f"there is no table {found.schema}.{table}: the ledger is not fully installed"
        if absent := [c for c in needed if c not in columns]:
            return f"{found.schema}.{table} has no column {', '.join(absent)}"
    grant = _grant(found.schema)
    if not found.usable:
        return f"no right to use the schema {found.schema}: {grant}"
    for table, needed in _NEEDED.items():
        if not all(found.columns(table)[c] for c in needed):
            return f"no right to read {found.schema}.{table}: {grant}"
        if found.tables and found.tables[table].filtered:
            return f"row-level security hides rows of {found.schema}.{table} from this role"
    return None


def _grant(schema: str) -> str:
    return (
        f"GRANT USAGE ON SCHEMA {schema} and GRANT SELECT ON ALL TABLES IN SCHEMA {schema}"
        " to the role that watches"
    )


def _incomplete(found: _Found, since: LedgerMark | None, reason: str) -> Ledger:
    return Ledger(found.schema, found.shape, found.tracking, since, incomplete=reason)


async def _read(connection: asyncpg.Connection, found: _Found, since: LedgerMark | None) -> Ledger:
    table = (found.tables or {})["history"]
    may_ask = await connection.fetchval(_MAY_ASK_SYSTEM)
    instant = await connection.fetchrow(_INSTANT.format(system=_SYSTEM if may_ask else "'?'"))
    identity = f"{instant['system']}/{instant['database']}/{table.oid}"
    horizon, ahead = int(instant["horizon"]), int(instant["ahead"])
    since = _still_valid(since, identity, ahead, found.schema)
    start = since.horizon if since else horizon
    base = min(start, horizon)
    rows = await connection.fetch(_ROWS.format(schema=quote_ident(found.schema)), base % _XIDS)
    mark = LedgerMark(
        identity, horizon, frozenset(r["id"] for r in rows if base + r["distance"] >= horizon)
    )
    entries = tuple(
        _entry(r)
        for r in rows
        if since and base + r["distance"] >= start and r["id"] not in since.seen
    )
    return Ledger(found.schema, found.shape, found.tracking, mark, entries)


def _still_valid(
    since: LedgerMark | None, identity: str, ahead: int, schema: str
) -> LedgerMark | None:
    """Return the mark if it can be continued from, else None: a baseline."""
    if since is None:
        return None
    if since.identity != identity:
        why = "another ledger"
    elif since.horizon > ahead:
        why = "the server went back in time"  # restored, or failed over to one that lagged
    elif ahead - since.horizon >= _XIDS // 2 - 1:
        why = "too many transactions since the last reading"
    else:
        return since
    log.warning("ledger.baseline", schema=schema, why=why)
    return None


def _entry(row: Mapping[str, object]) -> LedgerEntry:
    values = dict(row)
    del values["distance"]
    return LedgerEntry(**values)  # type: ignore[arg-type]  # the query names the fields
