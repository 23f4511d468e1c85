"""Why something is told where it is: routes and what is to be told in; each route's answer out."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import product
from typing import TypeAlias

from pgdrift.core.alerts.owners import Owners
from pgdrift.core.alerts.route import Route, Subject, led, ways
from pgdrift.core.model import (
    LEDGER,
    REACH,
    SYNC,
    Change,
    ChangeClass,
    ChangeType,
    Direction,
    Finding,
    ObjectId,
    Severity,
)
from pgdrift.core.names import split_dotted

_CHANGED = ChangeType.CHANGED


@dataclass(frozen=True, slots=True)
class Answer:
    """What one route says, by its place in the list (from 0). `to` are the channels it leads to.

    `why_not` is empty where the route is for it; `decided` says that no route below is asked.
    """

    number: int
    route: Route
    to: tuple[str, ...] = ()
    why_not: str = ""
    decided: bool = False


def explain(
    routes: Sequence[Route],
    subject: Subject,
    owners: Owners = Owners(),  # noqa: B008
) -> tuple[Answer, ...]:
    """Return what every route says to a subject, in their order."""
    return tuple(_answers(routes, subject, owners))


def _answers(routes: Sequence[Route], subject: Subject, owners: Owners) -> Iterator[Answer]:
    decided = None
    for number, route in enumerate(routes):
        if decided is not None:
            yield Answer(number, route, why_not=f"it is not asked: route {decided} decides")
            continue
        if why_not := route.why_not(subject):
            yield Answer(number, route, why_not=why_not)
            continue
        to = tuple(dict.fromkeys(a.channel for a in led(route, subject, owners)))
        if not to:
            yield Answer(number, route, why_not="nobody owns it who has a channel")
            continue
        decided = None if route.go_on else number
        yield Answer(number, route, to, decided=decided is not None)


def supposed(
    key: str, severity: Severity, cls: ChangeClass, direction: Direction, now: datetime
) -> Finding:
    """Return a finding that nobody found, to ask where it would be told; `key` is `kind:name`."""
    kind, _, name = key.partition(":")
    bare, bracket, arguments = name.partition("(")
    change = Change(ObjectId(kind, split_dotted(bare), bracket + arguments), _CHANGED, {})
    return Finding(change, direction, severity, cls, None, now)


def unheard(
    routes: Sequence[Route],
    environment: str,
    yardsticks: Sequence[str],
    owners: Owners,
    now: datetime,
) -> tuple[str, ...]:
    """Return what of an environment, as grave as a warning or worse, is told to nobody.

    In words, as `warnings of class cosmetic`. What a route tells only by an object's kind, name or
    owner counts as told to nobody.
    """
    found: list[str] = []
    for severity in (Severity.CRITICAL, Severity.WARNING):
        probes = dict(_probes(environment, yardsticks, severity, now))
        missing = {p for p, s in probes.items() if not any(ways(routes, s, owners))}
        found += _summed_up(severity, probes, missing)
    return tuple(found)


_Probe: TypeAlias = tuple[str, str, str]


def _probes(
    environment: str, yardsticks: Sequence[str], severity: Severity, now: datetime
) -> Iterator[tuple[_Probe, Subject]]:
    """Give one of each sort that there can be, by yardstick, class and direction."""
    for against in yardsticks:
        if against == REACH:
            yield (against, "", ""), Subject(environment, against, severity)
            continue
        own = against in (SYNC, LEDGER)
        moved = [Direction.CHANGED] if own else [d for d in Direction if d != Direction.CHANGED]
        for cls, direction in product(ChangeClass, moved):
            finding = supposed("", severity, cls, direction, now)
            yield (
                (against, cls.value, direction.value),
                Subject(environment, against, severity, finding),
            )


def _summed_up(
    severity: Severity, probes: Collection[_Probe], missing: Collection[_Probe]
) -> Iterator[str]:
    if not missing:
        return
    if len(missing) == len(probes):
        yield f"what is {severity.value}"
        return
    left = set(missing)
    for place, words in ((0, "against"), (1, "of class"), (2, "that is")):
        for value in dict.fromkeys(p[place] for p in probes if p[place]):
            alike = {p for p in probes if p[place] == value}
            if alike <= set(missing) and alike & left:
                left -= alike
                yield f"what is {severity.value} {words} {value}"
    if left:
        against, cls, direction = min(left)
        yield f"some of what is {severity.value}, as {cls} against {against} that is {direction}"
