"""A statement run while its server is watched: what it locks, writes anew and reads, against its plan.

Each statement is a transaction of its own here, so that no lock of another hides one of its own.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field

import asyncpg

from pgdrift.core.plan.model import Statement
from pgdrift.core.plan.step import Lock

_OF_SERVER = {lock.value.title().replace(" ", "") + "Lock": lock for lock in Lock if lock}
# These keep nobody out who reads or writes rows, nor another change of the schema's meaning.
_SLIGHT = {"AccessShareLock", "RowShareLock", "RowExclusiveLock"}

_RELATIONS = """
SELECT c.oid::int8 AS oid, pg_catalog.format('%I.%I', n.nspname, c.relname) AS name,
    c.relkind::text AS kind, pg_catalog.pg_relation_filenode(c.oid)::int8 AS node
FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
WHERE c.relkind IN ('r', 'p', 'm', 'v', 'f', 'S') AND c.oid >= 16384
    AND n.nspname NOT LIKE 'pg\\_%' AND n.nspname <> 'information_schema'
"""
_SOME = _RELATIONS + " AND c.oid = ANY ($1::int8[])"
# A lock on an index keeps out who uses its table, where a statement is about the index alone.
_HELD = """
SELECT h.oid, h.mode, c.relkind IS NOT NULL AS there, pg_catalog.pg_relation_filenode(h.oid)::int8
    AS node, pg_catalog.pg_stat_get_xact_numscans(h.oid) AS scans
FROM (
    SELECT coalesce(x.indrelid, l.relation)::int8 AS oid, l.mode::text AS mode
    FROM pg_catalog.pg_locks l
    LEFT JOIN pg_catalog.pg_index x
        ON x.indexrelid = l.relation AND $2 AND l.mode = 'AccessExclusiveLock'
    WHERE l.pid = $1 AND l.locktype = 'relation' AND l.granted AND l.relation >= 16384
) h LEFT JOIN pg_catalog.pg_class c ON c.oid = h.oid
"""
_READ = """
SELECT o, pg_catalog.pg_stat_get_xact_numscans(o::oid) FROM pg_catalog.unnest($1::int8[]) o
"""
_SCANS = """
SELECT o AS oid, pg_catalog.pg_stat_get_numscans(o::oid) AS count
FROM pg_catalog.unnest($1::int8[]) o
"""
_WAITS = """
SELECT EXISTS (SELECT FROM pg_catalog.pg_locks l WHERE l.pid = $1 AND NOT l.granted)
"""


@dataclass(slots=True)
class Seen:
    """What a server did for one statement; names are as SQL writes them."""

    held: dict[str, Lock] = field(default_factory=dict)
    rewritten: set[str] = field(default_factory=set)
    read: set[str] = field(default_factory=set)
    there: set[str] = field(default_factory=set)


@dataclass(frozen=True, slots=True)
class Outcome:
    """What is wrong with a plan's words for a statement; `refused` where the server did not run it.

    `unsaid` is what of it costs more than the plan says.
    """

    wrong: tuple[str, ...] = ()
    unsaid: tuple[str, ...] = ()
    refused: str = ""


Relations = dict[int, asyncpg.Record]


async def relations(session: asyncpg.Connection) -> Relations:
    """Return by OID what can be locked: tables, views, sequences."""
    return {r["oid"]: r for r in await session.fetch(_RELATIONS)}


async def watched(
    session: asyncpg.Connection, dsn: str, statement: Statement, there: Relations
) -> Outcome:
    """Run a statement; return where its plan says another thing than what it did.

    `there` is what was there before the plan: for what it makes itself nobody waits. It is kept up
    to date.
    """
    try:
        seen = await (_alone if statement.step.alone else _together)(session, dsn, statement, there)
    except asyncpg.PostgresError as error:
        with suppress(asyncpg.PostgresError):
            await session.execute("ROLLBACK")
        return Outcome(refused=str(error))
    found = list(_differing(statement, seen))
    wrong = tuple(said for said, _ in found)
    return Outcome(wrong, tuple(said for said, is_more in found if is_more))


async def _together(
    session: asyncpg.Connection, _: str, statement: Statement, there: Relations
) -> Seen:
    before = await _scans_so_far(session, there)
    sql = statement.step.sql
    # A key that is checked late is checked here, by its statement.
    await session.execute(f"BEGIN; {sql}; SET CONSTRAINTS ALL IMMEDIATE")
    rows = await session.fetch(_HELD, session.get_server_pid(), sql.startswith("ALTER INDEX"))
    seen = _held(rows, there)
    # Told at the end of the transaction, so that the next one begins at nothing.
    tells = "SELECT pg_catalog.pg_stat_force_next_flush(); " * _tells(session)
    await session.execute(f"{tells}COMMIT")
    for row in rows:
        if (was := there.get(row["oid"])) is None:
            continue
        name, kind = was["name"], was["kind"]
        if row["there"] and kind in "rm":
            if row["node"] != was["node"]:
                seen.rewritten.add(name)
            if row["scans"] > before.get(row["oid"], 0) and name in seen.held:
                seen.read.add(name)
        if not row["there"] and kind == "S" and name not in statement.step.on:
            # What goes with its table, or its column, goes with the lock on that.
            seen.held.pop(name, None)
    seen.there = {r["name"] for r in there.values()}
    await _forget(session, there, {r["oid"] for r in rows} & there.keys())
    return seen


def _tells(session: asyncpg.Connection) -> bool:
    return bool(session.get_server_version().major >= 15)


async def _scans_so_far(session: asyncpg.Connection, there: Relations) -> dict[int, int]:
    """Return what a session has not told yet of transactions before, and so counts along."""
    return {} if _tells(session) else dict(await session.fetch(_READ, list(there)))


async def _forget(session: asyncpg.Connection, there: Relations, changed: set[int]) -> None:
    """Take what may have changed as it is now."""
    are = {r["oid"]: r for r in await session.fetch(_SOME, list(changed))}
    for oid in changed:
        there.pop(oid)
    there.update(are)


async def _alone(
    session: asyncpg.Connection, dsn: str, statement: Statement, were: Relations
) -> Seen:
    """Keep it waiting behind somebody who writes, and look what it holds meanwhile."""
    before = await _scans(session, were)
    other = await asyncpg.connect(dsn)
    try:
        await other.execute("BEGIN")
        await other.execute(f"LOCK TABLE {statement.step.on[0]} IN ROW EXCLUSIVE MODE")
        running = asyncio.ensure_future(session.execute(statement.step.sql))
        pid = session.get_server_pid()
        while not running.done() and not await other.fetchval(_WAITS, pid):
            await asyncio.sleep(0.01)
        seen = _held(await other.fetch(_HELD, pid, False), were)
        await other.execute("ROLLBACK")
        await running
    finally:
        await other.close()
    scans = await _scans(session, were)
    seen.read = {n for n in seen.held if scans.get(n, 0) > before.get(n, 0)}
    seen.there = {r["name"] for r in were.values()}
    await _forget(session, were, set(were))
    return seen


async def _scans(session: asyncpg.Connection, were: Mapping[int, asyncpg.Record]) -> dict[str, int]:
    """Return how often each relation was read from its first row on, as is told of all sessions."""
    if _tells(session):
        await session.execute("SELECT pg_catalog.pg_stat_force_next_flush()")
    else:
        # A session tells its numbers so often, and another process keeps them.
        await asyncio.sleep(1.5)
    rows = await session.fetch(_SCANS, list(were))
    return {were[r["oid"]]["name"]: r["count"] for r in rows}


def _held(rows: list[asyncpg.Record], were: Mapping[int, asyncpg.Record]) -> Seen:
    seen = Seen()
    for row in rows:
        if row["oid"] not in were or row["mode"] in _SLIGHT:
            continue
        name, lock = were[row["oid"]]["name"], _OF_SERVER[row["mode"]]
        if name not in seen.held or seen.held[name].rank < lock.rank:
            seen.held[name] = lock
    return seen


def _differing(statement: Statement, seen: Seen) -> Iterator[tuple[str, bool]]:
    """Give what is wrong, and whether the server did more than was said."""
    step = statement.step
    said = {n: lock for n, lock in step.locks.items() if n in seen.there}
    for name in sorted({*said, *seen.held}):
        one, other = said.get(name, Lock.NONE), seen.held.get(name, Lock.NONE)
        if one is not other:
            wrong = f"said {one or 'no lock'} on {name}, took {other or 'none'}"
            yield wrong, other.rank > one.rank
    if step.on and step.on[0] not in seen.there:
        return
    if bool(seen.rewritten) != step.rewrites:
        wrong = f"said rewrites: {step.rewrites}, wrote anew {sorted(seen.rewritten) or 'nothing'}"
        yield wrong, not step.rewrites
    if not step.rewrites and bool(seen.read) != step.scans:
        wrong = f"said scans: {step.scans}, read {sorted(seen.read) or 'nothing'}"
        yield wrong, not step.scans
