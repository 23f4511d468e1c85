"""What many kinds are written with: options, owners, comments, and how they are dropped."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping

from pgdrift.core.model import Object, Value
from pgdrift.core.names import dotted, quote_ident
from pgdrift.core.plan.sql import literal, text, texts
from pgdrift.core.plan.step import Change, Held, Lock, Step, World, Writer

RELATIONS = frozenset({"table", "foreign_table", "view", "materialized_view", "sequence"})


def owner(writer: Writer, found: Object, world: World) -> Step:
    """Return the statement that gives an object to its owner."""
    role = quote_ident(text(found, "owner"))
    name = writer.name(found)
    return Step(
        f"ALTER {writer.noun} {name} OWNER TO {role}",
        "change owner",
        *_on_itself(found, Lock.ACCESS_EXCLUSIVE),
        also=tuple(Held(s, Lock.ACCESS_EXCLUSIVE) for s in _sequences_of(found, world)),
    )


def _on_itself(found: Object, lock: Lock) -> tuple[Lock, tuple[str, ...]]:
    return (lock, (dotted(found.id.path),)) if found.id.kind in RELATIONS else (Lock.NONE, ())


def _sequences_of(table: Object, world: World) -> Iterator[str]:
    """Give the sequences that a table's columns own: they go where it goes."""
    for column in world.children_here.get(table.id, ()):
        if column.kind == "column":
            if identity := text(world.here[column], "identity_sequence"):
                yield dotted((column.path[0], identity))
            owned = world.children_here.get(column, ())
            yield from (dotted(i.path) for i in owned if i.kind == "sequence")


def comment(writer: Writer, found: Object) -> Step:
    """Return the statement that gives an object its comment, or takes it."""
    on = dotted(found.id.path) if found.id.kind in RELATIONS else ""
    if found.id.kind == "column":
        on = dotted(found.id.path[:-1])
    return comment_on(f"{writer.noun} {writer.name(found)}", found.attributes.get("comment"), on)


def comment_on(what: str, said: Value, on: str = "") -> Step:
    """Return the statement that says something of anything, or nothing any more.

    `on` is the relation that it is, or is a column of.
    """
    return Step(
        f"COMMENT ON {what} IS {'NULL' if said is None else literal(said)}",
        "change comment",
        Lock.SHARE_UPDATE_EXCLUSIVE if on else Lock.NONE,
        (on,) if on else (),
    )


def dropped(writer: Writer, found: Object) -> Step:
    """Return the plain way to drop an object."""
    said = f"DROP {writer.noun} {writer.name(found)}"
    return Step(said, "", *_on_itself(found, Lock.ACCESS_EXCLUSIVE))


def again(make: Callable[[Object, World], Iterable[Step]]) -> Change:
    """Return a change that is made by what makes the object: CREATE OR REPLACE."""

    def change(_: Object, after: Object, world: World) -> Iterable[Step]:
        return make(after, world)

    return change


def by_name(settings: Value) -> dict[str, str]:
    """Return `name=value` texts as a mapping."""
    return dict(s.partition("=")[::2] for s in texts(settings))


def with_options(settings: Value) -> str:
    """Return storage options as a clause; empty for none."""
    said = ", ".join(f"{n}={_value(v)}" for n, v in by_name(settings).items())
    return f"WITH ({said})" if said else ""


def options(head: str, before: Value, after: Value) -> Iterator[str]:
    """Give the statements that make one set of storage options the other."""
    old, new = by_name(before), by_name(after)
    if gone := [n for n in old if n not in new]:
        yield f"{head} RESET ({', '.join(gone)})"
    if come := [f"{n}={_value(v)}" for n, v in new.items() if old.get(n) != v]:
        yield f"{head} SET ({', '.join(come)})"


def _value(value: str) -> str:
    return literal(value)


def targets(head: str, before: Value, after: Value) -> Iterator[Step]:
    """Give the statements for statistics targets of an index's expressions: `place: target`."""
    old, new = _places(before), _places(after)
    for place in sorted(old.keys() | new.keys()):
        if old.get(place) != new.get(place):
            yield Step(
                f"{head} ALTER COLUMN {place} SET STATISTICS {new.get(place, -1)}",
                "change statistics target",
            )


def _places(value: Value) -> Mapping[int, str]:
    pairs = (v.split(": ") for v in texts(value))
    return {int(place): target for place, target in pairs}
