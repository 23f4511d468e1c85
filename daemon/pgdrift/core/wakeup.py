"""Notifications in, when to look and what was hinted out.

Any role that may connect can notify: how often it does costs no more than the looks that the
bounds here allow, and what it says is cut to size, made printable, and never taken for a fact.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, replace

from pgdrift.core.model import Hint
from pgdrift.core.shown.render import one_line

# Seconds without a further notification after which a burst is over, and how long it may last:
# a stream that never pauses must not put a look off for ever.
_QUIET = 0.05
_LONGEST = 0.25
# Between the end of a look and the next one that a notification asks for.
_GAP = 0.25

_MOST_CHARACTERS = 2000
_MOST_OBJECTS = 20
_MOST_TEXT = 200
# What a burst says beyond these hints is counted and not kept.
_MOST_HINTS = 50


@dataclass(frozen=True, slots=True)
class Burst:
    """Notifications that one look answers: when the first and the last came, how many, what said.

    Times are in seconds of a clock that only goes forward.
    """

    first: float
    last: float
    count: int = 1
    hints: tuple[Hint, ...] = ()


def heard(burst: Burst | None, payload: str, now: float) -> Burst:
    """Return a burst with one more notification, or a new one with its first."""
    said = burst.hints if burst else ()
    if len(said) < _MOST_HINTS and (found := hint(payload)) and found not in said:
        said = (*said, found)
    if burst is None:
        return Burst(now, now, 1, said)
    return replace(burst, last=now, count=burst.count + 1, hints=said)


def together(before: tuple[Hint, ...], burst: Burst | None) -> tuple[Hint, ...]:
    """Return what was said, with what was said before looks that could not judge it."""
    said = (*before, *(burst.hints if burst else ()))
    return tuple(dict.fromkeys(said))[:_MOST_HINTS]


def rest(took: float, *, saw: bool) -> float:
    """Return how long to rest after a look that took so long, and did or did not see a change.

    After one for nothing it is as long as that took, without the wait for its turn: so looks that
    are asked for and find nothing fill no more than half of the time, whoever notifies.
    """
    return _GAP if saw else max(_GAP, took)


def due(burst: Burst, rested: float) -> float:
    """Return when to look: when the burst is over, and the watch has rested from the last look."""
    return max(min(burst.last + _QUIET, burst.first + _LONGEST), rested)


def hint(payload: str) -> Hint | None:
    """Return what a payload says, or None when it is not ours, or nothing."""
    if not payload or len(payload) > _MOST_CHARACTERS:
        return None
    try:
        said = json.loads(payload)
    except (ValueError, RecursionError):
        return None
    if not isinstance(said, dict) or said.get("v") != 1:
        return None
    objects = said.get("objects")
    names = objects[:_MOST_OBJECTS] if isinstance(objects, list) else []
    more = said.get("more")
    return Hint(
        tag=_text(said.get("tag")),
        objects=tuple(filter(None, map(_text, names))),
        more=more if type(more) is int and 0 <= more < 2**31 else 0,
        by=_text(said.get("by")),
        application=_text(said.get("application")),
    )


def _text(value: object) -> str:
    return one_line(value)[:_MOST_TEXT] if isinstance(value, str) else ""
