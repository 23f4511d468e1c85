"""Deeds in, deeds in order out: what is used comes first, what uses goes first.

Drops come as late as they can: what no dependency tells (the body of a function) still finds all
it may want. A circle is cut at the deed that would have come first anyway, and told.
"""

from __future__ import annotations

import heapq
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from itertools import chain

from pgdrift.core.model import Object, ObjectId
from pgdrift.core.names import split_dotted, unquote
from pgdrift.core.plan.draft import Draft
from pgdrift.core.plan.kinds import WRITERS
from pgdrift.core.plan.kinds.privileges import grantee
from pgdrift.core.plan.model import Verb
from pgdrift.core.plan.sql import text, texts
from pgdrift.core.plan.step import HAVE_PARTS
from pgdrift.core.plan.units import Key, Units

Edge = tuple[Key, Key]

_RANKS = {kind: n for n, kind in enumerate(WRITERS)}
_PHASES = {
    Verb.LET_GO: 0,
    Verb.ANNOUNCE: 1,
    Verb.MAKE: 2,
    Verb.CHANGE: 2,
    Verb.FINISH: 3,
    Verb.DROP: 4,
}
# What shares one space of names within a schema.
_RELATIONS = frozenset("table foreign_table view materialized_view sequence index".split())
_TYPES = frozenset(
    "enum domain composite_type range base_type table foreign_table view materialized_view".split()
)
_ROUTINES = frozenset({"function", "procedure", "aggregate"})


def ordered(found: Units, drawn: Draft) -> tuple[list[Key], list[Key]]:
    """Return all deeds in order, and those at which a circle was cut."""
    after: dict[Key, set[Key]] = defaultdict(set)
    waits: dict[Key, int] = dict.fromkeys(found.steps, 0)
    for first, then in _edges(found, drawn):
        if first != then and first in waits and then in waits and then not in after[first]:
            after[first].add(then)
            waits[then] += 1
    place = {key: _place(key, found) for key in found.steps}
    ready = [(place[k], k) for k, count in waits.items() if not count]
    heapq.heapify(ready)
    done: list[Key] = []
    cut: list[Key] = []
    while waits:
        if not ready:
            first = min(waits, key=place.__getitem__)
            cut.append(first)
            heapq.heappush(ready, (place[first], first))
        _, key = heapq.heappop(ready)
        if key not in waits:
            continue
        del waits[key]
        done.append(key)
        for then in after[key]:
            if then in waits:
                waits[then] -= 1
                if not waits[then]:
                    heapq.heappush(ready, (place[then], then))
    return done, cut


def _place(key: Key, found: Units) -> tuple[int, bool, int, ObjectId]:
    rank = _RANKS[key.object.kind]
    if key.object.kind == "event_trigger":
        # What it does, it is not to do to the plan.
        return (-1 if key.verb is Verb.DROP else 5), False, rank, key.object
    if key.verb is Verb.DROP:
        return _PHASES[key.verb], False, -rank, key.object
    # A policy or a trigger that is made anew must not be missing for as long as an index is built.
    long = any(step.alone or step.commits for step in found.steps[key])
    return _PHASES[key.verb], long, rank, key.object


def _edges(found: Units, drawn: Draft) -> Iterator[Edge]:
    yield from _by_what_was(found, drawn)
    yield from _by_what_will_be(found, drawn)
    for i in drawn.world.made | drawn.world.gone | drawn.changed.keys():
        yield from _of_one(found, drawn, i)
    yield from _names(found, drawn)
    yield from _parts_first(found, drawn)
    yield from _family(found, drawn)
    yield from _owners(found, drawn)


def _by_what_was(found: Units, drawn: Draft) -> Iterator[Edge]:
    """Give what lets go of something before that is dropped or changed."""
    for dependent, uses in drawn.here_uses.items():
        for used in uses:
            drop = found.dropping.get(used)
            for deed in _letting_go(found, drawn, dependent):
                if drop:
                    yield deed, drop
                if used in found.aside:
                    yield (
                        (deed, Key(Verb.LET_GO, used))
                        if deed.verb is not Verb.CHANGE
                        else (
                            Key(Verb.LET_GO, used),
                            deed,
                        )
                    )
                if deed.verb is not Verb.CHANGE and not _is_part_of(drawn, dependent, used):
                    yield deed, Key(Verb.CHANGE, used)


def _letting_go(found: Units, drawn: Draft, dependent: ObjectId) -> Iterator[Key]:
    if dependent in found.dropping:
        yield found.dropping[dependent]
    if dependent in drawn.let_go:
        yield Key(Verb.LET_GO, dependent)
    yield Key(Verb.CHANGE, dependent)


def _is_part_of(drawn: Draft, dependent: ObjectId, used: ObjectId) -> bool:
    return drawn.world.here[dependent].parent == used if dependent in drawn.world.here else False


def _by_what_will_be(found: Units, drawn: Draft) -> Iterator[Edge]:
    """Give what makes something before that is used."""
    there = drawn.world.there
    for dependent, uses in drawn.world.uses.items():
        making = found.making.get(dependent)
        for used in uses:
            before = found.making.get(used)
            if before is None:
                continue
            if dependent in drawn.let_go:
                yield before, Key(Verb.FINISH, dependent)
            if making is None or _is_of_what_joins(dependent, used, drawn):
                continue
            if _is_part_of_whole(there.get(dependent), used, there) and not _waits(used, there):
                yield making, before
                if used in found.dropping:
                    yield found.dropping[used], making  # it took the part along
            elif _owned(there.get(dependent), used):
                yield before, Key(Verb.FINISH, dependent)
            elif (
                dependent in drawn.world.uses.get(used, ())
                and (shell := Key(Verb.ANNOUNCE, used)) in found.steps
            ):
                yield shell, making
            else:
                yield before, making


def _is_part_of_whole(
    found: Object | None, used: ObjectId, there: Mapping[ObjectId, Object]
) -> bool:
    """Tell whether an index or constraint of a partition is made before that of the whole."""
    if found is None or used.kind != found.id.kind or used.kind not in HAVE_PARTS:
        return False
    if used.kind == "index":
        return split_dotted(text(found, "partition_of")) == used.path
    table = there.get(found.parent) if found.parent else None
    parents = texts(table.attributes.get("inherits")) if table else []
    return used.path[:-1] in map(split_dotted, parents)


def _is_of_what_joins(i: ObjectId, table: ObjectId, drawn: Draft) -> bool:
    """Tell whether something is made before its table is changed: see `_keys_and_indexes`."""
    found = drawn.world.there.get(i) if i.kind in HAVE_PARTS else None
    return found is not None and found.parent == table and drawn.world.joins(found)


def _waits(whole: ObjectId, there: Mapping[ObjectId, Object]) -> bool:
    """Tell whether a whole is made without its parts, which are attached to it one by one."""
    return whole in there and there[whole].attributes.get("valid") is False


def _owned(found: Object | None, used: ObjectId) -> bool:
    """Tell whether a sequence belongs to a column: that is said when both are there."""
    return found is not None and found.id.kind == "sequence" and found.parent == used


def _of_one(found: Units, drawn: Draft, i: ObjectId) -> Iterator[Edge]:
    """Give the order of the deeds on one object, and on what it is part of."""
    make, change = Key(Verb.MAKE, i), Key(Verb.CHANGE, i)
    if i in found.aside:
        yield Key(Verb.LET_GO, i), make
        yield make, Key(Verb.DROP, i)
    elif i in found.dropping:
        yield found.dropping[i], make
        yield found.dropping[i], Key(Verb.ANNOUNCE, i)
    yield Key(Verb.ANNOUNCE, i), make
    yield Key(Verb.LET_GO, i), change
    for deed in (make, change):
        yield deed, Key(Verb.FINISH, i)
    known = drawn.world.there.get(i) or drawn.world.here.get(i)
    parent = known.parent if known else None
    if parent is None or (known and _owned(known, parent)):
        return
    if _joins(drawn, i, parent):
        # A table that becomes a part must have all columns of the whole.
        yield make, Key(Verb.CHANGE, parent)
        yield change, Key(Verb.CHANGE, parent)
        return
    if _is_of_what_joins(i, parent, drawn):
        return
    for above in chain([found.making[parent]] if parent in found.making else []):
        yield above, make
        if WRITERS[i.kind].given:
            yield above, change


def _family(found: Units, drawn: Draft) -> Iterator[Edge]:
    """Give what keeps columns of a whole from what leaves it, and from what joins it."""
    world = drawn.world
    for i, names in drawn.changed.items():
        if i.kind == "table" and not {"inherits", "partition_bound"}.isdisjoint(names):
            yield from _keys_and_indexes(found, drawn, i)
        if "inherits" not in names:
            continue
        change = Key(Verb.CHANGE, i)
        for left in texts(world.here[i].attributes.get("inherits")):
            for made in world.children.get(ObjectId("table", split_dotted(left)), ()):
                if made.kind == "column":
                    yield change, Key(Verb.MAKE, made)
        for joined in texts(world.there[i].attributes.get("inherits")):
            for gone in world.children_here.get(ObjectId("table", split_dotted(joined)), ()):
                if gone.kind in {"column", "constraint"} and gone in found.dropping:
                    yield found.dropping[gone], change


def _keys_and_indexes(found: Units, drawn: Draft, table: ObjectId) -> Iterator[Edge]:
    """Give what of a table becomes a part with it before that, and what was one after it left."""
    world, change = drawn.world, Key(Verb.CHANGE, table)
    for i in world.children.get(table, ()):
        if i.kind in HAVE_PARTS:
            make = Key(Verb.MAKE, i)
            if world.joins(world.there[i]):
                yield make, change
                yield Key(Verb.CHANGE, i), change
            elif world.leaves(world.there[i]):
                yield change, make
    for i in world.children_here.get(table, ()):
        if i.kind in {"column", *HAVE_PARTS} and (drop := found.dropping.get(i)):
            if i.kind in HAVE_PARTS and world.leaves(world.here[i]):
                yield change, drop
            elif world.joins(world.here[i]):
                yield drop, change  # a partition has no column that its whole has not


def _owners(found: Units, drawn: Draft) -> Iterator[Edge]:
    """Give what takes a column's rights from an owner, before they are the next owner's."""
    for key in found.steps:
        i = key.object
        table = ObjectId("table", i.path[:-2])
        if i.kind == "column_privilege" and "owner" in drawn.changed.get(table, ()):
            old = text(drawn.world.here[table], "owner")
            if i in drawn.world.here and unquote(grantee(i.path[-1])) == old:
                yield key, Key(Verb.CHANGE, table)


def _joins(drawn: Draft, i: ObjectId, table: ObjectId) -> bool:
    """Tell whether a column's table becomes a part of another."""
    if i.kind != "column" or {"inherits", "partition_bound"}.isdisjoint(
        drawn.changed.get(table, ())
    ):
        return False
    old, new = drawn.world.here[table], drawn.world.there[table]
    return bool(text(new, "partition_bound")) or len(texts(new.attributes.get("inherits"))) > len(
        texts(old.attributes.get("inherits"))
    )


def _names(found: Units, drawn: Draft) -> Iterator[Edge]:
    """Give the drops that free a name before something else takes it."""
    freed: dict[tuple[object, ...], list[Key]] = defaultdict(list)
    here, there = drawn.world.here, drawn.world.there
    for i, drop in found.dropping.items():
        for name in _claims(here[i]):
            freed[name].append(drop)
    for i, make in found.making.items():
        if make.verb is Verb.MAKE:
            for name in _claims(there[i]):
                for drop in freed.get(name, ()):
                    if i not in found.aside:
                        yield drop, make


def _parts_first(found: Units, drawn: Draft) -> Iterator[Edge]:
    """Give the drops of a partition's constraint before one like it is made of the whole."""
    here = drawn.world.here
    for i, drop in found.dropping.items():
        part_of = here[i].parent if i.kind == "constraint" else None
        table = here.get(part_of) if part_of else None
        for parent in texts(table.attributes.get("inherits")) if table else ():
            above = ObjectId("table", split_dotted(parent))
            for made in drawn.world.children.get(above, ()):
                if made.kind == "constraint" and made in drawn.world.made:
                    yield drop, Key(Verb.MAKE, made)


def _claims(found: Object) -> Iterable[tuple[object, ...]]:
    i = found.id
    if i.kind in _RELATIONS:
        yield "relation", i.path
    if i.kind in _TYPES:
        yield "type", i.path
    if i.kind in _ROUTINES:
        yield "routine", i.path
    if i.kind == "constraint":
        # Behind some there is an index of the same name.
        yield "relation", (i.path[0], i.path[-1])
        # A table has one primary key, whatever it is called.
        if text(found, "type") == "primary key":
            yield "primary key", i.path[:-1]
        # And a column has one that says it is not NULL.
        if (said := text(found, "definition")).startswith("NOT NULL "):
            yield "not null", i.path[:-1], said.split(" NO INHERIT")[0]
