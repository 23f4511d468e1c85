"""What is not to be told yet, and why: findings in, a reason for each that waits, out.

The one place that says so. What waits for a look at the upstream or for the end of a migration is
held before it is judged (`Against.held`); the rest is held here.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from pgdrift.core.alerts import hours
from pgdrift.core.alerts.hours import Hours
from pgdrift.core.alerts.incident import Incident, State
from pgdrift.core.ignore import any_matches
from pgdrift.core.model import REACH, Finding

WHOLE = ""
"""The key of an incident that has no findings, as one that cannot be looked at."""


@dataclass(frozen=True, slots=True)
class Maintenance:
    """A planned window: in environments by glob, once from `start` to `end`, or each week.

    Without `start` and `end` it is `weekly` alone. Times are aware.
    """

    reason: str
    environments: Sequence[str] = ()
    start: datetime | None = None
    end: datetime | None = None
    weekly: Hours | None = None

    def until(self, environment: str, now: datetime) -> datetime | None:
        """Return until when it holds back what an environment has to tell, or None."""
        if not any_matches(environment, self.environments):
            return None
        if self.weekly is not None:
            return hours.until([self.weekly], now)
        begun = self.start is None or self.start <= now
        return self.end if begun and self.end is not None and now < self.end else None


@dataclass(frozen=True, slots=True)
class Patience:
    """How long an environment waits before it tells: a grace period, and planned windows."""

    grace: timedelta = timedelta(0)
    maintenance: Sequence[Maintenance] = ()


def window(patience: Patience, environment: str, now: datetime) -> str:
    """Say which planned window holds back what an environment has to tell; empty for none."""
    for planned in patience.maintenance:
        if until := planned.until(environment, now):
            ends = f"{until.astimezone(UTC):%Y-%m-%d %H:%M} UTC"
            return f"maintenance until {ends}: {planned.reason}"
    return ""


def held(
    patience: Patience, incident: Incident, findings: Iterable[Finding], now: datetime
) -> Mapping[str, str]:
    """Return the keys of what is not to be told yet, with why. A clock set back holds no longer."""
    keys = {f.key: f.first_seen for f in findings}
    if incident.against == REACH:
        keys = {WHOLE: incident.changed_at}
    if why := window(patience, incident.environment, now):
        return dict.fromkeys(keys, why)
    if incident.against == REACH and incident.state is State.OPEN:
        return {}
    return {key: _grace(patience.grace) for key, at in keys.items() if _new(patience, at, now)}


def _new(patience: Patience, since: datetime, now: datetime) -> bool:
    return timedelta(0) <= now - since < patience.grace


def _grace(grace: timedelta) -> str:
    return f"told once it has been there for {grace}"
