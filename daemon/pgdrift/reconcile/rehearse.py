"""A plan tried on the very database that it is for, in one transaction that is rolled back.

In come a target, the statements and a judge of what they lead to; out comes what each took, which
rows or rights stand against it, and what differs in the end. Nothing of it stays.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace

import asyncpg

from pgdrift.core.model import Change, ObjectId, Snapshot
from pgdrift.core.names import dotted, quote_ident
from pgdrift.core.plan.model import LeftOut, Statement
from pgdrift.reconcile.holders import Taken, names, others, taken
from pgdrift.reconcile.running import SETTINGS
from pgdrift.reconcile.writing import Target, look, told

Judge = Callable[[Snapshot, Sequence[LeftOut]], Sequence[Change]]

# After these the next statement still says something new: rows, values, rights, a lock held.
_GOES_ON = ("22", "23", "42501", "55P03")
_NEEDS_COMMIT = "55P04"
_NO_SUCH_KEY, _NO_SUCH_OBJECT = "42830", "42704"


@dataclass(frozen=True, slots=True)
class Tried:
    """What came of one statement.

    `taken` are the locks that it took and `held` for how many seconds the transaction that it is
    part of would hold them. `skipped` says why it was not run; `said` are the words of the server
    that refused it.
    """

    statement: Statement
    seconds: float = 0.0
    taken: frozenset[Taken] = frozenset()
    held: float = 0.0
    skipped: str = ""
    said: str = ""


@dataclass(frozen=True, slots=True)
class Rehearsal:
    """All that was tried, in order, and what differed from the source when all of it was done."""

    tried: tuple[Tried, ...]
    differs: tuple[Change, ...] = ()
    judged: bool = False

    @property
    def good(self) -> bool:
        """Whether nothing was refused, and nothing differs."""
        return self.judged and not self.differs


async def rehearse(target: Target, statements: Sequence[Statement], judge: Judge) -> Rehearsal:
    """Return what comes of the statements; all is as it was afterwards.

    Raises ReconcileError where that cannot be found out.
    """
    session = target.session
    with told(target.where):
        for setting in SETTINGS:
            await session.execute(setting)
        await session.execute("BEGIN")
        try:
            rehearsal = await _tried(target, statements, judge)
        finally:
            with suppress(OSError, asyncpg.PostgresError, asyncpg.InterfaceError):
                await session.execute("ROLLBACK")
    return rehearsal


async def _tried(target: Target, statements: Sequence[Statement], judge: Judge) -> Rehearsal:
    known = await names(target.session)
    found: list[Tried] = []
    left: dict[ObjectId, LeftOut] = {}
    for statement in statements:
        if why := _cannot(statement, left):
            one, goes_on = Tried(statement, skipped=why), True
        else:
            one, goes_on = await _try(target.session, statement, known, left)
        if one.skipped:
            left[statement.object] = LeftOut(statement.object, one.skipped)
        found.append(one)
        if not goes_on:
            break
    tried = tuple(_with_held(found))
    if any(t.said for t in tried):
        return Rehearsal(tried)
    return Rehearsal(tried, tuple(judge(await look(target), list(left.values()))), judged=True)


def _cannot(statement: Statement, left: dict[ObjectId, LeftOut]) -> str:
    if statement.step.alone:
        return "cannot run in a transaction"
    i = statement.object
    index = i._replace(kind="index", path=(i.path[0], i.path[-1]))
    missing = i in left or (i.kind == "constraint" and index in left)
    return "what it changes was not made here" if missing else ""


def _needs_what_is_left(statement: Statement, state: str, left: Collection[ObjectId]) -> bool:
    """Tell whether it was refused for want of a key or index that could not be made here."""
    if state == _NO_SUCH_KEY:
        tables = {dotted(i.path[:-1]) for i in left if i.kind == "constraint"}
        return not tables.isdisjoint(statement.step.locks)
    return state == _NO_SUCH_OBJECT and any(
        quote_ident(i.path[-1]) in statement.step.sql for i in left
    )


async def _try(
    session: asyncpg.Connection,
    statement: Statement,
    known: dict[int, str],
    left: Collection[ObjectId],
) -> tuple[Tried, bool]:
    """Return what came of a statement, and whether another makes sense after it."""
    before = await taken(session, known)
    await session.execute("SAVEPOINT pgdrift_statement")
    began = time.monotonic()
    try:
        await session.execute(statement.step.sql)
    except asyncpg.PostgresError as error:
        seconds = time.monotonic() - began
        await session.execute("ROLLBACK TO SAVEPOINT pgdrift_statement")
        state = error.sqlstate or ""
        if state == _NEEDS_COMMIT:
            why = "needs what comes before it committed"
            return Tried(statement, skipped=why), True
        if _needs_what_is_left(statement, state, left):
            return Tried(statement, skipped="what it needs was not made here"), True
        said = "\n".join([*words(error), *await _who(session, statement, state)])
        return Tried(statement, seconds, said=said), state.startswith(_GOES_ON)
    seconds = time.monotonic() - began
    await session.execute("RELEASE SAVEPOINT pgdrift_statement")
    return Tried(statement, seconds, (await taken(session, known)) - before), True


async def _who(session: asyncpg.Connection, statement: Statement, state: str) -> list[str]:
    return await others(session, list(statement.step.locks)) if state == "55P03" else []


def words(error: asyncpg.PostgresError) -> list[str]:
    """Return what a server says of what it refuses, with the rows that it names."""
    detail = getattr(error, "detail", None)
    return [str(error) or str(error.sqlstate), *([str(detail)] if detail else [])]


def _with_held(found: Sequence[Tried]) -> Iterable[Tried]:
    """Say how long locks are held: from their statement to the end of its transaction."""
    for place, one in enumerate(found):
        if one.taken:
            number = one.statement.transaction
            rest = [t.seconds for t in found[place:] if t.statement.transaction == number]
            yield replace(one, held=sum(rest))
        else:
            yield one
