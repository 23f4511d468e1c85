"""What was reached and what was to be reached in; out, what still differs and is not by hand."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator
from dataclasses import replace

from pgdrift.core.alike.align import Settled, align
from pgdrift.core.alike.normalise import Options, normalise
from pgdrift.core.compare import compare
from pgdrift.core.model import Change, ChangeType, ObjectId, Snapshot
from pgdrift.core.plan.model import LeftOut
from pgdrift.core.plan.step import belonging, by_parent


def left_over(
    found: Snapshot,
    wanted: Snapshot,
    by_hand: Iterable[LeftOut],
    options: Options,
    settled: Settled = frozenset(),
    *,
    before: Snapshot | None = None,
    not_run: Iterable[LeftOut] = (),
) -> tuple[Change, ...]:
    """Return what differs in `found` from `wanted`, but for what was left by hand.

    `found` is as it was read; `wanted` is normalised with the same options. `before` is what there
    was, as it was read: what was left by hand as a whole has to be there still. What was `not_run`
    may be there, be another, or be gone.
    """
    told = replace(normalise(found, options), kinds=found.kinds & wanted.kinds)
    left_by_hand = {left.object: left.attributes for left in by_hand}
    excused = left_by_hand | {left.object: left.attributes for left in not_run}
    changes = compare(align(wanted, told, options, settled), told).changes
    kinds = found.kinds & wanted.kinds
    left = tuple(c for c in changes if c.id.kind in kinds and not _excused(c, excused))
    whole = [i for i, names in left_by_hand.items() if not names]
    return (*left, *_lost(whole, before, found, wanted)) if before and whole else left


def _excused(change: Change, excused: dict[ObjectId, tuple[str, ...]]) -> bool:
    if _is_left(change.id, change.attributes.keys(), excused):
        return True
    # Whose a column is follows from what its table is a part of.
    table = change.id._replace(kind="table", path=change.id.path[:-1])
    follows = change.id.kind == "column" and change.attributes.keys() == {"inherited"}
    return follows and any(
        _is_left(table, {name}, excused) for name in ("inherits", "partition_bound")
    )


def _is_left(i: ObjectId, names: Collection[str], excused: dict[ObjectId, tuple[str, ...]]) -> bool:
    left = excused.get(i)
    return left is not None and (not left or set(names) <= set(left))


def _lost(
    those: Iterable[ObjectId], before: Snapshot, found: Snapshot, wanted: Snapshot
) -> Iterator[Change]:
    """Give what went although it was left by hand, as a whole or with what it belongs to.

    What belongs to something that is to stay is another matter: that is compared.
    """
    children = by_parent(before.objects.values())
    stays: set[ObjectId] = set()
    for i in those:
        stays |= {i, *belonging(i, children)} if i not in wanted.objects else {i}
    for i in sorted(stays):
        was = before.objects.get(i)
        if was is not None and i not in found.objects:
            gone = {name: (value, None) for name, value in was.attributes.items()}
            yield Change(i, ChangeType.REMOVED, gone)
