"""Who moved? An environment, its upstream and what both last agreed on in; directions out.

As in git, or in the archive of a two-way file synchroniser: two sides say that something
differs, a third says who moved. Absence is a value like any other.
"""

from collections.abc import Mapping
from collections.abc import Set as AbstractSet
from dataclasses import replace

from pgdrift.core.compare import same
from pgdrift.core.model import Agreed, Direction, Object, ObjectId, Snapshot


def direction(
    here: Object | None, upstream: Object | None, agreed: Object | None
) -> Direction | None:
    """Return who moved on one object since they agreed; None when both are equal now.

    Unknown when neither did as far as was read then: a newer reader sees more of an object.
    """
    if same(here, upstream):
        return None
    here_stayed, upstream_stayed = same(here, agreed), same(upstream, agreed)
    if here_stayed and upstream_stayed:
        # They differ in what was not read yet when they agreed.
        return Direction.UNKNOWN
    if here_stayed:
        return Direction.BEHIND
    return Direction.AHEAD if upstream_stayed else Direction.DIVERGED


def directions(
    here: Snapshot, upstream: Snapshot, agreed: Agreed | None
) -> Mapping[ObjectId, Direction]:
    """Return the direction of every object that differs between the two."""
    return {
        i: d
        for i in _ids(here, upstream)
        if (d := _direction(i, here, upstream, agreed)) is not None
    }


def agree(
    here: Snapshot, upstream: Snapshot, apart: AbstractSet[ObjectId], agreed: Agreed | None
) -> Agreed:
    """Return what both agree on now: the old agreement, moved on wherever they are equal.

    `apart` are the objects that differ, as `directions` gives them. The agreement keeps the
    content of `here` as it was read. A kind that one side could not read keeps what was agreed
    before; the very same agreement comes back when nothing moved.
    """
    compared = here.kinds & upstream.kinds
    before = agreed.snapshot if agreed else replace(here, objects={}, kinds=frozenset())
    kept = {i: o for i, o in before.objects.items() if i.kind not in compared or i in apart}
    now_equal = {i: o for i, o in here.objects.items() if i.kind in compared and i not in apart}
    waiting = {
        i for i in (agreed.unknown if agreed else ()) if i in apart or i.kind not in compared
    }
    first = {i for i in apart if i.kind not in before.kinds}
    snapshot = replace(
        here,
        objects={**kept, **now_equal},
        kinds=before.kinds | compared,
        dependencies=(),
        unread={},
    )
    moved = Agreed(snapshot, frozenset(waiting | first))
    stayed = snapshot.root == before.root and snapshot.kinds == before.kinds
    if agreed and stayed and moved.unknown == agreed.unknown:
        return agreed
    return moved


def _direction(
    i: ObjectId, here: Snapshot, upstream: Snapshot, agreed: Agreed | None
) -> Direction | None:
    ours, theirs = here.objects.get(i), upstream.objects.get(i)
    if same(ours, theirs):
        return None
    if agreed is None or i in agreed.unknown or i.kind not in agreed.snapshot.kinds:
        return Direction.UNKNOWN
    return direction(ours, theirs, agreed.snapshot.objects.get(i))


def _ids(here: Snapshot, upstream: Snapshot) -> set[ObjectId]:
    kinds = here.kinds & upstream.kinds
    return {i for side in (here, upstream) for i in side.objects if i.kind in kinds}
