"""One transaction that may write, in a session that otherwise cannot: the only place to say so.

In come a target and what to do there; out comes what that returned, once it is committed, or a
ReconcileError and an environment as it was. One of us at a time.
"""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import TypeVar

import asyncpg

from pgdrift.core.model import Snapshot
from pgdrift.core.why.enacted import AT_WORK as _ONE_AT_A_TIME
from pgdrift.errors import ReconcileError, SourceError
from pgdrift.log import redact

T = TypeVar("T")

_TAKEN = "somebody else is at work here with `pgdrift ledger` right now"


@dataclass(frozen=True, slots=True)
class Target:
    """An environment that is written to.

    `where` is how messages name it; `settings` are those that its catalog is read under; `read`
    gives its snapshot in the transaction that is open, without what a ledger has of its own there.
    """

    session: asyncpg.Connection
    where: str
    settings: Mapping[str, str]
    read: Callable[[], Awaitable[Snapshot]]


async def attempt(target: Target, do: Callable[[], Awaitable[T]], *, dry_run: bool) -> T:
    """Return what `do` returned, its work committed; with `dry_run`, rolled back.

    Raises ReconcileError when it is not done; then nothing of it is left.
    """
    with told(target.where):
        transaction = target.session.transaction(isolation="repeatable_read")
        await transaction.start()
        try:
            await _open(target)
            done = await do()
        except BaseException:
            with suppress(asyncpg.PostgresError, asyncpg.InterfaceError, OSError):
                await transaction.rollback()
            raise
        if dry_run:
            await transaction.rollback()
            return done
    with told(target.where, committing=True):
        await transaction.commit()
    return done


async def _open(target: Target) -> None:
    await target.session.execute("SET TRANSACTION READ WRITE")
    await _set_local(target)
    free = await target.session.fetchval(
        "SELECT pg_catalog.pg_try_advisory_xact_lock($1)", _ONE_AT_A_TIME
    )
    if not free:
        raise ReconcileError(
            f"{target.where}: {_TAKEN}", reason="busy", hint="wait for them, and look what they did"
        )


async def hold(target: Target) -> None:
    """Let a session write, and be the only one of us in its database for as long as it lives.

    For work that is more than one transaction.
    Raises ReconcileError (busy) with who holds it.
    """
    session = target.session
    if not await session.fetchval("SELECT pg_catalog.pg_try_advisory_lock($1)", _ONE_AT_A_TIME):
        who = await session.fetchval(_HOLDER, _ONE_AT_A_TIME)
        raise ReconcileError(
            f"{target.where}: somebody else is at work here right now{f': {who}' if who else ''}",
            reason="busy",
            hint="wait until that session has ended: its server may still be busy with a statement"
            " although nobody waits for it any more",
        )
    await session.execute("SET default_transaction_read_only = off")


async def wait_at_most(session: asyncpg.Connection, seconds: float) -> None:
    """Let what is run from here on wait for a lock no longer than that; 0: as long as it takes."""
    await session.execute(
        "SELECT pg_catalog.set_config('lock_timeout', $1, false)", str(round(seconds * 1000))
    )


async def holds(session: asyncpg.Connection) -> bool:
    """Tell whether the lock of `hold` is still this session's: a pooler may have given another."""
    return bool(await session.fetchval(_HELD, _ONE_AT_A_TIME))


# An advisory lock with one key of 64 bits shows its halves, and 1.
_OURS = """l.locktype = 'advisory' AND l.objsubid = 1 AND l.granted
    AND (l.classid::int8 << 32) | l.objid::int8 = $1 AND l.database = (
        SELECT d.oid FROM pg_catalog.pg_database d
        WHERE d.datname = pg_catalog.current_database()
    )"""
_HELD = f"""SELECT EXISTS (
    SELECT FROM pg_catalog.pg_locks l WHERE l.pid = pg_catalog.pg_backend_pid() AND {_OURS})"""
_HOLDER = f"""SELECT pg_catalog.format(
        'process %s of %s (%s), since %s UTC', a.pid, a.usename, a.application_name,
        pg_catalog.to_char(a.backend_start AT TIME ZONE 'UTC', 'YYYY-MM-DD HH24:MI:SS'))
    FROM pg_catalog.pg_locks l JOIN pg_catalog.pg_stat_activity a USING (pid)
    WHERE {_OURS} LIMIT 1"""


async def look(target: Target) -> Snapshot:
    """Return what there is now, in the transaction that is open, what it did itself included.

    The settings that a catalog is read under hold for that alone.
    """
    await target.session.execute("SAVEPOINT pgdrift_look")
    await _set_local(target)
    try:
        found = await target.read()
    except SourceError as error:
        # Here it is part of what is done, and whoever does it knows what a lock or a loss means.
        raise error.__cause__ or error from error
    await target.session.execute("ROLLBACK TO SAVEPOINT pgdrift_look")
    await target.session.execute("RELEASE SAVEPOINT pgdrift_look")
    return found


async def _set_local(target: Target) -> None:
    await target.session.fetch(
        "SELECT pg_catalog.set_config(s.key, s.value, true)"
        " FROM pg_catalog.json_each_text($1::pg_catalog.json) s",
        json.dumps(dict(target.settings)),
    )


@contextmanager
def told(where: str, *, committing: bool = False) -> Iterator[None]:
    """Turn what the driver and the server raise inside into a ReconcileError.

    `committing`: whether it was done nobody knows, if the connection is lost inside.
    """
    try:
        yield
    except asyncpg.PostgresError as error:
        raise _refused(where, error, in_doubt=committing) from error
    except (OSError, TimeoutError, asyncpg.InterfaceError, asyncpg.InternalClientError) as error:
        raise _lost(where, in_doubt=committing) from error


def _refused(where: str, error: asyncpg.PostgresError, *, in_doubt: bool) -> ReconcileError:
    said = redact(str(error).splitlines()[0]) if str(error) else str(error.sqlstate)
    state = error.sqlstate or ""
    if state.startswith(("08", "57P")):
        return _lost(where, in_doubt=in_doubt)
    if state == "42501":
        return ReconcileError(
            f"{where}: a right is missing: {said}; nothing was changed",
            reason="permission",
            hint="give --dsn or --dsn-file of a role that has it",
        )
    if state in {"42P06", "42710", "42723", "42P07", "23505"}:
        return ReconcileError(
            f"{where}: {said}; nothing was changed",
            reason="occupied",
            hint="somebody made it at the same time: look with `pgdrift ledger verify`",
        )
    if state in {"55P03", "57014", "40001", "40P01", "XX000"}:
        return ReconcileError(
            f"{where}: {said}; nothing was changed",
            reason="busy",
            hint="a migration may be running; try again when it has ended",
        )
    return ReconcileError(
        f"{where}: {said}; nothing was changed",
        reason="refused",
        hint="nothing of it is left; if the words do not help, please report it",
    )


def _lost(where: str, *, in_doubt: bool) -> ReconcileError:
    if in_doubt:
        return ReconcileError(
            f"{where}: the connection was lost at the very end: it may be done, or not",
            reason="in_doubt",
            hint="`pgdrift ledger verify` tells which",
        )
    return ReconcileError(
        f"{where}: the connection was lost; nothing was changed, for the server undoes the rest",
        reason="interrupted",
        hint="try again",
    )
