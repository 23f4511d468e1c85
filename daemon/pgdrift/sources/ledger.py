"""A ledger: what `pg_gitversion` wrote down in this very database, since we last asked.

In comes a connection inside the look's REPEATABLE READ transaction, out comes a Ledger. What its
entries explain is for the core to say. A ledger is found by the catalog alone: no shape of it
carries a version number that could be trusted.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import cast

import asyncpg

from pgdrift.core.model import Ledger, LedgerEntry, LedgerMark
from pgdrift.core.names import quote_ident
from pgdrift.core.texts.without_literals import without_literals
from pgdrift.log import get_logger
from pgdrift.sources.ghosts import ghosts

log = get_logger("ledger")

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
    h.created_at::text AS at, h.created_by::text AS who{more}
FROM {schema}.history h
JOIN {schema}.objects o ON o.id = h.object_id
WHERE pg_catalog.age(h.xmin) BETWEEN 1 AND pg_catalog.age($1::int8::text::pg_catalog.xid)
ORDER BY h.id
"""
_XIDS = 1 << 32

# What a ledger of our own keeps beside that, each with its type. Read where it is there.
_MORE = {
    "login_role": "text",
    "application_name": "text",
    "client_address": "text",
    "transaction_id": "text",
    "command_tag": "text",
    "object_kind": "text",
    "object_identity": "text",
    "address_names": "text[]",
    "address_args": "text[]",
    "recorded_at": "timestamptz",
}
# With these it names every object, and tells who and in which transaction.
_IDENTITIES = ("login_role", "transaction_id", "object_kind", "address_names", "address_args")

# A history's row is its migration's, whoever reads it: its writer is the transaction to ask for.
_WRITERS = """
SELECT DISTINCT (h.xmin::text::int8 - $1::int8 + 4294967296) % 4294967296 AS distance
FROM {table} h
WHERE pg_catalog.age(h.xmin) BETWEEN 1 AND pg_catalog.age($1::int8::text::pg_catalog.xid)
LIMIT 1000
"""

_COUNT = """
SELECT count(*) AS rows, coalesce(sum(h.id), 0) AS total, coalesce(max(h.id), 0) AS top
FROM {schema}.history h
"""

# Only a ledger of our own counts what it could not record.
_FAILURES = "SELECT count(*) FROM {schema}.failures"

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
class _Found:
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
        if "branch_name" in self.columns("objects"):
            return "new"
        return "ext" if self.by_versions else "core"


async def read_ledger(
    connection: asyncpg.Connection,
    since: LedgerMark | None,
    *,
    prefer: str = "auto",
    histories: Collection[str] = (),
    statements: bool = False,
) -> Ledger | None:
    """Return what the ledger told since the mark, or None where there is no ledger.

    `prefer` is auto, gitversion, pggit or none. `histories` are the tables of migration tools, by
    their quoted names, that could be read: told is who wrote their rows. `statements` asks for
    what was run as well, which is never read else.

    To be called inside the transaction that reads the catalog; that stays usable whatever is wrong
    with the ledger. A mark of another ledger, or of none, gives a baseline: a new mark and no
    entries. An incomplete ledger gives `since` back as its mark, so that nothing is lost once it
    can be read again.
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
            return await _read(connection, found, since, histories, _rows(found, statements))
    except asyncpg.PostgresError as error:
        if connection.is_closed():
            raise
        return _incomplete(found, since, f"its tables could not be read: {error.args[0]}")


def read_before(ledger: Ledger) -> Ledger:
    """Return what a ledger told, when nothing was committed since: its state, and nothing new."""
    return replace(
        ledger, entries=(), migrators=frozenset(), continued=True, broken="", lost=0, failed=0
    )


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
    ledgers.update(row[0] for row in await connection.fetch(_WAKE_UPS))
    return tuple(sorted(ledgers))


async def _find(connection: asyncpg.Connection) -> tuple[_Found, ...]:
    return tuple(_parse(row) for row in await connection.fetch(_FIND, list(SCHEMAS)))


def _parse(row: Mapping[str, object]) -> _Found:
    values = dict(row)
    tables = json.loads(str(values["tables"])) if values["tables"] else {}
    values["tables"] = {name: _Table(**table) for name, table in tables.items()}
    values["states"] = json.loads(str(values["states"])) if values["states"] else {}
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


async def _read(
    connection: asyncpg.Connection,
    found: _Found,
    since: LedgerMark | None,
    histories: Collection[str],
    query: str,
) -> Ledger:
    table = (found.tables or {})["history"]
    may_ask = await connection.fetchval(_MAY_ASK_SYSTEM)
    instant = await connection.fetchrow(_INSTANT.format(system=_SYSTEM if may_ask else "'?'"))
    identity = f"{instant['system']}/{instant['database']}/{table.oid}"
    horizon, ahead = int(instant["horizon"]), int(instant["ahead"])
    broken, stale = _broken(since, identity, ahead), _stale(since, ahead)
    if broken or stale:
        log.warning("ledger.baseline", schema=found.schema, why=broken or stale)
        since = None
    start = since.horizon if since else horizon
    base = min(start, horizon)
    rows = await connection.fetch(query, base % _XIDS)
    count = await connection.fetchrow(_COUNT.format(schema=quote_ident(found.schema)))
    seen = frozenset(r["id"] for r in rows if base + r["distance"] >= horizon)
    failures = await _failures(connection, found)
    mark = LedgerMark(
        identity, horizon, seen, count["rows"], int(count["total"]), int(count["top"]), failures
    )
    new = [r for r in rows if since and base + r["distance"] >= start and r["id"] not in since.seen]
    lost = _lost(since, mark, [r["id"] for r in new])
    # What is told in the place of rows that went is no record of what happened.
    told = [r for r in new if not (lost and since and r["id"] <= since.top)]
    return Ledger(
        found.schema,
        found.shape,
        found.tracking,
        mark,
        tuple(_entry(r, base) for r in told),
        migrators=await _writers(connection, histories, start, base) if told else frozenset(),
        identities=found.identities,
        continued=since is not None,
        broken=broken,
        off=found.off,
        ghosts=await ghosts(
            connection, found.schema, found.columns("objects"), by_identity=found.identities
        )
        if found.shape != "ext"
        else (),
        lost=lost,
        failed=_more(since.failures if since else None, failures),
    )


async def _failures(connection: asyncpg.Connection, found: _Found) -> int | None:
    columns = found.columns("failures")
    if not columns.get("sqlstate") or not columns.get("id"):
        return None
    return cast(
        "int", await connection.fetchval(_FAILURES.format(schema=quote_ident(found.schema)))
    )


def _more(before: int | None, now: int | None) -> int:
    return 0 if before is None or now is None else max(0, now - before)


def _lost(since: LedgerMark | None, now: LedgerMark, new: Collection[int]) -> int:
    """Return how many of the rows that a mark counted are gone, or say something else."""
    if since is None or since.rows is None or now.rows is None:
        return 0
    if gone := max(0, since.rows - (now.rows - len(new))):
        return gone
    return int(since.rows == now.rows - len(new) and since.total != now.total - sum(new))


def _rows(found: _Found, statements: bool) -> str:  # noqa: FBT001  read only where it is asked for
    there = found.columns("history")
    more = "".join(f", h.{name}::{of} AS {name}" for name, of in _MORE.items() if there.get(name))
    if statements and there.get("sql_executed"):
        more += ", pg_catalog.left(h.sql_executed, 10000) AS statement"
    return _ROWS.format(schema=quote_ident(found.schema), more=more)


async def _writers(
    connection: asyncpg.Connection, tables: Collection[str], start: int, base: int
) -> frozenset[int]:
    """Return the transactions that wrote rows of these tables, as far as they can be read."""
    writers: set[int] = set()
    for table in tables:
        try:
            async with connection.transaction():
                rows = await connection.fetch(_WRITERS.replace("{table}", table), base % _XIDS)
        except asyncpg.PostgresError:
            if connection.is_closed():
                raise
            continue
        writers |= {base + r["distance"] for r in rows if base + r["distance"] >= start}
    return frozenset(writers)


def _broken(since: LedgerMark | None, identity: str, ahead: int) -> str:
    """Say why this is not the ledger of the mark as it was; empty where it is, or none was."""
    if since is None:
        return ""
    system, database, table = since.identity.split("/")
    now = identity.split("/")
    if system != now[0]:
        return "of another server: restored or cloned"
    if database != now[1]:
        return "of another database: restored or cloned"
    if table != now[2]:
        return "installed anew, or restored"
    # Restored to an earlier time, or failed over to a server that lagged.
    return "of an earlier time: the server went back" if since.horizon > ahead else ""


def _stale(since: LedgerMark | None, ahead: int) -> str:
    old = since is not None and ahead - since.horizon >= _XIDS // 2 - 1
    return "too many transactions since the last reading" if old else ""


def _entry(row: Mapping[str, object], base: int) -> LedgerEntry:
    values = {name: value for name, value in row.items() if value is not None}
    values["xid"] = base + int(str(values.pop("distance")))
    if "statement" in values:
        # Before anything else can see it.
        values["statement"] = without_literals(str(values["statement"]))
    for name in ("address_names", "address_args"):
        if name in values:
            values[name] = tuple(str(n) for n in cast("list[object]", values[name]))
    return LedgerEntry(**values)  # type: ignore[arg-type]  # the query names the fields
