"""Where the ledger of a database is, what of it may be read, and whether it records.

In comes a connection, out come the schemas with a ledger's name and what the catalog says of each:
no shape of a ledger carries a version number that could be trusted.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import asyncpg

SCHEMAS = ("gitversion", "pggit")
"""Where a ledger can be, the preferred one first."""

# What must be there, and what must be readable. `xmin` is a column that can be granted as well,
# so a role can be kept from `sql_executed`, which holds whatever secrets a statement held.
_NEEDED = {
    "history": ("id", "object_id", "change_type", "created_at", "created_by", "xmin"),
    "objects": ("id", "object_type", "schema_name", "object_name"),
}
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
        WHERE c.relnamespace = n.oid AND c.relkind = 'r'
            AND c.relname IN ('history', 'objects', 'failures')
    ) AS tables,
    EXISTS (
        SELECT FROM pg_catalog.pg_proc p
        WHERE p.pronamespace = n.oid AND p.proname = 'generate_migration'
            AND 'p_from_version' = ANY (p.proargnames)
    ) AS by_versions,
    t.known AS triggers,
    t.states,
    pg_catalog.current_setting('event_triggers', true) AS firing,
    (
        SELECT pg_catalog.array_agg(coalesce(r.rolname::text, 'all roles') ORDER BY r.rolname)
        FROM pg_catalog.pg_db_role_setting s
        JOIN pg_catalog.pg_database d
            ON s.setdatabase IN (0, d.oid) AND d.datname = pg_catalog.current_database()
        LEFT JOIN pg_catalog.pg_roles r ON r.oid = s.setrole
        WHERE 'session_replication_role=replica' = ANY (s.setconfig)
    ) AS replicas,
    t.enabled = 2 AND coalesce(
        pg_catalog.current_setting('event_triggers', true), 'on'
    ) = 'on' AS tracking
FROM pg_catalog.pg_namespace n
CROSS JOIN LATERAL (
    SELECT count(*) AS known, count(*) FILTER (WHERE e.evtenabled IN ('O', 'A')) AS enabled,
        pg_catalog.jsonb_object_agg(e.evtname, e.evtenabled) FILTER (WHERE e.oid > 0) AS states
    FROM pg_catalog.pg_event_trigger e
    WHERE e.evtname IN (n.nspname || '_ddl_trigger', n.nspname || '_drop_trigger')
) t
WHERE n.nspname = ANY ($1::text[])
"""

# With these it names every object, and tells who and in which transaction.
_IDENTITIES = ("login_role", "transaction_id", "object_kind", "address_names", "address_args")

# The triggers of `pgdrift ledger install --notify-only`, which keep no record.
_WAKE_UPS = """
SELECT n.nspname::text
FROM pg_catalog.pg_namespace n
WHERE n.nspname = 'pgdrift_notify' AND EXISTS (
    SELECT FROM pg_catalog.pg_event_trigger v
    JOIN pg_catalog.pg_proc p ON p.oid = v.evtfoid AND p.pronamespace = n.oid
    WHERE v.evtname IN ('pgdrift_notify_ddl_trigger', 'pgdrift_notify_drop_trigger')
)
"""

# The states of an event trigger in which it does not fire for everybody.
_OFF = {"": "is not there", "D": "disabled", "R": "fires in replica sessions alone"}


@dataclass(frozen=True, slots=True)
class _Table:
    oid: int
    filtered: bool
    columns: Mapping[str, bool]


@dataclass(frozen=True, slots=True)
class Found:
    """A schema with a ledger's name, and what the catalog says of it."""

    schema: str
    usable: bool = False
    empty: bool = True
    tables: Mapping[str, _Table] | None = None
    by_versions: bool = False
    triggers: int = 0
    states: Mapping[str, str] | None = None
    firing: str | None = None
    replicas: Sequence[str] | None = None
    tracking: bool = False

    @property
    def off(self) -> dict[str, str]:
        """What keeps it from recording, and how."""
        names = (f"{self.schema}_ddl_trigger", f"{self.schema}_drop_trigger")
        states = {name: (self.states or {}).get(name, "") for name in names}
        found = {f"event trigger {n}": _OFF[s] for n, s in states.items() if s in _OFF}
        if self.firing not in {None, "on"}:
            found["event_triggers of the server"] = str(self.firing)
        # One that always fires does so in replica sessions, too.
        if not all(state == "A" for state in states.values()):
            found |= {f"session_replication_role of {r}": "replica" for r in self.replicas or ()}
        return found

    def columns(self, table: str) -> Mapping[str, bool]:
        """Return the table's columns and whether each may be read; none without the table."""
        found = (self.tables or {}).get(table)
        return found.columns if found else {}

    @property
    def is_ledger(self) -> bool:
        """Whether it is a ledger, whole or in part, and not a schema that is only called so."""
        return self.triggers > 0 or any(
            marks <= self.columns(table).keys() for table, marks in _HALLMARKS.items()
        )

    @property
    def identities(self) -> bool:
        """Whether each row names its object as PostgreSQL does."""
        columns = self.columns("history")
        return all(columns.get(name) for name in _IDENTITIES)

    @property
    def shape(self) -> str:
        """Which of the ledger's layouts it has: new, ext or core."""
        if "branch_name" in self.columns("objects"):
            return "new"
        return "ext" if self.by_versions else "core"


async def ledger_schemas(
    connection: asyncpg.Connection, found: Iterable[Found] | None = None
) -> tuple[str, ...]:
    """Return the schemas that belong to a ledger in this database, which no snapshot holds.

    A schema that only has a ledger's name is its owner's, and is not returned. `found`, where it is
    known, is what `find` gives.
    """
    there = await find(connection) if found is None else found
    ledgers = {f.schema for f in there if f.is_ledger}
    if "pggit" in ledgers:
        rows = await connection.fetch(
            "SELECT n.nspname::text FROM pg_catalog.pg_namespace n"
            " WHERE pg_catalog.starts_with(n.nspname::text, 'pggit_')"
        )
        ledgers.update(row[0] for row in rows)
    ledgers.update(row[0] for row in await connection.fetch(_WAKE_UPS))
    return tuple(sorted(ledgers))


async def find(connection: asyncpg.Connection) -> tuple[Found, ...]:
    """Return the schemas of this database with a ledger's name, at most one for each name."""
    return tuple(_parse(row) for row in await connection.fetch(_FIND, list(SCHEMAS)))


def _parse(row: Mapping[str, object]) -> Found:
    values = dict(row)
    tables = json.loads(str(values["tables"])) if values["tables"] else {}
    values["tables"] = {name: _Table(**table) for name, table in tables.items()}
    values["states"] = json.loads(str(values["states"])) if values["states"] else {}
    return Found(**values)  # type: ignore[arg-type]  # the query names the fields


def choose(found: Iterable[Found], prefer: str) -> Found | None:
    """Return the schema to read: the one asked for, or the one that tells most."""
    if prefer != "auto":
        return next((f for f in found if f.schema == prefer), Found(prefer))
    candidates = [f for f in found if f.is_ledger or f.empty]
    return min(
        candidates,
        key=lambda f: (trouble(f) is not None, not f.tracking, SCHEMAS.index(f.schema)),
        default=None,
    )


def trouble(found: Found) -> str | None:
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
