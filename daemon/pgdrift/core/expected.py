"""What is declared right: the snapshot of a sync point, moved on by explained changes alone.

A migration moves what it touched and nothing beside it, so that what was changed by hand before
is never laundered by the next migration.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import replace

from pgdrift.core.model import Change, ChangeType, Object, ObjectId, Snapshot


def adopt(expected: Snapshot, found: Snapshot) -> Snapshot:
    """Return what is expected, with the kinds that were not read when it was declared.

    A new release reads more, and a right may be granted: what is there then is the first sight of
    it, as at a first look. Else it would stay uncompared until the next sync point.
    """
    new = found.kinds - expected.kinds
    if not new:
        return expected
    objects = {i: o for i, o in found.objects.items() if i.kind in new}
    return replace(expected, objects={**expected.objects, **objects}, kinds=expected.kinds | new)


def move_on(expected: Snapshot, explained: Collection[Change], found: Snapshot) -> Snapshot:
    """Return what is expected after explained changes, which led to what was found."""
    if not explained:
        return expected
    objects = dict(expected.objects)
    for change in explained:
        if change.change is ChangeType.CHANGED:
            _touch(objects, change, found.objects[change.id])
        elif change.change is ChangeType.ADDED:
            objects |= {i: found.objects[i] for i in (change.id, *change.contains)}
    removed = (c for c in explained if c.change is ChangeType.REMOVED)
    _drop(objects, {i for c in removed for i in (c.id, *c.contains)})
    return replace(expected, objects=objects)


def _touch(objects: dict[ObjectId, Object], change: Change, found: Object) -> None:
    """Move what the change touched; what was changed by hand beside it stays unexpected."""
    if (old := objects.get(change.id)) is not None:
        moved = {name: after for name, (_, after) in change.attributes.items()}
        attributes = {**found.attributes, **old.attributes, **moved}
        objects[change.id] = replace(found, attributes=attributes)


def _drop(objects: dict[ObjectId, Object], gone: set[ObjectId]) -> None:
    """Take out the objects and all that cannot outlive them."""
    while gone:
        for i in gone:
            objects.pop(i, None)
        gone = {i for i, o in objects.items() if o.parent in gone}
