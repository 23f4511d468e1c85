"""A migration that has begun and not ended: histories in; how long judgement waits for it, out.

While one is in flight, half of what it does is there and its row is not: whoever judged then would
call it drift. So what was known stays as it is, and the window grows until the migration ends, or
has taken too long.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from pgdrift.core.model import SYNC, Against, Blame, Held, History, Outcome

# Under which the wait is kept, among what waits against the sync point.
_KEY = "a migration in flight"


@dataclass(frozen=True, slots=True)
class Flight:
    """What is in flight, or was at the last look: `what` is empty once it has ended.

    `since` is when a look first saw it and `after` when the look before that began, UTC.
    """

    what: str
    since: datetime
    after: datetime | None

    def waits(self, now: datetime, patience: timedelta) -> bool:
        """Tell whether judgement still waits. A clock that was set back makes it no longer."""
        return bool(self.what) and abs(now - self.since) < patience

    @property
    def why(self) -> str:
        """Why nothing is judged, for people."""
        return f"a migration is in flight ({self.what}): what it changes is judged when it ends"

    def unsettled(self, failed: Iterable[str]) -> str:
        """Say of what is left over that the migration did not converge, and how it ended."""
        if self.what:
            return (
                f"did not converge: in flight since {self.since:%Y-%m-%d %H:%M} UTC ({self.what})"
            )
        return did_not_converge(failed) or "did not converge: left over by a migration that ended"

    def kept(self, against: Against) -> Against:
        """Return the standing against the sync point, with the wait in it while there is one."""
        held = Held(_KEY, self.since, blame=Blame(after=self.after))
        return replace(against, held=(held,) if self.what else ())


def did_not_converge(failed: Iterable[str]) -> str:
    """Say that migrations failed half-way, by their names; empty for none."""
    names = ", ".join(failed)
    return f"did not converge: {names} failed" if names else ""


def in_flight(
    histories: Iterable[History],
    against: Iterable[Against],
    seen_at: datetime | None,
    now: datetime,
    at_work: str = "",
) -> Flight | None:
    """Return the flight that is on, or that was at the last look; None for neither.

    `against` is how the environment stood at the last look, `seen_at` when that was. `at_work`
    says that a plan is being run, which is a migration of ours.
    """
    running = [f"{h.tool}: {h.in_flight}" for h in histories if h.in_flight]
    what = "; ".join([*running, *([at_work] if at_work else [])])
    if before := _begun(against):
        return Flight(what, before.since, before.blame.after)
    return Flight(what, now, seen_at) if what else None


def judged_until(against: Iterable[Against], seen_at: datetime | None) -> datetime | None:
    """Return when the last look began that judged: what changed since is what it did not see."""
    held = _begun(against)
    return held.blame.after if held else seen_at


def waiting(flight: Flight, against: Iterable[Against]) -> tuple[Against, ...]:
    """Return how an environment stands while judgement waits: as it stood, but not clean."""
    stood = tuple(against)
    if not any(a.yardstick == SYNC for a in stood):
        # Declared right, and never looked at since: nothing is known yet, which is not clean.
        stood = (Against(SYNC, Outcome.IN_SYNC), *stood)
    return tuple(_waiting(flight, a) for a in stood)


def _begun(against: Iterable[Against]) -> Held | None:
    own = next((a for a in against if a.yardstick == SYNC), None)
    return next((h for h in own.held if h.key == _KEY), None) if own else None


def _waiting(flight: Flight, against: Against) -> Against:
    if against.outcome is Outcome.IN_SYNC:
        against = replace(against, outcome=Outcome.UNKNOWN, reason=flight.why)
    return flight.kept(against) if against.yardstick == SYNC else against
