"""What was written down while a plan was run, in; out, how far it is: done, failed, in doubt.

Pure: whoever writes and reads the lines is elsewhere, and what is in doubt the database knows.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from enum import StrEnum

from pgdrift.core.plan.model import Statement, Way

Entry = Mapping[str, object]


class State(StrEnum):
    """What became of a statement."""

    PENDING = "pending"
    DONE = "done"
    FAILED = "failed"
    IN_DOUBT = "in doubt"
    SKIPPED = "skipped"


@dataclass(frozen=True, slots=True)
class Attempt:
    """A transaction that was begun, and whose end is not written down.

    `xid` is its number once it was about to be committed; before that, None.
    """

    transaction: int
    xid: int | None = None


@dataclass(frozen=True, slots=True)
class Run:
    """The last time that a plan was run somewhere: which way, for whom, and how far it came.

    `done` are transactions; `failed` is the statement that was refused last, and in which words.
    `skipped` are statements that were not run, for somebody had done by hand what they are for.
    """

    way: str
    binding: str
    at: str
    by: str
    reason: str
    done: frozenset[int] = frozenset()
    open: Attempt | None = None
    failed: tuple[int, str] | None = None
    ended: bool = False
    mark: int | None = None
    skipped: frozenset[int] = frozenset()

    @property
    def untouched(self) -> bool:
        """Whether nothing of it is there, for certain."""
        return not self.done and (self.open is None or self.open.xid is None)


def latest(entries: Iterable[Entry]) -> Run | None:
    """Return the last run that is written down, None where there was none."""
    run: Run | None = None
    for entry in entries:
        if entry.get("event") == "began":
            run = _begun(entry)
        elif run is not None:
            run = _after(run, entry)
    return run


def since_up(entries: Iterable[Entry], event: str) -> Entry:
    """Return the last of an event since the way there was last begun; empty where there is none."""
    found: Entry = {}
    for entry in entries:
        if entry.get("event") == "began" and entry.get("way") == "up":
            found = {}
        elif entry.get("event") == event:
            found = entry
    return found


def _begun(entry: Entry) -> Run:
    way, plan, at, by, reason = (
        str(entry.get(name, "")) for name in ("way", "plan", "at", "by", "reason")
    )
    mark = entry.get("ledger_mark")
    return Run(way, plan, at, by, reason, mark=mark if isinstance(mark, int) else None)


def _after(run: Run, entry: Entry) -> Run:
    number, xid = _number(entry, "transaction"), entry.get("xid")
    match entry.get("event"):
        case "running":
            return replace(run, open=Attempt(number), failed=None)
        case "committing":
            return replace(run, open=Attempt(number, xid if isinstance(xid, int) else None))
        case "done":
            return replace(run, done=run.done | {number}, open=None, failed=None)
        case "failed":
            failed = (_number(entry, "statement"), str(entry.get("said", "")))
            return replace(run, open=None, failed=failed)
        case "skipped":
            listed = entry.get("statements")
            numbers = [n for n in listed if isinstance(n, int)] if isinstance(listed, list) else []
            return replace(run, skipped=run.skipped | {*numbers}, failed=None)
        case "not_done":
            return replace(run, open=None)
        case "ended":
            return replace(run, ended=True)
    return run


def _number(entry: Entry, name: str) -> int:
    found = entry.get(name)
    return found if isinstance(found, int) else 0


def states(way: Way, run: Run | None) -> dict[int, State]:
    """Return what became of each statement of a way, by its number, as far as is written down."""
    return {s.number: _state(s, run) for s in way.statements}


def _state(statement: Statement, run: Run | None) -> State:
    if run is None:
        return State.PENDING
    if statement.number in run.skipped:
        return State.SKIPPED
    if statement.transaction in run.done:
        return State.DONE
    if run.failed and run.failed[0] == statement.number:
        return State.FAILED
    attempt = run.open
    if attempt and attempt.transaction == statement.transaction:
        # What was never told to commit is undone by its server; what stands alone may be there.
        return State.IN_DOUBT if attempt.xid or statement.step.alone else State.PENDING
    return State.PENDING
