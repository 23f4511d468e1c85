"""What was reached and what was to be reached in; out, what still differs and is not by hand."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from pgdrift.core.alike.align import Settled, align
from pgdrift.core.alike.normalise import Options, normalise
from pgdrift.core.compare import compare
from pgdrift.core.model import Change, ObjectId, Snapshot
from pgdrift.core.plan.model import LeftOut


def left_over(
    found: Snapshot,
    wanted: Snapshot,
    by_hand: Iterable[LeftOut],
    options: Options,
    settled: Settled = frozenset(),
) -> tuple[Change, ...]:
    """Return what differs in `found` from `wanted`, but for what was left by hand.

    `found` is as it was read; `wanted` is normalised with the same options.
    """
    told = replace(normalise(found, options), kinds=found.kinds & wanted.kinds)
    excused = {left.object: left.attributes for left in by_hand}
    changes = compare(align(wanted, told, options, settled), told).changes
    kinds = found.kinds & wanted.kinds
    return tuple(c for c in changes if c.id.kind in kinds and not _excused(c, excused))


def _excused(change: Change, excused: dict[ObjectId, tuple[str, ...]]) -> bool:
    names = excused.get(change.id)
    return names is not None and (not names or change.attributes.keys() <= set(names))
