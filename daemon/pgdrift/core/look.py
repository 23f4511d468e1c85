"""What one look concludes: what was known (a book) and what was read, in; what to keep, out.

Everything between reading and saving, as one list of decisions. No await, no clock: `now` is an
argument, and the upstream is the book of another environment or a fixed snapshot.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime

from pgdrift.core.book import Book, Step
from pgdrift.core.compare import compare, not_compared
from pgdrift.core.expected import adopt, move_on
from pgdrift.core.history import Explanation, applied, explain
from pgdrift.core.model import (
    Against,
    Agreed,
    Change,
    Event,
    ObjectId,
    Origin,
    Outcome,
    Reading,
    Snapshot,
    Standing,
    SyncPoint,
)
from pgdrift.core.normalise import normalise
from pgdrift.core.render import label
from pgdrift.core.telling import reach, tell, verdicts
from pgdrift.core.watched import Upstream, Watched
from pgdrift.core.yardsticks import Look, against_sync, against_upstream

__all__ = ["Conclusion", "Upstream", "Watched", "remembered", "seen", "unseen"]

# A migration can touch thousands of objects; the timeline names the first of them.
_EVENTS_PER_LOOK = 200


@dataclass(frozen=True, slots=True)
class Conclusion:
    """What to keep, what to show, and how many objects changed since the last look by origin.

    `waits` says that something that changed here waits for a look at the upstream.
    """

    step: Step
    standing: Standing
    changed: Mapping[Origin, int] = field(default_factory=dict)
    waits: bool = False


def seen(
    watched: Watched, book: Book, reading: Reading, upstream: Upstream | None, now: datetime
) -> Conclusion:
    """Conclude from a look that could read what it needed, and that began at `now`."""
    reading = _settled(book, reading)
    sync_point = _first_sync_point(book, now)
    changes = _changes(book, reading)
    why = _explanations(book, reading, changes)
    look = Look(watched, book, reading, now, why)
    expected = _expected(look, changes)
    agreed, against = _against(look, expected, upstream)
    outcome, reason = _overall(against)
    judged = [*verdicts(watched, book, against), reach(watched, _in_part(reading, upstream))]
    told = tell(watched, book, judged, now)
    window = _window(look)
    aside = _not_compared(reading, expected, upstream.snapshot if upstream else None)
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
        mark=reading.ledger.mark if reading.ledger else None,
        histories=reading.histories,
        sync_point=sync_point,
        against=against,
        not_compared=aside,
        notes=reading.notes,
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
    return Conclusion(
        step,
        _standing(watched, book, step, reading, outcome, against),
        _count(why[c.id] for c in window),
        waits=any(a.held for a in against),
    )


def unseen(watched: Watched, book: Book, reason: str, now: datetime) -> Conclusion:
    """Conclude from a look that failed: unknown, which resolves nothing and hides nothing."""
    against = tuple(replace(a, outcome=Outcome.UNKNOWN, reason=reason) for a in book.against)
    told = tell(watched, book, [reach(watched, reason)], now)
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
        not_compared=book.not_compared,
        notes=book.notes,
    )


def _first_sync_point(book: Book, now: datetime) -> SyncPoint | None:
    if book.expected is not None:
        return None
    return SyncPoint(book.environment, now, "first look: nothing was declared before", "pgdrift")


def _settled(book: Book, reading: Reading) -> Reading:
    """Return the reading, with what was known in place of what is the same.

    Much moves the gate and changes no schema (TRUNCATE, REFRESH); and a history that could not be
    read for once is not forgotten, or its next migration would be a first sight.
    """
    names = {i.name for i in reading.snapshot.objects}
    read = {h.table for h in reading.histories}
    lost = (h for h in book.histories if h.table not in read and h.table in names)
    reading = replace(reading, histories=(*reading.histories, *lost))
    if book.snapshot is None or _moved(book.snapshot, reading.snapshot):
        return reading
    return replace(reading, snapshot=book.snapshot)


def _moved(before: Snapshot, after: Snapshot) -> bool:
    """Tell whether anything differs that is kept of a snapshot, but for when it was taken."""
    if before is after:
        return False
    return (before.root, before.kinds, before.unread, before.server_version, before.format) != (
        after.root,
        after.kinds,
        after.unread,
        after.server_version,
        after.format,
    ) or any(o.oid != before.objects[i].oid for i, o in after.objects.items())


def _changes(book: Book, reading: Reading) -> tuple[Change, ...]:
    """Return what changed since the last look that could read, as it was read."""
    if book.snapshot is None or book.snapshot is reading.snapshot:
        return ()
    return compare(book.snapshot, reading.snapshot).changes


def _window(look: Look) -> tuple[Change, ...]:
    """Return what changed since the last look that could read, and counts as a difference."""
    before, after, options = look.book.snapshot, look.reading.snapshot, look.watched.options
    if before is None or not look.why:
        return ()
    return compare(normalise(before, options), normalise(after, options)).changes


def _explanations(
    book: Book, reading: Reading, changes: tuple[Change, ...]
) -> Mapping[ObjectId, Explanation]:
    if not changes or book.snapshot is None:
        return {}
    entries = reading.ledger.entries if reading.ledger else ()
    migrations = applied(book.histories, reading.histories, changes)
    return explain(changes, book.snapshot, reading.snapshot, entries, migrations)


def _expected(look: Look, changes: tuple[Change, ...]) -> Snapshot:
    found = look.reading.snapshot
    if look.book.expected is None:
        return found
    explained = [c for c in changes if look.why[c.id].origin in look.watched.explained_by]
    return move_on(adopt(look.book.expected, found), explained, found)


def _against(
    look: Look, expected: Snapshot, upstream: Upstream | None
) -> tuple[Agreed | None, tuple[Against, ...]]:
    own = against_sync(look, expected)
    if upstream is None:
        return look.book.agreed, (own,)
    agreed, other = against_upstream(look, upstream)
    return agreed, (own, other)


def _in_part(reading: Reading, upstream: Upstream | None) -> str:
    """Say what cannot be judged although the environment was seen; empty when all of it can.

    An upstream that is an environment has a watch of its own, which tells.
    """
    unread = sorted(reading.snapshot.unread.items())
    parts = [f"{kind.replace('_', ' ')} not read: {why}" for kind, why in unread]
    if upstream and upstream.reason and not upstream.watched:
        parts.append(upstream.reason)
    return f"in part: {'; '.join(parts)}" if parts else ""


def _not_compared(reading: Reading, *others: Snapshot | None) -> Mapping[str, int]:
    """Return by kind how many objects no reader covers, or only one side has read."""
    counts = dict(reading.not_compared)
    for other in filter(None, others):
        for kind, count in not_compared(reading.snapshot, other).items():
            counts[kind] = max(count, counts.get(kind, 0))
    return counts


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
        not_compared=book.not_compared if step.not_compared is None else step.not_compared,
        notes=book.notes if step.notes is None else step.notes,
    )


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
