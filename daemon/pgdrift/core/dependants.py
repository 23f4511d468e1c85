"""What hangs on what differs: findings and a snapshot in, the findings that name it out."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from collections.abc import Set as AbstractSet
from dataclasses import replace

from pgdrift.core.held.dependencies import Dependencies
from pgdrift.core.model import Dependants, Finding, ObjectId, Snapshot

_MOST_NAMED = 10


def with_dependants(
    findings: Iterable[Finding], snapshot: Snapshot, before: Mapping[str, Finding]
) -> tuple[Finding, ...]:
    """Return the findings, each with what depended on its object when it was found.

    `before` are the findings of the last look by key: of one that lasts it is known already.
    """
    findings = tuple(findings)
    last = {f.key: before[f.key] for f in findings if f.key in before}
    known = {k: f.dependants for k, f in last.items()}
    asked = {f.change.id for f in findings if not _lasts(f, last.get(f.key))}
    found = _dependants(asked, snapshot) if asked else {}
    return tuple(
        replace(f, dependants=found.get(f.change.id, Dependants()))
        if f.change.id in asked
        else replace(f, dependants=known[f.key])
        for f in findings
    )


def _lasts(finding: Finding, before: Finding | None) -> bool:
    return before is not None and before.change == finding.change


def _dependants(asked: AbstractSet[ObjectId], snapshot: Snapshot) -> Mapping[ObjectId, Dependants]:
    pairs = snapshot.dependencies
    hanging: dict[ObjectId, set[ObjectId]] = defaultdict(set)
    for dependent, referenced in pairs.on(asked) if isinstance(pairs, Dependencies) else pairs:
        if referenced in asked and not _within(dependent, referenced, snapshot):
            hanging[referenced].add(dependent)
    return {
        i: Dependants(len(those), tuple(sorted(those)[:_MOST_NAMED]))
        for i, those in hanging.items()
    }


def _within(dependent: ObjectId, referenced: ObjectId, snapshot: Snapshot) -> bool:
    """Tell whether an object is a part of the other: that it depends on it goes without saying."""
    found = snapshot.objects.get(dependent)
    while found is not None and found.parent is not None:
        if found.parent == referenced:
            return True
        found = snapshot.objects.get(found.parent)
    return False
