"""Rules of the operator for what is no finding: which changes, or which of their attributes.

A rule has a reason and may end. What rules leave out is counted by rule, and a rule that has
ended or that covers nothing is told, so that none is kept for ever because nobody dares.
"""

from collections import Counter
from collections.abc import Collection, Container, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from enum import StrEnum
from fnmatch import fnmatchcase

from pgdrift.core.model import Change, ChangeType


class RuleState(StrEnum):
    """What becomes of a rule: it leaves out, its last day is over, or there is nothing for it."""

    ACTIVE = "active"
    EXPIRED = "expired"
    UNMATCHED = "unmatched"


@dataclass(frozen=True, slots=True)
class Ignore:
    """One rule of what is not a finding: a glob over `kind:name`, why, and until when.

    A key stands for itself, as it is. In any other glob `[` begins a set of characters: `[[]`
    is a bracket. `attributes` are globs over names of attributes: where there are any, only these
    are left out of a change, and what comes or goes is told. `environments` are globs over
    names of environments, for whoever chooses the rules of one; none: all.
    """

    object: str
    reason: str
    until: date | None = None
    attributes: tuple[str, ...] = ()
    environments: tuple[str, ...] = ()

    @property
    def name(self) -> str:
        """What the rule is called where it is counted: all of it that decides what it covers."""
        attributes = f" [{', '.join(self.attributes)}]" if self.attributes else ""
        return self.object + attributes + "".join(f" @{e}" for e in self.environments)

    def ended(self, today: date) -> bool:
        """Tell whether its last day is over."""
        return self.until is not None and today > self.until

    def covers(self, key: str, today: date) -> bool:
        """Tell whether the rule holds today for an object's key. It holds on its last day."""
        return not self.ended(today) and matches(key, self.object)


def matches(name: str, glob: str) -> bool:
    """Tell whether a name is the one that is written, or one that the glob stands for."""
    return name == glob or fnmatchcase(name, glob)


def any_matches(name: str, globs: Collection[str]) -> bool:
    """Tell whether one of the globs stands for the name; no globs stand for all names."""
    return not globs or any(matches(name, glob) for glob in globs)


def exactly(key: str) -> str:
    """Return the glob that stands for this key and no other."""
    return "".join(f"[{c}]" if c in "*?[" else c for c in key)


def covering(
    changes: Iterable[tuple[str, Change]], reason: str, until: date | None = None
) -> tuple[Ignore, ...]:
    """Return rules for just these changes, given with their environments, in order of objects.

    A rule for what changed names the attributes that did: what else changes later is told.
    """
    where: dict[tuple[str, tuple[str, ...]], set[str]] = {}
    for environment, change in changes:
        of = change.attributes if change.change is ChangeType.CHANGED else ()
        key = exactly(str(change.id)), tuple(sorted(of))
        where.setdefault(key, set()).add(exactly(environment))
    return tuple(
        Ignore(glob, reason, until, attributes, tuple(sorted(environments)))
        for (glob, attributes), environments in sorted(where.items())
    )


def told(changes: Iterable[Change], rules: Sequence[Ignore], today: date) -> Iterator[Change]:
    """Give what the rules leave of the changes. One that they leave nothing of is not given."""
    for change in changes:
        left, _ = _left(change, rules, today)
        if left is not None:
            yield left


def counted(
    changes: Iterable[Change], rules: Sequence[Ignore], today: date
) -> tuple[int, Mapping[str, int]]:
    """Return of how many changes rules leave out something or all; and of how many each does."""
    used = [names for c in changes if (names := _left(c, rules, today)[1])]
    return len(used), Counter(name for names in used for name in names)


@dataclass(frozen=True, slots=True)
class RuleStanding:
    """How one rule stands."""

    rule: Ignore
    state: RuleState


def state(rule: Ignore, matched: Container[str], today: date, *, all_seen: bool) -> RuleState:
    """Return what becomes of a rule. `matched` are names of rules that left out something.

    Only when all that it is for was seen (`all_seen`) can it be said that there is nothing for it.
    """
    if rule.ended(today):
        return RuleState.EXPIRED
    idle = all_seen and rule.name not in matched
    return RuleState.UNMATCHED if idle else RuleState.ACTIVE


def _left(
    change: Change, rules: Sequence[Ignore], today: date
) -> tuple[Change | None, tuple[str, ...]]:
    """Return what is left of a change, and the names of the rules that left out the rest."""
    key, left = str(change.id), dict(change.attributes)
    used: list[str] = []
    for rule in rules:
        if not rule.covers(key, today):
            continue
        if not rule.attributes:
            return None, (*used, rule.name)
        if change.change is not ChangeType.CHANGED:
            continue
        if gone := [name for name in left if any_matches(name, rule.attributes)]:
            used.append(rule.name)
            for name in gone:
                del left[name]
    if not used:
        return change, ()
    return (replace(change, attributes=left) if left else None), tuple(used)
