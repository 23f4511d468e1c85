"""Two looks and the statements between them, in; out, what changed meanwhile and is not theirs.

Pure. Where nobody can tell, a change is theirs: the last look compares everything all the same.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace

from pgdrift.core.compare import compare
from pgdrift.core.model import Change, ChangeType, ObjectId, Snapshot
from pgdrift.core.names import dotted, quote_ident
from pgdrift.core.plan.model import Statement
from pgdrift.core.plan.sql import texts


def beside(before: Snapshot, after: Snapshot, done: Sequence[Statement]) -> tuple[Change, ...]:
    """Return what changed out of reach of the statements that were run between two looks.

    In reach is what they are about, what belongs to that, hangs on it or is inherited from it, and
    what came or went and has its name in them.
    """
    changes = compare(before, after).changes
    about = {s.object for s in done}
    if all(c.id in about for c in changes):
        return ()
    reach = _reach(before, after, done)
    return tuple(c for c in changes if c.id not in reach and not _is_named(c, done))


def astray(changes: Iterable[Change], unlike: Iterable[Change]) -> tuple[Change, ...]:
    """Return those of the changes that led away from what is to be there in the end.

    `unlike` is what differs from that now. What became as it is to be may be a statement's doing.
    """
    by_id = {i: u for u in unlike for i in (u.id, *u.contains)}
    return tuple(c for c in changes if (u := by_id.get(c.id)) and _led_away(c, u))


def without(changes: Iterable[Change], before: Snapshot, after: Snapshot) -> Snapshot:
    """Return what would be there after, had these changes since `before` not been made."""
    edits = {i: before.objects.get(i) for c in changes for i in (c.id, *c.contains)}
    if not edits:
        return after
    objects = after.packed.edited(edits)
    depends = tuple(d for d in after.dependencies if d[0] in objects and d[1] in objects)
    return replace(after, objects=objects, dependencies=depends)


def _led_away(change: Change, unlike: Change) -> bool:
    if change.change is ChangeType.CHANGED and unlike.change is ChangeType.CHANGED:
        return not change.attributes.keys().isdisjoint(unlike.attributes)
    # What came and is still to be changed, or went and is to be nowhere, is on its way.
    return unlike.change in {change.change, ChangeType.ADDED}


def _is_named(change: Change, done: Sequence[Statement]) -> bool:
    if change.change is ChangeType.CHANGED:
        # As a table names the index that is its replica identity.
        said = [str(value) for pair in change.attributes.values() for value in pair]
        names = [quote_ident(s.object.path[-1]) for s in done]
    else:
        said, names = [s.step.sql for s in done], [quote_ident(change.id.path[-1])]
    words = re.compile("|".join(rf"(?<!\w){re.escape(name)}(?!\w)" for name in names))
    return any(words.search(text) for text in said)


def _reach(before: Snapshot, after: Snapshot, done: Sequence[Statement]) -> set[ObjectId]:
    hanging = _hanging(before, after)
    found = {s.object for s in done}
    for i in list(found):
        there = after.objects.get(i) or before.objects.get(i)
        # A column, key or trigger of a table may be one of those below it as well.
        for table in _below(there.parent, before, after) if there and there.parent else ():
            found |= hanging[table]
    waiting = list(found)
    while waiting:
        i = waiting.pop()
        # All of a schema would be nearly all there is.
        new = hanging[i] - found if i.kind != "schema" else set()
        found |= new
        waiting += new
    return found


def _below(table: ObjectId, *sides: Snapshot) -> Iterator[ObjectId]:
    """Give what inherits from a table, at any depth."""
    names = {dotted(table.path)}
    heirs = [
        (i, set(texts(o.attributes.get("inherits"))))
        for side in sides
        for i, o in side.objects.items()
        if o.attributes.get("inherits")
    ]
    while new := [i for i, of in heirs if of & names and dotted(i.path) not in names]:
        yield from new
        names |= {dotted(i.path) for i in new}


def _hanging(*sides: Snapshot) -> defaultdict[ObjectId, set[ObjectId]]:
    """Return what belongs to each object, and what depends on it."""
    found = defaultdict[ObjectId, set[ObjectId]](set)
    for side in sides:
        for i, o in side.objects.items():
            if o.parent is not None:
                found[o.parent].add(i)
        for dependent, used in side.dependencies:
            found[used].add(dependent)
    return found
