"""Columns in words: what CREATE TABLE and ADD COLUMN say of one, and what is only said later."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from pgdrift.core.model import Object, ObjectId
from pgdrift.core.names import dotted, quote_ident
from pgdrift.core.plan.kinds.common import comment_on, with_options
from pgdrift.core.plan.sql import has, last, spaced, text, texts, upto, when, whole
from pgdrift.core.plan.step import Below, Held, Lock, Step, World

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
        identity_clause(column),
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


def identity_clause(column: Object) -> str:
    """Return how a column counts by itself, as a clause; empty where it does not."""
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
        yield altered_column(column, when(column, "default", "SET DEFAULT {}"), "set default")
    yield from _settings(column, world)
    if has(column, "comment"):
        yield comment_on(f"COLUMN {whole(column)}", column.attributes["comment"], upto(column))


def _settings(column: Object, world: World) -> Iterator[Step]:
    if has(column, "storage"):
        yield altered_column(
            column, f"SET STORAGE {text(column, 'storage').upper()}", "change storage"
        )
    if has(column, "compression"):
        yield altered_column(
            column,
            f"SET COMPRESSION {text(column, 'compression')}",
            "change compression",
            below=Below.NOTHING,
        )
    if column.attributes.get("statistics") is not None:
        yield altered_column(
            column,
            f"SET STATISTICS {column.attributes['statistics']}",
            "change statistics target",
            Lock.SHARE_UPDATE_EXCLUSIVE,
        )
    if said := with_options(column.attributes.get("options")):
        yield altered_column(
            column,
            f"SET {said.removeprefix('WITH ')}",
            "change options",
            Lock.SHARE_UPDATE_EXCLUSIVE,
            Below.NOTHING,
        )
    if has(column, "identity_comment"):
        sequence = sequence_of(column)
        yield comment_on(f"SEQUENCE {sequence}", column.attributes["identity_comment"], sequence)
    if has(column, "identity_persistence"):
        yield persistence_of(column, world)


def inherited_differences(column: Object, of: Object | None, world: World) -> Iterator[Step]:
    """Give what makes an inherited column of a new table other than its parent's."""
    parents = of.attributes if of else {}
    if column.attributes.get("default") != parents.get("default") and not has(column, "generated"):
        yield altered_column(column, when(column, "default", "SET DEFAULT {}") or "DROP DEFAULT")
    if _plainly_not_null(column, world) and not parents.get("not_null"):
        yield altered_column(column, "SET NOT NULL", "change not null")
    yield from _later(column, world, default=False)


def altered_column(
    column: Object,
    change: str,
    action: str = "",
    lock: Lock = _HARD,
    below: Below = Below.ALL,
    also: tuple[Held, ...] = (),
) -> Step:
    """Return the statement that changes one thing of a column of a table."""
    table = upto(column)
    return Step(
        f"ALTER TABLE {table} ALTER COLUMN {last(column)} {change}",
        action,
        lock,
        (table,),
        also=also,
        below=below,
    )


def is_foreign(part: Object) -> bool:
    """Tell whether it is part of a foreign table, whose rows no statement of ours reads."""
    return part.parent is not None and part.parent.kind == "foreign_table"


def sequence_of(column: Object) -> str:
    """Return the name of the sequence behind an identity."""
    return dotted((column.id.path[0], text(column, "identity_sequence")))


def persistence_of(column: Object, world: World) -> Step:
    """Return what makes an identity's sequence survive a crash or not; unsaid: as the table."""
    table = world.there.get(column.parent) if column.parent else None
    said = text(column, "identity_persistence") or (text(table, "persistence") if table else "")
    word = "UNLOGGED" if said == "unlogged" else "LOGGED"
    sequence = sequence_of(column)
    return Step(f"ALTER SEQUENCE {sequence} SET {word}", "change persistence", _HARD, (sequence,))


def differ(before: Object, after: Object, *names: str) -> bool:
    """Tell whether any of these attributes is another."""
    return any(before.attributes.get(n) != after.attributes.get(n) for n in names)
