"""Things to do in, times out: side by side, so that a busy machine is so for all of them."""

from __future__ import annotations

import gc
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from statistics import median

Contest = Mapping[str, Callable[[], Awaitable[object]]]
Times = Mapping[str, Sequence[float]]


@dataclass(frozen=True, slots=True)
class Ratio:
    """How one thing relates to another: the median over the rounds, and the range.

    `limit` is what it is held to, if anything.
    """

    name: str
    median: float
    low: float
    high: float
    limit: float | None = None
    unit: str = ""

    @property
    def missed(self) -> bool:
        """Tell whether it is above its limit."""
        return self.limit is not None and self.median > self.limit


async def side_by_side(contest: Contest, rounds: int) -> Times:
    """Do everything once a round, and return the seconds that each took in each round."""
    times: dict[str, list[float]] = {name: [] for name in contest}
    for n in range(rounds):
        # Who comes first in a round changes, so that nobody always finds what another warmed up.
        names = list(contest)
        for name in names[n % len(names) :] + names[: n % len(names)]:
            times[name].append(await seconds(contest[name]))
    return times


async def seconds(do: Callable[[], Awaitable[object]]) -> float:
    """Return how long something takes; what it leaves behind is cleared away first."""
    gc.collect()
    began = time.perf_counter()
    result = await do()
    took = time.perf_counter() - began
    del result
    return took


def ratio(
    name: str, part: Sequence[float], whole: Sequence[float], limit: float | None = None
) -> Ratio:
    """Return how many times `whole` goes into `part`, round by round."""
    each = [p / w for p, w in zip(part, whole, strict=True)]
    return Ratio(name, median(each), min(each), max(each), limit)


def amount(name: str, value: float, unit: str, limit: float | None = None) -> Ratio:
    """Return what is no ratio of times, such as kilobytes per table."""
    return Ratio(name, value, value, value, limit, unit)
