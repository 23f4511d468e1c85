"""Two sides of a comparison on their way to be told alike: what is apart, and what was retold.

A rule of `align` takes a Pair and returns edits of its first side; only what differs is held, so
that a rule costs what differs.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import TypeAlias

from pgdrift.core.compare import apart, keep_apart, same, unlike
from pgdrift.core.model import Object, ObjectId, Snapshot

Edits: TypeAlias = Mapping[ObjectId, Object | None]
"""What becomes of objects of the first side: another content, or None to leave one out."""


@dataclass(frozen=True, slots=True)
class Pair:
    """`side` is to be told as `to`; `ours` and `theirs` are the objects that differ as yet.

    `edits` is what was retold so far. `sealed` are those of which only seals differ, under two
    keys: they count as equal, and stay known.
    """

    side: Snapshot
    to: Snapshot
    ours: Mapping[ObjectId, Object]
    theirs: Mapping[ObjectId, Object]
    edits: Edits = field(default_factory=dict)
    sealed: Mapping[ObjectId, tuple[Object, Object]] = field(default_factory=dict)

    def mine(self, i: ObjectId) -> Object | None:
        """Return an object of the first side as it is told by now, None for none."""
        return self.edits[i] if i in self.edits else self.side.objects.get(i)


def pair(side: Snapshot, to: Snapshot) -> Pair:
    """Return what differs between two snapshots, as far as both were read."""
    one, other = apart(side, to)
    sealed = {i: (o, other[i]) for i, o in one.items() if i in other and same(o, other[i])}
    ours = {i: o for i, o in one.items() if i not in sealed}
    theirs = {i: o for i, o in other.items() if i not in sealed}
    return Pair(side, to, ours, theirs, sealed=sealed)


def retold(before: Pair, edits: Edits) -> Pair:
    """Return the pair after edits: what they made equal is no longer apart."""
    if not edits:
        return before
    ours, theirs, sealed = dict(before.ours), dict(before.theirs), dict(before.sealed)
    for i, told in edits.items():
        other = _other(before, i)
        sealed.pop(i, None)
        if not same(told, other):
            _put(ours, i, told)
            _put(theirs, i, other)
            continue
        _put(ours, i, None)
        _put(theirs, i, None)
        if told and other and unlike(told, other):
            sealed[i] = (told, other)
    edits = {**before.edits, **edits}
    return replace(before, ours=ours, theirs=theirs, edits=edits, sealed=sealed)


def as_told(told: Pair) -> Snapshot:
    """Return the first side with all edits; the very same snapshot when there are none."""
    if not told.edits:
        return told.side
    side = replace(told.side, objects=told.side.packed.edited(told.edits))
    # What is apart now is known here, and the next who asks need not work it out again.
    ours = {**told.ours, **{i: one for i, (one, _) in told.sealed.items()}}
    theirs = {**told.theirs, **{i: other for i, (_, other) in told.sealed.items()}}
    keep_apart(side, told.to, (ours, theirs))
    return side


def _other(before: Pair, i: ObjectId) -> Object | None:
    """Return what the second side has; what differs is at hand, and need not be looked up."""
    if i in before.ours or i in before.theirs:
        return before.theirs.get(i)
    return before.to.objects.get(i)


def _put(objects: dict[ObjectId, Object], i: ObjectId, found: Object | None) -> None:
    if found is None:
        objects.pop(i, None)
    else:
        objects[i] = found
