"""What is declared right: the snapshot of a sync point, moved on by explained changes alone.

A migration moves what it touched and nothing beside it, so that what was changed by hand before
is never laundered by the next migration.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import replace

from pgdrift.core.held.packed import Packed
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
    edits: dict[ObjectId, Object | None] = {}
    for change in explained:
        if change.change is ChangeType.CHANGED:
            if (old := expected.objects.get(change.id)) is not None:
                edits[change.id] = _touched(old, change, found.objects[change.id])
        elif change.change is ChangeType.ADDED:
            edits |= {i: found.objects[i] for i in (change.id, *change.contains)}
    objects = expected.packed.edited(edits)
    removed = (c for c in explained if c.change is ChangeType.REMOVED)
    gone = {i for c in removed for i in (c.id, *c.contains)}
    return replace(expected, objects=_without(objects, gone) if gone else objects)


def _touched(old: Object, change: Change, found: Object) -> Object:
    """Move what the change touched; what was changed by hand beside it stays unexpected."""
    moved = {name: after for name, (_, after) in change.attributes.items()}
    return replace(found, attributes={**found.attributes, **old.attributes, **moved})


def _without(objects: Packed, gone: set[ObjectId]) -> Packed:
    """Take out the objects and all that cannot outlive them."""
    children: dict[ObjectId, list[ObjectId]] = {}
    for i, o in objects.items():
        if o.parent is not None:
            children.setdefault(o.parent, []).append(i)
    all_gone: set[ObjectId] = set()
    while gone:
        all_gone |= gone
        gone = {child for i in gone for child in children.get(i, ())} - all_gone
    return objects.edited(dict.fromkeys(all_gone))
