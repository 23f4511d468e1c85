"""What the pages may ask. Everything is a function, so that a page always shows the latest."""

from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from aiohttp import web

from pgdrift.core.alerts.incident import Incident
from pgdrift.core.alerts.letters import Tray
from pgdrift.core.alerts.marks import Mark
from pgdrift.core.ignore import RuleStanding
from pgdrift.core.model import Event, Standing
from pgdrift.core.shares import Replicas


def utc_now() -> datetime:
    """Return the time, in UTC."""
    return datetime.now(UTC)


@dataclass(frozen=True, slots=True)
class Configured:
    """When the configuration in force was read, and why a newer one was refused, if one was."""

    read_at: datetime
    refused: str = ""
    refused_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Site:
    """The questions of the pages; `timeline` gives an environment's events, the latest first."""

    standings: Callable[[], Mapping[str, Standing]]
    incidents: Callable[[], Iterable[Incident]]
    timeline: Callable[[str], Awaitable[Sequence[Event]]]
    metrics: Callable[[], tuple[bytes, str]]
    ready: Callable[[], bool]
    live: Callable[[], bool]
    version: str
    kinds: frozenset[str] = frozenset()
    rules: Callable[[], Iterable[RuleStanding]] = tuple
    trays: Callable[[], Iterable[Tray]] = tuple
    marks: Callable[[], Sequence[Mark]] = tuple
    configured: Callable[[], Configured | None] = lambda: None
    replicas: Callable[[], Replicas | None] = lambda: None
    now: Callable[[], datetime] = utc_now


SITE = web.AppKey("site", Site)
