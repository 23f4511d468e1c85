"""Two snapshots in, what differs out. One algorithm; it knows no kind of object.

The second side is the one that is described: `added` is only there, `removed` is not there.
What only one side has read is never a difference; it is counted as not compared.
"""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import cast

from pgdrift.core.held.packed import differing
from pgdrift.core.model import Change, ChangeType, Object, ObjectId, Snapshot, Value
from pgdrift.core.seal import alike

Pairs = Mapping[str, tuple[Value, Value]]
_Sides = tuple[Mapping[ObjectId, Object], Mapping[ObjectId, Object]]

_APART = "apart"
# Objects as they are unfolded take some twenty times what they take packed.
_MOST_KEPT = 5000


@dataclass(frozen=True, slots=True)
class Comparison:
    """What differs, sorted by kind and name; and, by kind, how many objects only one side read.

    `sealed` counts the objects with secrets that two keys sealed: nobody knows whether they differ.
    """

    changes: tuple[Change, ...]
    not_compared: Mapping[str, int] = field(default_factory=dict)
    sealed: int = 0


def compare(before: Snapshot, after: Snapshot) -> Comparison:
    """Compare two snapshots; a lost or new parent speaks for its children."""
    old, new = apart(before, after)
    both = old.keys() & new.keys()
    changed = (
        Change(i, ChangeType.CHANGED, pairs) for i in both if (pairs := differences(old[i], new[i]))
    )
    sealed = sum(_under_two_keys(old[i], new[i]) for i in both)
    changes = [
        *changed,
        *_one_sided(old, new, ChangeType.REMOVED),
        *_one_sided(new, old, ChangeType.ADDED),
    ]
    ordered = tuple(sorted(changes, key=lambda c: c.id))
    return Comparison(ordered, not_compared(before, after), sealed)


def not_compared(before: Snapshot, after: Snapshot) -> Mapping[str, int]:
    """Return by kind how many objects of two snapshots only one of them read."""
    if before.kinds == after.kinds:
        return {}
    kinds, counts = before.kinds & after.kinds, Counter[str]()
    for side in (before, after):
        counts.update({k: n for k, n in side.packed.kinds().items() if k not in kinds})
    return counts


def apart_of(before: Snapshot, after: Snapshot, kinds: frozenset[str]) -> Mapping[str, int]:
    """Return by kind how many objects differ of kinds that both read and nobody compares."""

    def counted() -> Mapping[str, int]:
        sides = differing(before.packed, after.packed, lambda one, other: not unlike(one, other))
        return _count({i for side in sides for i in side if i.kind in kinds})

    return before.memo.kept(("apart of", kinds), [after], counted) if kinds else {}


def differences(before: Object, after: Object) -> Pairs:
    """Return name → (before, after) of the attributes that both sides read and that differ."""
    if before.attributes == after.attributes:
        return {}
    return {
        name: (value, after.attributes[name])
        for name, value in before.attributes.items()
        if name in after.attributes and not alike(value, after.attributes[name])
    }


def _under_two_keys(before: Object, after: Object) -> bool:
    theirs = after.attributes
    return any(
        name in theirs and value != theirs[name] and alike(value, theirs[name])
        for name, value in before.attributes.items()
    )


def same(before: Object | None, after: Object | None) -> bool:
    """Tell whether two sides are equal as far as both were read. Absence equals absence."""
    if before is None or after is None:
        return before is after
    return not differences(before, after)


def apart(before: Snapshot, after: Snapshot) -> _Sides:
    """Return the objects of each side that are not on the other as far as both were read.

    Those of a kind that only one side has read are left out.
    """
    sides = before.memo.find(_APART, [after])
    if sides is None and (turned := after.memo.find(_APART, [before])):
        sides = cast("_Sides", turned)[::-1]
    if sides is None:
        sides = _apart(before, after)
        keep_apart(before, after, sides)
    return cast("_Sides", sides)


def keep_apart(before: Snapshot, after: Snapshot, sides: _Sides) -> None:
    """Keep for the next who asks what is known to be apart, unless that is very much."""
    if sum(map(len, sides)) <= _MOST_KEPT:
        before.memo.keep(_APART, [after], sides)


def unlike(before: Object, after: Object) -> bool:
    """Tell whether two sides of one object differ in anything that both have read.

    What is sealed with two keys is unlike as well, although nobody can call it a difference.
    """
    theirs = after.attributes
    return before.attributes != theirs and any(
        name in theirs and value != theirs[name] for name, value in before.attributes.items()
    )


def _apart(before: Snapshot, after: Snapshot) -> _Sides:
    old, new = differing(before.packed, after.packed, lambda one, other: not unlike(one, other))
    # What neither is compared by may still lie among the objects of one.
    kinds = before.kinds & after.kinds
    return _of(kinds, old), _of(kinds, new)


def _of(kinds: frozenset[str], objects: Mapping[ObjectId, Object]) -> Mapping[ObjectId, Object]:
    return {i: o for i, o in objects.items() if i.kind in kinds}


def _one_sided(
    side: Mapping[ObjectId, Object], other: Mapping[ObjectId, Object], change: ChangeType
) -> Iterator[Change]:
    alone = {i: o for i, o in side.items() if i not in other}
    contained: dict[ObjectId, list[ObjectId]] = {}
    for i in alone:
        if (speaker := _speaker(i, alone)) != i:
            contained.setdefault(speaker, []).append(i)
    for i, found in alone.items():
        if _speaker(i, alone) == i:
            yield Change(i, change, _all(found, change), tuple(sorted(contained.get(i, ()))))


def _speaker(i: ObjectId, alone: Mapping[ObjectId, Object]) -> ObjectId:
    """Return the topmost ancestor that came or went together with the object."""
    while (parent := alone[i].parent) is not None and parent in alone:
        i = parent
    return i


def _all(found: Object, change: ChangeType) -> Pairs:
    gone = change is ChangeType.REMOVED
    return {
        name: (value, None) if gone else (None, value)
        for name, value in found.attributes.items()
        if value is not None
    }


def _count(ids: Iterable[ObjectId]) -> Mapping[str, int]:
    counts: dict[str, int] = {}
    for i in ids:
        counts[i.kind] = counts.get(i.kind, 0) + 1
    return counts
