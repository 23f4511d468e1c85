"""What the pages may ask. Everything is a function, so that a page always shows the latest."""

from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime

from aiohttp import web

from pgdrift.core.alerts.incident import Incident
from pgdrift.core.alerts.letters import Tray
from pgdrift.core.alerts.marks import Mark
from pgdrift.core.duties import Replicas
from pgdrift.core.ignore import RuleStanding
from pgdrift.core.model import Event, Standing
from pgdrift.core.plan.kept import KeptPlan
from pgdrift.core.why.enacted import Enactment


def utc_now() -> datetime:
    """Return the time, in UTC."""
    return datetime.now(UTC)


@dataclass(frozen=True, slots=True)
class Configured:
    """When the configuration in force was read, and why a newer one was refused, if one was."""

    read_at: datetime
    refused: str = ""
    refused_at: datetime | None = None


Found = tuple[KeptPlan, tuple[Enactment, ...]]
"""A kept plan, and each time that it was run, the latest first."""


async def no_plan(id_: str) -> Found | None:
    """Find no plan of that name."""
    _ = id_
    return None


@dataclass(frozen=True, slots=True)
class Plans:
    """What the pages ask of the plans made for incidents: the id of one, and what to say of it."""

    plan_of: Callable[[Incident], str] = lambda _: ""
    words: Callable[[Incident], str] = lambda _: ""


@dataclass(frozen=True, slots=True)
class Site:
    """The questions of the pages; `timeline` gives an environment's events, the latest first.

    `plan` gives the kept plan of a name, with each time that it was run.
    """

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
    plan: Callable[[str], Awaitable[Found | None]] = no_plan
    plans: Plans = field(default_factory=Plans)


SITE = web.AppKey("site", Site)
