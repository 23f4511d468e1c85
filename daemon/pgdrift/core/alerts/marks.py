"""What people say of incidents and findings: an order in, the mark that is kept of it, out.

An acknowledgement and a silence make quiet, an acceptance makes right. Each has an actor, a reason
and mostly an end. What a mark covers is decided here; who may give an order is not known here.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from pgdrift.core.alerts.facts import content
from pgdrift.core.ignore import matches
from pgdrift.core.model import ChangeClass, Direction, Finding, Severity


class Verb(StrEnum):
    """What somebody orders: to take an incident on, not to be told, to call it right, to end it."""

    ACK = "ack"
    SILENCE = "silence"
    ACCEPT = "accept"
    END = "end"


@dataclass(frozen=True, slots=True)
class Matcher:
    """What a silence is for: globs over environment and `kind:name`; of the others, none is all."""

    environment: str = "*"
    object: str = "*"
    classes: tuple[ChangeClass, ...] = ()
    severities: tuple[Severity, ...] = ()
    directions: tuple[Direction, ...] = ()

    def covers(self, environment: str, finding: Finding) -> bool:
        """Tell whether the silence is for a finding of an environment."""
        return (
            matches(environment, self.environment)
            and matches(finding.key, self.object)
            and (not self.classes or finding.cls in self.classes)
            and (not self.severities or finding.severity in self.severities)
            and (not self.directions or finding.direction in self.directions)
        )

    def covers_all(self, environment: str, severity: Severity) -> bool:
        """Tell whether it is for an incident without findings: one that cannot be looked at."""
        return (
            matches(environment, self.environment)
            and self.object == "*"
            and not (self.classes or self.directions)
            and (not self.severities or severity in self.severities)
        )

    @property
    def words(self) -> str:
        """What it is for, as people read it."""
        more = [
            f"{name} {'/'.join(v.value for v in values)}"
            for name, values in (
                ("class", self.classes),
                ("severity", self.severities),
                ("direction", self.directions),
            )
            if values
        ]
        what = "everything" if self.object == "*" else self.object
        return ", ".join([f"{what} in {self.environment}", *more])


@dataclass(frozen=True, slots=True)
class Right:
    """One finding that was called right: against what, its key, and the content of its change."""

    against: str
    key: str
    content: str


@dataclass(frozen=True, slots=True)
class Order:
    """What somebody asks for. `until` is when it ends by itself, aware.

    `incident` is an incident's id, or its beginning. A silence has it, or a `matcher`; an
    acceptance has it, or an `environment`, and keys of `findings` (none: all of the incident).
    To end something takes the `mark`'s number.
    """

    verb: Verb
    actor: str
    reason: str
    until: datetime | None = None
    incident: str | None = None
    findings: tuple[str, ...] = ()
    matcher: Matcher | None = None
    environment: str | None = None
    mark: int | None = None


@dataclass(frozen=True, slots=True)
class Mark:
    """What is kept of an order. Times are UTC.

    `environment` is empty for a silence by matcher, which says itself where it holds. `ended_at`
    and `ended_by` tell that it was ended before its time.
    """

    id: int
    verb: Verb
    actor: str
    reason: str
    at: datetime
    until: datetime | None = None
    environment: str = ""
    incident: str | None = None
    findings: tuple[Right, ...] = ()
    matcher: Matcher | None = None
    ended_at: datetime | None = None
    ended_by: str = ""

    def holds(self, now: datetime) -> bool:
        """Tell whether it holds: not ended, and not past its end."""
        return self.ended_at is None and (self.until is None or now < self.until)

    def is_for(self, environment: str) -> bool:
        """Tell whether it can be about an environment."""
        if self.matcher is not None:
            return matches(environment, self.matcher.environment)
        return self.environment == environment

    @property
    def words(self) -> str:
        """What it is about, as people read it."""
        if self.matcher is not None:
            return self.matcher.words
        if self.verb is Verb.ACCEPT:
            keys = sorted({f.key for f in self.findings})
            more = f" and {len(keys) - 3} more" if len(keys) > 3 else ""
            return f"{', '.join(keys[:3])}{more} in {self.environment}"
        return f"incident {self.incident} in {self.environment}"


@dataclass(frozen=True, slots=True)
class Ended:
    """A mark that a look ended before its time, by its number, and why."""

    mark: int
    why: str


def fault(order: Order, now: datetime) -> str:
    """Return why an order cannot be meant; empty when it can."""
    if not order.actor.strip() or not order.reason.strip():
        return "somebody must say why: an order has an actor and a reason"
    if order.until is not None and order.until <= now:
        return "its end is over already"
    match order.verb:
        case Verb.ACK if order.incident is None:
            return "it names no incident"
        case Verb.SILENCE if order.until is None:
            return "a silence has an end"
        case Verb.SILENCE if (order.incident is None) == (order.matcher is None):
            return "a silence is for one incident, or for what a matcher says"
        case Verb.ACCEPT if order.incident is None and not (order.environment and order.findings):
            return "it names no finding"
        case Verb.END if order.mark is None:
            return "it names nothing to end"
        case _:
            return ""


def holding(marks: Iterable[Mark], now: datetime) -> tuple[Mark, ...]:
    """Return the marks that hold now."""
    return tuple(m for m in marks if m.holds(now))


def right(finding: Finding, against: str) -> Right:
    """Return what an acceptance of a finding is bound to: it ends when the object changes again."""
    return Right(against, finding.key, content(finding.change))


def rights(marks: Iterable[Mark], environment: str) -> Mapping[Right, Mark]:
    """Return what was called right in an environment, each with its mark, of those that hold."""
    of = [m for m in marks if m.verb is Verb.ACCEPT and m.environment == environment]
    return {bound: m for m in of for bound in m.findings}


def acknowledged_by(marks: Iterable[Mark], incident: str) -> Mark | None:
    """Return the mark of who took an incident on, of those that hold; the latest, or None."""
    of = [m for m in marks if m.verb is Verb.ACK and m.incident == incident]
    return max(of, key=lambda m: m.id, default=None)


def silenced_by(
    marks: Iterable[Mark], environment: str, incident: str, finding: Finding
) -> Mark | None:
    """Return the mark that silences a finding of an incident, of those that hold, or None."""
    for m in marks:
        if m.verb is Verb.SILENCE and (
            m.incident == incident if m.matcher is None else m.matcher.covers(environment, finding)
        ):
            return m
    return None


def all_silenced_by(
    marks: Iterable[Mark], environment: str, incident: str, severity: Severity
) -> Mark | None:
    """Return the mark that silences an incident which has no findings, or None."""
    for m in marks:
        if m.verb is Verb.SILENCE and (
            m.incident == incident
            if m.matcher is None
            else m.matcher.covers_all(environment, severity)
        ):
            return m
    return None
