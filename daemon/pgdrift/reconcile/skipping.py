"""What somebody did by hand while a plan stood still, in; which statements need not be run, out."""

from __future__ import annotations

from collections.abc import Collection, Sequence

from pgdrift.core.compare import compare
from pgdrift.core.model import Change, ObjectId, Snapshot
from pgdrift.core.plan.model import Way


def as_wanted(
    left: Snapshot, found: Snapshot, unlike: Sequence[Change], way: Way, done: Collection[int]
) -> list[int]:
    """Return the numbers of statements whose objects are already as the plan wants them.

    `left` is what there was when the plan stood still and `found` what there is now; `unlike` is
    what still differs from what the way leads to, `done` are the transactions that were done. None
    of them where anything else has moved: that is for no plan to pass over.
    """
    moved = _objects(compare(left, found).changes)
    if not moved or moved & _objects(unlike):
        return []
    ahead = [s for s in way.statements if s.transaction not in done]
    return [s.number for s in ahead if s.object in moved]


def _objects(changes: Sequence[Change]) -> set[ObjectId]:
    return {i for c in changes for i in (c.id, *c.contains)}
