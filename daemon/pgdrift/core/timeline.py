"""What one look adds to the timeline: changes and migrations in, lines for people out.

A line says what the object is called; its detail says the same for whoever asks about one object
later: what it belongs to, what came with it, and who is to blame.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import datetime

from pgdrift.core.book import Book
from pgdrift.core.model import (
    SYNC,
    Against,
    Blame,
    Change,
    ChangeType,
    Detail,
    Event,
    How,
    Migration,
    ObjectId,
    Reading,
    Snapshot,
    SyncPoint,
)
from pgdrift.core.shown.render import label, one_line
from pgdrift.core.why.history import Explanation

# A migration can touch thousands of objects; the timeline names the first of them, and one line
# keeps the keys of so many more.
_LINES_PER_LOOK = 200
_KEYS_PER_LINE = 5_000

Sides = tuple[Snapshot | None, Snapshot]
"""What there was before and what there is now."""


def changed(
    environment: str,
    window: Sequence[Change],
    why: Mapping[ObjectId, Explanation],
    sides: Sides,
    now: datetime,
) -> Iterator[Event]:
    """Give a line for each change; of very many, one line for the rest of them."""
    for change in window[:_LINES_PER_LOOK]:
        text = f"{label(change)} {change.change.value} ({why[change.id].origin.value})"
        detail = _detail(change, why[change.id], sides)
        yield Event(environment, now, "changed", text, str(change.id), detail)
    if rest := window[_LINES_PER_LOOK:]:
        text = f"and {len(rest)} more objects"
        yield Event(environment, now, "changed", text, detail=_shared(rest, why))


def migrated(environment: str, migrations: Iterable[Migration], now: datetime) -> Iterator[Event]:
    """Give a line for each migration that was applied, or rolled back."""
    for m in migrations:
        done = "applied" if m.applied else "rolled back"
        words = f": {m.description}" if m.description else ""
        yield Event(environment, now, "migrated", one_line(f"{m.version} {done}{words}"))


def synced(sync_point: SyncPoint | None, reading: Reading, now: datetime) -> Iterator[Event]:
    """Give a line for a look that declares a sync point: the first, or one of a migration."""
    if sync_point is None:
        return
    verb, text = "synced", one_line(sync_point.reason)
    if sync_point.how is How.FIRST_LOOK:
        count = len(reading.snapshot.objects)
        verb, text = "looked_first", f"first look, {count} objects: taken as the sync point"
    yield Event(sync_point.environment, now, verb, text)


def not_synced(
    refused: SyncPoint | None, against: Iterable[Against], now: datetime
) -> Iterator[Event]:
    """Give a line for a migration that would have declared a sync point, and why it does not."""
    if refused is None:
        return
    own = next(a for a in against if a.yardstick == SYNC)
    count = len(own.findings)
    why = f"{count} finding{'' if count == 1 else 's'} left" if count else own.reason
    text = one_line(f"no sync point, although {refused.reason}: {why}")
    yield Event(refused.environment, now, "not_synced", text)


def seen_again(environment: str, book: Book, now: datetime) -> Iterator[Event]:
    """Give a line for a look that could read, after some that could not."""
    if book.failures:
        tries = f"{book.failures} look{'' if book.failures == 1 else 's'}"
        yield Event(environment, now, "seen_again", f"can be looked at again, after {tries} failed")


def concerns(event: Event, keys: Collection[str]) -> bool:
    """Tell whether a line is about one of these objects, a part of one, or what it came with."""
    if event.subject in keys:
        return True
    detail = event.detail
    return detail is not None and any(k in keys for k in (*detail.within, *detail.contains))


def within(i: ObjectId, *sides: Snapshot | None) -> Iterator[ObjectId]:
    """Give what an object belongs to, the nearest first, as the first side tells that has it."""
    for side in sides:
        found = side.objects.get(i) if side else None
        if side is None or found is None:
            continue
        while found is not None and found.parent:
            yield found.parent
            found = side.objects.get(found.parent)
        return


def _detail(change: Change, why: Explanation, sides: Sides) -> Detail:
    before, after = sides
    return Detail(
        change=change.change,
        origin=why.origin,
        blame=why.blame,
        attributes=_names(change),
        within=tuple(map(str, within(change.id, after, before))),
        contains=tuple(map(str, change.contains[:_KEYS_PER_LINE])),
    )


def _names(change: Change) -> tuple[str, ...]:
    whole = change.change is not ChangeType.CHANGED
    return () if whole else tuple(sorted(change.attributes))


def _shared(rest: Sequence[Change], why: Mapping[ObjectId, Explanation]) -> Detail:
    """Return what is known of all of them alike, whenever each of them was."""
    origins = {why[c.id].origin for c in rest}
    blames = {replace(why[c.id].blame, at=None, statement=None) for c in rest}
    keys = [str(i) for c in rest for i in (c.id, *c.contains)][:_KEYS_PER_LINE]
    return Detail(
        origin=origins.pop() if len(origins) == 1 else None,
        blame=blames.pop() if len(blames) == 1 else Blame(),
        contains=tuple(keys),
    )
