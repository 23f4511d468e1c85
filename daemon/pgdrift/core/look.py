"""What one look concludes: what was known (a book) and what was read, in; what to keep, out.

Everything between reading and saving, as one list of decisions. No await, no clock: `now` is an
argument, and the upstream is the book of another environment or a fixed snapshot.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime

from pgdrift.core.alerts.accept import with_rights
from pgdrift.core.alerts.incident import Verdict
from pgdrift.core.alerts.pipeline import tell
from pgdrift.core.alerts.telling import reach, verdicts
from pgdrift.core.alike.align import align, keep_up, unsettled
from pgdrift.core.alike.normalise import normalise
from pgdrift.core.alike.retell import Names, retold
from pgdrift.core.alike.spelling import UNANSWERED, Answers, Dispute
from pgdrift.core.book import Book, Step
from pgdrift.core.bypass import against_ledger
from pgdrift.core.compare import compare, not_compared
from pgdrift.core.expected import adopt, move_on
from pgdrift.core.model import (
    LEDGER,
    REACH,
    SYNC,
    Against,
    Agreed,
    Change,
    Event,
    How,
    ObjectId,
    Origin,
    Outcome,
    Reading,
    Snapshot,
    Standing,
    SyncPoint,
)
from pgdrift.core.syncpoint import Applied, declared_by, newly_applied
from pgdrift.core.timeline import changed, migrated, not_synced, seen_again, synced, within
from pgdrift.core.watched import Upstream, Watched
from pgdrift.core.why import enacted
from pgdrift.core.why.blame import hearsay, placed
from pgdrift.core.why.flight import Flight, did_not_converge, in_flight, waiting
from pgdrift.core.why.history import Explanation, applied, explain, failed, in_between
from pgdrift.core.why.migrations import kept_up, not_read
from pgdrift.core.yardsticks import Look, against_sync, against_upstream

__all__ = ["Conclusion", "Upstream", "Watched", "questions", "remembered", "seen", "unseen"]


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
    reading = _settled(book, reading)
    upstream = _in_our_words(watched, upstream)
    changes = _changes(book, reading)
    flight = _flight(book, reading, now)
    if _waits(flight, watched, changes, now):
        return ()
    why = _explanations(watched, book, reading, changes, now)
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
    reading = _settled(book, reading)
    upstream = _in_our_words(watched, upstream)
    sync_point = _first_sync_point(book, now)
    changes = _changes(book, reading)
    flight = _flight(book, reading, now)
    if flight and _waits(flight, watched, changes, now):
        return _until_it_ends(flight, watched, book, reading, upstream, now)
    why = _explanations(watched, book, reading, changes, now)
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
    outcome, reason = _overall(against)
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
        _standing(watched, book, step, reading, outcome, against),
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
    outcome, reason = _overall(against)
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
    standing = _standing(watched, book, step, reading, outcome, against)
    return Conclusion(step, standing, closely=bool(reading.at_work))


def _flight(book: Book, reading: Reading, now: datetime) -> Flight | None:
    """Return the migration that is in flight, or was at the last look: some tool's, or a plan."""
    ours = enacted.at_work(reading.at_work, book.enacted)
    return in_flight(reading.histories, book.against, book.seen_at, now, ours)


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
    return Conclusion(step, _standing(watched, book, step, None, Outcome.UNKNOWN, against))


def remembered(watched: Watched, book: Book) -> Standing:
    """Return how an environment stood when it was last looked at, before a first look."""
    size = book.size
    if book.snapshot is not None:
        size = len(book.snapshot.objects), book.snapshot.server_version
    return Standing(
        environment=watched.name,
        outcome=book.outcome or Outcome.UNKNOWN,
        follows=watched.follows,
        protected=watched.policy.protected,
        reason=book.reason if book.outcome else "not looked at yet",
        looked_at=book.looked_at,
        seen_at=book.seen_at,
        server_version=size[1] if size else None,
        objects=size[0] if size else 0,
        sync_point=book.sync_point,
        against=book.against,
        not_compared=book.not_compared,
        notes=book.notes,
        group=watched.group,
        content=book.content,
    )


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


def _settled(book: Book, reading: Reading) -> Reading:
    """Return the reading, with what was known in place of what is the same.

    Much moves the gate and changes no schema (TRUNCATE, REFRESH); and a history that could not be
    read for once is not forgotten, or its next migration would be a first sight.
    """
    if not_read(book.histories, reading.histories):
        names = {i.name for i in reading.snapshot.objects}
        histories = kept_up(book.histories, reading.histories, names)
        reading = replace(reading, histories=histories)
    before, after = book.snapshot, reading.snapshot
    if before is None or before is after:
        return reading
    if not _moved(before, after):
        return replace(reading, snapshot=before)
    # What is equal need not be held twice; and whoever asks again gets the very same snapshot.
    shared = after.memo.kept("sharing", [before], lambda: after.sharing(before))
    return replace(reading, snapshot=shared)


def _moved(before: Snapshot, after: Snapshot) -> bool:
    """Tell whether anything differs that is kept of a snapshot, but for when it was taken."""
    return (before.root, before.kinds, before.unread, before.server_version, before.format) != (
        after.root,
        after.kinds,
        after.unread,
        after.server_version,
        after.format,
    ) or before.packed.oids != after.packed.oids


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
    found = normalise(after, options)
    wanted = align(normalise(before, options), found, options, look.settled, same_host=True)
    return compare(wanted, found).changes


def _explanations(
    watched: Watched, book: Book, reading: Reading, changes: tuple[Change, ...], now: datetime
) -> Mapping[ObjectId, Explanation]:
    if not changes or book.snapshot is None:
        return {}
    migrations = applied(book.histories, reading.histories, changes)
    found = {
        **explain(changes, in_between(book.snapshot, reading, migrations)),
        **enacted.explained(changes, reading.snapshot, book.enacted),
    }
    flight = _flight(book, reading, now)
    why = dict(_placed(found, book, reading, flight, now))
    failures = failed(book.histories, reading.histories)
    left = flight.unsettled(failures) if flight else did_not_converge(failures)
    if left:
        known = watched.explained_by
        why = {i: e if e.origin in known else replace(e, reason=left) for i, e in why.items()}
    # What a change speaks for may be told on its own, where the name of the whole is no difference.
    return {i: why[c.id] for c in changes for i in (c.id, *c.contains)}


def _placed(
    why: Mapping[ObjectId, Explanation],
    book: Book,
    reading: Reading,
    flight: Flight | None,
    now: datetime,
) -> Iterator[tuple[ObjectId, Explanation]]:
    """Give the explanations with when it was, as far as that is known."""
    after = flight.after if flight else book.seen_at
    until = max(now, reading.snapshot.taken_at)
    for i, e in why.items():
        heard = hearsay(_names(i, book, reading), reading.hints) if reading.hints else None
        committed = reading.committed.get(i)
        blame = placed(e.blame, after, until, committed, heard, reading.heard_at)
        yield i, replace(e, blame=blame)


def _names(i: ObjectId, book: Book, reading: Reading) -> tuple[str, ...]:
    """Return what an object is called, and what it belongs to below its schema."""
    above = within(i, reading.snapshot, book.snapshot)
    return (i.name, *(up.name for up in above if len(up.path) > 1))


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
        at_work=enacted.at_work(reading.at_work, book.enacted) if reading else "",
        group=watched.group,
        content=book.content if step.content is None else step.content,
    )


def content_of(watched: Watched, snapshot: Snapshot) -> str:
    """Return one digest of what is compared of an environment, in common words; where asked for."""
    if not watched.group:
        return ""
    common = retold(snapshot, watched.names, Names())
    return normalise(common, watched.options).root


def _overall(against: Iterable[Against]) -> tuple[Outcome, str]:
    """Return the outcome over all yardsticks, and why it is unknown: unknown is never clean."""
    # A ledger that cannot be read explains nothing; what is there was read all the same.
    judged = (a for a in against if a.yardstick != LEDGER or a.findings)
    outcomes = {a.outcome: a.reason for a in judged}
    for outcome in (Outcome.DRIFTED, Outcome.UNKNOWN):
        if outcome in outcomes:
            return outcome, outcomes[outcome]
    return Outcome.IN_SYNC, ""


def _count(explanations: Iterable[Explanation]) -> Mapping[Origin, int]:
    counts: dict[Origin, int] = {}
    for e in explanations:
        counts[e.origin] = counts.get(e.origin, 0) + 1
    return counts
