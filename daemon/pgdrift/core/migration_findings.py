"""What histories say is wrong, in; changes to be judged like those of objects, out.

A migration that is missing is none: what it would do is behind, object by object. Heads that differ
are none either, for nobody knows which side is older.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import replace
from datetime import datetime

from pgdrift.core.judge import Grade, Policy
from pgdrift.core.model import (
    Against,
    Change,
    ChangeClass,
    ChangeType,
    Direction,
    HistoryFinding,
    HistoryState,
    ObjectId,
    Severity,
    Value,
)
from pgdrift.core.names import split_dotted

MIGRATION = "migration"

_CHANGES: Mapping[HistoryState, tuple[Direction, ChangeType, dict[str, tuple[Value, Value]]]] = {
    HistoryState.FAILED: (Direction.CHANGED, ChangeType.CHANGED, {"state": ("applied", "failed")}),
    HistoryState.EXTRA: (Direction.AHEAD, ChangeType.ADDED, {}),
    HistoryState.EDITED: (
        Direction.DIVERGED,
        ChangeType.CHANGED,
        {"text": ("upstream's", "other")},
    ),
    HistoryState.OUT_OF_ORDER: (
        Direction.DIVERGED,
        ChangeType.CHANGED,
        {"order": ("upstream's", "other")},
    ),
}

_CLASSES = {"": ChangeClass.BEHAVIOUR, "order": ChangeClass.COSMETIC}

# What is merely written down calls nobody at night: what it did is found in the schema.
_GRADES = (
    Grade(Severity.INFO, f"{MIGRATION}:*", attributes=("order",)),
    Grade(Severity.WARNING, f"{MIGRATION}:*", attributes=("text",)),
    Grade(Severity.WARNING, f"{MIGRATION}:*", directions=(Direction.AHEAD,)),
)


def changes(
    found: Iterable[HistoryFinding],
) -> tuple[tuple[Change, ...], Mapping[ObjectId, Direction]]:
    """Return what is wrong with migrations as changes, the gravest of each, and who moved."""
    told: dict[ObjectId, Change] = {}
    moved: dict[ObjectId, Direction] = {}
    for finding in found:
        i = _id(finding)
        if finding.state in _CHANGES and i not in told:
            moved[i], change, attributes = _CHANGES[finding.state]
            told[i] = Change(i, change, attributes)
    return tuple(told.values()), moved


def settled(
    found: Iterable[HistoryFinding],
    before: Against | None,
    upstream_seen_at: datetime | None,
    seen_at: datetime | None,
) -> tuple[HistoryFinding, ...]:
    """Return what differs still, after the upstream was looked at again.

    A pipeline that migrates both within one interval is no difference. `seen_at` is when the last
    look began, `before` how the environment stood then; an upstream that was never looked at
    stands for the present.
    """
    if upstream_seen_at is None:
        return tuple(found)
    known = before.histories if before else ()
    told: Collection[str] = {f.key for f in before.findings} if before else ()
    looked_again = seen_at is not None and upstream_seen_at > seen_at
    return tuple(f for f in found if f in known and (looked_again or str(_id(f)) in told))


def policy(of: Policy) -> Policy:
    """Return a policy that knows how grave it is, after all that the operator said."""
    return replace(
        of, severity=(*of.severity, *_GRADES), classes={**of.classes, MIGRATION: _CLASSES}
    )


def _id(finding: HistoryFinding) -> ObjectId:
    return ObjectId(MIGRATION, (*split_dotted(finding.table), finding.version))
