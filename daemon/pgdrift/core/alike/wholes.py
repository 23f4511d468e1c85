"""What differs between two sides in; out, without the parts of an index that is not valid on one.

Parts of a valid index or key are spoken for by the whole, for every partition has one. Those of a
whole that is not valid are told, for some may have none; against a side where it is valid they are
no more than what that side has as well, and what differs is told of the whole.
"""

from __future__ import annotations

from collections.abc import Iterator

from pgdrift.core.alike.apart import Edits, Pair
from pgdrift.core.held.packed import key_of
from pgdrift.core.model import Object, ObjectId, Snapshot
from pgdrift.core.names import split_dotted

# A part has these of its own.
_PLACE = frozenset({"table", "partition_of", "part_of", "valid"})
_PLAIN = (("valid", True), ("comment", None), ("index_comment", None), ("statistics", None))


def wholes(told: Pair) -> Edits:
    """Return the edits that leave parts to a whole that is valid on the other side."""
    return dict(_left_to_wholes(told))


def _left_to_wholes(told: Pair) -> Iterator[tuple[ObjectId, Object | None]]:
    for i in told.ours.keys() ^ told.theirs.keys():
        mine, other = told.ours.get(i), told.theirs.get(i)
        if mine and _is_no_more_than_a_part(mine, told.side, told.to):
            yield i, None
        elif other and _is_no_more_than_a_part(other, told.to, told.side):
            yield i, other


def _is_no_more_than_a_part(found: Object, here: Snapshot, there: Snapshot) -> bool:
    whole = _whole(found, here)
    return (
        whole is not None
        and _is_like(found, whole)
        and whole.attributes.get("valid") is False
        and _is_valid(whole, here, there)
        and _is_partition(found.parent, here, there)
    )


def _is_partition(table: ObjectId | None, here: Snapshot, there: Snapshot) -> bool:
    one, other = (s.objects.get(table) if table else None for s in (here, there))
    if one is None or other is None:
        return False
    return all(
        one.attributes.get(n) == other.attributes.get(n) for n in ("inherits", "partition_bound")
    )


def _is_valid(whole: Object, here: Snapshot, there: Snapshot) -> bool:
    """Tell whether a whole is valid on the other side, where it may be a part that is not told."""
    if (other := there.objects.get(whole.id)) is not None:
        return other.attributes.get("valid") is True
    above = _whole(whole, here)
    return above is not None and _is_valid(above, here, there)


def _is_like(part: Object, whole: Object) -> bool:
    said = part.attributes
    return all(said.get(n, v) == v for n, v in _PLAIN) and all(
        value == whole.attributes.get(n, value)
        for n, value in said.items()
        if n not in _PLACE and n not in dict(_PLAIN)
    )


def _whole(part: Object, side: Snapshot) -> Object | None:
    """Return what an index or key is a part of, where that is told."""
    if isinstance(name := part.attributes.get("partition_of"), str):
        return side.objects.get(ObjectId("index", split_dotted(name)))
    if not isinstance(table := part.attributes.get("part_of"), str):
        return None
    path = split_dotted(table)
    names = ("type", "definition")
    for i, found in side.packed.under(key_of(path)).items():
        is_there = i.kind == part.id.kind and found.parent and found.parent.path == path
        if is_there and all(found.attributes.get(n) == part.attributes.get(n) for n in names):
            return found
    return None
