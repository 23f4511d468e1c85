"""A way of a plan carried out, transaction by transaction, each written down before and after.

In come a target that is held, a record and what is to be run; out comes what there is afterwards,
or an error that says exactly what is done and what is not. What the schema was before each
transaction, and is to be after the last, is looked at inside of it.
"""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import Awaitable, Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from itertools import groupby

import asyncpg

from pgdrift.core.compare import compare
from pgdrift.core.model import Change, Snapshot
from pgdrift.core.names import dotted
from pgdrift.core.plan.beside import astray, beside, without
from pgdrift.core.plan.model import Statement, Verb, Way
from pgdrift.errors import ReconcileError
from pgdrift.log import redact
from pgdrift.reconcile.doubt import left_by, settled
from pgdrift.reconcile.holders import keep_others_off, others
from pgdrift.reconcile.journal import Journal
from pgdrift.reconcile.prove import differing
from pgdrift.reconcile.running import SETTINGS
from pgdrift.reconcile.stamp import Stamp, stamp
from pgdrift.reconcile.writing import Target, holds, look, wait_at_most
from pgdrift.retry import backoff_seconds

# Another try may find the lock free, and leaves nothing behind.
_AGAIN = ("55P03", "40P01", "40001")
_GONE = ("08", "57P")


@dataclass(frozen=True, slots=True)
class Care:
    """How long a statement waits for a lock, how often it is tried, how far apart; in seconds."""

    lock_timeout: float = 2.0
    tries: int = 8
    most_apart: float = 30.0


async def _nobody(found: Snapshot) -> None:
    """Hear nothing."""
    _ = found


@dataclass(frozen=True, slots=True)
class Course:
    """What is to be done: one way of a plan, what is to be there at the end, and who is told.

    `judge` returns what differs from that; `tell` hears of each statement and how many seconds it
    took; `stamp` is what a ledger is to know of it. `left` hears what there is after each
    transaction.
    """

    way: Way
    title: str
    judge: Callable[[Snapshot], Sequence[Change]]
    tell: Callable[[str], None]
    stamp: Stamp
    care: Care = field(default_factory=Care)
    left: Callable[[Snapshot], Awaitable[None]] = _nobody


@dataclass(slots=True)
class _Work:
    target: Target
    journal: Journal
    course: Course
    state: Snapshot
    done: set[int]
    # Where it is now: the transaction, its statement, and whether it was told to commit.
    transaction: int = 0
    statement: int = 0
    committing: bool = False

    # Whether all is run, and looked at for the last time.
    finishing: bool = False

    @property
    def session(self) -> asyncpg.Connection:
        return self.target.session

    def write(self, event: str, **more: object) -> None:
        with self._recorded():
            self.journal.write(event, **more)

    def keep(self, number: int, found: Snapshot) -> None:
        with self._recorded():
            self.journal.keep(self.course.title, number, found)

    @contextmanager
    def _recorded(self) -> Iterator[None]:
        """Say beside what the record cannot hold what is done."""
        try:
            yield
        except ReconcileError as error:
            error.args = (f"{self.target.where}: {error.args[0]}; {_standing(self)}",)
            raise


async def carry_out(target: Target, journal: Journal, course: Course, start: Snapshot) -> Snapshot:
    """Do what is not done yet; return what there is afterwards.

    `start` is what there must be now. Raises ReconcileError.
    """
    run = journal.run()
    work = _Work(target, journal, course, start, set(run.done if run else ()))
    skipped = run.skipped if run else frozenset()
    try:
        for setting in SETTINGS:
            await work.session.execute(setting)
        if work.session.get_server_version().major >= 14:
            # Who is killed is not to work on for nobody.
            await work.session.execute("SET client_connection_check_interval = '10s'")
        for number, together in groupby(course.way.statements, key=lambda s: s.transaction):
            ahead = [s for s in together if s.number not in skipped]
            if number not in work.done and ahead:
                await _patiently(work, ahead)
            elif number not in work.done:
                # What comes next is told apart from what there is after this one.
                work.keep(number, work.state)
                work.write("done", transaction=number, skipped=True)
            work.done.add(number)
        await _finish(work)
    except asyncpg.PostgresError as error:
        raise _stopped(work, error) from error
    except (OSError, TimeoutError, asyncpg.InterfaceError, asyncpg.InternalClientError) as error:
        raise _lost(work) from error
    work.write("ended")
    return work.state


async def settle(target: Target, journal: Journal, way: Way, title: str) -> Snapshot:
    """Find out what became of a transaction whose end is not written down; write that down.

    Return what there must be now. Raises ReconcileError where nobody can tell.
    """
    run = journal.run()
    if run and run.open is not None:
        together = [s for s in way.statements if s.transaction == run.open.transaction]
        done = await settled(target, journal, title, run.open, together)
        journal.write("done" if done else "not_done", transaction=run.open.transaction, found=True)
        run = journal.run()
    number = max(run.done, default=0) if run else 0
    kept = journal.kept(title, number)
    if kept is None:
        raise ReconcileError(
            f"{journal.path}: the schema after transaction {number} is not kept",
            reason="in_doubt",
            hint="take the folder `applied` as it was written; else plan anew from what there is",
        )
    return kept


async def _patiently(work: _Work, together: Sequence[Statement]) -> None:
    """Do one transaction, tried again where a lock was not to be had, or the server chose us."""
    failures = 0
    while True:
        try:
            await wait_at_most(work.session, work.course.care.lock_timeout)
            await (_alone if any(s.step.alone for s in together) else _together)(work, together)
            return
        except asyncpg.PostgresError as error:
            failures += 1
            if error.sqlstate not in _AGAIN or failures >= work.course.care.tries:
                raise
            wait = backoff_seconds(failures, base=0.5, most=work.course.care.most_apart)
            wait *= random.uniform(0.5, 1.0)  # noqa: S311  nothing secret
            number = work.statement
            held = await others(work.session, [n for s in together for n in s.step.locks])
            why = "; ".join([str(error), *held])
            work.course.tell(f"statement {number} waits: {why}; again in {wait:.1f} s")
        await asyncio.sleep(wait)


async def _together(work: _Work, together: Sequence[Statement]) -> None:
    number = together[0].transaction
    work.transaction, work.statement, work.committing = number, together[0].number, False
    work.write("running", transaction=number, statements=[s.number for s in together])
    began = time.monotonic()
    await work.session.execute("BEGIN")
    try:
        await _lock_what_goes(work, together)
        await _unmoved(work)
        for statement in together:
            await _run(work, statement)
        found = await look(work.target)
        if together[-1] is work.course.way.statements[-1]:
            _judged(work, found)
            await stamp(work.session, work.course.stamp)
        else:
            _refuse_astray(work, _astray(work, together, found))
        xid = int(await work.session.fetchval("SELECT pg_catalog.pg_current_xact_id()::text"))
        work.keep(number, found)
        work.write("committing", transaction=number, xid=xid)
        work.committing = True
        await work.session.execute("COMMIT")
    except BaseException as error:
        if not work.committing:
            with suppress(OSError, asyncpg.PostgresError, asyncpg.InterfaceError):
                await work.session.execute("ROLLBACK")
            _note(work, error)
        elif isinstance(error, asyncpg.PostgresError) and not _is_lost(error):
            # A deferred constraint can refuse a commit: then nothing of it is there.
            work.committing = False
            _note(work, error)
        raise
    _is_done(work, found, time.monotonic() - began)
    await work.course.left(found)


async def _alone(work: _Work, together: Sequence[Statement]) -> None:
    (statement,) = together
    number = statement.transaction
    work.transaction, work.statement, work.committing = number, statement.number, False
    await work.session.execute("BEGIN")
    try:
        await _unmoved(work)
    finally:
        with suppress(OSError, asyncpg.PostgresError, asyncpg.InterfaceError):
            await work.session.execute("ROLLBACK")
    # It keeps out nobody while it waits, and what gives up in the middle leaves a half.
    await wait_at_most(work.session, 0)
    work.write("running", transaction=number, statements=[statement.number])
    # From here on it may be done, whole or by half, whatever becomes of us.
    work.committing = True
    began = time.monotonic()
    refused: asyncpg.PostgresError | None = None
    try:
        await _run(work, statement)
    except asyncpg.PostgresError as error:
        if _is_lost(error):
            raise
        refused = error
    found, is_done = work.state, False
    if not isinstance(refused, asyncpg.DuplicateTableError):
        found, is_done = await left_by(work.target, work.state, statement, refused)
    # What bears the name is another's then. What is refused is not done, but for a drop that got
    # as far as to leave a half.
    if refused is not None and not (is_done and statement.verb is Verb.DROP):
        work.committing = False
        _note(work, refused)
        raise refused
    # What others did meanwhile is not the plan's: nobody hears that it is, and it stops here.
    others_did = _astray(work, together, found)
    found = without(others_did, work.state, found)
    work.done.add(number)
    work.keep(number, found)
    _is_done(work, found, time.monotonic() - began)
    await work.course.left(found)
    _refuse_astray(work, others_did)


async def _run(work: _Work, statement: Statement) -> None:
    work.statement = statement.number
    began = time.monotonic()
    await work.session.execute(statement.step.sql)
    seconds = time.monotonic() - began
    count = len(work.course.way.statements)
    headline = f"{statement.action} {statement.object.name}"
    work.course.tell(f"{statement.number}/{count} {headline}: {seconds:.2f} s")


async def _lock_what_goes(work: _Work, together: Sequence[Statement]) -> None:
    """Have what is looked at be what is dropped: nobody is to change it in between."""
    for statement in together:
        if statement.verb is Verb.DROP and statement.object.kind == "table":
            work.statement = statement.number
            await keep_others_off(work.session, dotted(statement.object.path))
    work.statement = together[0].number


async def _unmoved(work: _Work) -> None:
    """Raise where the schema is not what it must be, or the lock is not ours any more."""
    if not await holds(work.session):
        raise ReconcileError(
            f"{work.target.where}: the lock that keeps others of us away is lost;"
            f" {_standing(work)}",
            reason="stopped" if work.done else "refused",
            hint="a pooler that gives each transaction another session cannot be worked through:"
            " name the server itself",
        )
    refuse_moved(work.target.where, work.state, await look(work.target), _standing(work))


def refuse_moved(where: str, expected: Snapshot, found: Snapshot, standing: str) -> None:
    """Raise ReconcileError (moved) where the schema is not as it must be, with the difference."""
    lacking = sorted(expected.kinds - found.kinds)
    changes = compare(expected, found).changes
    if not changes and not lacking:
        return
    why = differing(changes).partition("\n")[2] if changes else ""
    unread = [f"{kind.replace('_', ' ')} cannot be read here" for kind in lacking]
    raise ReconcileError(
        f"{where} is not what the plan was made of; {standing}:\n" + "\n".join([*unread, why]),
        reason="moved",
        hint="plan anew: `pgdrift plan` takes what there is now",
    )


def _astray(work: _Work, done: Sequence[Statement], found: Snapshot) -> Sequence[Change]:
    """Return what others changed while these statements ran, and the plan does not want."""
    those = beside(work.state, found, done)
    return astray(those, work.course.judge(found)) if those else ()


def _refuse_astray(work: _Work, changes: Sequence[Change]) -> None:
    if changes:
        raise ReconcileError(
            f"{work.target.where}: somebody else changed the schema meanwhile; {_standing(work)}:\n"
            + differing(changes).partition("\n")[2],
            reason="moved",
            hint="take back what is named and go on with --resume; else plan anew from what there"
            " is now",
        )


def _judged(work: _Work, found: Snapshot) -> None:
    if differs := work.course.judge(found):
        raise ReconcileError(
            f"{work.target.where} would not be what the plan says; {_standing(work)};"
            f" {differing(differs)}",
            reason="stopped" if work.done else "unproved",
            hint="prove the plan on a server of the target's version and extensions",
        )


async def _finish(work: _Work) -> None:
    """Judge and stamp where the last statement was no part of a transaction, or was done before."""
    work.finishing, work.committing = True, False
    await wait_at_most(work.session, work.course.care.lock_timeout)
    await work.session.execute("BEGIN")
    try:
        found = await look(work.target)
        _judged(work, found)
        await stamp(work.session, work.course.stamp)
    except BaseException:
        with suppress(OSError, asyncpg.PostgresError, asyncpg.InterfaceError):
            await work.session.execute("ROLLBACK")
        raise
    await work.session.execute("COMMIT")
    work.state = found


def _is_done(work: _Work, found: Snapshot, seconds: float) -> None:
    work.committing = False
    work.done.add(work.transaction)
    work.state = found
    work.write("done", transaction=work.transaction, seconds=round(seconds, 3))


def _note(work: _Work, error: BaseException) -> None:
    """Write down that a transaction failed, and that nothing of it is there."""
    said = redact(str(error).splitlines()[0]) if str(error) else type(error).__name__
    if isinstance(error, asyncpg.PostgresError | ReconcileError) and not _is_lost(error):
        work.write("failed", transaction=work.transaction, statement=work.statement, said=said)


def _is_lost(error: BaseException) -> bool:
    return (getattr(error, "sqlstate", None) or "").startswith(_GONE)


def _standing(work: _Work) -> str:
    """Say which statements are done, and which are not."""
    all_of_them = [s.number for s in work.course.way.statements]
    done = [s.number for s in work.course.way.statements if s.transaction in work.done]
    if not done:
        return "nothing was changed"
    return f"done: statements {_span(done)}; not done: {_span(all_of_them[len(done) :]) or 'none'}"


def _span(numbers: Sequence[int]) -> str:
    if len(numbers) < 2:
        return "".join(map(str, numbers))
    return f"{numbers[0]} to {numbers[-1]}"


def _stopped(work: _Work, error: asyncpg.PostgresError) -> ReconcileError:
    if _is_lost(error):
        return _lost(work)
    statement = next((s for s in work.course.way.statements if s.number == work.statement), None)
    what = "the last look" if work.finishing else f"statement {work.statement}"
    if statement and not work.finishing:
        what += f" ({statement.action} {statement.object.name})"
    reason = "stopped" if work.done else "refused"
    if not work.done and error.sqlstate == "42501":
        reason = "permission"
    elif not work.done and error.sqlstate in _AGAIN:
        reason = "busy"
    detail = f"\n{error.detail}" if getattr(error, "detail", None) else ""
    return ReconcileError(
        f"{work.target.where}: {what} was refused: {redact(str(error))}{redact(detail)}\n"
        f"{_standing(work)}",
        reason=reason,
        hint=_way_back(work),
    )


def _lost(work: _Work) -> ReconcileError:
    where = f"{work.target.where}: the connection was lost"
    if work.committing:
        return ReconcileError(
            f"{where} at statement {work.statement}: whether transaction {work.transaction} is"
            f" done nobody knows yet; before it, {_standing(work)}",
            reason="in_doubt",
            hint="--resume finds out, and goes on from there",
        )
    if work.finishing:
        return ReconcileError(
            f"{where} at the last look, so whether it is as the plan says nobody has seen;"
            f" {_standing(work)}",
            reason="interrupted",
            hint="--resume looks again, and runs nothing anew",
        )
    return ReconcileError(
        f"{where} at statement {work.statement}: its server undoes transaction"
        f" {work.transaction}; before it, {_standing(work)}",
        reason="interrupted",
        hint=_way_back(work),
    )


def _way_back(work: _Work) -> str:
    if not work.done:
        return "mend what the words name and apply it again"
    back = (
        f"{work.journal.folder.parent}/{'target' if work.course.title == 'up' else 'source'}.json"
    )
    return (
        "mend what the words name and go on with --resume; or go back from here: `pgdrift plan"
        f" TARGET {back} --prove -o FOLDER`, and apply that"
    )
