"""Who moved? An environment, its upstream and what both last agreed on in; directions out.

As in git, or in the archive of a two-way file synchroniser: two sides say that something
differs, a third says who moved. Absence is a value like any other.
"""

from collections.abc import Mapping
from collections.abc import Set as AbstractSet
from dataclasses import replace

from pgdrift.core.compare import apart, same
from pgdrift.core.held.packed import differing
from pgdrift.core.model import Agreed, Direction, Object, ObjectId, Snapshot


def direction(
    here: Object | None,
    upstream: Object | None,
    agreed: Object | None,
    upstream_as_agreed: Object | None,
) -> Direction | None:
    """Return who moved on one object since they agreed; None when both are equal now.

    `upstream` is told in the words of `here`, and once more in those of `agreed`. Unknown when
    neither moved as far as was read then: a newer reader sees more of an object.
    """
    if same(here, upstream):
        return None
    here_stayed, upstream_stayed = same(here, agreed), same(upstream_as_agreed, agreed)
    if here_stayed and upstream_stayed:
        # They differ in what was not read yet when they agreed.
        return Direction.UNKNOWN
    if here_stayed:
        return Direction.BEHIND
    return Direction.AHEAD if upstream_stayed else Direction.DIVERGED


def directions(
    here: Snapshot,
    upstream: Snapshot,
    agreed: Agreed | None,
    upstream_as_agreed: Snapshot | None = None,
) -> Mapping[ObjectId, Direction]:
    """Return the direction of every object that differs between the two.

    `upstream_as_agreed` is the upstream in the words of what was agreed, where these are others
    than those of `here`: what neither side can have that it is compared with, it has not lost.
    """
    told = upstream if upstream_as_agreed is None else upstream_as_agreed
    return {
        i: d
        for i in _ids(here, upstream)
        if (d := _direction(i, here, upstream, agreed, told)) is not None
    }


def agree(
    here: Snapshot, upstream: Snapshot, differ: AbstractSet[ObjectId], agreed: Agreed | None
) -> Agreed:
    """Return what both agree on now: the old agreement, moved on wherever they are equal.

    `differ` are the objects that differ, as `directions` gives them. The agreement keeps the
    content of `here` as it was read. A kind that one side could not read keeps what was agreed
    before; the very same agreement comes back when nothing moved.
    """
    compared = here.kinds & upstream.kinds
    before = agreed.snapshot if agreed else replace(here, objects={}, kinds=frozenset())
    if agreed:
        old, new = differing(before.packed, here.packed)
        stays = {i for i in (*old, *new) if i in differ or i.kind not in compared}
    else:
        old = {}
        stays = {*differ, *_not_of(compared, here)}
    waiting = {
        i for i in (agreed.unknown if agreed else ()) if i in differ or i.kind not in compared
    }
    first = {i for i in differ if i.kind not in before.kinds}
    snapshot = replace(
        here,
        objects=here.packed.edited({i: old.get(i) for i in stays}),
        kinds=before.kinds | compared,
        dependencies=(),
        unread={},
    )
    moved = Agreed(snapshot, frozenset(waiting | first))
    stayed = snapshot.packed.same_as(before.packed) and snapshot.kinds == before.kinds
    if agreed and stayed and moved.unknown == agreed.unknown:
        return agreed
    return moved


def _direction(
    i: ObjectId, here: Snapshot, upstream: Snapshot, agreed: Agreed | None, told: Snapshot
) -> Direction | None:
    ours, theirs = here.objects.get(i), upstream.objects.get(i)
    if same(ours, theirs):
        return None
    if agreed is None or i in agreed.unknown or i.kind not in agreed.snapshot.kinds:
        return Direction.UNKNOWN
    return direction(ours, theirs, agreed.snapshot.objects.get(i), told.objects.get(i))


def _not_of(kinds: frozenset[str], side: Snapshot) -> list[ObjectId]:
    return [i for i in side.objects if i.kind not in kinds] if side.kinds - kinds else []


def _ids(here: Snapshot, upstream: Snapshot) -> set[ObjectId]:
    return {i for side in apart(here, upstream) for i in side}
