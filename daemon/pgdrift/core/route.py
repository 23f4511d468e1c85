"""An incident in, the channels that hear of it out: of every route that matches."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import timedelta
from fnmatch import fnmatchcase

from pgdrift.core.incident import Incident
from pgdrift.core.model import Severity


@dataclass(frozen=True, slots=True)
class Route:
    """Who hears of which incidents: a glob over environments, the severities, the channels."""

    to: Sequence[str]
    environment: str = "*"
    severity: Sequence[Severity] = (Severity.WARNING, Severity.CRITICAL)
    repeat: timedelta | None = None

    def matches(self, environment: str, severity: Severity) -> bool:
        """Tell whether an incident of this environment and severity goes this way."""
        return severity in self.severity and fnmatchcase(environment, self.environment)


def channels(routes: Iterable[Route], incident: Incident) -> tuple[str, ...]:
    """Return the channels that hear of an incident now: all that match, and all told before."""
    matching = [
        name
        for route in routes
        if route.matches(incident.environment, incident.severity)
        for name in route.to
    ]
    return tuple(dict.fromkeys([*incident.channels, *matching]))


def repeat_after(routes: Iterable[Route], environment: str, severity: Severity) -> timedelta | None:
    """Return after how long an open incident is told again; the shortest of the routes, or None."""
    waits = [r.repeat for r in routes if r.repeat and r.matches(environment, severity)]
    return min(waits, default=None)
