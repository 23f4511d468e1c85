"""What a scratch database cannot hold: what is sealed, and what its server refuses.

Out come all that needs it, and a plan without both.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable
from dataclasses import replace

from pgdrift.core.model import ObjectId, Snapshot
from pgdrift.core.plan.model import LeftOut, Plan, Way
from pgdrift.core.seal import is_sealed

_SEALED = "its value may be a secret: it is never read"


def open_only(side: Snapshot) -> tuple[Snapshot, tuple[LeftOut, ...]]:
    """Return a side as it can be made, without what is sealed in it, and all that is."""
    left: list[LeftOut] = []
    objects = dict(side.objects)
    for i, found in side.objects.items():
        if names := tuple(n for n, v in found.attributes.items() if is_sealed(v)):
            left.append(LeftOut(i, _SEALED, names))
            known = {**found.attributes, **dict.fromkeys(names)}
            objects[i] = replace(found, attributes=known)
    return (replace(side, objects=objects), tuple(left)) if left else (side, ())


def beyond(left: Iterable[LeftOut], *sides: Snapshot) -> tuple[LeftOut, ...]:
    """Return what could not be held, and whatever of either side needs it or is part of it."""
    found = {one.object: one for one in left}
    needing: dict[ObjectId, set[ObjectId]] = defaultdict(set)
    for side in sides:
        for dependent, used in side.dependencies:
            needing[used].add(dependent)
        for i, known in side.objects.items():
            if known.parent is not None:
                needing[known.parent].add(i)
    waiting = [i for i, one in found.items() if not one.attributes]
    while waiting:
        i = waiting.pop()
        for other in sorted(needing[i]):
            if other not in found or found[other].attributes:
                found[other] = LeftOut(other, f"it needs {i.kind.replace('_', ' ')} {i.name}")
                waiting.append(other)
    return tuple(found.values())


def without(plan: Plan, left: Iterable[LeftOut]) -> Plan:
    """Return a plan without the statements for what could not be held."""
    gone = {one.object for one in left if not one.attributes}
    return replace(plan, up=_way(plan.up, gone), down=_way(plan.down, gone))


def _way(way: Way, gone: Collection[ObjectId]) -> Way:
    return replace(way, statements=tuple(s for s in way.statements if s.object not in gone))
