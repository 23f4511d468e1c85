"""How much a table holds and how much is done with it: what makes a lock or a rewrite dear.

Values alone, as they were read when the plan was made; what nobody could tell is None.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from pgdrift.core.plan.step import Lock, Step

# From here on whoever waits for it will notice, and then complain.
NOTICED, LARGE = 64 * 2**20, 2**30
_UNITS = ("bytes", "kB", "MB", "GB", "TB", "PB")


@dataclass(frozen=True, slots=True)
class Weight:
    """One table, with all that hangs below it.

    size: bytes with indexes and what is kept aside. rows: the planner's estimate. reads: how often
    it was looked through, whole or by an index; writes: rows written, changed and deleted; both
    since `since`, a time in ISO 8601 in UTC, or since nobody knows where that is empty.
    """

    size: int | None = None
    rows: int | None = None
    reads: int | None = None
    writes: int | None = None
    since: str = ""


Weights = Mapping[str, Weight]


def names(steps: Iterable[Step]) -> tuple[str, ...]:
    """Return all relations that statements lock, as SQL names them."""
    return tuple(sorted({name for step in steps for name in step.locks}))


def gravity(step: Step, weights: Weights) -> int:
    """Return how many bytes others wait for: what is written anew, read, or lost. 0 for unknown."""
    if not (step.rewrites or step.scans or step.loses):
        return 0
    return sum(weights[n].size or 0 for n in step.on if n in weights)


def grade(step: Step, weights: Weights) -> str:
    """Return in a word how much a statement is to be feared for what it goes through."""
    size = gravity(step, weights)
    keeps_out = step.lock.rank >= Lock.SHARE.rank
    if size >= LARGE and keeps_out:
        return "heavy"
    return "noticeable" if size >= NOTICED else ""


def words(weight: Weight) -> str:
    """Return a weight for people: size, rows, and what is done with it."""
    return "; ".join(_parts(weight))


def _parts(weight: Weight) -> Iterator[str]:
    known = [
        said
        for said in (
            size_words(weight.size) if weight.size is not None else "",
            f"{'about ' * (weight.rows >= 1000)}{weight.rows:,} rows"
            if weight.rows is not None
            else "",
        )
        if said
    ]
    yield ", ".join(known) or "size unknown"
    if weight.reads is not None and weight.writes is not None:
        since = f"since {weight.since}" if weight.since else "since its statistics began"
        yield f"read {weight.reads:,} times, {weight.writes:,} rows written {since}"


def size_words(size: int) -> str:
    """Return a number of bytes as people say it."""
    said, unit = float(size), 0
    while said >= 1024 and unit < len(_UNITS) - 1:
        said, unit = said / 1024, unit + 1
    return f"{said:.0f} {_UNITS[unit]}" if unit == 0 or said >= 10 else f"{said:.1f} {_UNITS[unit]}"
