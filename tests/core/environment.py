"""An environment that is looked at again and again: each step is kept in the book as stores do."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

from pgdrift.core.alerts.incident import Incident, Notice, State
from pgdrift.core.alerts.marks import Mark, Verb, right
from pgdrift.core.alerts.route import Address
from pgdrift.core.book import Book, Step
from pgdrift.core.look import Conclusion, Upstream, Watched, seen, unseen
from pgdrift.core.model import (
    Against,
    Event,
    History,
    Ledger,
    LedgerEntry,
    Migration,
    Reading,
    Snapshot,
    SyncPoint,
)
from tests.core.build import NOW


def keep(book: Book, step: Step) -> Book:
    """Return the book with a step written into it, as the words of Step say."""
    last = book.sync_point.id if book.sync_point else None
    assert step.based_on == last
    point = step.sync_point and replace(step.sync_point, id=(last or 0) + 1)
    snapshot = step.snapshot or book.snapshot
    known = (*book.resolved, *book.incidents, *step.incidents)
    incidents = {i.id: i for i in known}.values()
    ended = {e.mark for e in step.ended}
    return replace(
        book,
        snapshot=snapshot,
        expected=step.expected or book.expected or (snapshot if point else None),
        agreed=step.agreed or book.agreed,
        agreed_with=step.agreed_with if step.agreed else book.agreed_with,
        sync_point=point or book.sync_point,
        gate=book.gate if step.gate is None else step.gate,
        mark=step.mark or book.mark,
        histories=book.histories if step.histories is None else step.histories,
        outcome=step.outcome or book.outcome,
        reason=step.reason if step.outcome else book.reason,
        failures=step.failures if step.outcome else book.failures,
        looked_at=step.at,
        seen_at=step.seen_at or book.seen_at,
        incidents=tuple(i for i in incidents if i.state is not State.RESOLVED),
        resolved=tuple(i for i in incidents if i.state is State.RESOLVED),
        marks=tuple(m for m in book.marks if m.id not in ended),
        against=book.against if step.against is None else step.against,
    )


@dataclass
class Environment:
    """A watched environment; each look takes place an hour after the one before."""

    watched: Watched = field(default_factory=lambda: Watched("production"))
    book: Book = field(default_factory=lambda: Book("production"))
    now: datetime = NOW
    upstream: Snapshot | None = None
    upstream_reason: str = ""
    upstream_seen_at: datetime | None = None
    upstream_histories: tuple[History, ...] = ()
    upstream_events: tuple[Event, ...] = ()
    migrations: tuple[str, ...] = ()
    written: tuple[Migration, ...] = ()
    in_flight: str = ""
    at_work: str = ""
    failed: str = ""
    told: list[tuple[Notice, tuple[Address, ...]]] = field(default_factory=list)
    last: Conclusion | None = None

    def look(
        self, snapshot: Snapshot, *entries: LedgerEntry, migrated: str = "", **pause: float
    ) -> Conclusion:
        """See this snapshot, after a migration if one is named."""
        self.migrations = (*self.migrations, *([migrated] if migrated else []))
        rows = [*self.written, *map(Migration, self.migrations)]
        rows += [Migration(self.failed, applied=False, failed=True)] if self.failed else []
        history = History("flyway", "public.history", tuple(rows), in_flight=self.in_flight)
        ledger = Ledger("gitversion", "core", tracking=True, mark=None, entries=entries)
        # A reader whose gate did not move gives back the very snapshot that was known.
        known = self.book.snapshot
        read = known if known is not None and known == snapshot else snapshot
        reading = Reading(read, "gate", ledger, (history,), at_work=self.at_work)
        self.now += timedelta(**(pause or {"hours": 1}))
        return self._keep(seen(self.watched, self.book, reading, self._upstream(), self.now))

    def fail(self, reason: str = "no route to host") -> Conclusion:
        """Try to look and fail."""
        self.now += timedelta(hours=1)
        return self._keep(unseen(self.watched, self.book, reason, self.now))

    def sync(self) -> None:
        """Declare the present right."""
        assert self.book.sync_point
        point = SyncPoint(
            "production", self.now, "right", "ann", (self.book.sync_point.id or 0) + 1
        )
        self.book = replace(self.book, expected=self.book.snapshot, sync_point=point)

    def against(self, yardstick: str = "sync") -> Against:
        assert self.last
        return next(a for a in self.last.standing.against if a.yardstick == yardstick)

    def keys(self, yardstick: str = "sync") -> list[str]:
        return [f.key for f in self.against(yardstick).findings]

    def reasons(self, against: str = "sync") -> list[str]:
        return [n.reason.value for n, _ in self.told if n.incident.against == against]

    def heard(self) -> list[tuple[str, tuple[str, ...]]]:
        """Return all that was told, with the channels that it was told to."""
        return [(n.reason.value, tuple(a.channel for a in to)) for n, to in self.told]

    def accept(self, *keys: str, against: str = "sync", until: datetime | None = None) -> None:
        """Call findings of the last look right."""
        found = (f for f in self.against(against).findings if f.key in keys)
        rights = tuple(right(f, against) for f in found)
        number, where = len(self.book.marks) + 1, "production"
        mark = Mark(number, Verb.ACCEPT, "ada", "x", self.now, until, where, findings=rights)
        self.book = replace(self.book, marks=(*self.book.marks, mark))

    def open(self, against: str = "sync") -> list[Incident]:
        return [i for i in self.book.incidents if i.against == against]

    def events(self) -> list[tuple[str, str]]:
        assert self.last
        return [(e.verb, e.text) for e in self.last.step.events]

    def _upstream(self) -> Upstream | None:
        if self.watched.follows is None:
            return None
        name, reason = self.watched.follows, self.upstream_reason
        seen_at, events = self.upstream_seen_at, self.upstream_events
        rows = self.upstream_histories
        return Upstream(name, self.upstream, rows, reason, seen_at, events=events)

    def _keep(self, conclusion: Conclusion) -> Conclusion:
        self.book = keep(self.book, conclusion.step)
        self.told += [
            (n, tuple(a for a in to if isinstance(a, Address))) for n, to in conclusion.step.notices
        ]
        self.last = conclusion
        return conclusion
