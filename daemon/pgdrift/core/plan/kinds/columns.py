"""Columns: what stands in CREATE TABLE, and every change that needs no new column."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace

from pgdrift.core.model import Object, ObjectId, Value
from pgdrift.core.names import dotted, quote_ident, split_dotted
from pgdrift.core.plan.kinds.common import comment_on, options, with_options
from pgdrift.core.plan.kinds.conversions import Conversion, conversion
from pgdrift.core.plan.sql import has, last, spaced, text, texts, upto, when, whole
from pgdrift.core.plan.step import ByHand, Lock, Step, World, Writer

_HARD = Lock.ACCESS_EXCLUSIVE
_ROUTINES = frozenset({"function", "procedure", "aggregate"})


def clause(column: Object, world: World, *, new_table: bool = True) -> tuple[str, list[Step]]:
    """Return a column as CREATE TABLE says it, and what only later statements can say.

    A default that calls a function of the user's comes later in a new table: the function may
    well be about the table.
    """
    later = new_table and _calls(column, world) and not has(column, "generated")
    said = spaced(
        last(column),
        text(column, "type"),
        when(column, "collation", "COLLATE {}"),
        "" if later else _default(column),
        _identity(column),
        "NOT NULL" if _plainly_not_null(column, world) else "",
    )
    return said, [*_later(column, world, default=later)]


def _calls(column: Object, world: World) -> bool:
    return has(column, "default") and any(
        i.kind in _ROUTINES for i in world.uses.get(column.id, ())
    )


def _default(column: Object) -> str:
    if kind := text(column, "generated"):
        said = text(column, "generation_expression")
        return f"GENERATED ALWAYS AS ({said}) {kind.upper()}"
    return when(column, "default", "DEFAULT {}")


def _identity(column: Object) -> str:
    if not (how := text(column, "identity")):
        return ""
    schema = quote_ident(column.id.path[0])
    name = when(column, "identity_sequence", lambda s: f"SEQUENCE NAME {schema}.{quote_ident(s)} ")
    # The sequence has the type of the column.
    numbers = (o for o in texts(column.attributes["identity_options"]) if not o.startswith("AS "))
    return f"GENERATED {how.upper()} AS IDENTITY ({name}{' '.join(numbers)})"


def _plainly_not_null(column: Object, world: World) -> bool:
    """Tell whether NOT NULL is the column's own word, and not a constraint's with a name."""
    return has(column, "not_null") and not named_not_null(column.id, world.there, world.children)


def named_not_null(
    column: ObjectId,
    objects: Mapping[ObjectId, Object],
    children: Mapping[ObjectId, tuple[ObjectId, ...]],
) -> list[ObjectId]:
    """Return the constraints with a name of their own that say a column is not NULL."""
    table = column._replace(kind="table", path=column.path[:-1])
    said = f"NOT NULL {quote_ident(column.path[-1])}"
    return [
        i
        for i in children.get(table, ())
        if i.kind == "constraint" and text(objects[i], "definition").startswith(said)
    ]


def _later(column: Object, world: World, *, default: bool) -> Iterator[Step]:
    if default:
        yield _column(column, when(column, "default", "SET DEFAULT {}"), "set default")
    yield from _settings(column, world)
    if has(column, "comment"):
        yield comment_on(f"COLUMN {whole(column)}", column.attributes["comment"])


def _settings(column: Object, world: World) -> Iterator[Step]:
    if has(column, "storage"):
        yield _column(column, f"SET STORAGE {text(column, 'storage').upper()}", "change storage")
    if has(column, "compression"):
        yield _column(
            column, f"SET COMPRESSION {text(column, 'compression')}", "change compression"
        )
    if column.attributes.get("statistics") is not None:
        yield _column(
            column, f"SET STATISTICS {column.attributes['statistics']}", "change statistics target"
        )
    if said := with_options(column.attributes.get("options")):
        yield _column(column, f"SET {said.removeprefix('WITH ')}", "change options")
    if has(column, "identity_comment"):
        yield comment_on(f"SEQUENCE {_sequence(column)}", column.attributes["identity_comment"])
    if has(column, "identity_persistence"):
        yield _persistence_of(column, world)


def inherited_differences(column: Object, of: Object | None, world: World) -> Iterator[Step]:
    """Give what makes an inherited column of a new table other than its parent's."""
    parents = of.attributes if of else {}
    if column.attributes.get("default") != parents.get("default") and not has(column, "generated"):
        yield _column(column, when(column, "default", "SET DEFAULT {}") or "DROP DEFAULT")
    if _plainly_not_null(column, world) and not parents.get("not_null"):
        yield _column(column, "SET NOT NULL", "change not null")
    yield from _later(column, world, default=False)


def _column(column: Object, change: str, action: str = "", lock: Lock = _HARD) -> Step:
    table = upto(column)
    return Step(f"ALTER TABLE {table} ALTER COLUMN {last(column)} {change}", action, lock, (table,))


def _add(column: Object, world: World) -> Iterator[Step]:
    if any(i in world.made for i in wholes(column.id, world)):
        return  # it comes with its parent's
    said, later = clause(column, world, new_table=False)
    table = upto(column)
    fills = has(column, "generated") or has(column, "identity") or _volatile(column)
    bare = has(column, "not_null") and not (has(column, "default") or fills)
    yield Step(
        f"ALTER TABLE {table} ADD COLUMN {said}",
        "",
        _HARD,
        (table,),
        rewrites=fills,
        fails="the table has rows" if bare else "",
    )
    yield from later


def wholes(column: ObjectId, world: World) -> Iterator[ObjectId]:
    """Give the columns of parents that carry over to a column, before the plan and after it."""
    table = column._replace(kind="table", path=column.path[:-1])
    was, will_be = world.here.get(table), world.there.get(table)
    if was and will_be:
        before = texts(was.attributes.get("inherits"))
        for parent in texts(will_be.attributes.get("inherits")):
            if parent in before:
                yield column._replace(path=(*split_dotted(parent), column.path[-1]))


def carried(column: ObjectId, name: str, world: World) -> bool:
    """Tell whether a change of an attribute comes with the same change of a parent's column."""
    for whole_column in wholes(column, world):
        old, new = world.here.get(whole_column), world.there.get(whole_column)
        if old and new and whole_column not in world.made:
            value = new.attributes.get(name)
            changes = old.attributes.get(name) != value
            if changes and world.there[column].attributes.get(name) == value:
                return True
    return False


def _volatile(column: Object) -> bool:
    """Tell whether a default may differ row by row: what calls anything may."""
    said = text(column, "default")
    return "(" in said and not said.startswith(("now()", "CURRENT_", "'"))


def _drop(column: Object, world: World) -> Iterator[Step]:
    if has(column, "inherited") and any(i in world.gone for i in wholes(column.id, world)):
        return  # it goes with its parent's
    where = f"ONLY {upto(column)}" if _children_keep(column, world) else upto(column)
    yield Step(
        f"ALTER TABLE {where} DROP COLUMN {last(column)}",
        "",
        _HARD,
        (upto(column),),
        loses="" if has(column, "generated") else "what the column holds",
    )


def _children_keep(column: Object, world: World) -> bool:
    """Tell whether a child keeps as its own what it has from the column that goes."""
    children = world.used.get(column.parent, ()) if column.parent else ()
    of_children = (
        column.id._replace(path=(*t.path, column.id.path[-1]))
        for t in children
        if t.kind == "table"
    )
    return any(i in world.here and i not in world.gone for i in of_children)


def _type(before: Object, after: Object, world: World) -> Iterator[Step]:
    how = conversion(text(before, "type"), text(after, "type"))
    if has(before, "default"):
        yield _column(after, "DROP DEFAULT", "change default")
    yield retyped(after, how)
    if has(after, "default"):
        yield _column(after, f"SET DEFAULT {text(after, 'default')}", "change default")


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
        loses=how.loses,
        fails=how.fails,
    )


def _set_default(before: Object, after: Object, world: World) -> Iterator[Step]:
    if _differ(before, after, "type", "collation") or _differ(before, after, "generated"):
        return
    change = when(after, "default", "SET DEFAULT {}") or "DROP DEFAULT"
    yield _column(after, change, "change default")


def _not_null(before: Object, after: Object, world: World) -> Iterator[Step]:
    wanted = has(after, "not_null")
    named = (
        named_not_null(after.id, world.there, world.children)
        if wanted
        else named_not_null(after.id, world.here, world.children_here)
    )
    if named:
        return  # the constraint with the name brings it, and takes it
    if wanted and world.online:
        yield from _not_null_online(after)
        return
    verb = "SET" if wanted else "DROP"
    yield Step(
        f"ALTER TABLE {upto(after)} ALTER COLUMN {last(after)} {verb} NOT NULL",
        "change not null",
        _HARD,
        (upto(after),),
        scans=wanted,
        fails="the column holds NULL" if wanted else "",
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
        commits=True,
    )
    yield Step(
        f"ALTER TABLE {table} VALIDATE CONSTRAINT {check}",
        "validate",
        Lock.SHARE_UPDATE_EXCLUSIVE,
        (table,),
        scans=True,
        fails="the column holds NULL",
        commits=True,
    )
    yield Step(
        f"ALTER TABLE {table} ALTER COLUMN {name} SET NOT NULL", "change not null", _HARD, (table,)
    )
    yield Step(f"ALTER TABLE {table} DROP CONSTRAINT {check}", "change not null", _HARD, (table,))


def _differ(before: Object, after: Object, *names: str) -> bool:
    return any(before.attributes.get(n) != after.attributes.get(n) for n in names)


def _generation(before: Object, after: Object, world: World) -> Iterator[Step]:
    if not has(after, "generated"):
        yield _column(after, "DROP EXPRESSION", "change generation")
        if has(after, "default") and not _differ(before, after, "type", "collation"):
            yield _column(after, f"SET DEFAULT {text(after, 'default')}", "change default")
        return
    said = text(after, "generation_expression")
    yield Step(
        f"ALTER TABLE {upto(after)} ALTER COLUMN {last(after)} SET EXPRESSION AS ({said})",
        "change generation",
        _HARD,
        (upto(after),),
        rewrites=text(after, "generated") == "stored",
    )


def _generated_anew(before: Object, after: Object, world: World) -> bool:
    """Tell whether how a column is generated needs a new column."""
    if _differ(before, after, "generated"):
        return not (text(before, "generated") == "stored" and not has(after, "generated"))
    if has(after, "generated") and _differ(before, after, "type", "collation"):
        return True
    return _differ(before, after, "generation_expression") and world.major < 17


def _identities(before: Object, after: Object, world: World) -> Iterator[Step]:
    old, new = text(before, "identity"), text(after, "identity")
    if new and not old:
        yield _column(after, f"ADD {_identity(after)}", "change identity")
        yield from _settings_of_sequence(None, after, world)
    elif new:
        yield from _settings_of_sequence(before, after, world)


def _identity_goes(before: Object, after: Object, _: World) -> Iterator[Step]:
    """Take the identity before all else: beside it no default can be, and no NULL."""
    old, new = text(before, "identity"), text(after, "identity")
    if old and new:
        yield _column(after, f"SET GENERATED {new.upper()}", "change identity")
    elif old:
        gone = _column(after, "DROP IDENTITY", "change identity")
        yield replace(gone, loses="where its sequence stands")


def _settings_of_sequence(before: Object | None, after: Object, world: World) -> Iterator[Step]:
    if before and _differ(before, after, "identity_sequence"):
        new = quote_ident(text(after, "identity_sequence"))
        yield Step(f"ALTER SEQUENCE {_sequence(before)} RENAME TO {new}", "rename")
    if before and _differ(before, after, "identity_options"):
        said = " ".join(texts(after.attributes["identity_options"])).replace(
            "START ", "START WITH "
        )
        yield Step(f"ALTER SEQUENCE {_sequence(after)} {said}", "change identity")
    if (before and _differ(before, after, "identity_comment")) or (
        not before and has(after, "identity_comment")
    ):
        yield comment_on(f"SEQUENCE {_sequence(after)}", after.attributes["identity_comment"])
    if (before and _differ(before, after, "identity_persistence")) or (
        not before and has(after, "identity_persistence")
    ):
        yield _persistence_of(after, world)


def _sequence(column: Object) -> str:
    return dotted((column.id.path[0], text(column, "identity_sequence")))


def _persistence_of(column: Object, world: World) -> Step:
    """Return what makes an identity's sequence survive a crash or not; unsaid: as the table."""
    table = world.there.get(column.parent) if column.parent else None
    said = text(column, "identity_persistence") or (text(table, "persistence") if table else "")
    word = "UNLOGGED" if said == "unlogged" else "LOGGED"
    return Step(f"ALTER SEQUENCE {_sequence(column)} SET {word}", "change persistence")


def _storage(_: Object, after: Object, world: World) -> Iterator[Step]:
    usual = "DEFAULT" if world.major >= 16 else _usual_storage(text(after, "type"))
    word = text(after, "storage").upper() or usual
    yield _column(after, f"SET STORAGE {word}", "change storage")


def _usual_storage(kind: str) -> str:
    return "MAIN" if kind.startswith("numeric") and not kind.endswith("]") else "EXTENDED"


def _compression(_: Object, after: Object, _world: World) -> Iterator[Step]:
    word = text(after, "compression") or "default"
    yield _column(after, f"SET COMPRESSION {word}", "change compression")


def _statistics(_: Object, after: Object, _world: World) -> Iterator[Step]:
    target: Value = after.attributes.get("statistics")
    said = f"SET STATISTICS {-1 if target is None else target}"
    yield _column(after, said, "change statistics target", Lock.SHARE_UPDATE_EXCLUSIVE)


def _options(before: Object, after: Object, _: World) -> Iterator[Step]:
    both = (o.attributes.get("options") for o in (before, after))
    head = f"ALTER TABLE {upto(after)} ALTER COLUMN {last(after)}"
    for said in options(head, *both):
        yield Step(said, "change options", Lock.SHARE_UPDATE_EXCLUSIVE, (upto(after),))


def _comes_along(before: Object, after: Object, world: World) -> bool:
    """Tell whether joining a whole, or leaving a parent, makes a column inherited or not."""
    table = after.parent
    if table is None or table not in world.here or table not in world.there:
        return False
    old, new = world.here[table], world.there[table]
    if has(after, "inherited"):
        return has(new, "partition_bound") and not has(before, "inherited")
    return _differ(old, new, "inherits") or any(
        i not in world.there for i in wholes(after.id, world)
    )


_DECIDED = "whose a column is was decided when its table was made"


def _joins_late(found: Object, world: World) -> Mapping[str, str]:
    """Tell of a new column that it stays the child's own, where its table joins the parent."""
    old, new = (of.get(found.parent) if found.parent else None for of in (world.here, world.there))
    if not old or not new or has(new, "partition_bound") or not has(found, "inherited"):
        return {}
    comes = any(i in world.made for i in wholes(found.id, world))
    return {} if comes or not _differ(old, new, "inherits") else {"inherited": _DECIDED}


_SEALED = ByHand("the values of its options may be secrets: they are never read")

WRITER = Writer(
    "COLUMN",
    whole,
    _add,
    {
        "identity": _identity_goes,
        "generated": _generation,
        "type": _type,
        "collation": _type,
        "default": _set_default,
        "not_null": _not_null,
        "generation_expression": _generation,
        "identity_options": _identities,
        "identity_sequence": _identities,
        "identity_persistence": _identities,
        "identity_comment": _identities,
        "inherited": ByHand(_DECIDED, _comes_along),
        "storage": _storage,
        "compression": _compression,
        "statistics": _statistics,
        "options": _options,
        "foreign_options": _SEALED,
        "position": ByHand("columns cannot change places in a table that is there"),
    },
    drop=_drop,
    unless=_generated_anew,
    by_hand=lambda found, _: _SEALED.why if has(found, "foreign_options") else "",
    lacks=_joins_late,
)
