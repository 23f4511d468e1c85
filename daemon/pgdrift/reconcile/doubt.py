"""A transaction whose end nobody wrote down, in; out, whether it is done, as the database knows.

Two witnesses: what the server says of the transaction's number, and what the schema is like. Where
they contradict each other, or neither can tell, nothing is decided.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress

import asyncpg

from pgdrift.core.compare import compare
from pgdrift.core.model import Snapshot
from pgdrift.core.names import dotted
from pgdrift.core.plan.beside import beside, without
from pgdrift.core.plan.model import Statement, Verb
from pgdrift.core.plan.record import Attempt
from pgdrift.errors import ReconcileError
from pgdrift.log import redact
from pgdrift.reconcile.journal import Journal
from pgdrift.reconcile.prove import differing
from pgdrift.reconcile.writing import Target, look, told, wait_at_most


async def settled(
    target: Target, journal: Journal, way: str, attempt: Attempt, together: Sequence[Statement]
) -> bool:
    """Return whether a transaction is done. What stands alone and is there by half is taken away.

    The caller holds the target, so whoever began it is gone. Raises ReconcileError (in_doubt).
    """
    before = journal.kept(way, attempt.transaction - 1)
    with told(target.where):
        if before is not None and any(s.step.alone for s in together):
            found, is_done = await left_by(target, before, together[0])
            if is_done:
                # Who was cut off may not have come to keep it.
                others = beside(before, found, together)
                journal.keep(way, attempt.transaction, without(others, before, found))
            return is_done
        if attempt.xid is None:
            # It is told to commit only after that is written down.
            return False
        after = journal.kept(way, attempt.transaction)
        await target.session.execute("BEGIN")
        said = await _status(target.session, attempt.xid)
        found = await look(target)
        await target.session.execute("ROLLBACK")
    is_after, is_before = _equal(after, found), _equal(before, found)
    if said == "committed" and is_after:
        return True
    if said == "aborted" and is_before:
        return False
    if said is None and is_after != is_before:
        return is_after
    raise _unknown(target, attempt, f"its server says of it: {said or 'nothing'}", after, found)


async def _status(session: asyncpg.Connection, xid: int) -> str | None:
    """Return what the server knows of a transaction; None where it is forgotten, or not its own."""
    await session.execute("SAVEPOINT pgdrift_status")
    try:
        said = await session.fetchval(
            "SELECT pg_catalog.pg_xact_status($1::text::pg_catalog.xid8)", str(xid)
        )
    except asyncpg.InvalidParameterValueError:
        # It lies in the future: the server was restored to an earlier time.
        await session.execute("ROLLBACK TO SAVEPOINT pgdrift_status")
        return None
    return None if said is None else str(said)


def _equal(kept: Snapshot | None, found: Snapshot) -> bool:
    return kept is not None and not compare(kept, found).changes


async def left_by(
    target: Target,
    before: Snapshot,
    statement: Statement,
    refused: asyncpg.PostgresError | None = None,
) -> tuple[Snapshot, bool]:
    """Return what there is after a statement that stands alone, and whether it is done.

    An index that is there by half is taken away: so what was to drop it is done. `refused` is why
    it ended, if not by itself. Raises ReconcileError (in_doubt).
    """
    try:
        await _take_half_away(target.session, before, statement)
        found = await _seen(target)
    except asyncpg.PostgresError as error:
        what = f"statement {statement.number} ({statement.action} {statement.object.name})"
        why = f"; it was refused: {redact(str(refused))}" if refused else ""
        raise ReconcileError(
            f"{target.where}: what {what} has left cannot be seen to: {redact(str(error))}{why}",
            reason="in_doubt",
            hint="--resume takes away what is there by half, and goes on from there",
        ) from error
    return found, (statement.object in found.objects) != (statement.verb is Verb.DROP)


async def _seen(target: Target) -> Snapshot:
    await target.session.execute("BEGIN")
    try:
        return await look(target)
    finally:
        with suppress(OSError, asyncpg.PostgresError, asyncpg.InterfaceError):
            await target.session.execute("ROLLBACK")


async def _take_half_away(
    session: asyncpg.Connection, before: Snapshot, statement: Statement
) -> None:
    """Take away an index that was begun or dropped, and not to the end: it costs, for no use."""
    was = before.objects.get(statement.object)
    if statement.object.kind != "index" or (was and was.attributes.get("valid") is False):
        return
    # Whatever has read the table must end before: that keeps out nobody, and takes its time.
    await wait_at_most(session, 0)
    name = dotted(statement.object.path)
    half = await session.fetchval(
        "SELECT NOT (x.indisvalid AND x.indisready AND x.indislive) FROM pg_catalog.pg_index x"
        " WHERE x.indexrelid = pg_catalog.to_regclass($1)",
        name,
    )
    if half:
        await session.execute(f"DROP INDEX CONCURRENTLY IF EXISTS {name}")


def _unknown(
    target: Target, attempt: Attempt, said: str, kept: Snapshot | None, found: Snapshot
) -> ReconcileError:
    differs = differing(compare(kept, found).changes) if kept else "what it led to is not kept"
    return ReconcileError(
        f"{target.where}: whether transaction {attempt.transaction} is done cannot be told: {said};"
        f" {differs or 'the schema is as after it'}",
        reason="in_doubt",
        hint="somebody else changed the schema since: look what there is, and plan anew",
    )
