"""What changed since the last look, and why: a book and a reading in, explanations out."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from datetime import datetime

from pgdrift.core.book import Book
from pgdrift.core.compare import compare
from pgdrift.core.model import Change, ObjectId, Reading, Snapshot
from pgdrift.core.timeline import within
from pgdrift.core.watched import Watched
from pgdrift.core.why import enacted
from pgdrift.core.why.blame import hearsay, placed
from pgdrift.core.why.flight import Flight, did_not_converge, in_flight
from pgdrift.core.why.history import Explanation, applied, explain, failed, in_between
from pgdrift.core.why.migrations import kept_up, not_read


def settled(book: Book, reading: Reading) -> Reading:
    """Return the reading, with what was known in place of what is the same.

    Much moves the gate and changes no schema (TRUNCATE, REFRESH); and a history that could not be
    read for once is not forgotten, or its next migration would be a first sight.
    """
    if not_read(book.histories, reading.histories):
        names = {i.name for i in reading.snapshot.objects}
        histories = kept_up(book.histories, reading.histories, names)
        reading = replace(reading, histories=histories)
    before, after = book.snapshot, reading.snapshot
    if before is None or before is after:
        return reading
    if not _moved(before, after):
        return replace(reading, snapshot=before)
    # What is equal need not be held twice; and whoever asks again gets the very same snapshot.
    shared = after.memo.kept("sharing", [before], lambda: after.sharing(before))
    return replace(reading, snapshot=shared)


def _moved(before: Snapshot, after: Snapshot) -> bool:
    """Tell whether anything differs that is kept of a snapshot, but for when it was taken."""
    return (before.root, before.kinds, before.unread, before.server_version, before.format) != (
        after.root,
        after.kinds,
        after.unread,
        after.server_version,
        after.format,
    ) or before.packed.oids != after.packed.oids


def changes_since(book: Book, reading: Reading) -> tuple[Change, ...]:
    """Return what changed since the last look that could read, as it was read."""
    if book.snapshot is None or book.snapshot is reading.snapshot:
        return ()
    return compare(book.snapshot, reading.snapshot).changes


def explanations(
    watched: Watched, book: Book, reading: Reading, changes: tuple[Change, ...], now: datetime
) -> Mapping[ObjectId, Explanation]:
    """Return of each object that changed why it did."""
    if not changes or book.snapshot is None:
        return {}
    migrations = applied(book.histories, reading.histories, changes)
    found = {
        **explain(changes, in_between(book.snapshot, reading, migrations)),
        **enacted.explained(changes, reading.snapshot, book.enacted),
    }
    flight = flight_of(book, reading, now)
    why = dict(_placed(found, book, reading, flight, now))
    failures = failed(book.histories, reading.histories)
    left = flight.unsettled(failures) if flight else did_not_converge(failures)
    if left:
        known = watched.explained_by
        why = {i: e if e.origin in known else replace(e, reason=left) for i, e in why.items()}
    # What a change speaks for may be told on its own, where the name of the whole is no difference.
    return {i: why[c.id] for c in changes for i in (c.id, *c.contains)}


def _placed(
    why: Mapping[ObjectId, Explanation],
    book: Book,
    reading: Reading,
    flight: Flight | None,
    now: datetime,
) -> Iterator[tuple[ObjectId, Explanation]]:
    """Give the explanations with when it was, as far as that is known."""
    after = flight.after if flight else book.seen_at
    until = max(now, reading.snapshot.taken_at)
    for i, e in why.items():
        heard = hearsay(_names(i, book, reading), reading.hints) if reading.hints else None
        committed = reading.committed.get(i)
        blame = placed(e.blame, after, until, committed, heard, reading.heard_at)
        yield i, replace(e, blame=blame)


def _names(i: ObjectId, book: Book, reading: Reading) -> tuple[str, ...]:
    """Return what an object is called, and what it belongs to below its schema."""
    above = within(i, reading.snapshot, book.snapshot)
    return (i.name, *(up.name for up in above if len(up.path) > 1))


def flight_of(book: Book, reading: Reading, now: datetime) -> Flight | None:
    """Return the migration that is in flight, or was at the last look: some tool's, or a plan."""
    ours = enacted.at_work(reading.at_work, book.enacted)
    return in_flight(reading.histories, book.against, book.seen_at, now, ours)
