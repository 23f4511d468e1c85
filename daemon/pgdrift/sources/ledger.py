"""A ledger: what `pg_gitversion` wrote down in this very database, since we last asked.

In comes a connection inside the look's REPEATABLE READ transaction, out comes a Ledger. What its
entries explain is for the core to say.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import replace
from typing import cast

import asyncpg

from pgdrift.core.model import Ledger, LedgerEntry, LedgerMark
from pgdrift.core.names import quote_ident
from pgdrift.core.texts.without_literals import without_literals
from pgdrift.log import get_logger
from pgdrift.sources.ghosts import ghosts
from pgdrift.sources.ledger_found import Found, choose, find, trouble

log = get_logger("ledger")

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


async def read_ledger(
    connection: asyncpg.Connection,
    since: LedgerMark | None,
    *,
    prefer: str = "auto",
    histories: Collection[str] = (),
    statements: bool = False,
    among: Iterable[Found] | None = None,
) -> Ledger | None:
    """Return what the ledger told since the mark, or None where there is no ledger.

    `prefer` is auto, gitversion, pggit or none. `histories` are the tables of migration tools, by
    their quoted names, that could be read: told is who wrote their rows. `statements` asks for
    what was run as well, which is never read else. `among` is what `find` gives, where known.

    To be called inside the transaction that reads the catalog; that stays usable whatever is wrong
    with the ledger. A mark of another ledger, or of none, gives a baseline: a new mark and no
    entries. An incomplete ledger gives `since` back as its mark, so that nothing is lost once it
    can be read again.
    """
    if prefer == "none":
        return None
    found = choose(await find(connection) if among is None else among, prefer)
    if found is None:
        return None
    if why := trouble(found):
        return _incomplete(found, since, why)
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


def _incomplete(found: Found, since: LedgerMark | None, reason: str) -> Ledger:
    return Ledger(found.schema, found.shape, found.tracking, since, incomplete=reason)


async def _read(
    connection: asyncpg.Connection,
    found: Found,
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


async def _failures(connection: asyncpg.Connection, found: Found) -> int | None:
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


def _rows(found: Found, statements: bool) -> str:  # noqa: FBT001  read only where it is asked for
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
