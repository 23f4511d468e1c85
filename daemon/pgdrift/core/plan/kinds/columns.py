"""Columns: how they come and go, and which change is written by what."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping

from pgdrift.core.model import Object, ObjectId
from pgdrift.core.names import split_dotted
from pgdrift.core.plan.kinds.column_changes import (
    change_options,
    change_type,
    compression,
    not_null,
    set_default,
    statistics,
    storage,
)
from pgdrift.core.plan.kinds.column_generated import (
    generated_anew,
    generation,
    identities,
    identity_goes,
)
from pgdrift.core.plan.kinds.column_words import (
    clause,
    differ,
    is_foreign,
)
from pgdrift.core.plan.sql import has, last, text, texts, upto, whole
from pgdrift.core.plan.step import Below, ByHand, Lock, Step, World, Writer

_HARD = Lock.ACCESS_EXCLUSIVE

_LITERAL = re.compile(r"'(?:[^']|'')*'")
_MODIFIER = re.compile(r"::(?:(?:character|bit) varying|(?:[\w.]|\"[^\"]+\")+)\([\d, -]+\)")
_CALL = re.compile(r"([\w.\"]+)\(")
# What it says is of the transaction or the statement.
_STEADY = frozenset(
    """
    now transaction_timestamp statement_timestamp
    CURRENT_TIME CURRENT_TIMESTAMP LOCALTIME LOCALTIMESTAMP
    """.split()
)


def _add(column: Object, world: World) -> Iterator[Step]:
    if any(i in world.made for i in wholes(column.id, world)):
        return  # it comes with its parent's
    said, later = clause(column, world, new_table=False)
    table = upto(column)
    stored = text(column, "generated") == "stored"
    domains = list(_domains(column, world))
    given = [text(d, "default") for d in (column, *domains) if has(d, "default")]
    counted = has(column, "identity") or has(column, "generated")
    forbids_null = any(has(d, "not_null") for d in (column, *domains))
    checked = any(has(d, "not_null") or world.parts(d.id, "constraint") for d in domains)
    varies = stored or has(column, "identity") or any(map(_varies, given[:1]))
    fills = not is_foreign(column) and (varies or checked)
    bare = forbids_null and not given and not counted
    yield Step(
        f"ALTER TABLE {table} ADD COLUMN {said}",
        "",
        _HARD,
        (table,),
        rewrites=fills,
        below=Below.ALL,
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


def _domains(column: Object, world: World) -> Iterator[Object]:
    """Give the domain that a column is of, the one that this is over, and so on."""
    said = text(column, "type")
    of = world.there.get(ObjectId("domain", split_dotted(said)))
    if of is not None and not said.endswith("]"):
        yield of
        yield from _domains(of, world)


def _varies(default: str) -> bool:
    """Tell whether a default may differ row by row: whatever it calls may, but for the hour."""
    said = _MODIFIER.sub("", _LITERAL.sub("''", default))
    return any(name not in _STEADY for name in _CALL.findall(said))


def _drop(column: Object, world: World) -> Iterator[Step]:
    if has(column, "inherited") and any(i in world.gone for i in wholes(column.id, world)):
        return  # it goes with its parent's
    where = f"ONLY {upto(column)}" if _children_keep(column, world) else upto(column)
    yield Step(
        f"ALTER TABLE {where} DROP COLUMN {last(column)}",
        "",
        _HARD,
        (upto(column),),
        below=Below.ALL,
        loses="" if _is_made_again(column, world) else "what the column holds",
    )


def _is_made_again(column: Object, world: World) -> bool:
    """Tell whether an expression gives all values, also to the column that comes in its place."""
    new = world.there.get(column.id)
    return has(column, "generated") and (new is None or has(new, "generated"))


def _children_keep(column: Object, world: World) -> bool:
    """Tell whether a child keeps as its own what it has from the column that goes."""
    children = world.used.get(column.parent, ()) if column.parent else ()
    of_children = (
        column.id._replace(path=(*t.path, column.id.path[-1]))
        for t in children
        if t.kind == "table"
    )
    return any(i in world.here and i not in world.gone for i in of_children)


def _comes_along(before: Object, after: Object, world: World) -> bool:
    """Tell whether joining a whole, or leaving a parent, makes a column inherited or not."""
    table = after.parent
    if table is None or table not in world.here or table not in world.there:
        return False
    old, new = world.here[table], world.there[table]
    if has(after, "inherited"):
        return has(new, "partition_bound") and not has(before, "inherited")
    return differ(old, new, "inherits") or any(
        i not in world.there for i in wholes(after.id, world)
    )


_DECIDED = "whose a column is was decided when its table was made"


def _joins_late(found: Object, world: World) -> Mapping[str, str]:
    """Tell of a new column that it stays the child's own, where its table joins the parent."""
    old, new = (of.get(found.parent) if found.parent else None for of in (world.here, world.there))
    if not old or not new or has(new, "partition_bound") or not has(found, "inherited"):
        return {}
    comes = any(i in world.made for i in wholes(found.id, world))
    return {} if comes or not differ(old, new, "inherits") else {"inherited": _DECIDED}


_SEALED = ByHand("the values of its options may be secrets: they are never read")

WRITER = Writer(
    "COLUMN",
    whole,
    _add,
    {
        "identity": identity_goes,
        "generated": generation,
        "type": change_type,
        "collation": change_type,
        "default": set_default,
        "not_null": not_null,
        "generation_expression": generation,
        "identity_options": identities,
        "identity_sequence": identities,
        "identity_persistence": identities,
        "identity_comment": identities,
        "inherited": ByHand(_DECIDED, _comes_along),
        "storage": storage,
        "compression": compression,
        "statistics": statistics,
        "options": change_options,
        "foreign_options": _SEALED,
        "position": ByHand("columns cannot change places in a table that is there"),
    },
    drop=_drop,
    unless=generated_anew,
    by_hand=lambda found, _: _SEALED.why if has(found, "foreign_options") else "",
    lacks=_joins_late,
)
