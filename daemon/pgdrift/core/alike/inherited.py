"""What differs between two sides in; out, without what children merely have from their parents.

A column that is wholly as its parent's, before and after, is spoken for by the parent's: what was
done to a table of a thousand partitions is told once. A child that goes its own way is told.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from pgdrift.core.alike.apart import Edits, Pair
from pgdrift.core.model import Object, ObjectId, Snapshot, Value
from pgdrift.core.names import split_dotted

# What a child need not have as its parent has it, as long as it has nothing of its own.
_OWN = frozenset(
    "comment statistics options foreign_options identity identity_options identity_sequence".split()
)
# Where it came from and where it stands say nothing of what it is.
_PLACE = frozenset({"inherited", "position"})


def inherited(told: Pair) -> Edits:
    """Return the edits that tell a child's column as the other side does, where parents speak."""
    return dict(_spoken_for(told))


def _spoken_for(told: Pair) -> Iterator[tuple[ObjectId, Object | None]]:
    # In the order in which they lie, so that what lies together is looked up together.
    for i in dict.fromkeys((*told.ours, *told.theirs)):
        mine, other = told.ours.get(i), told.theirs.get(i)
        if mine and other:
            if _parents_own(told.side, mine) and _parents_own(told.to, other):
                yield i, _in_place(other, mine)
        elif mine and _came_with_its_parents(told.side, mine, told.to):
            yield i, None
        elif other and _came_with_its_parents(told.to, other, told.side):
            yield i, other


def _came_with_its_parents(snapshot: Snapshot, found: Object, elsewhere: Snapshot) -> bool:
    """Tell whether it was the parent's column that came or went, and not the table with it."""
    whole = _parents_own(snapshot, found)
    return (
        whole is not None
        and whole.id not in elsewhere.objects
        and found.parent in elsewhere.objects
        and whole.parent in elsewhere.objects
    )


def _parents_own(snapshot: Snapshot, found: Object) -> Object | None:
    """Return the parent's column that a column is wholly as; None for one that is its own."""
    if found.attributes.get("inherited") is not True or found.parent is None:
        return None
    table = snapshot.objects.get(found.parent)
    for parent in _parents(table):
        for kind in ("table", "foreign_table"):
            if ObjectId(kind, parent) in snapshot.objects:
                whole = snapshot.objects.get(found.id._replace(path=(*parent, found.id.path[-1])))
                if whole is not None:
                    return whole if _as_its_parent(found, whole) else None
    return None


def _parents(table: Object | None) -> Iterator[tuple[str, ...]]:
    parents = table.attributes.get("inherits") if table else None
    for text in parents if isinstance(parents, list | tuple) else ():
        yield split_dotted(str(text))


def _as_its_parent(found: Object, whole: Object) -> bool:
    return all(
        value == whole.attributes.get(name, value) or (name in _OWN and not value)
        for name, value in found.attributes.items()
        if name not in _PLACE
    )


def _in_place(other: Object, mine: Object) -> Object:
    """Return the other's content where it stands on this side."""
    place: dict[str, Value] = {n: v for n, v in mine.attributes.items() if n == "position"}
    return replace(other, attributes={**other.attributes, **place})
