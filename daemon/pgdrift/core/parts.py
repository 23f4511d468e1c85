"""The last change of each part of an object: what there is and the timeline in, a list out."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from pgdrift.core.model import ChangeType, Event, ObjectId, Snapshot


@dataclass(frozen=True, slots=True)
class Part:
    """An object or a part of it, by its key, and the last line of the timeline that tells of it.

    `there`: it is there still. `last` is None when no line is kept; its subject is another object
    where the part only came or went with that, or where one line stands for many.
    """

    key: str
    there: bool
    last: Event | None


def parts(key: str, snapshot: Snapshot | None, events: Sequence[Event]) -> tuple[Part, ...]:
    """Return an object and its parts, the object first, then what is there, then what is not.

    `events` are the lines about the object, the newest first.
    """
    there = list(_there(key, snapshot))
    last = _last(events)
    gone = sorted(k for k in _once(key, events) if k not in there and k != key)
    return tuple(
        Part(k, there=k in there, last=last.get(k))
        for k in (key, *(k for k in there if k != key), *gone)
    )


def _there(key: str, snapshot: Snapshot | None) -> Iterator[str]:
    """Give the keys of the object and of all that belongs to it, sorted by kind."""
    if snapshot is None:
        return
    inside: set[ObjectId] = set()
    children: dict[ObjectId, list[ObjectId]] = {}
    for i, o in snapshot.objects.items():
        if str(i) == key:
            inside.add(i)
        if o.parent is not None:
            children.setdefault(o.parent, []).append(i)
    new = list(inside)
    while new:
        new = [c for i in new for c in children.get(i, ())]
        inside.update(new)
    yield from (str(i) for i in sorted(inside))


def _last(events: Iterable[Event]) -> dict[str, Event]:
    """Return the newest line about each object, by its key."""
    last: dict[str, Event] = {}
    for event in events:
        if event.subject:
            last.setdefault(event.subject, event)
        for key in event.detail.contains if event.detail else ():
            last.setdefault(key, event)
    return last


def _once(key: str, events: Iterable[Event]) -> set[str]:
    """Return what belonged to the object once and went, each by a line of its own."""
    return {
        e.subject
        for e in events
        if e.detail and key in e.detail.within and e.detail.change is ChangeType.REMOVED
    }
