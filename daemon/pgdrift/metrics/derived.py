"""Gauges read off the latest standings: what a scrape sees in, samples out, in order of labels.

Made anew at each scrape, so that what was mended leaves no series behind.
"""

from collections import Counter as Tally
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TypeAlias

from pgdrift import __version__
from pgdrift.core.alerts import mute
from pgdrift.core.alerts.incident import Incident, State
from pgdrift.core.alerts.letters import Tray
from pgdrift.core.alerts.marks import Mark, Verb
from pgdrift.core.duties import Replicas
from pgdrift.core.ignore import RuleStanding, RuleState
from pgdrift.core.model import Against, Origin, Outcome, Severity, Standing
from pgdrift.core.variants import Group

# So many variants of a group have a series each, the largest first.
VARIANTS = 9
Sample: TypeAlias = tuple[tuple[str, ...], float]

_NEVER = datetime.max.replace(tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Named:
    """What the configuration says of an environment; `interval` between looks is in seconds.

    `series`: it has series of its own, and not only a share in those of its group.
    """

    interval: float
    follows: str | None = None
    protected: bool = False
    series: bool = True


@dataclass(frozen=True, slots=True)
class Seen:
    """What a scrape looks at; `environments` are those that the configuration names."""

    standings: Mapping[str, Standing]
    incidents: tuple[Incident, ...]
    environments: Mapping[str, Named]
    rules: tuple[RuleStanding, ...] = ()
    ears: Mapping[str, bool] = field(default_factory=dict)
    trays: tuple[Tray, ...] = ()
    marks: tuple[Mark, ...] = ()
    page: str | None = None
    replicas: Replicas | None = None
    groups: tuple[Group, ...] = ()
    grouped: Mapping[str, tuple[Standing, ...]] = field(default_factory=dict)


def group_environments(seen: Seen) -> Iterator[Sample]:
    for name, of in seen.grouped.items():
        tally = Tally(s.outcome if s.could_look else Outcome.UNKNOWN for s in of)
        yield from (((name, outcome.value), float(tally[outcome])) for outcome in Outcome)


def group_variants(seen: Seen) -> Iterator[Sample]:
    return (((g.name,), float(len(g.variants))) for g in seen.groups)


def variant_environments(seen: Seen) -> Iterator[Sample]:
    for g in seen.groups:
        sizes = [float(len(v.members)) for v in g.variants]
        for place, size in enumerate(sizes[:VARIANTS], 1):
            yield (g.name, str(place)), size
        if rest := sizes[VARIANTS:]:
            yield (g.name, "others"), sum(rest)


def group_findings(seen: Seen) -> Iterator[Sample]:
    for name, of in seen.grouped.items():
        tally = Tally(f.severity for s in of for a in s.against for f in a.findings)
        yield from (((name, severity.value), float(tally[severity])) for severity in Severity)


def group_last_look(seen: Seen) -> Iterator[Sample]:
    for name, of in seen.grouped.items():
        looks = [s.seen_at.timestamp() for s in of if s.seen_at]
        if looks:
            yield (name,), min(looks)


def build(_: Seen) -> Iterator[Sample]:
    yield (__version__,), 1.0


def page(seen: Seen) -> Iterator[Sample]:
    if seen.page:
        yield (seen.page,), 1.0


def environments(seen: Seen) -> Iterator[Sample]:
    for name, of in seen.environments.items():
        yield (name, of.follows or "", str(of.protected).lower()), 1.0


def intervals(seen: Seen) -> Iterator[Sample]:
    return (((name,), of.interval) for name, of in seen.environments.items())


def up(seen: Seen) -> Iterator[Sample]:
    for name in seen.environments.keys() | seen.standings.keys():
        yield (name,), float(name in seen.standings and seen.standings[name].could_look)


def outcomes(seen: Seen) -> Iterator[Sample]:
    for name in seen.environments.keys() | seen.standings.keys():
        standing = seen.standings.get(name)
        now = standing.outcome if standing and standing.could_look else Outcome.UNKNOWN
        yield from (((name, outcome.value), float(outcome is now)) for outcome in Outcome)


def in_sync(seen: Seen) -> Iterator[Sample]:
    for standing in (s for s in seen.standings.values() if s.could_look):
        for against in standing.against:
            if against.outcome is not Outcome.UNKNOWN:
                labels = (standing.environment, against.yardstick)
                yield labels, float(against.outcome is Outcome.IN_SYNC)


def findings(seen: Seen) -> Iterable[Sample]:
    return Tally(
        (s.environment, a.yardstick, f.direction.value, f.severity.value, f.cls.value)
        for s in seen.standings.values()
        for a in s.against
        for f in a.findings
    ).items()


def late(seen: Seen) -> Iterator[Sample]:
    for labels, against in _yardsticks(seen):
        yield labels, float(sum(f.late for f in against.findings))


def untracked(seen: Seen) -> Iterator[Sample]:
    for labels, against in _yardsticks(seen):
        yield labels, float(sum(f.origin is Origin.UNTRACKED for f in against.findings))


def oldest(seen: Seen) -> Iterator[Sample]:
    for labels, against in _yardsticks(seen):
        if against.findings:
            yield labels, min(f.first_seen for f in against.findings).timestamp()


def last_look(seen: Seen) -> Iterator[Sample]:
    return (((s.environment,), s.seen_at.timestamp()) for s in seen.standings.values() if s.seen_at)


def at_work(seen: Seen) -> Iterator[Sample]:
    return (((name,), float(bool(s.at_work))) for name, s in seen.standings.items())


def sync_point(seen: Seen) -> Iterator[Sample]:
    return (
        ((s.environment,), s.sync_point.at.timestamp())
        for s in seen.standings.values()
        if s.sync_point
    )


def migrations_missing(seen: Seen) -> Iterator[Sample]:
    for labels, against in _yardsticks(seen):
        if against.migrations_missing is not None:
            yield labels, float(against.migrations_missing)


def incidents(seen: Seen) -> Iterable[Sample]:
    none = {(name, State.OPEN.value): 0 for name in seen.standings}
    return (none | Tally((i.environment, _state(seen, i)) for i in seen.incidents)).items()


def _state(seen: Seen, incident: Incident) -> str:
    """Return an incident's state; of an open one what people made of it, if they did."""
    said = (
        mute.standing(seen.marks, incident) if seen.marks and incident.state is State.OPEN else ""
    )
    return said or incident.state.value


def accepted(seen: Seen) -> Iterator[Sample]:
    return ((labels, float(len(against.accepted))) for labels, against in _yardsticks(seen))


def acceptance_ends(seen: Seen) -> Iterator[Sample]:
    """Give for each environment when the first of what was called right is drift again."""
    ends = _right_until(seen.marks)
    for name, standing in seen.standings.items():
        keys = ((name, a.yardstick, f.key) for a in standing.against for f in a.accepted)
        first = min((ends[key] for key in keys if key in ends), default=_NEVER)
        if first < _NEVER:
            yield (name,), first.timestamp()


def _right_until(marks: Iterable[Mark]) -> Mapping[tuple[str, str, str], datetime]:
    """Return by environment, yardstick and key when the last acceptance of a finding ends."""
    ends: dict[tuple[str, str, str], datetime] = {}
    for mark in marks:
        until = mark.until or _NEVER
        for right in mark.findings if mark.verb is Verb.ACCEPT else ():
            key = (mark.environment, right.against, right.key)
            ends[key] = max(ends.get(key, until), until)
    return ends


def objects(seen: Seen) -> Iterator[Sample]:
    return (((s.environment,), float(s.objects)) for s in seen.standings.values() if s.seen_at)


def not_compared(seen: Seen) -> Iterator[Sample]:
    for standing in seen.standings.values():
        for kind, count in standing.not_compared.items():
            yield (standing.environment, kind), float(count)


def ignore_rules(seen: Seen) -> Iterable[Sample]:
    none = {(state.value,): 0 for state in RuleState}
    return (none | Tally((rule.state.value,) for rule in seen.rules)).items()


def listeners(seen: Seen) -> Iterator[Sample]:
    return (((name,), float(up)) for name, up in seen.ears.items())


def replicas(seen: Seen) -> Iterator[Sample]:
    if seen.replicas:
        yield (), float(len(seen.replicas.members))


def leading(seen: Seen) -> Iterator[Sample]:
    if seen.replicas:
        yield (), float(seen.replicas.leader == seen.replicas.this)


def unwatched(seen: Seen) -> Iterator[Sample]:
    # Who is no member does not know, and says nothing.
    if seen.replicas and seen.replicas.members:
        yield (), float(sum(of is None for of in seen.replicas.watched_by.values()))


def waiting(seen: Seen) -> Iterator[Sample]:
    return (((t.channel,), float(t.waiting)) for t in seen.trays)


def oldest_waiting(seen: Seen) -> Iterator[Sample]:
    return (((t.channel,), t.oldest_at.timestamp()) for t in seen.trays if t.oldest_at)


def channels_up(seen: Seen) -> Iterator[Sample]:
    return (((t.channel,), float(t.dead_since is None)) for t in seen.trays)


def given_up(seen: Seen) -> Iterator[Sample]:
    return (((t.channel,), float(t.given_up)) for t in seen.trays)


def _yardsticks(seen: Seen) -> Iterator[tuple[tuple[str, str], Against]]:
    for standing in seen.standings.values():
        for against in standing.against:
            yield (standing.environment, against.yardstick), against
