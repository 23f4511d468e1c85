"""Two snapshots in, what differs out. One algorithm; it knows no kind of object.

The second side is the one that is described: `added` is only there, `removed` is not there.
What only one side has read is never a difference; it is counted as not compared.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field

from pgdrift.core.model import Change, ChangeType, Object, ObjectId, Snapshot, Value

Pairs = Mapping[str, tuple[Value, Value]]


@dataclass(frozen=True, slots=True)
class Comparison:
    """What differs, sorted by kind and name; and, by kind, how many objects only one side read."""

    changes: tuple[Change, ...]
    not_compared: Mapping[str, int] = field(default_factory=dict)


def compare(before: Snapshot, after: Snapshot) -> Comparison:
    """Compare two snapshots; a lost or new parent speaks for its children."""
    kinds = before.kinds & after.kinds
    if before.kinds == after.kinds and before.root == after.root:
        return Comparison(())
    old, new = _apart(before, after, kinds), _apart(after, before, kinds)
    changed = (
        Change(i, ChangeType.CHANGED, pairs)
        for i in old.keys() & new.keys()
        if (pairs := differences(old[i], new[i]))
    )
    changes = [
        *changed,
        *_one_sided(old, new, ChangeType.REMOVED),
        *_one_sided(new, old, ChangeType.ADDED),
    ]
    return Comparison(tuple(sorted(changes, key=lambda c: c.id)), not_compared(before, after))


def not_compared(before: Snapshot, after: Snapshot) -> Mapping[str, int]:
    """Return by kind how many objects of two snapshots only one of them read."""
    if before.kinds == after.kinds:
        return {}
    kinds = before.kinds & after.kinds
    return _count(i for side in (before, after) for i in side.objects if i.kind not in kinds)


def differences(before: Object, after: Object) -> Pairs:
    """Return name → (before, after) of the attributes that both sides read and that differ."""
    if before.digest == after.digest:
        return {}
    return {
        name: (value, after.attributes[name])
        for name, value in before.attributes.items()
        if name in after.attributes and after.attributes[name] != value
    }


def same(before: Object | None, after: Object | None) -> bool:
    """Tell whether two sides are equal as far as both were read. Absence equals absence."""
    if before is None or after is None:
        return before is after
    return not differences(before, after)


def _apart(side: Snapshot, other: Snapshot, kinds: frozenset[str]) -> Mapping[ObjectId, Object]:
    """Return the objects of one side that are not on the other just as they are."""
    theirs = {o.digest for o in other.objects.values()}
    return {i: o for i, o in side.objects.items() if o.digest not in theirs and i.kind in kinds}


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
