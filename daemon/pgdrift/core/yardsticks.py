"""How an environment stands: against its own sync point, and against its upstream.

What was read, what is expected, what both sides agreed on in; one standing per yardstick out.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

from pgdrift.core import migration_findings
from pgdrift.core.alerts import accept
from pgdrift.core.alike.align import Settled, align, keep_up
from pgdrift.core.alike.normalise import normalise, without_kinds
from pgdrift.core.alike.spelling import UNANSWERED, Answers, marked
from pgdrift.core.book import Book
from pgdrift.core.compare import apart_of, compare
from pgdrift.core.dependants import with_dependants
from pgdrift.core.judge import ignored, judge
from pgdrift.core.model import (
    SYNC,
    Against,
    Agreed,
    Change,
    Direction,
    Finding,
    Held,
    HistoryFinding,
    ObjectId,
    Outcome,
    Reading,
    Snapshot,
)
from pgdrift.core.renamed import with_renames
from pgdrift.core.threeway import agree, directions
from pgdrift.core.watched import Upstream, Watched
from pgdrift.core.why.history import Explanation
from pgdrift.core.why.migrations import MOST, differing, missing, of_itself

# For how long what changed here waits for a look at the upstream. A clock that was set back must
# not make it wait for longer.
_PATIENCE = timedelta(minutes=10)

Explanations = Mapping[ObjectId, Explanation]


@dataclass(frozen=True, slots=True)
class Look:
    """One look on its way: who is watched, what was known and read, and why things changed.

    `why` has every object that changed since the last look. `now` is when the look began, UTC.
    `answers` is what a server said of texts that may be spellings of one meaning.
    """

    watched: Watched
    book: Book
    reading: Reading
    now: datetime
    why: Explanations = field(default_factory=dict)
    answers: Answers = UNANSWERED

    @property
    def settled(self) -> Settled:
        """The texts that a server called one."""
        return self.answers.settled

    def told(self, changes: Iterable[Change]) -> tuple[Change, ...]:
        """Return changes, those marked that may be a matter of spelling."""
        if self.watched.options.spelling:
            return tuple(changes)
        return marked(changes, self.answers.different)

    def last(self, yardstick: str) -> Mapping[str, Finding]:
        """Return the findings of the last look against a yardstick, by key."""
        before = last(self.book, yardstick)
        return {f.key: f for f in before.findings} if before else {}

    def known(self, yardstick: str) -> Mapping[str, Finding]:
        """Return the same, with those that somebody called right."""
        before = last(self.book, yardstick)
        return {f.key: f for f in (*before.findings, *before.accepted)} if before else {}

    def judged(
        self, yardstick: str, findings: tuple[Finding, ...]
    ) -> tuple[tuple[Finding, ...], tuple[Finding, ...]]:
        """Return the findings that are drift, and those that somebody called right."""
        return accept.parted(yardstick, findings, accept.of_book(self.book, self.now))


def last(book: Book, yardstick: str) -> Against | None:
    """Return how the environment stood against a yardstick at its last look."""
    return next((a for a in book.against if a.yardstick == yardstick), None)


def against_sync(look: Look, expected: Snapshot) -> Against:
    """Return what is not as it is expected to be."""
    options, before = look.watched.options, look.last(SYNC)
    found = normalise(look.reading.snapshot, options)
    wanted = align(normalise(expected, options), found, options, look.settled, same_host=True)
    differing = look.told(compare(wanted, found).changes)
    failed = of_itself(look.reading.histories)
    wrong, _ = migration_findings.changes(failed)
    changes = (*with_renames(differing, wanted, found, one_database=True), *wrong)
    policy, now = migration_findings.policy(look.watched.policy), look.now
    known = look.known(SYNC)
    judged = judge(changes, lambda _: Direction.CHANGED, look.why, known, policy, now)
    dependent = with_dependants(judged, look.reading.snapshot, known)
    findings, right = look.judged(SYNC, dependent)
    own = Against(SYNC, outcome(findings), findings, histories=failed[:MOST], accepted=right)
    standing = _without_ignored(own, look, changes)
    return _as_far_as_read(standing, before, found)


def against_upstream(
    look: Look, upstream: Upstream
) -> tuple[Agreed | None, Against, Mapping[str, int]]:
    """Return what both agree on now, how the environment stands, and what is not compared.

    That is by kind how many objects differ that are a matter of the own past alone, and how many
    hold a secret that each side sealed with a key of its own.
    """
    name, reading, options = upstream.name, look.reading, look.watched.options
    if upstream.snapshot is None or upstream.reason:
        kept = tuple(look.last(name).values())
        right = tuple(f for key, f in look.known(name).items() if key not in look.last(name))
        standing = Against(name, Outcome.UNKNOWN, kept, reason=upstream.reason, accepted=right)
        return look.book.agreed, replace(standing, held=_all_held(look, name)), {}
    theirs = without_kinds(upstream.snapshot, look.watched.own_kinds)
    here = normalise(reading.snapshot, options)
    agreed = _kept_up(look) if look.book.agreed_with == name else None
    there, moved = _three_ways(look, here, normalise(theirs, options), agreed)
    comparison = compare(there, here)
    own = look.watched.own_kinds & upstream.snapshot.kinds & reading.snapshot.kinds
    sealed = {"sealed_value": comparison.sealed} if comparison.sealed else {}
    aside = {**apart_of(there, here, own), **sealed}
    histories = differing(reading.histories, upstream.histories)
    wrong, written = _of_histories(look, upstream, histories or ())
    renamed = with_renames(look.told(comparison.changes), there, here, one_database=False)
    changes = (*renamed, *wrong)
    judged = judge(
        changes,
        lambda i: moved.get(i) or written.get(i, Direction.UNKNOWN),
        _why(look, upstream, changes, moved),
        look.known(name),
        migration_findings.policy(look.watched.policy),
        look.now,
    )
    dependent = with_dependants(judged, reading.snapshot, look.known(name))
    findings, right = look.judged(name, dependent)
    standing = replace(
        _held_back(look, upstream, findings),
        migrations_missing=missing(histories),
        histories=(histories or ())[:MOST],
        accepted=right,
    )
    standing = _without_ignored(standing, look, changes)
    standing = _as_far_as_read(standing, look.last(name), reading.snapshot, upstream.snapshot)
    if agreed is None and standing.held:
        return look.book.agreed, standing, aside
    apart = moved.keys() | _left_out(reading.snapshot, here) | _left_out(theirs, there)
    return agree(reading.snapshot, theirs, apart, agreed), standing, aside


def _of_histories(
    look: Look, upstream: Upstream, found: Iterable[HistoryFinding]
) -> tuple[tuple[Change, ...], Mapping[ObjectId, Direction]]:
    """Return what the histories say is wrong, and who moved, of what is not merely new."""
    before = last(look.book, upstream.name)
    still = migration_findings.settled(found, before, upstream.seen_at, look.book.seen_at)
    return migration_findings.changes(still)


def _three_ways(
    look: Look, here: Snapshot, theirs: Snapshot, agreed: Agreed | None
) -> tuple[Snapshot, Mapping[ObjectId, Direction]]:
    """Return the upstream in the words of what is here, and who moved on what differs.

    Each two are compared in words that both have, so the upstream is told for either.
    """
    options, settled = look.watched.options, look.settled
    if agreed is None:
        there = align(theirs, here, options, settled)
        return there, directions(here, there, None)
    known = align(normalise(agreed.snapshot, options), here, options, settled)
    there = align(theirs, here, options, settled, known=known)
    as_known = align(theirs, known, options, settled)
    return there, directions(here, there, replace(agreed, snapshot=known), as_known)


def _left_out(as_read: Snapshot, compared: Snapshot) -> AbstractSet[ObjectId]:
    """Return what presets left out: nobody knows whether both sides agree on it."""
    return as_read.objects.keys() - compared.objects.keys() if compared.left_out else frozenset()


def _kept_up(look: Look) -> Agreed | None:
    """Return what was agreed, by the names that it has here now."""
    agreed = look.book.agreed
    if agreed is None:
        return None
    snapshot = keep_up(agreed.snapshot, look.reading.snapshot, look.watched.options)
    return agreed if snapshot is agreed.snapshot else replace(agreed, snapshot=snapshot)


def _without_ignored(standing: Against, look: Look, changes: Iterable[Change]) -> Against:
    """Return the standing with how much the operator's rules left out of it."""
    count, by_rule = ignored(changes, look.watched.policy, look.now)
    return replace(standing, ignored=count, ignored_by=tuple(sorted(by_rule.items())))


def outcome(findings: tuple[Finding, ...]) -> Outcome:
    """Return drifted for any finding at all."""
    return Outcome.DRIFTED if findings else Outcome.IN_SYNC


def _held_back(look: Look, upstream: Upstream, findings: tuple[Finding, ...]) -> Against:
    """Return the standing without what changed here and waits for a look at the upstream.

    A pipeline that migrates both within one interval is no hotfix here. So what has just changed
    is as it was until the upstream was looked at later; all else is judged at once.
    """
    name, before = upstream.name, look.last(upstream.name)
    since = dict(_waiting(look, upstream, findings))
    held = {f.key: Held(f.key, since[f.key], f.origin, f.blame) for f in findings if f.key in since}
    as_shown = (before.get(f.key) if f.key in held else f for f in findings)
    kept = tuple(f for f in as_shown if f is not None)
    standing = Against(name, outcome(kept), kept, held=tuple(held.values()))
    if held and not kept:
        return replace(standing, outcome=Outcome.UNKNOWN, reason=f"waiting for a look at {name}")
    return standing


def _waiting(
    look: Look, upstream: Upstream, findings: tuple[Finding, ...]
) -> Iterator[tuple[str, datetime]]:
    """Give the keys that wait for a look at the upstream, and since when each of them does."""
    if upstream.seen_at is None:
        return
    before = last(look.book, upstream.name)
    since = {h.key: h.since for h in before.held} if before else {}
    first = before is None
    changed = [f.key for f in findings] if first else map(str, look.why)
    since |= dict.fromkeys(changed, look.reading.snapshot.taken_at)
    for key, at in since.items():
        if upstream.seen_at < at and abs(look.now - at) < _PATIENCE:
            yield key, at


def _why(
    look: Look,
    upstream: Upstream,
    changes: Iterable[Change],
    moved: Mapping[ObjectId, Direction],
) -> Explanations:
    """Return why things changed: here, or what is behind there."""
    here = _reasons(look, upstream.name, changes)
    behind = {i for i, direction in moved.items() if direction is Direction.BEHIND}
    return {i: e for i, e in here if i not in behind} | dict(_changed_there(upstream, behind))


def _changed_there(
    upstream: Upstream, behind: Iterable[ObjectId]
) -> Iterator[tuple[ObjectId, Explanation]]:
    """Give for what is behind the last that the upstream's own timeline says of it."""
    wanted = {str(i): i for i in behind}
    for event in upstream.events:
        detail = event.detail
        if not wanted:
            return
        if detail is None or detail.origin is None:
            continue
        for key in (event.subject, *detail.contains):
            if key in wanted:
                yield wanted.pop(key), Explanation(detail.origin, detail.blame)


def _reasons(
    look: Look, name: str, changes: Iterable[Change]
) -> Iterator[tuple[ObjectId, Explanation]]:
    """Give why things changed, of what was held back as of what changed just now."""
    before = last(look.book, name)
    held = {h.key: h for h in before.held} if before else {}
    for change in changes if held else ():
        known = held.get(str(change.id))
        if known and known.origin:
            yield change.id, Explanation(known.origin, known.blame)
    # What changed again has its latest reason.
    yield from look.why.items()


def _all_held(look: Look, name: str) -> tuple[Held, ...]:
    """Return what waits while nobody knows the upstream: all that changed here since it is so."""
    before = last(look.book, name)
    held = {h.key: h for h in before.held} if before else {}
    at = look.reading.snapshot.taken_at
    held |= {str(i): Held(str(i), at, e.origin, e.blame) for i, e in look.why.items()}
    return tuple(held.values())


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
