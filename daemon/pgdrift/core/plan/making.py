"""Two sides in, a plan with both its ways out; the source is told in the target's words first.

So whatever name the server gave to something of the target, the plan calls it by that name.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import replace

from pgdrift.core.alike.align import Settled, align
from pgdrift.core.alike.normalise import Options, normalise
from pgdrift.core.model import ObjectId, Snapshot
from pgdrift.core.plan.model import End, Plan
from pgdrift.core.plan.parts import with_parts
from pgdrift.core.plan.planning import way

_NOTHING: Mapping[ObjectId, str] = {}
_UNDONE = "the way there leaves it by hand"


def planned(snapshot: Snapshot, without: Collection[str]) -> Snapshot:
    """Return the snapshot as plans are made of it, without kinds that no plan is about."""
    objects = {i: o for i, o in snapshot.objects.items() if i.kind not in without}
    depends = tuple(d for d in snapshot.dependencies if d[0] in objects and d[1] in objects)
    kinds = snapshot.kinds - frozenset(without)
    return replace(snapshot, objects=objects, kinds=kinds, dependencies=depends)


def _unfolded(*sides: Snapshot) -> tuple[Snapshot, ...]:
    return tuple(replace(side, objects=side.packed.unfolded()) for side in sides)


def make_plan(
    sides: tuple[Snapshot, Snapshot],
    names: tuple[str, str],
    options: Options,
    settled: Settled = frozenset(),
    *,
    online: bool = False,
    refused: tuple[Mapping[ObjectId, str], Mapping[ObjectId, str]] = (_NOTHING, _NOTHING),
) -> Plan:
    """Return the plan that makes a target as its source.

    `sides` are target and source as they were read, `refused` what a server refused of the way
    up and of the way down.
    """
    asked, options = options, replace(options, inherited=True)
    target = normalise(sides[0], options)
    source = align(normalise(sides[1], options), target, options, settled)
    # What is unfolded stays so: each side is walked through a dozen times.
    target, source = _unfolded(*with_parts(*_unfolded(target, source)))
    major = sides[0].server_version // 10000
    ends = [End(n, s.root, s.server_version) for n, s in zip(names, sides, strict=True)]
    up = way(target, source, major=major, online=online, refused=refused[0])
    undone = {
        left.object: _UNDONE
        for left in up.by_hand
        if not left.attributes
        # An operator that is only named by another comes to be by that.
        and left.object.kind != "operator"
        and (left.object in target.objects) != (left.object in source.objects)
    }
    return Plan(
        target=ends[0],
        source=ends[1],
        up=up,
        down=way(source, target, major=major, online=online, refused=refused[1], undone=undone),
        online=online,
        options=asked,
    )
