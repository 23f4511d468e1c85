"""Who hears of what, and when: routes and findings in, audiences and their addresses out.

Findings go their ways one by one. The first route that matches decides, unless it says `continue`;
what no route is for is told to nobody. An audience is one channel's share of an incident.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

from pgdrift.core.alerts import hours
from pgdrift.core.alerts.globs import any_of
from pgdrift.core.alerts.hours import Hours
from pgdrift.core.alerts.owners import Owners
from pgdrift.core.model import ChangeClass, Direction, Finding, Severity

OWNER = "owner"
"""In `to`: the channel of whoever owns what was found."""

PER_INCIDENT = ("environment", "against")
"""The keys by which messages are grouped unless a route says else: one incident, one thread."""

WITHIN = "="
"""A digest of what waits in one thread and no other: what it was in between is not told."""

QUIET = "quiet hours"
"""The digest of what waits for their end."""

NOTHING = timedelta(0)


@dataclass(frozen=True, slots=True)
class Subject:
    """What is routed: one finding, or an incident that has none, as `reach`."""

    environment: str
    against: str
    severity: Severity
    finding: Finding | None = None
    owners: tuple[str, ...] = ()
    # Kind and name of the object: spelling them out takes longer than all conditions.
    named: tuple[str, str] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        """Spell out the finding's object, once for all routes."""
        i = self.finding.change.id if self.finding else None
        object.__setattr__(self, "named", (i.kind, i.name) if i else ("", ""))


@dataclass(frozen=True, slots=True)
class Quiet:
    """Hours in which a route tells nothing but what is as grave as `exempt`."""

    hours: tuple[Hours, ...] = ()
    exempt: frozenset[Severity] = frozenset({Severity.CRITICAL})

    def until(self, severity: Severity, now: datetime) -> datetime | None:
        """Return until when what is so grave waits, UTC; None when it does not wait."""
        return None if severity in self.exempt else hours.until(self.hours, now)


@dataclass(frozen=True, slots=True)
class Route:
    """Who hears of which findings. Where a condition is empty, it holds for all.

    `environments`, `against`, `kinds`, `objects` (over `kind:name` or the name alone) and `owners`
    are globs. `to` are channels, or `owner`; `fallback` stands in for one that is dead.
    `go_on`: the routes after this one are asked as well. `wait` is how long a first message waits
    for what else comes, `repeat` after how long what is still so is told again.
    """

    to: Sequence[str]
    environments: Sequence[str] = ()
    severity: Sequence[Severity] = (Severity.WARNING, Severity.CRITICAL)
    classes: Sequence[ChangeClass] = ()
    directions: Sequence[Direction] = ()
    kinds: Sequence[str] = ()
    objects: Sequence[str] = ()
    owners: Sequence[str] = ()
    against: Sequence[str] = ()
    fallback: Sequence[str] = ()
    go_on: bool = False
    group_by: Sequence[str] = PER_INCIDENT
    wait: timedelta = NOTHING
    repeat: timedelta | None = None
    quiet: Quiet | None = None
    mention: str = ""

    def why_not(self, subject: Subject) -> str:
        """Return which condition does not hold; empty when the route is for the subject."""
        return next(_unmet(self, subject), "")

    def matches(self, subject: Subject) -> bool:
        """Tell whether the route is for the subject."""
        return not self.why_not(subject)


@dataclass(frozen=True, slots=True)
class Audience:
    """One channel's share of an incident: what is told there, in one thread.

    `group` names the thread: empty for all of the incident, else what its findings share, as
    `class=security`. `digest`: messages of one channel that have this in common may become one;
    empty: told alone. `mention` are those to call by name. What several routes lead here waits and
    repeats as the least patient of them says, and is quiet only where all of them are.
    """

    channel: str
    group: str = ""
    findings: tuple[Finding, ...] = ()
    severity: Severity = Severity.INFO
    repeat: timedelta | None = None
    wait: timedelta = NOTHING
    quiet: Quiet | None = None
    mention: tuple[str, ...] = ()
    fallback: tuple[str, ...] = ()
    digest: str = ""


@dataclass(frozen=True, slots=True)
class Address:
    """How one notice goes to one channel: in which thread of the incident, and not before when.

    `not_before` is UTC, None for at once. Notices to a channel with the same `digest` that wait
    at the same time are told as one message, `=` those of one thread; an empty one is told alone.
    `fallback` are the channels that hear of it when this one is dead.
    """

    channel: str
    group: str = ""
    not_before: datetime | None = None
    digest: str = ""
    mention: tuple[str, ...] = ()
    fallback: tuple[str, ...] = ()


def audiences(
    routes: Sequence[Route],
    environment: str,
    against: str,
    findings: Iterable[Finding] = (),
    severity: Severity = Severity.INFO,
    owners: Owners = Owners(),  # noqa: B008  it never changes
) -> tuple[Audience, ...]:
    """Return who hears of an incident as it is now, each finding once per channel.

    `severity` is that of an incident without findings; one with findings is as grave as they are.
    """
    whole = Subject(environment, against, severity)
    here = [r for r in routes if _is_here(r, whole)]
    heard: dict[tuple[str, str], list[Audience]] = {}
    for subject in _subjects(here, whole, findings, owners):
        told: set[str] = set()
        for route in ways(here, subject, owners):
            for audience in led(route, subject, owners):
                if audience.channel not in told:
                    told.add(audience.channel)
                    heard.setdefault((audience.channel, audience.group), []).append(audience)
    return tuple(map(_joined, heard.values()))


def ways(
    routes: Iterable[Route],
    subject: Subject,
    owners: Owners = Owners(),  # noqa: B008
) -> Iterator[Route]:
    """Give the routes that a subject goes: the first that matches, and on while they say so.

    One that leads to nobody, as to an owner that has no channel, is passed by.
    """
    for route in routes:
        if route.matches(subject) and any(_channels(route, subject, owners)):
            yield route
            if not route.go_on:
                return


def address(audience: Audience, now: datetime, *, first: bool) -> Address:
    """Return how a notice goes to its audience; `first` says that it opens the thread.

    What waits for the end of quiet hours becomes one message with whatever else waits for it.
    """
    quiet = audience.quiet.until(audience.severity, now) if audience.quiet else None
    waits = first or audience.digest
    after = now + audience.wait if waits and audience.wait else None
    return Address(
        channel=audience.channel,
        group=audience.group,
        not_before=max((t for t in (quiet, after) if t), default=None),
        digest=QUIET if quiet else audience.digest or (WITHIN if audience.wait else ""),
        mention=audience.mention,
        fallback=audience.fallback,
    )


def _unmet(route: Route, subject: Subject) -> Iterator[str]:
    found, kind, name = subject.finding, *subject.named
    if route.environments and not any_of(route.environments, subject.environment):
        yield f"it is for {_of(route.environments)}, not for {subject.environment}"
    if route.against and not any_of(route.against, subject.against):
        yield f"it is for what stands against {_of(route.against)}, not against {subject.against}"
    if subject.severity not in route.severity:
        yield f"it is for {_of(route.severity)}, and this is {subject.severity}"
    if route.classes and (found is None or found.cls not in route.classes):
        yield f"it is for {_of(route.classes)} alone"
    if route.directions and (found is None or found.direction not in route.directions):
        yield f"it is for what is {_of(route.directions)}"
    if route.kinds and not any_of(route.kinds, kind):
        yield f"it is for {_of(route.kinds)} alone"
    objects = route.objects
    if objects and not (any_of(objects, f"{kind}:{name}") or any_of(objects, name)):
        yield f"it is for objects {_of(objects)}"
    if route.owners and not any(any_of(route.owners, owner) for owner in subject.owners):
        owned = _of(subject.owners) if subject.owners else "nobody"
        yield f"it is for what {_of(route.owners)} own, and this is owned by {owned}"


def _of(names: Iterable[str]) -> str:
    return " or ".join(map(str, names))


def _is_here(route: Route, subject: Subject) -> bool:
    """Tell whether a route can be for anything in this environment against this yardstick."""
    here = not route.environments or any_of(route.environments, subject.environment)
    return here and (not route.against or any_of(route.against, subject.against))


def _subjects(
    routes: Sequence[Route], whole: Subject, findings: Iterable[Finding], owners: Owners
) -> Iterator[Subject]:
    nobody = True
    owned = any(r.owners or OWNER in r.to or OWNER in r.group_by for r in routes)
    for f in findings:
        nobody = False
        of = owners.of(f.key) if owned else ()
        yield Subject(whole.environment, whole.against, f.severity, f, of)
    if nobody:
        yield whole


def _channels(route: Route, subject: Subject, owners: Owners) -> Iterator[tuple[str, str]]:
    """Give the channels that a route leads to, and whom to mention there."""
    for name in route.to:
        if name != OWNER:
            yield name, route.mention
            continue
        for owner in subject.owners:
            team = owners.teams.get(owner)
            if team and team.channel:
                yield team.channel, team.mention or route.mention


def led(route: Route, subject: Subject, owners: Owners) -> Iterator[Audience]:
    """Give the channels that hear of a subject by a route that is for it, each as an audience."""
    group, digest = _group(route, subject)
    for channel, mention in _channels(route, subject, owners):
        yield Audience(
            channel=channel,
            group=group,
            findings=(subject.finding,) if subject.finding else (),
            severity=subject.severity,
            repeat=route.repeat,
            wait=route.wait,
            quiet=route.quiet,
            mention=(mention,) if mention else (),
            fallback=tuple(f for f in route.fallback if f != channel),
            digest=digest,
        )


def _group(route: Route, subject: Subject) -> tuple[str, str]:
    """Return what the thread's findings share within the incident, and what a digest shares."""
    found = subject.finding
    values = {
        "environment": subject.environment,
        "against": subject.against,
        "severity": subject.severity.value,
        "class": found.cls.value if found else "",
        "kind": found.change.id.kind if found else "",
        OWNER: "+".join(sorted(subject.owners)),
    }
    shared = [f"{key}={values[key]}" for key in sorted(route.group_by)]
    group = ",".join(s for s in shared if s.partition("=")[0] not in PER_INCIDENT)
    digest = "" if set(PER_INCIDENT) <= set(route.group_by) else ",".join(["by", *shared])
    return group, digest


def _joined(shares: Sequence[Audience]) -> Audience:
    """Return as one audience what goes to one channel in one group."""
    sorts = list({(s.repeat, s.wait, s.quiet, s.mention, s.fallback): s for s in shares}.values())
    quiet = [s.quiet for s in sorts]
    return replace(
        shares[0],
        findings=tuple(f for s in shares for f in s.findings),
        severity=max((s.severity for s in shares), key=lambda s: s.rank),
        repeat=min((s.repeat for s in sorts if s.repeat is not None), default=None),
        wait=min(s.wait for s in sorts),
        quiet=None if None in quiet else quiet[0],
        mention=tuple(dict.fromkeys(m for s in sorts for m in s.mention)),
        fallback=tuple(dict.fromkeys(f for s in sorts for f in s.fallback)),
    )
