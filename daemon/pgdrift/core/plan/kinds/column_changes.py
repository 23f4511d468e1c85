"""Changes of a column that stays: type, default, NOT NULL, how it is stored and sampled."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from pgdrift.core.model import Object, Value
from pgdrift.core.names import quote_ident
from pgdrift.core.plan.kinds.column_words import (
    altered_column,
    differ,
    is_foreign,
    named_not_null,
)
from pgdrift.core.plan.kinds.common import options
from pgdrift.core.plan.kinds.conversions import Conversion, conversion
from pgdrift.core.plan.sql import has, last, spaced, text, upto, when
from pgdrift.core.plan.step import Below, Lock, Step, World

_HARD = Lock.ACCESS_EXCLUSIVE


def change_type(before: Object, after: Object, world: World) -> Iterator[Step]:
    """Give what makes a column another type or collation, its default aside meanwhile."""
    how = conversion(text(before, "type"), text(after, "type"))
    if has(before, "default"):
        yield altered_column(after, "DROP DEFAULT", "change default")
    step = retyped(after, how)
    # Another collation is another order: what is sorted by it is built anew.
    sorts = differ(before, after, "collation") and _is_indexed(after, world)
    yield step if step.rewrites or not sorts else replace(step, scans=True)
    if has(after, "default"):
        yield altered_column(after, f"SET DEFAULT {text(after, 'default')}", "change default")


def _is_indexed(column: Object, world: World) -> bool:
    by_index = ("unique", "primary key", "exclusion")
    return any(
        i.kind == "index" or (i in world.here and text(world.here[i], "type") in by_index)
        for i in world.used.get(column.id, ())
    )


def retyped(after: Object, how: Conversion) -> Step:
    """Return what gives a column its type and collation."""
    table, name = upto(after), last(after)
    collation = when(after, "collation", "COLLATE {}")
    using = f"USING {how.using.format(name)}" if how.using else ""
    return Step(
        spaced(
            f"ALTER TABLE {table} ALTER COLUMN {name} TYPE {text(after, 'type')}", collation, using
        ),
        "change type",
        _HARD,
        (table,),
        rewrites=how.rewrites,
        below=Below.ALL,
        loses=how.loses,
        fails=how.fails,
    )


def set_default(before: Object, after: Object, world: World) -> Iterator[Step]:
    """Give what changes the default, where no other change says it anyway."""
    if differ(before, after, "type", "collation") or differ(before, after, "generated"):
        return
    change = when(after, "default", "SET DEFAULT {}") or "DROP DEFAULT"
    yield altered_column(after, change, "change default")


def not_null(before: Object, after: Object, world: World) -> Iterator[Step]:
    """Give what makes a column NOT NULL, or NULL again."""
    wanted = has(after, "not_null")
    named = (
        named_not_null(after.id, world.there, world.children)
        if wanted
        else named_not_null(after.id, world.here, world.children_here)
    )
    if named:
        return  # the constraint with the name brings it, and takes it
    if wanted and world.online and not is_foreign(after):
        yield from _not_null_online(after)
        return
    verb = "SET" if wanted else "DROP"
    yield Step(
        f"ALTER TABLE {upto(after)} ALTER COLUMN {last(after)} {verb} NOT NULL",
        "change not null",
        _HARD,
        (upto(after),),
        scans=wanted and not is_foreign(after),
        fails="the column holds NULL" if wanted and not is_foreign(after) else "",
        below=Below.ALL,
    )


def _not_null_online(after: Object) -> Iterator[Step]:
    """Give a check that is validated beside writers, by which SET NOT NULL needs no scan."""
    table, name = upto(after), last(after)
    check = quote_ident(f"pgdrift_{after.id.path[-1]}"[:50] + "_not_null")
    yield Step(
        f"ALTER TABLE {table} ADD CONSTRAINT {check} CHECK ({name} IS NOT NULL) NOT VALID",
        "change not null",
        _HARD,
        (table,),
        below=Below.ALL,
        commits=True,
    )
    yield Step(
        f"ALTER TABLE {table} VALIDATE CONSTRAINT {check}",
        "validate",
        Lock.SHARE_UPDATE_EXCLUSIVE,
        (table,),
        scans=True,
        below=Below.ALL,
        fails="the column holds NULL",
        commits=True,
    )
    yield Step(
        f"ALTER TABLE {table} ALTER COLUMN {name} SET NOT NULL",
        "change not null",
        _HARD,
        (table,),
        below=Below.ALL,
    )
    yield Step(
        f"ALTER TABLE {table} DROP CONSTRAINT {check}",
        "change not null",
        _HARD,
        (table,),
        below=Below.ALL,
    )


def storage(_: Object, after: Object, world: World) -> Iterator[Step]:
    """Give how values are stored, the usual way where none is said."""
    usual = "DEFAULT" if world.major >= 16 else _usual_storage(text(after, "type"))
    word = text(after, "storage").upper() or usual
    yield altered_column(after, f"SET STORAGE {word}", "change storage")


def _usual_storage(kind: str) -> str:
    return "MAIN" if kind.startswith("numeric") and not kind.endswith("]") else "EXTENDED"


def compression(_: Object, after: Object, _world: World) -> Iterator[Step]:
    """Give how values are compressed."""
    word = text(after, "compression") or "default"
    said = f"SET COMPRESSION {word}"
    yield altered_column(after, said, "change compression", below=Below.NOTHING)


def statistics(_: Object, after: Object, _world: World) -> Iterator[Step]:
    """Give how many values are sampled."""
    target: Value = after.attributes.get("statistics")
    said = f"SET STATISTICS {-1 if target is None else target}"
    yield altered_column(after, said, "change statistics target", Lock.SHARE_UPDATE_EXCLUSIVE)


def change_options(before: Object, after: Object, _: World) -> Iterator[Step]:
    """Give what changes the column's options."""
    both = (o.attributes.get("options") for o in (before, after))
    head = f"ALTER TABLE {upto(after)} ALTER COLUMN {last(after)}"
    for said in options(head, *both):
        yield Step(said, "change options", Lock.SHARE_UPDATE_EXCLUSIVE, (upto(after),))
