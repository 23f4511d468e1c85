"""A channel that cannot be reached: how its deliveries went in; the incident that it is out.

A message that fails is the outbox's; a channel that fails for long, or for good, is an alert.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from pgdrift.core.alerts.incident import Incident, Notice, Reason, State
from pgdrift.core.digest import content_digest
from pgdrift.core.model import CHANNELS, Severity


@dataclass(frozen=True, slots=True)
class Health:
    """How the deliveries of one channel went lately. Times are UTC.

    `stuck_since` is from when on the oldest was to be told of those that were tried in vain and
    are tried again; `gave_up_at` when the latest was given up for a fault of the whole channel,
    `delivered_at` when the latest arrived. `why` is the reason of the latest failure.
    """

    channel: str
    stuck_since: datetime | None = None
    gave_up_at: datetime | None = None
    delivered_at: datetime | None = None
    why: str = ""

    def is_dead(self, now: datetime, after: timedelta) -> bool:
        """Tell whether nothing arrives there: for so long, or given up and nothing since."""
        return self._later(self.gave_up_at) or (
            self._later(self.stuck_since) and now - (self.stuck_since or now) >= after
        )

    def _later(self, at: datetime | None) -> bool:
        return at is not None and (self.delivered_at is None or self.delivered_at < at)


def step(
    incident: Incident | None,
    health: Health,
    now: datetime,
    after: timedelta,
    stand_ins: Sequence[str],
) -> Notice | None:
    """Return what is to be told of a channel now, with the incident as it is then; or None.

    `incident` is the open one, if any; `after` is how long a channel may fail. It is over when
    something arrived since.
    """
    if incident is None:
        return _opened(health, now, stand_ins) if health.is_dead(now, after) else None
    arrived = health.delivered_at
    if arrived is not None and arrived > incident.opened_at and not health.is_dead(now, after):
        return over(incident, now)
    return None


def over(incident: Incident, now: datetime, why: str = "") -> Notice:
    """Return what is told at the end: it can be reached again, or why that no longer matters."""
    resolved = replace(
        incident,
        state=State.RESOLVED,
        changed_at=now,
        told_at=now,
        resolved_at=now,
        revision=incident.revision + 1,
        detail=why,
    )
    return Notice(resolved, Reason.RESOLVED, now)


def _opened(health: Health, now: datetime, stand_ins: Sequence[str]) -> Notice:
    since = health.stuck_since or health.gave_up_at or now
    instead = ", ".join(stand_ins)
    detail = f"Nothing arrives there since {since:%Y-%m-%d %H:%M} UTC: {health.why}."
    detail += f" What it is to be told is told in {instead}." if instead else ""
    at = {"opened_at": now.isoformat()}
    incident = Incident(
        id=content_digest(CHANNELS, (health.channel,), "", at)[:12],
        environment=CHANNELS,
        against=health.channel,
        state=State.OPEN,
        severity=Severity.CRITICAL,
        opened_at=now,
        changed_at=now,
        told_at=now,
        detail=detail,
        channels=tuple(stand_ins),
    )
    return Notice(incident, Reason.FIRST, now)
