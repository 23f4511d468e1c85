"""How an environment stands: against its own sync point, and against its upstream.

What was read, what is expected, what both sides agreed on in; one standing per yardstick out.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

from pgdrift.core.book import Book
from pgdrift.core.compare import compare
from pgdrift.core.history import Explanation, missing
from pgdrift.core.judge import ignored, judge
from pgdrift.core.model import (
    SYNC,
    Against,
    Agreed,
    Direction,
    Finding,
    ObjectId,
    Outcome,
    Reading,
    Snapshot,
)
from pgdrift.core.normalise import normalise
from pgdrift.core.threeway import agree, directions
from pgdrift.core.watched import Upstream, Watched

# For how long what changed here waits for a look at the upstream. A clock that was set back must
# not make it wait for longer.
_PATIENCE = timedelta(minutes=10)

Explanations = Mapping[ObjectId, Explanation]


@dataclass(frozen=True, slots=True)
class Look:
    """One look on its way: who is watched, what was known and read, and why things changed.

    `why` has every object that changed since the last look. `now` is when the look began, UTC.
    """

    watched: Watched
    book: Book
    reading: Reading
    now: datetime
    why: Explanations = field(default_factory=dict)

    def last(self, yardstick: str) -> Mapping[str, Finding]:
        """Return the findings of the last look against a yardstick, by key."""
        before = last(self.book, yardstick)
        return {f.key: f for f in before.findings} if before else {}


def last(book: Book, yardstick: str) -> Against | None:
    """Return how the environment stood against a yardstick at its last look."""
    return next((a for a in book.against if a.yardstick == yardstick), None)


def against_sync(look: Look, expected: Snapshot) -> Against:
    """Return what is not as it is expected to be."""
    options, before = look.watched.options, look.last(SYNC)
    found = normalise(look.reading.snapshot, options)
    changes = compare(normalise(expected, options), found).changes
    policy, now = look.watched.policy, look.now
    findings = judge(changes, lambda _: Direction.CHANGED, look.why, before, policy, now)
    hidden = sum(ignored(changes, policy, now).values())
    standing = Against(SYNC, outcome(findings), findings, ignored=hidden)
    return _as_far_as_read(standing, before, found)


def against_upstream(look: Look, upstream: Upstream) -> tuple[Agreed | None, Against]:
    """Return what both agree on now, and how the environment stands against the upstream."""
    name, reading, options = upstream.name, look.reading, look.watched.options
    if upstream.snapshot is None or upstream.reason:
        kept = tuple(look.last(name).values())
        return look.book.agreed, Against(name, Outcome.UNKNOWN, kept, reason=upstream.reason)
    here, there = normalise(reading.snapshot, options), normalise(upstream.snapshot, options)
    agreed = look.book.agreed if look.book.agreed_with == name else None
    known = agreed and replace(agreed, snapshot=normalise(agreed.snapshot, options))
    moved = directions(here, there, known)
    changes = compare(there, here).changes
    findings = judge(
        changes,
        lambda i: moved.get(i, Direction.UNKNOWN),
        {i: e for i, e in look.why.items() if moved.get(i) is not Direction.BEHIND},
        look.last(name),
        look.watched.policy,
        look.now,
    )
    standing = replace(
        _held_back(look, upstream, findings),
        migrations_missing=missing(reading.histories, upstream.histories),
        ignored=sum(ignored(changes, look.watched.policy, look.now).values()),
    )
    standing = _as_far_as_read(standing, look.last(name), reading.snapshot, upstream.snapshot)
    if agreed is None and standing.held:
        return look.book.agreed, standing
    return agree(reading.snapshot, upstream.snapshot, moved.keys(), agreed), standing


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
    held = {f.key: since[f.key] for f in findings if f.key in since}
    as_shown = (before.get(f.key) if f.key in held else f for f in findings)
    kept = tuple(f for f in as_shown if f is not None)
    standing = Against(name, outcome(kept), kept, held=tuple(held.items()))
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
    since = dict(before.held) if before else {}
    first = look.book.snapshot is None
    changed = [f.key for f in findings] if first else map(str, look.why)
    since |= dict.fromkeys(changed, look.reading.snapshot.taken_at)
    for key, at in since.items():
        if upstream.seen_at < at and abs(look.now - at) < _PATIENCE:
            yield key, at


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
