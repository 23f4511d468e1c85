"""Standings in, what a page says of them out: order, verdict, words for times. No HTML here."""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from hashlib import blake2b

from pgdrift.core.model import (
    SYNC,
    Against,
    Change,
    ChangeType,
    Direction,
    Finding,
    Origin,
    Outcome,
    Severity,
    Standing,
)
from pgdrift.core.shown.render import blame_words, one_line, value_text
from pgdrift.core.why.migrations import words

_GIST_LENGTH = 48
_MIGRATIONS = 10
_CONCERN = {"critical": 0, "warning": 1, "unknown": 2, "info": 3, "ok": 4}


@dataclass(frozen=True, slots=True)
class Verdict:
    """The one sentence that a page opens with. `level` is ok, a severity, or unknown."""

    level: str
    headline: str
    since: datetime | None = None
    counts: tuple[tuple[str, int], ...] = ()
    also: str = ""


def verdict(standings: Iterable[Standing]) -> Verdict:
    """Sum up; drift speaks before what cannot be seen, and that before what is right."""
    standings = tuple(standings)
    drifted = [s for s in standings if findings(s) or outcome(s) is Outcome.DRIFTED]
    unseen = [s for s in standings if outcome(s) is Outcome.UNKNOWN]
    found = [f for s in drifted for f in findings(s)]
    unjudged = f"{_names(unseen, len(standings))} cannot be judged" if unseen else ""
    if drifted:
        return Verdict(
            (worst(found) or Severity.WARNING).value,
            f"{_names(drifted, len(standings))} {_verb(drifted, found)}",
            oldest(found),
            severities(found),
            also=unjudged,
        )
    if unseen:
        return Verdict("unknown", unjudged)
    if not standings:
        return Verdict("unknown", "No environment has been looked at yet")
    return Verdict("ok", "Everything is in sync" if len(standings) > 1 else "In sync")


def outcome(standing: Standing) -> Outcome:
    """Return what a page may say of an environment: in sync only when every yardstick says so."""
    said = {standing.outcome, *(a.outcome for a in standing.against)}
    if standing.outcome is Outcome.UNKNOWN or said == {Outcome.IN_SYNC}:
        return standing.outcome
    return Outcome.DRIFTED if Outcome.DRIFTED in said else Outcome.UNKNOWN


def level(standing: Standing) -> str:
    """Return ok, unknown, or the worst severity of a standing's findings."""
    return _level(outcome(standing), findings(standing))


def against_level(against: Against) -> str:
    """Return ok, unknown, or the worst severity of the findings against one yardstick."""
    return _level(against.outcome, against.findings)


def stages(standings: Mapping[str, Standing]) -> list[list[Standing]]:
    """Return environments as steps of promotion: what follows nothing that is watched, then on."""
    steps: dict[int, list[Standing]] = {}
    for standing in standings.values():
        steps.setdefault(_depth(standing, standings), []).append(standing)
    return [sorted(steps[d], key=lambda s: s.environment) for d in sorted(steps)]


def is_fleet(steps: list[list[Standing]]) -> bool:
    """Tell whether there are too many environments to stand side by side."""
    return len(steps) > 5 or any(len(step) > 4 for step in steps)


def by_concern(standings: Mapping[str, Standing]) -> list[Standing]:
    """Return environments the gravest first, and upstreams before what follows them."""
    ordered = [s for stage in stages(standings) for s in stage]
    return sorted(ordered, key=lambda s: (_CONCERN[level(s)], not s.protected))


def not_in_sync(standings: Iterable[Standing]) -> list[Standing]:
    """Return those of which a page has more to say than that all is well."""
    return [s for s in standings if level(s) != "ok"]


def gravest_first(yardsticks: Iterable[Against]) -> list[Against]:
    """Return comparisons in the order of concern."""
    return sorted(yardsticks, key=lambda a: _CONCERN[against_level(a)])


def findings(standing: Standing) -> list[Finding]:
    """Return the findings against every yardstick."""
    return [f for a in standing.against for f in a.findings]


def worst(found: Iterable[Finding]) -> Severity | None:
    """Return the gravest severity, or None of nothing."""
    return max((f.severity for f in found), key=lambda s: s.rank, default=None)


def oldest(found: Iterable[Finding]) -> datetime | None:
    """Return when the oldest finding was first seen, or None of nothing."""
    return min((f.first_seen for f in found), default=None)


def severities(found: Iterable[Finding]) -> tuple[tuple[str, int], ...]:
    """Return how many findings there are of each severity, the gravest first."""
    counts = Counter(f.severity for f in found)
    return tuple((s.value, counts[s]) for s in Severity if counts[s])


def directions(found: Iterable[Finding]) -> tuple[tuple[str, int], ...]:
    """Return how many findings there are of each direction, in words."""
    words = {
        Direction.AHEAD: "ahead",
        Direction.DIVERGED: "diverged",
        Direction.CHANGED: "changed",
        Direction.BEHIND: "behind",
        Direction.UNKNOWN: "never agreed",
    }
    counts = Counter(f.direction for f in found)
    return tuple((word, counts[d]) for d, word in words.items() if counts[d])


def histories(against: Against) -> list[str]:
    """Say which migrations differ, the gravest first and not too many."""
    said = [words(f) for f in against.histories[:_MIGRATIONS]]
    more = len(against.histories) - _MIGRATIONS
    return [*said, f"and {more} more migrations"] if more > 0 else said


def yardstick_words(yardstick: str) -> str:
    """Name what an environment is measured against."""
    return "its sync point" if yardstick == SYNC else yardstick


def gist(change: Change) -> str:
    """Say on one short line what changed; empty for what came or went."""
    if change.change is not ChangeType.CHANGED:
        return ""
    parts = [_pair(name, *pair) for name, pair in sorted(change.attributes.items())]
    more = f", and {len(parts) - 2} more" if len(parts) > 2 else ""
    return ", ".join(parts[:2]) + more


def blame(finding: Finding) -> str:
    """Say in one sentence who did it, through what and when, and how that is known."""
    words = blame_words(finding)
    if not words:
        return "Nobody is named."
    return (
        f"{words[0].upper()}{words[1:]}."
        if finding.origin is Origin.UNTRACKED
        else f"Done {words}."
    )


def age(then: datetime, now: datetime) -> str:
    """Say how long ago something was, in its greatest unit: `12 s`, `3 h`, `9 d`."""
    seconds = max(0, int((now - then).total_seconds()))
    for unit, size in (("d", 86400), ("h", 3600), ("min", 60)):
        if seconds >= size * (2 if unit == "d" else 1):
            return f"{seconds // size} {unit}"
    return f"{seconds} s"


def server_version(number: int) -> str:
    """Return a server's version number as people say it: 160004 is `16.4`."""
    return f"{number // 10000}.{number % 10000}"


def anchor(*parts: str) -> str:
    """Return an HTML id for what has these names: the same at every look, whatever they hold."""
    return "x" + blake2b("\0".join(parts).encode("utf-8", "replace"), digest_size=6).hexdigest()


def _level(said: Outcome, found: Iterable[Finding]) -> str:
    if said is Outcome.UNKNOWN:
        return "unknown"
    return "ok" if said is Outcome.IN_SYNC else (worst(found) or Severity.WARNING).value


def _depth(standing: Standing, standings: Mapping[str, Standing]) -> int:
    seen = {standing.environment}
    follows = standing.follows
    while follows and follows in standings and follows not in seen:
        seen.add(follows)
        follows = standings[follows].follows
    return len(seen)


def _names(some: list[Standing], total: int) -> str:
    if len(some) > 2:
        return f"{len(some)} of {total} environments"
    return " and ".join(one_line(s.environment) for s in some)


def _verb(some: list[Standing], found: list[Finding]) -> str:
    if found and all(f.direction is Direction.BEHIND and not f.late for f in found):
        return "waits for promotion" if len(some) == 1 else "wait for promotion"
    away = [a for s in some for a in s.against if a.outcome is Outcome.DRIFTED]
    if len(some) == 1 and len(away) == 1:
        return f"drifted from {one_line(yardstick_words(away[0].yardstick))}"
    return "drifted"


def _pair(name: str, before: object, after: object) -> str:
    text = f"{one_line(name)}: {one_line(value_text(before))} → {one_line(value_text(after))}"
    return text if len(text) <= _GIST_LENGTH else one_line(name)
