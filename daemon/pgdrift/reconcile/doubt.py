"""A transaction whose end nobody wrote down, in; out, whether it is done, as the database knows.

Two witnesses: what the server says of the transaction's number, and what the schema is like. Where
they contradict each other, or neither can tell, nothing is decided.
"""

from __future__ import annotations

from collections.abc import Sequence

import asyncpg

from pgdrift.core.compare import compare
from pgdrift.core.model import Change, Snapshot
from pgdrift.core.names import dotted
from pgdrift.core.plan.model import Statement, Verb
from pgdrift.core.plan.record import Attempt
from pgdrift.errors import ReconcileError
from pgdrift.reconcile.journal import Journal
from pgdrift.reconcile.prove import differing
from pgdrift.reconcile.writing import Target, look, told


async def settled(
    target: Target, journal: Journal, way: str, attempt: Attempt, together: Sequence[Statement]
) -> bool:
    """Return whether a transaction is done. What stands alone and is there by half is taken away.

    The caller holds the target, so whoever began it is gone. Raises ReconcileError (in_doubt).
    """
    before = journal.kept(way, attempt.transaction - 1)
    with told(target.where):
        if before is not None and any(s.step.alone for s in together):
            found = await _left_by(target, before, together[0])
            if found is not None:
                # Who was cut off may not have come to keep it.
                journal.keep(way, attempt.transaction, found)
            return found is not None
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


async def _left_by(target: Target, before: Snapshot, statement: Statement) -> Snapshot | None:
    """Return what there is where a statement is done, None where it is not."""
    await left_half(target.session, statement)
    await target.session.execute("BEGIN")
    found = await look(target)
    await target.session.execute("ROLLBACK")
    changes = compare(before, found).changes
    if not changes:
        return None
    if all(_is_of(change, statement) for change in changes):
        is_there = statement.object in found.objects
        if is_there != (statement.verb is Verb.DROP):
            return found
    attempt = Attempt(statement.transaction)
    raise _unknown(target, attempt, "it runs in no transaction", before, found)


def _is_of(change: Change, statement: Statement) -> bool:
    return statement.object in (change.id, *change.contains)


async def left_half(session: asyncpg.Connection, statement: Statement) -> None:
    """Take away an index that was begun and not finished: it costs, and is of no use."""
    if statement.object.kind != "index" or not statement.step.alone:
        return
    name = dotted(statement.object.path)
    half = await session.fetchval(
        "SELECT NOT (x.indisvalid AND x.indisready AND x.indislive) FROM pg_catalog.pg_index x"
        " WHERE x.indexrelid = pg_catalog.to_regclass($1)",
        name,
    )
    if half and statement.verb is not Verb.DROP:
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
