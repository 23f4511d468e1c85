"""How an environment stands, as page and metrics show it: what a look concluded in, a noun out."""

from __future__ import annotations

from collections.abc import Iterable

from pgdrift.core.alike.normalise import normalise
from pgdrift.core.alike.retell import Names, retold
from pgdrift.core.book import Book, Step
from pgdrift.core.model import LEDGER, Against, Outcome, Reading, Snapshot, Standing
from pgdrift.core.watched import Watched
from pgdrift.core.why import enacted


def remembered(watched: Watched, book: Book) -> Standing:
    """Return how an environment stood when it was last looked at, before a first look."""
    size = book.size
    if book.snapshot is not None:
        size = len(book.snapshot.objects), book.snapshot.server_version
    return Standing(
        environment=watched.name,
        outcome=book.outcome or Outcome.UNKNOWN,
        follows=watched.follows,
        protected=watched.policy.protected,
        reason=book.reason if book.outcome else "not looked at yet",
        looked_at=book.looked_at,
        seen_at=book.seen_at,
        server_version=size[1] if size else None,
        objects=size[0] if size else 0,
        sync_point=book.sync_point,
        against=book.against,
        not_compared=book.not_compared,
        notes=book.notes,
        group=watched.group,
        content=book.content,
    )


def standing(
    watched: Watched,
    book: Book,
    step: Step,
    reading: Reading | None,
    outcome: Outcome,
    against: tuple[Against, ...],
) -> Standing:
    """Return how it stands after this step; `reading` is None where it could not be read."""
    snapshot = reading.snapshot if reading else book.snapshot
    return Standing(
        environment=watched.name,
        outcome=outcome,
        follows=watched.follows,
        protected=watched.policy.protected,
        reason=step.reason,
        looked_at=step.at,
        seen_at=step.seen_at,
        server_version=snapshot.server_version if snapshot else None,
        objects=len(snapshot.objects) if snapshot else 0,
        sync_point=step.sync_point or book.sync_point,
        against=against,
        not_compared=book.not_compared if step.not_compared is None else step.not_compared,
        notes=book.notes if step.notes is None else step.notes,
        at_work=enacted.at_work(reading.at_work, book.enacted) if reading else "",
        group=watched.group,
        content=book.content if step.content is None else step.content,
    )


def overall(against: Iterable[Against]) -> tuple[Outcome, str]:
    """Return the outcome over all yardsticks, and why it is unknown: unknown is never clean."""
    # A ledger that cannot be read explains nothing; what is there was read all the same.
    judged = (a for a in against if a.yardstick != LEDGER or a.findings)
    outcomes = {a.outcome: a.reason for a in judged}
    for outcome in (Outcome.DRIFTED, Outcome.UNKNOWN):
        if outcome in outcomes:
            return outcome, outcomes[outcome]
    return Outcome.IN_SYNC, ""


def content_of(watched: Watched, snapshot: Snapshot) -> str:
    """Return one digest of what is compared of an environment, in common words; where asked for."""
    if not watched.group:
        return ""
    common = retold(snapshot, watched.names, Names())
    return normalise(common, watched.options).root
