"""What is declared right: the snapshot of a sync point, moved on by explained changes alone.

A migration moves what it touched and nothing beside it, so that what was changed by hand before
is never laundered by the next migration.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import replace

from pgdrift.core.model import Change, ChangeType, Object, ObjectId, Snapshot


def adopt(expected: Snapshot, found: Snapshot) -> Snapshot:
    """Return what is expected, with what could not be read when it was declared.

    A new release reads more, so does a new major, and a right may be granted: what is there then
    is the first sight of it, as at a first look. Else it would stay uncompared until the next
    sync point.
    """
    kinds = found.kinds - expected.kinds
    if not kinds and _reader(expected) == _reader(found):
        return expected
    objects = {i: _filled(o, found.objects.get(i)) for i, o in expected.objects.items()}
    objects |= {i: o for i, o in found.objects.items() if i.kind in kinds}
    return replace(
        expected,
        objects=objects,
        kinds=expected.kinds | kinds,
        server_version=found.server_version,
        format=found.format,
    )


def _reader(snapshot: Snapshot) -> tuple[int, int]:
    """Return what decides which attributes are read."""
    return snapshot.format, snapshot.server_version // 10000


def _filled(expected: Object, found: Object | None) -> Object:
    new = {} if found is None else found.attributes.keys() - expected.attributes.keys()
    if found is None or not new:
        return expected
    attributes = {name: found.attributes[name] for name in new}
    return replace(expected, attributes={**expected.attributes, **attributes})


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
