"""What one look concludes: what was known (a book) and what was read, in; what to keep, out.

Everything between reading and saving, as one list of decisions. No await, no clock: `now` is an
argument, and the upstream is the book of another environment or a fixed snapshot.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

from pgdrift.core import incident as incidents
from pgdrift.core import route
from pgdrift.core.book import Book, Step
from pgdrift.core.compare import compare, not_compared
from pgdrift.core.expected import adopt, move_on
from pgdrift.core.history import Explanation, applied, explain, missing
from pgdrift.core.incident import Incident, Notice, Reason, Verdict
from pgdrift.core.judge import Policy, judge
from pgdrift.core.model import (
    REACH,
    SYNC,
    Against,
    Agreed,
    Change,
    Direction,
    Event,
    Finding,
    History,
    ObjectId,
    Origin,
    Outcome,
    Reading,
    Severity,
    Snapshot,
    Standing,
    SyncPoint,
)
from pgdrift.core.normalise import Options, normalise
from pgdrift.core.render import headline, label
from pgdrift.core.threeway import agree, directions

# A migration can touch thousands of objects; the timeline names the first of them.
_EVENTS_PER_LOOK = 200
# For how long what was read waits for a look at its upstream.
_PATIENCE = timedelta(minutes=10)


@dataclass(frozen=True, slots=True)
class Watched:
    """An environment as its looks need it: what it follows and how it is judged and told."""

    name: str
    follows: str | None = None
    policy: Policy = field(default_factory=Policy)
    options: Options = field(default_factory=Options)
    explained_by: frozenset[Origin] = frozenset({Origin.MIGRATION, Origin.TRACKED})
    routes: Sequence[route.Route] = ()


@dataclass(frozen=True, slots=True)
class Upstream:
    """What an environment follows, as last seen; `reason` says why it cannot be compared with.

    `seen_at` is when the last look at it began, UTC; None for what stands for the present.
    """

    name: str
    snapshot: Snapshot | None
    histories: tuple[History, ...] = ()
    reason: str = ""
    seen_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Conclusion:
    """What to keep, what to show, and how many objects changed since the last look by origin.

    `waits` says that the upstream is to be looked at before anything is said against it.
    """

    step: Step
    standing: Standing
    changed: Mapping[Origin, int] = field(default_factory=dict)
    waits: bool = False


def seen(
    watched: Watched, book: Book, reading: Reading, upstream: Upstream | None, now: datetime
) -> Conclusion:
    """Conclude from a look that could read what it needed, and that began at `now`."""
    sync_point = _first_sync_point(book, now)
    window = _window(watched, book, reading)
    why = _explanations(book, reading, window)
    expected = _expected(watched, book, reading, window, why)
    own = _against_sync(watched, book, reading, expected, why, now)
    agreed, others = _against_upstream(watched, book, reading, upstream, why, now)
    against = (own, *others)
    outcome, reason = _overall(against)
    verdicts = (*_verdicts(watched, against), *_retired(watched, book), _reach(watched, ""))
    told = _tell(watched, book, verdicts, now)
    ledger = reading.ledger
    step = Step(
        environment=watched.name,
        at=now,
        outcome=outcome,
        reason=reason,
        failures=0,
        seen_at=now,
        snapshot=None if reading.snapshot is book.snapshot else reading.snapshot,
        expected=None if expected is book.expected else expected,
        agreed=None if agreed is book.agreed else agreed,
        agreed_with=None if agreed is book.agreed else watched.follows,
        gate=reading.gate,
        mark=ledger.mark if ledger else None,
        histories=reading.histories,
        sync_point=sync_point,
        against=against,
        incidents=told.incidents,
        notices=told.notices,
        events=(
            *_changed_events(watched.name, window, why, now),
            *_first_event(watched.name, sync_point, reading, now),
            *_again_event(watched.name, book, now),
            *told.events,
        ),
        based_on=book.sync_point.id if book.sync_point else None,
    )
    standing = _standing(watched, book, step, reading, outcome, against)
    aside = _not_compared(reading, expected, upstream.snapshot if upstream else None)
    return Conclusion(
        step,
        replace(standing, not_compared=aside),
        _count(why.values()),
        waits=_waits(reading, upstream, now),
    )


def unseen(watched: Watched, book: Book, reason: str, now: datetime) -> Conclusion:
    """Conclude from a look that failed: unknown, which resolves nothing and hides nothing."""
    against = tuple(replace(a, outcome=Outcome.UNKNOWN, reason=reason) for a in book.against)
    told = _tell(watched, book, [_reach(watched, reason)], now)
    first = book.failures == 0
    step = Step(
        environment=watched.name,
        at=now,
        outcome=Outcome.UNKNOWN,
        reason=reason,
        failures=book.failures + 1,
        seen_at=book.seen_at,
        against=against,
        incidents=told.incidents,
        notices=told.notices,
        events=(*([Event(watched.name, now, "unknown", reason)] if first else []), *told.events),
        based_on=book.sync_point.id if book.sync_point else None,
    )
    return Conclusion(step, _standing(watched, book, step, None, Outcome.UNKNOWN, against))


def remembered(watched: Watched, book: Book) -> Standing:
    """Return how an environment stood when it was last looked at, before a first look."""
    return Standing(
        environment=watched.name,
        outcome=book.outcome or Outcome.UNKNOWN,
        follows=watched.follows,
        protected=watched.policy.protected,
        reason=book.reason if book.outcome else "not looked at yet",
        looked_at=book.looked_at,
        seen_at=book.seen_at,
        server_version=book.snapshot.server_version if book.snapshot else None,
        objects=len(book.snapshot.objects) if book.snapshot else 0,
        sync_point=book.sync_point,
        against=book.against,
    )


def _first_sync_point(book: Book, now: datetime) -> SyncPoint | None:
    if book.expected is not None:
        return None
    return SyncPoint(book.environment, now, "first look: nothing was declared before", "pgdrift")


def _window(watched: Watched, book: Book, reading: Reading) -> tuple[Change, ...]:
    """Return what changed since the last look that could read."""
    if book.snapshot is None or book.snapshot is reading.snapshot:
        return ()
    before, after = (normalise(s, watched.options) for s in (book.snapshot, reading.snapshot))
    return compare(before, after).changes


def _explanations(
    book: Book, reading: Reading, window: tuple[Change, ...]
) -> Mapping[ObjectId, Explanation]:
    if not window or book.snapshot is None:
        return {}
    entries = reading.ledger.entries if reading.ledger else ()
    migrations = applied(book.histories, reading.histories)
    return explain(window, book.snapshot, reading.snapshot, entries, migrations)


def _expected(
    watched: Watched,
    book: Book,
    reading: Reading,
    window: tuple[Change, ...],
    why: Mapping[ObjectId, Explanation],
) -> Snapshot:
    if book.expected is None:
        return reading.snapshot
    explained = [c for c in window if why[c.id].origin in watched.explained_by]
    return move_on(adopt(book.expected, reading.snapshot), explained, reading.snapshot)


def _against_sync(
    watched: Watched,
    book: Book,
    reading: Reading,
    expected: Snapshot,
    why: Mapping[ObjectId, Explanation],
    now: datetime,
) -> Against:
    options = watched.options
    changes = compare(normalise(expected, options), normalise(reading.snapshot, options)).changes
    before = _last_findings(book, SYNC)
    findings = judge(changes, lambda _: Direction.CHANGED, why, before, watched.policy, now)
    return _as_far_as_read(Against(SYNC, _outcome(findings), findings), before, reading.snapshot)


def _against_upstream(
    watched: Watched,
    book: Book,
    reading: Reading,
    upstream: Upstream | None,
    why: Mapping[ObjectId, Explanation],
    now: datetime,
) -> tuple[Agreed | None, tuple[Against, ...]]:
    """Return what both agree on now, and the standing against the upstream, if there is one."""
    if upstream is None:
        return book.agreed, ()
    if upstream.snapshot is None or upstream.reason:
        last = _last(book, upstream.name)
        findings = last.findings if last else ()
        return book.agreed, (
            Against(upstream.name, Outcome.UNKNOWN, findings, reason=upstream.reason),
        )
    if _waits(reading, upstream, now):
        waiting = f"{upstream.name} was not looked at since the change here"
        unknown = Against(upstream.name, Outcome.UNKNOWN, reason=waiting)
        return book.agreed, (_last(book, upstream.name) or unknown,)
    here, there = (normalise(s, watched.options) for s in (reading.snapshot, upstream.snapshot))
    agreed = book.agreed if book.agreed_with == upstream.name else None
    known = agreed and replace(agreed, snapshot=normalise(agreed.snapshot, watched.options))
    moved = directions(here, there, known)
    before = _last_findings(book, upstream.name)
    ours = {i: e for i, e in why.items() if moved.get(i) is not Direction.BEHIND}
    findings = judge(
        compare(there, here).changes,
        lambda i: moved.get(i, Direction.UNKNOWN),
        ours,
        before,
        watched.policy,
        now,
    )
    standing = Against(
        upstream.name,
        _outcome(findings),
        findings,
        migrations_missing=missing(reading.histories, upstream.histories),
    )
    standing = _as_far_as_read(standing, before, reading.snapshot, upstream.snapshot)
    return agree(reading.snapshot, upstream.snapshot, moved.keys(), agreed), (standing,)


def _waits(reading: Reading, upstream: Upstream | None, now: datetime) -> bool:
    """Tell whether the upstream may have moved unseen together with this environment.

    A pipeline that migrates both within one interval is no hotfix here: what was read here waits
    for a look at the upstream that began later.
    """
    if upstream is None or upstream.seen_at is None or upstream.reason:
        return False
    taken_at = reading.snapshot.taken_at
    # A clock that was set back must not make it wait for long.
    return upstream.seen_at < taken_at and abs(now - taken_at) < _PATIENCE


def _as_far_as_read(against: Against, before: Mapping[str, Finding], *sides: Snapshot) -> Against:
    """Return the standing with what could not be read: it keeps its findings and is not clean."""
    unread = {kind: why for side in sides for kind, why in side.unread.items()}
    if not unread:
        return against
    kept = tuple(f for f in before.values() if f.change.id.kind in unread)
    reason = "; ".join(f"{kind} not read: {why}" for kind, why in sorted(unread.items()))
    return replace(
        against,
        outcome=against.outcome if against.findings else Outcome.UNKNOWN,
        findings=(*against.findings, *kept),
        reason="" if against.findings else reason,
    )


def _not_compared(reading: Reading, *others: Snapshot | None) -> Mapping[str, int]:
    """Return by kind how many objects no reader covers, or only one side has read."""
    counts = dict(reading.not_compared)
    for other in filter(None, others):
        for kind, count in not_compared(reading.snapshot, other).items():
            counts[kind] = max(count, counts.get(kind, 0))
    return counts


def _verdicts(watched: Watched, against: Iterable[Against]) -> Iterator[Verdict]:
    for a in against:
        yield Verdict(watched.name, a.yardstick, a.outcome, a.findings, a.reason)


def _retired(watched: Watched, book: Book) -> Iterator[Verdict]:
    """Give an end to incidents against what the environment followed once."""
    for i in book.incidents:
        if i.against not in {SYNC, REACH, watched.follows}:
            detail = f"no longer follows {i.against}"
            yield Verdict(watched.name, i.against, Outcome.IN_SYNC, detail=detail)


def _reach(watched: Watched, reason: str) -> Verdict:
    grave = Severity.CRITICAL if watched.policy.protected else Severity.WARNING
    outcome = Outcome.DRIFTED if reason else Outcome.IN_SYNC
    return Verdict(watched.name, REACH, outcome, detail=reason, severity=grave)


@dataclass(frozen=True, slots=True)
class _Told:
    incidents: tuple[Incident, ...]
    notices: tuple[tuple[Notice, tuple[str, ...]], ...]
    events: tuple[Event, ...]


def _tell(watched: Watched, book: Book, verdicts: Iterable[Verdict], now: datetime) -> _Told:
    """Step every incident, and route what is to be told; who was told before hears the end too."""
    open_ = {i.against: i for i in book.incidents}
    kept: list[Incident] = []
    notices: list[tuple[Notice, tuple[str, ...]]] = []
    for verdict in verdicts:
        before = open_.get(verdict.against)
        grave = before.severity if before else Severity.INFO
        repeat = route.repeat_after(watched.routes, watched.name, grave)
        after, notice = incidents.step(before, verdict, now, repeat)
        if notice:
            to = route.channels(watched.routes, notice.incident)
            after = replace(notice.incident, channels=to)
            notices.append((replace(notice, incident=after), to))
        if after is not None and after != before:
            kept.append(after)
    return _Told(tuple(kept), tuple(notices), tuple(_told_event(n) for n, _ in notices))


def _told_event(notice: Notice) -> Event:
    verb = {Reason.OPENED: "opened", Reason.RESOLVED: "resolved"}.get(notice.reason, "told")
    environment = notice.incident.environment
    return Event(environment, notice.at, verb, f"{notice.reason.value}: {headline(notice)}")


def _changed_events(
    environment: str,
    window: tuple[Change, ...],
    why: Mapping[ObjectId, Explanation],
    now: datetime,
) -> Iterator[Event]:
    for change in window[:_EVENTS_PER_LOOK]:
        text = f"{label(change)} {change.change.value} ({why[change.id].origin.value})"
        yield Event(environment, now, "changed", text, str(change.id))
    if (more := len(window) - _EVENTS_PER_LOOK) > 0:
        yield Event(environment, now, "changed", f"and {more} more objects")


def _first_event(
    environment: str, sync_point: SyncPoint | None, reading: Reading, now: datetime
) -> Iterator[Event]:
    if sync_point:
        count = len(reading.snapshot.objects)
        text = f"first look, {count} objects: taken as the sync point"
        yield Event(environment, now, "looked_first", text)


def _again_event(environment: str, book: Book, now: datetime) -> Iterator[Event]:
    if book.failures:
        tries = f"{book.failures} look{'' if book.failures == 1 else 's'}"
        yield Event(environment, now, "seen_again", f"can be looked at again, after {tries} failed")


def _standing(
    watched: Watched,
    book: Book,
    step: Step,
    reading: Reading | None,
    outcome: Outcome,
    against: tuple[Against, ...],
) -> Standing:
    snapshot = reading.snapshot if reading else book.snapshot
    return Standing(
        environment=watched.name,
        outcome=outcome,
        follows=watched.follows,
        protected=watched.policy.protected,
        reason=step.reason,
        looked_at=step.at,
        seen_at=step.seen_at,
        server_version=snapshot.server_version if snapshot else None,
        objects=len(snapshot.objects) if snapshot else 0,
        sync_point=step.sync_point or book.sync_point,
        against=against,
        notes=reading.notes if reading else (),
    )


def _last(book: Book, yardstick: str) -> Against | None:
    return next((a for a in book.against if a.yardstick == yardstick), None)


def _last_findings(book: Book, yardstick: str) -> Mapping[str, Finding]:
    last = _last(book, yardstick)
    return {f.key: f for f in last.findings} if last else {}


def _outcome(findings: Sequence[Finding]) -> Outcome:
    return Outcome.DRIFTED if findings else Outcome.IN_SYNC


def _overall(against: Iterable[Against]) -> tuple[Outcome, str]:
    """Return the outcome over all yardsticks, and why it is unknown: unknown is never clean."""
    outcomes = {a.outcome: a.reason for a in against}
    for outcome in (Outcome.DRIFTED, Outcome.UNKNOWN):
        if outcome in outcomes:
            return outcome, outcomes[outcome]
    return Outcome.IN_SYNC, ""


def _count(explanations: Iterable[Explanation]) -> Mapping[Origin, int]:
    counts: dict[Origin, int] = {}
    for e in explanations:
        counts[e.origin] = counts.get(e.origin, 0) + 1
    return counts
