"""Sync points: which row of a migration history declares one, and what is expected when one goes.

Values in, values out. A migration names a moment and never a content: what nobody explained is not
made right by it.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from pgdrift.core.compare import compare
from pgdrift.core.expected import adopt, move_on
from pgdrift.core.ignore import matches
from pgdrift.core.model import (
    SYNC,
    Against,
    Change,
    Finding,
    History,
    How,
    Outcome,
    Snapshot,
    SyncPoint,
)
from pgdrift.core.why.history import applied


@dataclass(frozen=True, slots=True)
class Applied:
    """One migration that a look saw newly applied. `at` is when that look began, UTC.

    `id` is None until it is kept.
    """

    tool: str
    version: str
    at: datetime
    description: str = ""
    id: int | None = None

    def is_called(self, word: str) -> bool:
        """Tell whether a word names it: its version, or its tool and version as `flyway:12`."""
        return word in (self.version, f"{self.tool}:{self.version}")


@dataclass(frozen=True, slots=True)
class SyncRule:
    """Which migrations declare a sync point: globs that stand for the whole text, and its case.

    `migration` is held against the version, `description` against that; both must fit. An empty
    `tool` is any tool.
    """

    migration: str = "*"
    description: str = "*"
    tool: str = ""

    def covers(self, row: Applied) -> bool:
        """Tell whether a migration that was applied declares a sync point."""
        return (
            self.tool in ("", row.tool)
            and matches(row.version, self.migration)
            and matches(row.description, self.description)
        )


@dataclass(frozen=True, slots=True)
class TakenBack:
    """When a sync point was undone (UTC), who did it, and why."""

    at: datetime
    actor: str
    reason: str


@dataclass(frozen=True, slots=True)
class Declaration:
    """A sync point as it is kept: the digest of what it declared, and the findings it settled.

    `taken_back` is None while it stands.
    """

    point: SyncPoint
    root: str
    settled: tuple[Finding, ...] = ()
    taken_back: TakenBack | None = None


def newly_applied(
    before: Collection[History], after: Collection[History], window: Sequence[Change], at: datetime
) -> tuple[Applied, ...]:
    """Return the migrations applied between two readings, each history's in its order.

    What failed, was rolled back, or was there when its history was first seen is none of them.
    """
    if before == after:
        return ()
    return tuple(
        Applied(h.tool, m.version, at, m.description)
        for h in after
        for m in applied(before, (h,), window)
        if m.applied
    )


def declared_by(
    rules: Iterable[SyncRule], rows: Iterable[Applied], environment: str
) -> SyncPoint | None:
    """Return the sync point that rows of this window declare: of several, the last applied."""
    asked = tuple(rules)
    found = [row for row in rows if any(rule.covers(row) for rule in asked)]
    if not found:
        return None
    row = found[-1]
    about = f": {row.description}" if row.description else ""
    reason = f"migration {row.version} ({row.tool}) was applied{about}"
    return SyncPoint(
        environment, row.at, reason, "pgdrift", how=How.MIGRATION, migration=row.version
    )


def moved_since(content: Snapshot, then: Snapshot, now: Snapshot) -> Snapshot:
    """Return a content, moved on by what was expected `then` and is expected otherwise `now`.

    Between these two only explained changes moved what is expected, so only they move the content.
    """
    return move_on(adopt(content, now), compare(then, now).changes, now)


def settled_by(
    findings: Iterable[Finding], expected: Snapshot, found: Snapshot
) -> tuple[Finding, ...]:
    """Return the findings that are none any more once this is expected of what was found."""
    left = {c.id for c in compare(expected, found).changes}
    return tuple(f for f in findings if f.change.id not in left)


def come_back(against: Sequence[Against], settled: Iterable[Finding]) -> tuple[Against, ...]:
    """Return how an environment stands with findings that were settled, as they were then.

    What is found now is found as it is. The next look decides what of it lasts.
    """
    others = tuple(a for a in against if a.yardstick != SYNC)
    own = next((a for a in against if a.yardstick == SYNC), Against(SYNC, Outcome.IN_SYNC))
    found = {f.key: f for f in (*settled, *own.findings)}
    outcome = Outcome.DRIFTED if found and own.outcome is Outcome.IN_SYNC else own.outcome
    return (replace(own, outcome=outcome, findings=tuple(found.values())), *others)
