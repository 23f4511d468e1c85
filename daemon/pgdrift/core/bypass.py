"""A ledger held against the catalog: what was read and known in; what bypassed the ledger out.

A ledger explains changes and proves nothing. So it is watched itself: whether it is switched off,
was rewritten or is another one, and what it should have told and did not. Each is a finding of its
own, until it is right again or the environment is declared right.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace

from pgdrift.core.judge import Classes, judge
from pgdrift.core.model import (
    LEDGER,
    Against,
    Blame,
    Change,
    ChangeClass,
    ChangeType,
    Direction,
    Ledger,
    Object,
    ObjectId,
    Origin,
    Outcome,
)
from pgdrift.core.why.history import Explanation, in_between, named_by, unrecorded
from pgdrift.core.yardsticks import Look, last, outcome

FAILURES = "ledger_failures"
IDENTITY = "ledger_identity"
ROWS = "ledger_rows"
TRACKING = "ledger_tracking"
# With the kind of the object: `unrecorded_column:app.t.c`, `ghost_table:app.t`.
GAP = "unrecorded_"
GHOST = "ghost_"

_SAID = {
    GAP: "changed, and the ledger says nothing of it",
    GHOST: "the ledger has it as there, and it is not",
    FAILURES: "the ledger could not record some of what was done",
    IDENTITY: "the ledger is not the one that was read before",
    ROWS: "rows of the ledger were taken out or edited",
    TRACKING: "the ledger does not record all that is done",
}
# What happened once, and lasts until it is declared right.
_EVENTS = {FAILURES, IDENTITY, ROWS}
_GONE = ("there", "gone")

_TOUCHES = {
    GAP: ChangeClass.SECURITY,
    GHOST: ChangeClass.BEHAVIOUR,
    FAILURES: ChangeClass.SECURITY,
    IDENTITY: ChangeClass.BEHAVIOUR,
    ROWS: ChangeClass.SECURITY,
    TRACKING: ChangeClass.SECURITY,
}


def against_ledger(look: Look, window: Iterable[Change]) -> Against | None:
    """Return how the ledger stands against what was read; None where there is and was none.

    `window` is what changed since the last look.
    """
    ledger, known = look.reading.ledger, last(look.book, LEDGER)
    if ledger is None and (known is None or not look.watched.reads_ledger):
        return None
    if ledger and ledger.incomplete:
        kept, right = (known.findings, known.accepted) if known else ((), ())
        return Against(LEDGER, Outcome.UNKNOWN, kept, reason=ledger.incomplete, accepted=right)
    changes = tuple(_unlike(look, ledger, window))
    classes: Classes = {c.id.kind: {"": _TOUCHES[_sort(c.id)]} for c in changes}
    policy = replace(look.watched.policy, classes=classes)
    why = {c.id: _said(c) for c in changes}
    before = look.known(LEDGER)
    judged = judge(changes, lambda _: Direction.CHANGED, why, before, policy, look.now)
    found, right = look.judged(LEDGER, judged)
    return Against(LEDGER, outcome(found), found, accepted=right)


def _unlike(look: Look, ledger: Ledger | None, window: Iterable[Change]) -> Iterator[Change]:
    lasting = tuple(_lasting(look))
    if ledger is None:
        yield _change(IDENTITY, ("ledger",), *_GONE)
        return
    yield from (_change(TRACKING, (what,), "on", how) for what, how in sorted(ledger.off.items()))
    for kind, path in ledger.ghosts:
        yield _change(GHOST + kind.replace(" ", "_"), path, *_GONE)
    events = {c.id: c for c in lasting if c.id.kind in _EVENTS}
    if ledger.broken:
        change = _change(IDENTITY, ("ledger",), "known", ledger.broken)
        events[change.id] = change
    if ledger.lost:
        change = _change(ROWS, ("ledger",), "known", f"{ledger.lost} fewer, or edited")
        events[change.id] = change
    if ledger.failed:
        change = _change(FAILURES, ("ledger",), "recorded", _not_recorded(ledger))
        events[change.id] = change
    yield from events.values()
    yield from _gaps(look, ledger, window, [c for c in lasting if _sort(c.id) == GAP])


def _lasting(look: Look) -> Iterator[Change]:
    """Give what happened once and was not declared right since."""
    point = look.book.sync_point
    for finding in look.known(LEDGER).values():
        happened = _sort(finding.change.id) in {GAP, *_EVENTS}
        gone = finding.change.attributes.get("ledger") == _GONE
        if happened and not gone and (point is None or finding.first_seen > point.at):
            yield finding.change


def _gaps(
    look: Look, ledger: Ledger, window: Iterable[Change], known: Iterable[Change]
) -> Iterator[Change]:
    """Give what changed and the ledger is silent on; what it names later it knows as it is then."""
    if look.book.snapshot is None or ledger.broken:
        return
    between = in_between(look.book.snapshot, look.reading, ())
    news = unrecorded(window, between) if ledger.continued else ()
    silent = {_gap_id(c.id): c for c in news}
    objects = look.reading.snapshot.objects
    for old in known:
        change = replace(old, id=_object_id(old.id))
        if not _is_back(change, objects.get(change.id)) and not named_by(change, between):
            silent.setdefault(old.id, change)
    yield from (replace(change, id=i, contains=(), renamed=None) for i, change in silent.items())


def _is_back(change: Change, now: Object | None) -> bool:
    """Tell whether an object is again what it was before a change."""
    match change.change:
        case ChangeType.ADDED:
            return now is None
        case ChangeType.REMOVED:
            return now is not None
    if now is None:
        return False
    pairs = change.attributes.items()
    return all(now.attributes.get(name) == before for name, (before, _) in pairs)


def _gap_id(i: ObjectId) -> ObjectId:
    return i._replace(kind=GAP + i.kind)


def _object_id(i: ObjectId) -> ObjectId:
    return i._replace(kind=i.kind.removeprefix(GAP))


def _change(kind: str, path: tuple[str, ...], before: str, now: str) -> Change:
    return Change(ObjectId(kind, path), ChangeType.CHANGED, {"ledger": (before, now)})


def _sort(i: ObjectId) -> str:
    """Return what of the above a finding about a ledger is."""
    return next(sort for sort in _SAID if i.kind.startswith(sort))


def _not_recorded(ledger: Ledger) -> str:
    many = "a statement was" if ledger.failed == 1 else f"{ledger.failed} statements were"
    return f"{many} not: {ledger.schema}.failures"


def _said(change: Change) -> Explanation:
    said = _SAID[_sort(change.id)]
    if change.id.kind == IDENTITY and change.attributes.get("ledger") == _GONE:
        said = "there is no ledger any more"
    return Explanation(Origin.UNTRACKED, Blame(), said)
