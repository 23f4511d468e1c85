"""What differs, and what is known of it, in; findings with class and severity out.

The severity is a table: how grave a change is follows from what it touches, who moved, and
whether the environment is protected. Rules of the operator can leave a finding out, with a reason.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, datetime, timedelta
from fnmatch import fnmatchcase

from pgdrift.core.history import Explanation
from pgdrift.core.model import (
    Change,
    ChangeClass,
    ChangeType,
    Direction,
    Finding,
    ObjectId,
    Severity,
)

Classes = Mapping[str, Mapping[str, ChangeClass]]
"""Kind → attribute → class; the attribute "" stands for the coming and going of the object, and
"+" with an attribute's name for that of an object that has it set."""


@dataclass(frozen=True, slots=True)
class Ignore:
    """One rule of what is not a finding: a glob over `kind:name`, why, and until when.

    A key stands for itself, as it is. In any other glob `[` begins a set of characters: `[[]`
    is a bracket.
    """

    object: str
    reason: str
    until: date | None = None

    def covers(self, key: str, today: date) -> bool:
        """Tell whether the rule holds today for an object's key. It holds on its last day."""
        holds = self.until is None or today <= self.until
        return holds and (key == self.object or fnmatchcase(key, self.object))


@dataclass(frozen=True, slots=True)
class Policy:
    """How an environment is judged."""

    protected: bool = False
    promotion_lag: timedelta = timedelta(hours=24)
    ignore: Sequence[Ignore] = ()
    classes: Classes = field(default_factory=dict)


def judge(
    changes: Iterable[Change],
    direction: Callable[[ObjectId], Direction],
    explanations: Mapping[ObjectId, Explanation],
    before: Mapping[str, Finding],
    policy: Policy,
    now: datetime,
) -> tuple[Finding, ...]:
    """Return the findings, the gravest first.

    `before` are the findings of the last look by key: a finding that lasts keeps when it was
    first seen, and why it came about, unless it moved again.
    """
    findings = (
        _finding(c, direction(c.id), explanations.get(c.id), before.get(str(c.id)), policy, now)
        for c in changes
        if _rule(c, policy, now) is None
    )
    order = list(ChangeClass)
    return tuple(
        sorted(findings, key=lambda f: (-f.severity.rank, order.index(f.cls), f.change.id))
    )


def ignored(changes: Iterable[Change], policy: Policy, now: datetime) -> Mapping[str, int]:
    """Return how many changes each rule leaves out, by its glob, the first rule that covers one.

    The sum is the number of changes that `judge` makes no finding of.
    """
    rules = (_rule(c, policy, now) for c in changes)
    return Counter(rule.object for rule in rules if rule)


def severity(
    cls: ChangeClass, direction: Direction, *, protected: bool, late: bool = False
) -> Severity:
    """Return how loudly a change is told: waiting for promotion is normal, a hotfix is not.

    In a protected environment security is critical also where it is only late, or where nobody
    can tell who moved.
    """
    if direction is Direction.BEHIND and not late:
        return Severity.INFO
    if cls is ChangeClass.COSMETIC:
        return Severity.WARNING if late else Severity.INFO
    moved_here = direction not in (Direction.BEHIND, Direction.UNKNOWN)
    if protected and (moved_here or cls is ChangeClass.SECURITY):
        return Severity.CRITICAL
    return Severity.WARNING


def class_of(change: Change, classes: Classes) -> ChangeClass:
    """Return the gravest class that a change touches; structure where a kind says nothing."""
    of_kind = classes.get(change.id.kind, {})
    own = of_kind.get("", ChangeClass.STRUCTURE)
    if change.change is ChangeType.CHANGED:
        touched = [of_kind.get(name, own) for name in change.attributes]
    else:
        is_set = [name for name, pair in change.attributes.items() if any(pair)]
        touched = [own, *(of_kind.get(f"+{name}", own) for name in is_set)]
    return min(touched, key=list(ChangeClass).index, default=own)


def _rule(change: Change, policy: Policy, now: datetime) -> Ignore | None:
    """Return the first rule that leaves the change out today."""
    key, today = str(change.id), now.date()
    return next((rule for rule in policy.ignore if rule.covers(key, today)), None)


def _finding(
    change: Change,
    direction: Direction,
    explanation: Explanation | None,
    before: Finding | None,
    policy: Policy,
    now: datetime,
) -> Finding:
    lasts = before is not None and before.change == change
    # The lag counts from when it fell behind, not from when it was ahead.
    fell_behind = before and direction is Direction.BEHIND and before.direction != direction
    first_seen = before.first_seen if before and not fell_behind else now
    late = direction is Direction.BEHIND and now - first_seen >= policy.promotion_lag
    cls = class_of(change, policy.classes)
    finding = Finding(
        change=change,
        direction=direction,
        severity=severity(cls, direction, protected=policy.protected, late=late),
        cls=cls,
        origin=None,
        first_seen=first_seen,
        late=late,
    )
    return _explained(finding, explanation, before if lasts else None)


def _explained(
    finding: Finding, explanation: Explanation | None, before: Finding | None
) -> Finding:
    if explanation:
        return replace(finding, origin=explanation.origin, blame=explanation.blame)
    if before:
        return replace(finding, origin=before.origin, blame=before.blame)
    return finding
