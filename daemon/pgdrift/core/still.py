"""Whether a look can be spared: nothing was read anew, and nothing is left for time to decide.

In comes what the last look took and gave, out what must be as it was for the next one to conclude
the same. Anything that a date, a wait or a person may yet change is looked at as ever.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from pgdrift.core.alerts.incident import State
from pgdrift.core.book import Book, Step
from pgdrift.core.model import Against, Outcome, Reading, Standing
from pgdrift.core.watched import Upstream


@dataclass(frozen=True, slots=True)
class Still:
    """What a look concluded from, for one that would conclude the same. Times are UTC.

    `looked_at` and `sync_point` are what the store must still have of the environment; `upstream`
    is what it follows, as it was.
    """

    environment: str
    looked_at: datetime
    sync_point: int | None
    upstream: Upstream | None = None


def still(
    book: Book, reading: Reading, upstream: Upstream | None, step: Step, standing: Standing
) -> Still | None:
    """Return what has to stay for the look to be spared; None where it cannot be."""
    quiet = (
        step.gate
        and step.outcome is Outcome.IN_SYNC
        and not any((step.snapshot, step.expected, step.agreed, step.sync_point))
        and not (step.incidents or step.notices or step.ended or step.events or step.applied)
        and not book.marks
        and not any(i.state is not State.RESOLVED for i in book.incidents)
        and not any(h.in_flight or h.unread for h in reading.histories)
        and not reading.snapshot.unread
        and all(map(_at_rest, standing.against))
        and not (upstream and upstream.reason)
    )
    return Still(step.environment, step.at, step.based_on, upstream) if quiet else None


def _at_rest(against: Against) -> bool:
    left = against.findings or against.held or against.accepted or against.histories
    return against.outcome is Outcome.IN_SYNC and not (left or against.ignored)
