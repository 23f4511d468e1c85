"""What became of what was decided to be told, counted by channel. Nouns alone."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True, slots=True)
class Letter:
    """One delivery that was given up: what it said, why it was given up, and when, UTC."""

    channel: str
    headline: str
    reason: str
    at: datetime


@dataclass(frozen=True, slots=True)
class Tray:
    """How one channel's deliveries stand. Times are UTC.

    `waiting` are on their way, the oldest decided at `oldest_at`; `why` is what kept the latest
    try from arriving. `given_up` are those that never arrived, `dead` the latest of them.
    `dead_since` is since when the channel counts as one that cannot be reached.
    """

    channel: str
    waiting: int = 0
    oldest_at: datetime | None = None
    why: str = ""
    delivered_at: datetime | None = None
    given_up: int = 0
    dead: tuple[Letter, ...] = ()
    dead_since: datetime | None = None
