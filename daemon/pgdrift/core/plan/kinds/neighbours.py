"""Relations beside the one that a statement names, which it locks all the same.

In come an object and a world, out come names as SQL writes them, with the lock on each.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from pgdrift.core.model import Object, ObjectId
from pgdrift.core.names import dotted, split_dotted
from pgdrift.core.plan.sql import has, text, texts
from pgdrift.core.plan.step import Held, Lock, World

_DEFAULT = "DEFAULT"
_OF_ROWS = frozenset({"table", "materialized_view"})


def holds_rows(
    i: ObjectId | None, world: World, besides: frozenset[ObjectId] = frozenset()
) -> bool:
    """Tell whether there are rows to read: of its own, or of what is below a partitioned table.

    `besides` are those that need not be read.
    """
    found = world.here.get(i) or world.there.get(i) if i else None
    if found is None or found.id.kind not in _OF_ROWS or found.id in besides:
        return False
    if not has(found, "partition_key"):
        return True
    return any(holds_rows(part, world, besides) for part in _partitions(found, world))


def _partitions(of: Object, world: World) -> Iterator[ObjectId]:
    name = dotted(of.id.path)
    for objects in (world.here, world.there):
        for found in objects.values():
            if name in texts(found.attributes.get("inherits")):
                yield found.id


def referred_to(constraint: Object) -> str:
    """Return the table that a foreign key refers to; empty for any other constraint."""
    said = text(constraint, "definition")
    if text(constraint, "type") != "foreign key" or " REFERENCES " not in said:
        return ""
    return said.split(" REFERENCES ", 1)[1].split("(", 1)[0]


def tables_of_type(i: ObjectId | None, world: World) -> tuple[str, ...]:
    """Return the tables with a column of a type, or of a domain or composite type over it."""
    tables: set[str] = set()
    for user in world.used.get(i, ()) if i else ():
        if user.kind in {"domain", "composite_type"}:
            tables.update(tables_of_type(user, world))
        of = world.here.get(user)
        if user.kind == "column" and of and of.parent and of.parent.kind in _OF_ROWS:
            tables.add(dotted(user.path[:-1]))
    return tuple(sorted(tables))


def joined(part: Object, world: World, on_parent: Lock = Lock.ACCESS_EXCLUSIVE) -> tuple[Held, ...]:
    """Return what is locked where a table becomes a part or child, or is none any more."""
    parents = texts(part.attributes.get("inherits"))
    if not has(part, "partition_bound"):
        return tuple(Held(p, Lock.SHARE_UPDATE_EXCLUSIVE) for p in parents)
    return (
        *(Held(p, on_parent) for p in parents),
        *(Held(d, Lock.ACCESS_EXCLUSIVE) for p in parents for d in _default_of(p, part, world)),
        *(Held(o, Lock.SHARE_ROW_EXCLUSIVE) for p in parents for o in _referred(p, world)),
        # A key that it has itself becomes one with its whole's, and is dropped for that.
        *(Held(o, Lock.ACCESS_EXCLUSIVE) for o in _shared_keys(part, parents, world)),
    )


def _shared_keys(part: Object, parents: list[str], world: World) -> set[str]:
    """Return what is referred to by keys that are there, or made, before a table joins."""
    own = {
        referred_to(world.there[i])
        for i in world.children.get(part.id, ())
        if i.kind == "constraint" and world.joins(world.there[i])
        if not (i in world.made and world.comes_along(world.there[i]))
    }
    return own & {o for p in parents for o in _referred(p, world)} - {""}


def reads_the_default(part: Object, world: World) -> bool:
    """Tell whether the rows of a default partition must be known to be none of a new one."""
    parents = texts(part.attributes.get("inherits")) if has(part, "partition_bound") else []
    return any(True for p in parents for _ in _default_of(p, part, world))


def left_alone(table: Object, world: World) -> tuple[Held, ...]:
    """Return what is locked where a table goes: its whole, and what its keys refer to."""
    parents = texts(table.attributes.get("inherits")) if has(table, "partition_bound") else []
    hard = Lock.ACCESS_EXCLUSIVE
    return (
        *(Held(p, hard) for p in parents),
        *(Held(d, hard) for p in parents for d in _default_of(p, table, world)),
        *(Held(o, hard) for o in _referred(dotted(table.id.path), world, world.here)),
    )


def _default_of(parent: str, part: Object, world: World) -> Iterator[str]:
    for found in world.here.values():
        if (
            text(found, "partition_bound") == _DEFAULT
            and found.id != part.id
            and parent in texts(found.attributes.get("inherits"))
        ):
            yield dotted(found.id.path)


def _referred(
    table: str, world: World, objects: Mapping[ObjectId, Object] | None = None
) -> Iterator[str]:
    """Give the tables that keys of a table refer to, now unless said otherwise at the end."""
    where = world.there if objects is None else objects
    children = world.children if objects is None else world.children_here
    for i in children.get(ObjectId("table", split_dotted(table)), ()):
        if i.kind == "constraint" and (other := referred_to(where[i])):
            yield other
