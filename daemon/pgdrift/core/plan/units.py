"""A draft in; out, for each object and verb the statements that bring it about."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import NamedTuple, cast

from pgdrift.core.model import Object, ObjectId
from pgdrift.core.names import dotted, quote_ident, split_dotted
from pgdrift.core.plan.draft import Draft
from pgdrift.core.plan.kinds import WRITERS
from pgdrift.core.plan.kinds import privileges as rights
from pgdrift.core.plan.kinds.column_changes import retyped
from pgdrift.core.plan.kinds.columns import carried
from pgdrift.core.plan.kinds.common import comment, dropped, owner
from pgdrift.core.plan.kinds.moves import moved
from pgdrift.core.plan.model import Verb
from pgdrift.core.plan.rebuild import TYPES
from pgdrift.core.plan.sql import has, last, text, upto
from pgdrift.core.plan.step import HAVE_PARTS, ByHand, Change, Lock, Step, World, Writer


class Key(NamedTuple):
    """One deed on one object."""

    verb: Verb
    object: ObjectId


@dataclass(slots=True)
class Units:
    """The statements of each deed, and which deed makes and which drops each object."""

    steps: dict[Key, list[Step]] = field(default_factory=dict)
    making: dict[ObjectId, Key] = field(default_factory=dict)
    dropping: dict[ObjectId, Key] = field(default_factory=dict)
    aside: set[ObjectId] = field(default_factory=set)

    def add(self, key: Key, steps: Iterable[Step]) -> None:
        """Add statements to a deed, if there are any."""
        if found := list(steps):
            self.steps.setdefault(key, []).extend(found)


# What is dropped with all that belongs to it.
_TAKE_ALONG = frozenset(
    "table foreign_table column view materialized_view index domain publication".split()
)
_ACL = {
    **dict.fromkeys(("function", "procedure", "aggregate"), "routine_privilege"),
    **dict.fromkeys(TYPES, "type_privilege"),
    **dict.fromkeys(
        ("table", "view", "materialized_view", "foreign_table", "sequence"), "privilege"
    ),
    "schema": "schema_privilege",
    "language": "language_privilege",
    "foreign_data_wrapper": "foreign_data_wrapper_privilege",
    "foreign_server": "foreign_server_privilege",
}


def units(drawn: Draft) -> Units:
    """Return all deeds of a draft."""
    found = Units()
    world = drawn.world
    found.aside = {i for i in drawn.rebuilt if _moves(drawn, i)}
    for i in sorted(world.gone):
        _gone(found, drawn, i)
    for i in sorted(world.made):
        _made(found, drawn, i)
    for i in sorted({*drawn.changed, *drawn.moved} - world.made):
        found.add(Key(Verb.CHANGE, i), _changed(drawn, i))
        found.making.setdefault(i, Key(Verb.CHANGE, i))
        _late(found, drawn, i)
    for i in sorted(drawn.let_go - world.made):
        _let_go(found, drawn, i)
    return found


def _moves(drawn: Draft, i: ObjectId) -> bool:
    """Tell whether columns have to move over to a type made anew, or to one it is within."""
    return i.kind in TYPES and any(
        d in drawn.moved
        or (d.kind == "column" and d in drawn.changed)
        or (d in drawn.rebuilt and d not in drawn.here_uses.get(i, ()) and _moves(drawn, d))
        for d in drawn.here_used.get(i, ())
        if d != i
    )


def _gone(found: Units, drawn: Draft, i: ObjectId) -> None:
    world, writer = drawn.world, WRITERS[i.kind]
    before = world.here[i]
    if writer.given:
        if before.parent not in world.gone:
            key = Key(Verb.CHANGE, i)
            found.add(key, _checked(writer.drop, before, world))
            found.making[i] = key
        return
    if i in found.aside:
        noun, aside = writer.noun, _aside(i.path[-1])
        found.add(Key(Verb.LET_GO, i), _with_range(before))
        found.add(Key(Verb.LET_GO, i), [_renamed(noun, writer.name(before), aside)])
        name = dotted((*i.path[:-1], aside))
        found.add(Key(Verb.DROP, i), [Step(f"DROP {noun} {name}")])
        found.dropping[i] = Key(Verb.DROP, i)
        return
    speaker = _speaker(before, drawn)
    found.dropping[i] = Key(Verb.DROP, speaker)
    if speaker == i:
        make = writer.drop or (lambda o, _: [dropped(writer, o)])
        found.add(Key(Verb.DROP, i), make(before, world))


def _aside(name: str) -> str:
    return f"{name}__pgdrift_old"[-63:]


def _renamed(noun: str, name: str, new: str) -> Step:
    return Step(f"ALTER {noun} {name} RENAME TO {quote_ident(new)}", "rename")


def _with_range(before: Object) -> Iterator[Step]:
    """Rename what bears a range's name beside it: its constructors, its multirange and theirs."""
    if before.id.kind != "range":
        return
    name, of = dotted(before.id.path), text(before, "subtype")
    for arguments in (f"{of}, {of}", f"{of}, {of}, text"):
        yield _renamed("FUNCTION", f"{name}({arguments})", _aside(before.id.path[-1]))
    if multirange := split_dotted(text(before, "multirange")):
        for arguments in ("", name, f"VARIADIC {name}[]"):
            called = f"{dotted(multirange)}({arguments})"
            yield _renamed("FUNCTION", called, _aside(multirange[-1]))
        yield _renamed("TYPE", dotted(multirange), _aside(multirange[-1]))


def _checked(make: object, before: Object, world: World) -> Iterable[Step]:
    return make(before, world) if callable(make) else ()


def _speaker(before: Object, drawn: Draft) -> ObjectId:
    """Return the topmost object that goes along, except for what must go before it."""
    found = before
    of = drawn.world.whole_of(before) if before.id.kind in HAVE_PARTS else None
    # A partition that leaves takes along what it has of the whole's: that goes by itself.
    goes_with = of in drawn.here_uses.get(before.id, ()) and not drawn.world.leaves(before)
    if of in drawn.world.gone and goes_with:
        return _speaker(drawn.world.here[of], drawn)
    for used_by in drawn.here_used.get(before.id, ()):
        if used_by.kind in {"base_type", "range"} and used_by in drawn.here_uses.get(before.id, ()):
            return used_by if used_by in drawn.world.gone else before.id
    while found.parent in drawn.world.gone:
        if found.parent.kind not in _TAKE_ALONG or _goes_first(found, drawn):
            break
        found = drawn.world.here[found.parent]
    return found.id


def _goes_first(found: Object, drawn: Draft) -> bool:
    """Tell whether a part is between two things that go, so that neither could go first."""
    if found.id.kind != "constraint" or text(found, "type") != "foreign key":
        return False
    others = {o.parent for i in drawn.here_uses.get(found.id, ()) if (o := drawn.world.here.get(i))}
    return any(o in drawn.world.gone and o != found.parent for o in others if o)


def _made(found: Units, drawn: Draft, i: ObjectId) -> None:
    world, writer = drawn.world, WRITERS[i.kind]
    after = world.there[i]
    if i.kind == "column" and after.parent in world.made:
        found.making[i] = Key(Verb.MAKE, after.parent)
        return
    key = Key(Verb.MAKE, i)
    found.making[i] = key
    if writer.shell:
        found.add(Key(Verb.ANNOUNCE, i), writer.shell(after, world))
    found.add(key, writer.create(after, world))
    found.add(key, _dressed(writer, after, world))
    _late(found, drawn, i)


def _dressed(writer: Writer, after: Object, world: World) -> Iterator[Step]:
    """Give owner, comment and the loss of rights that a new object is not to have."""
    if has(after, "owner") and writer.noun:
        yield owner(writer, after, world)
    if has(after, "comment") and after.id.kind != "column":
        yield comment(writer, after)
    # Of a type that is merely announced no rights are read.
    announced = after.id.kind == "base_type" and not has(after, "defined")
    if (kind := _ACL.get(after.id.kind)) and not announced:
        yield from rights.closed(after, kind, world)


def _late(found: Units, drawn: Draft, i: ObjectId) -> None:
    writer = WRITERS[i.kind]
    if writer.late:
        found.add(Key(Verb.FINISH, i), writer.late(drawn.world.there[i], drawn.world))


def _changed(drawn: Draft, i: ObjectId) -> Iterator[Step]:
    world, writer = drawn.world, WRITERS[i.kind]
    before, after = world.here[i], world.there[i]
    names = drawn.changed.get(i, [])
    if i.kind == "column":
        names = [n for n in names if not carried(i, n, world)]
    if i in drawn.moved and "type" not in names and "collation" not in names:
        yield from _moved(before, after, names, world)
    # Each change once, in the order in which the kind lists them.
    for change in dict.fromkeys(how for name, how in writer.change.items() if name in names):
        made = change.else_by if isinstance(change, ByHand) else change
        yield from cast("Change", made)(before, after, world)
    if "owner" in names and not _follows_its_table(after):
        yield owner(writer, after, world)
    if "comment" in names:
        yield comment(writer, after)


def _follows_its_table(after: Object) -> bool:
    """Tell whether a sequence has the owner of the table whose column owns it."""
    return after.id.kind == "sequence" and has(after, "owned_by")


def _moved(before: Object, after: Object, names: Iterable[str], world: World) -> Iterator[Step]:
    if has(before, "default"):
        yield _default(before, "DROP DEFAULT")
    yield retyped(after, moved(after, world))
    if has(after, "default") and "default" not in names:
        yield _default(after, f"SET DEFAULT {text(after, 'default')}")


def _let_go(found: Units, drawn: Draft, i: ObjectId) -> None:
    before, after = drawn.world.here[i], drawn.world.there[i]
    found.add(Key(Verb.LET_GO, i), [_default(before, "DROP DEFAULT")])
    if has(after, "default") and "default" not in drawn.changed.get(i, ()):
        found.add(Key(Verb.FINISH, i), [_default(after, f"SET DEFAULT {text(after, 'default')}")])


def _default(column: Object, change: str) -> Step:
    table = upto(column)
    return Step(
        f"ALTER TABLE {table} ALTER COLUMN {last(column)} {change}",
        "change default",
        Lock.ACCESS_EXCLUSIVE,
        (table,),
    )
