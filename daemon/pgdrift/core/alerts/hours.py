"""Hours of the week, as clocks on the wall show them somewhere: a moment in, when they end out.

For quiet hours and for maintenance that comes back each week. `now` is an argument, as ever.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta, tzinfo

EVERY_DAY = frozenset(range(7))
# Windows that follow one another without a gap end somewhere, or nothing would ever be told.
_LONGEST = timedelta(days=8)


@dataclass(frozen=True, slots=True)
class Hours:
    """From one time of day to another, in `zone`, on these days of the week (0 is Monday).

    `end` at or before `start` is on the next day; a day is the one on which the hours begin.
    """

    start: time
    end: time
    zone: tzinfo = UTC
    days: frozenset[int] = EVERY_DAY

    def until(self, now: datetime) -> datetime | None:
        """Return when the hours end that `now` lies in, UTC; None when it lies in none."""
        today = now.astimezone(self.zone).date()
        for begins in (today - timedelta(days=1), today):
            if begins.weekday() not in self.days:
                continue
            ends = begins + timedelta(days=self.end <= self.start)
            start = datetime.combine(begins, self.start, self.zone).astimezone(UTC)
            end = datetime.combine(ends, self.end, self.zone).astimezone(UTC)
            if start <= now < end:
                return end
        return None


def until(hours: Iterable[Hours], now: datetime) -> datetime | None:
    """Return when all is over that `now` lies in, UTC: hours that follow at once are one stretch.

    None when `now` lies in none of them. A stretch that never ends is cut off after eight days.
    """
    each, end = tuple(hours), now
    while end - now < _LONGEST:
        later = max((e for h in each if (e := h.until(end))), default=None)
        if later is None:
            break
        end = later
    return None if end == now else end.astimezone(UTC)
