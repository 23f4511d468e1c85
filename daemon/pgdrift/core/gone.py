"""An environment that is no longer there to be looked at: its book in, its last step out.

What was found there was not put right and is no longer found either; people who were told of it
are told that. What is kept of it stays, should it come back.
"""

from __future__ import annotations

from datetime import datetime

from pgdrift.core.alerts.incident import Verdict
from pgdrift.core.alerts.pipeline import tell
from pgdrift.core.book import Book, Step
from pgdrift.core.model import Event, Outcome
from pgdrift.core.watched import Watched


def gone(watched: Watched, book: Book, why: str, now: datetime) -> Step:
    """Return what is kept and told; `why` goes on after the environment's name."""
    open_ = sorted({i.against for i in book.incidents})
    verdicts = [Verdict(watched.name, a, Outcome.IN_SYNC, detail=why) for a in open_]
    told = tell(watched, book, verdicts, now)
    return Step(
        environment=watched.name,
        at=now,
        outcome=Outcome.UNKNOWN,
        reason=why,
        seen_at=book.seen_at,
        incidents=told.incidents,
        notices=told.notices,
        ended=told.ended,
        events=(Event(watched.name, now, "gone", why), *told.events),
        based_on=book.sync_point.id if book.sync_point else None,
    )
