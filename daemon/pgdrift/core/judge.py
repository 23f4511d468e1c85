"""What differs, and what is known of it, in; findings with class and severity out.

The severity is a table: how grave a change is follows from what it touches, who moved, and
whether the environment is protected. Rules of the operator go first: what is no finding, with a
reason, and how grave one is.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

from pgdrift.core.ignore import Ignore, any_matches, counted, matches, told
from pgdrift.core.model import (
    Change,
    ChangeClass,
    ChangeType,
    Direction,
    Finding,
    ObjectId,
    Severity,
)
from pgdrift.core.why.history import Explanation

Classes = Mapping[str, Mapping[str, ChangeClass]]
"""Kind → attribute → class; the attribute "" stands for the coming and going of the object, and
"+" with an attribute's name for that of an object that has it set, "/" with a last name, or "*",
for that of an object which comes or goes with what it belongs to."""


@dataclass(frozen=True, slots=True)
class Grade:
    """One rule of how grave a change is, where the table is not meant.

    Globs over `kind:name` and over attributes; classes and directions; none: all. A rule with
    attributes is for objects that changed, not for those that came or went. `environments` are
    globs for whoever chooses the rules of one environment.
    """

    severity: Severity
    object: str = "*"
    attributes: tuple[str, ...] = ()
    classes: tuple[ChangeClass, ...] = ()
    directions: tuple[Direction, ...] = ()
    environments: tuple[str, ...] = ()

    def is_for(self, key: str, attribute: str, cls: ChangeClass, direction: Direction) -> bool:
        """Tell whether the rule is for this part of a change; "" is the object as a whole."""
        return (
            matches(key, self.object)
            and (
                not self.attributes or (attribute != "" and any_matches(attribute, self.attributes))
            )
            and (not self.classes or cls in self.classes)
            and (not self.directions or direction in self.directions)
        )


@dataclass(frozen=True, slots=True)
class Policy:
    """How an environment is judged. Of `severity` the first rule that is for a part counts."""

    protected: bool = False
    promotion_lag: timedelta = timedelta(hours=24)
    ignore: Sequence[Ignore] = ()
    severity: Sequence[Grade] = ()
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
        for c in told(changes, policy.ignore, now.date())
    )
    order = list(ChangeClass)
    return tuple(
        sorted(findings, key=lambda f: (-f.severity.rank, order.index(f.cls), f.change.id))
    )


def ignored(
    changes: Iterable[Change], policy: Policy, now: datetime
) -> tuple[int, Mapping[str, int]]:
    """Return of how many changes rules leave out something or all; and of how many each does."""
    return counted(changes, policy.ignore, now.date())


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
    touched = (cls for _, cls in _parts(change, classes))
    return min(touched, key=list(ChangeClass).index)


def _parts(change: Change, classes: Classes) -> Iterator[tuple[str, ChangeClass]]:
    """Give each attribute that changed, or "" for the object as a whole, with its class."""
    of_kind = classes.get(change.id.kind, {})
    own = of_kind.get("", ChangeClass.STRUCTURE)
    if change.change is ChangeType.CHANGED and change.attributes:
        for name in change.attributes:
            spelt = name in change.spelling
            yield name, ChangeClass.COSMETIC if spelt else of_kind.get(name, own)
        return
    yield "", own
    for name, pair in change.attributes.items():
        if f"+{name}" in of_kind and any(pair):
            yield "", of_kind[f"+{name}"]
    for kind, name in {(i.kind, i.path[-1]) for i in change.contains}:
        held = classes.get(kind, {})
        for key in held.keys() & {"/*", f"/{name}"}:
            yield "", held[key]


def _grade(change: Change, direction: Direction, policy: Policy, *, late: bool) -> Severity:
    """Return how grave the gravest part of a change is, by the first rule for it or the table."""
    key = str(change.id)

    def of(attribute: str, cls: ChangeClass) -> Severity:
        rules = (r for r in policy.severity if r.is_for(key, attribute, cls, direction))
        rule = next(rules, None)
        if rule is not None:
            return rule.severity
        if attribute in change.spelling:
            # What may well mean the same calls nobody, however long it lasts.
            return Severity.INFO
        return severity(cls, direction, protected=policy.protected, late=late)

    return max((of(*part) for part in _parts(change, policy.classes)), key=lambda s: s.rank)


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
        severity=_grade(change, direction, policy, late=late),
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
        blame, reason = explanation.blame, explanation.reason
        return replace(finding, origin=explanation.origin, blame=blame, reason=reason)
    if before:
        blame, reason = before.blame, before.reason
        return replace(finding, origin=before.origin, blame=blame, reason=reason)
    return finding
