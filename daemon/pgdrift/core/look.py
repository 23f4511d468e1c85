"""What one look concludes: what was known (a book) and what was read, in; what to keep, out.

Everything between reading and saving, as one list of decisions. No await, no clock: `now` is an
argument, and the upstream is the book of another environment or a fixed snapshot.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime

from pgdrift.core.alerts.accept import with_rights
from pgdrift.core.alerts.incident import Verdict
from pgdrift.core.alerts.pipeline import tell
from pgdrift.core.alerts.telling import reach, verdicts
from pgdrift.core.alike.align import align, keep_up, unsettled
from pgdrift.core.alike.normalise import normalise
from pgdrift.core.alike.retell import retold
from pgdrift.core.alike.spelling import UNANSWERED, Answers, Dispute
from pgdrift.core.book import Book, Step
from pgdrift.core.bypass import against_ledger
from pgdrift.core.compare import compare, not_compared
from pgdrift.core.expected import adopt, move_on
from pgdrift.core.model import (
    REACH,
    SYNC,
    Against,
    Agreed,
    Change,
    Event,
    How,
    Origin,
    Outcome,
    Reading,
    Snapshot,
    Standing,
    SyncPoint,
)
from pgdrift.core.moved import changes_since, explanations, flight_of, settled
from pgdrift.core.standing import content_of, overall, standing
from pgdrift.core.syncpoint import Applied, declared_by, newly_applied
from pgdrift.core.timeline import changed, migrated, not_synced, seen_again, synced
from pgdrift.core.watched import Upstream, Watched
from pgdrift.core.why import enacted
from pgdrift.core.why.flight import Flight, waiting
from pgdrift.core.why.history import Explanation, applied
from pgdrift.core.yardsticks import Look, against_sync, against_upstream

__all__ = ["Conclusion", "Upstream", "Watched", "questions", "seen", "unseen"]


@dataclass(frozen=True, slots=True)
class Conclusion:
    """What to keep, what to show, and how many objects changed since the last look by origin.

    `waits` says that something that changed here waits for a look at the upstream. `closely`: the
    next looks are to come sooner than the interval says, for a plan is run here, or was just now.
    """

    step: Step
    standing: Standing
    changed: Mapping[Origin, int] = field(default_factory=dict)
    waits: bool = False
    closely: bool = False


def questions(
    watched: Watched, book: Book, reading: Reading, upstream: Upstream | None, now: datetime
) -> tuple[Dispute, ...]:
    """Return the texts of which a server should say whether they are one, for `seen` to know."""
    reading = settled(book, reading)
    upstream = _in_our_words(watched, upstream)
    changes = changes_since(book, reading)
    flight = flight_of(book, reading, now)
    if _waits(flight, watched, changes, now):
        return ()
    why = explanations(watched, book, reading, changes, now)
    look = Look(watched, book, reading, now, why)
    here = normalise(reading.snapshot, watched.options)
    agreed = book.agreed.snapshot if book.agreed and upstream else None
    sides = (_expected(look, changes), upstream.snapshot if upstream else None, agreed)
    return tuple(
        dispute
        for side in sides
        if side is not None
        for dispute in unsettled(normalise(side, watched.options), here, watched.options)
    )


def seen(
    watched: Watched,
    book: Book,
    reading: Reading,
    upstream: Upstream | None,
    now: datetime,
    answers: Answers = UNANSWERED,
) -> Conclusion:
    """Conclude from a look that could read what it needed, and that began at `now`.

    `answers` is what a server said to the `questions`, as far as it was asked.
    """
    book = with_rights(book, now)
    reading = settled(book, reading)
    upstream = _in_our_words(watched, upstream)
    sync_point = _first_sync_point(book, now)
    changes = changes_since(book, reading)
    flight = flight_of(book, reading, now)
    if flight and _waits(flight, watched, changes, now):
        return _until_it_ends(flight, watched, book, reading, upstream, now)
    why = explanations(watched, book, reading, changes, now)
    look = Look(watched, book, reading, now, why, answers)
    expected = _expected(look, changes)
    agreed, against, unlike = _against(look, expected, upstream)
    window = _window(look)
    if (ledger := against_ledger(look, window)) is not None:
        against = (*against, ledger)
    if flight:
        against = tuple(flight.kept(a) if a.yardstick == SYNC else a for a in against)
    rows = _rows(look, changes)
    asked = declared_by(watched.sync_rules, rows, watched.name)
    if asked and _is_right(against):
        sync_point, asked = sync_point or asked, None
    outcome, reason = overall(against)
    judged = [*verdicts(watched, book, against), _reach(watched, reading, upstream)]
    told = tell(watched, book, judged, now)
    content = content_of(watched, reading.snapshot)
    aside = {**_not_compared(look, expected, upstream.snapshot if upstream else None), **unlike}
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
        notes=(*reading.notes, *enacted.notes(reading.at_work, book.enacted, now)),
        content=None if content == book.content else content,
        incidents=told.incidents,
        notices=told.notices,
        ended=told.ended,
        events=(
            *migrated(watched.name, applied(book.histories, reading.histories, changes), now),
            *changed(watched.name, window, why, (book.snapshot, reading.snapshot), now),
            *synced(sync_point, reading, now),
            *not_synced(asked, against, now),
            *seen_again(watched.name, book, now),
            *told.events,
        ),
        applied=rows,
        based_on=book.sync_point.id if book.sync_point else None,
    )
    return Conclusion(
        step,
        standing(watched, book, step, reading, outcome, against),
        _count(why[c.id] for c in window),
        waits=any(a.held for a in against if a.yardstick != SYNC)
        and not (upstream and upstream.reason),
        closely=enacted.is_close(reading.at_work, book.enacted, now),
    )


def _until_it_ends(
    flight: Flight,
    watched: Watched,
    book: Book,
    reading: Reading,
    upstream: Upstream | None,
    now: datetime,
) -> Conclusion:
    """Conclude that a migration is in flight: nothing is judged, and what was known stays known."""
    against = waiting(flight, book.against)
    outcome, reason = overall(against)
    judged = [*verdicts(watched, book, against), _reach(watched, reading, upstream)]
    told = tell(watched, book, judged, now)
    step = Step(
        environment=watched.name,
        at=now,
        outcome=outcome,
        reason=reason,
        seen_at=now,
        against=against,
        notes=(*reading.notes, flight.why),
        incidents=told.incidents,
        notices=told.notices,
        ended=told.ended,
        events=(*seen_again(watched.name, book, now), *told.events),
        based_on=book.sync_point.id if book.sync_point else None,
    )
    stands = standing(watched, book, step, reading, outcome, against)
    return Conclusion(step, stands, closely=bool(reading.at_work))


def _waits(
    flight: Flight | None, watched: Watched, changes: tuple[Change, ...], now: datetime
) -> bool:
    """Tell whether something changed that is not to be judged yet."""
    return bool(changes) and flight is not None and flight.waits(now, watched.migration_wait)


def unseen(watched: Watched, book: Book, reason: str, now: datetime) -> Conclusion:
    """Conclude from a look that failed: unknown, which resolves nothing and hides nothing."""
    book = with_rights(book, now)
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
        ended=told.ended,
        events=(*([Event(watched.name, now, "unknown", reason)] if first else []), *told.events),
        based_on=book.sync_point.id if book.sync_point else None,
    )
    return Conclusion(step, standing(watched, book, step, None, Outcome.UNKNOWN, against))


def _in_our_words(watched: Watched, upstream: Upstream | None) -> Upstream | None:
    """Return the upstream with its roles and schemas called as they are here."""
    if upstream is None or upstream.snapshot is None:
        return upstream
    told = retold(upstream.snapshot, watched.names_upstream, watched.names)
    return replace(upstream, snapshot=told)


def _first_sync_point(book: Book, now: datetime) -> SyncPoint | None:
    if book.expected is not None:
        return None
    reason = "first look: nothing was declared before"
    return SyncPoint(book.environment, now, reason, "pgdrift", how=How.FIRST_LOOK)


def _rows(look: Look, changes: tuple[Change, ...]) -> tuple[Applied, ...]:
    """Return the migrations that this look saw newly applied; of a first look, none."""
    if look.book.snapshot is None:
        return ()
    return newly_applied(look.book.histories, look.reading.histories, changes, look.now)


def _is_right(against: Iterable[Against]) -> bool:
    """Tell whether all that is there was seen, and is expected."""
    return all(a.outcome is Outcome.IN_SYNC for a in against if a.yardstick == SYNC)


def _window(look: Look) -> tuple[Change, ...]:
    """Return what changed since the last look that could read, and counts as a difference."""
    before, after, options = look.book.snapshot, look.reading.snapshot, look.watched.options
    if before is None or not look.why:
        return ()
    found = normalise(after, options)
    wanted = align(normalise(before, options), found, options, look.settled, same_host=True)
    return compare(wanted, found).changes


def _expected(look: Look, changes: tuple[Change, ...]) -> Snapshot:
    found, before, options = look.reading.snapshot, look.book.snapshot, look.watched.options
    expected = look.book.expected
    if expected is None:
        return found
    explained = [c for c in changes if look.why[c.id].origin in look.watched.explained_by]
    if explained and before:
        # A change names what it touched as the last look did.
        expected = keep_up(expected, before, options)
    if expected.server_version // 10000 != found.server_version // 10000:
        expected = keep_up(expected, found, replace(options, constraint_names=True))
    # As with all that is worked out of what does not change, who asks again gets the very same.
    return expected.memo.kept(
        ("moved on", tuple(c.id for c in explained)),
        [before or found, found],
        lambda: move_on(adopt(expected, found), explained, found),
    )


def _against(
    look: Look, expected: Snapshot, upstream: Upstream | None
) -> tuple[Agreed | None, tuple[Against, ...], Mapping[str, int]]:
    own = against_sync(look, expected)
    if upstream is None:
        return look.book.agreed, (own,), {}
    agreed, other, aside = against_upstream(look, upstream)
    return agreed, (own, other), aside


def _reach(watched: Watched, reading: Reading, upstream: Upstream | None) -> Verdict:
    unread = sorted(reading.snapshot.unread)
    if upstream and upstream.reason and not upstream.watched:
        unread.append(REACH)
    return reach(watched, _in_part(reading, upstream), tuple(unread))


def _in_part(reading: Reading, upstream: Upstream | None) -> str:
    """Say what cannot be judged although the environment was seen; empty when all of it can.

    An upstream that is an environment has a watch of its own, which tells.
    """
    unread = sorted(reading.snapshot.unread.items())
    parts = [f"{kind.replace('_', ' ')} not read: {why}" for kind, why in unread]
    if upstream and upstream.reason and not upstream.watched:
        parts.append(upstream.reason)
    return f"in part: {'; '.join(parts)}" if parts else ""


def _not_compared(look: Look, *others: Snapshot | None) -> Mapping[str, int]:
    """Return by kind how many objects no reader covers, or only one side has read.

    By preset, how many of the objects here it leaves out.
    """
    found = look.reading.snapshot
    counts = {**look.reading.not_compared, **normalise(found, look.watched.options).left_out}
    for other in filter(None, others):
        for kind, count in not_compared(found, other).items():
            counts[kind] = max(count, counts.get(kind, 0))
    return counts


def _count(explanations: Iterable[Explanation]) -> Mapping[Origin, int]:
    counts: dict[Origin, int] = {}
    for e in explanations:
        counts[e.origin] = counts.get(e.origin, 0) + 1
    return counts
