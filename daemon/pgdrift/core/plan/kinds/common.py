"""What many kinds are written with: options, owners, comments, and how they are dropped."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import replace

from pgdrift.core.model import Object, Value
from pgdrift.core.names import dotted, quote_ident
from pgdrift.core.plan.sql import literal, text, texts
from pgdrift.core.plan.step import Change, Lock, Step, World, Writer

_TABLES = frozenset({"table", "foreign_table", "materialized_view"})
_PARTS = frozenset("column constraint trigger policy rule".split())


def owner(writer: Writer, found: Object) -> Step:
    """Return the statement that gives an object to its owner."""
    role = quote_ident(text(found, "owner"))
    tables = (dotted(found.id.path),) if found.id.kind in _TABLES else ()
    return Step(
        f"ALTER {writer.noun} {writer.name(found)} OWNER TO {role}",
        "change owner",
        Lock.ACCESS_EXCLUSIVE if tables else Lock.NONE,
        tables,
    )


def comment(writer: Writer, found: Object) -> Step:
    """Return the statement that gives an object its comment, or takes it."""
    said = comment_on(f"{writer.noun} {writer.name(found)}", found.attributes.get("comment"))
    kind, parent = found.id.kind, found.parent.kind if found.parent else ""
    of = found.id.path if kind in _TABLES else found.id.path[:-1] if kind in _PARTS else ()
    if not of or (kind in _PARTS and parent not in _TABLES):
        return said
    return replace(said, lock=Lock.SHARE_UPDATE_EXCLUSIVE, on=(dotted(of),))


def comment_on(what: str, said: Value) -> Step:
    """Return the statement that says something of anything, or nothing any more."""
    return Step(
        f"COMMENT ON {what} IS {'NULL' if said is None else literal(said)}", "change comment"
    )


def dropped(writer: Writer, found: Object) -> Step:
    """Return the plain way to drop an object."""
    return Step(f"DROP {writer.noun} {writer.name(found)}")


def again(make: Callable[[Object, World], Iterable[Step]]) -> Change:
    """Return a change that is made by what makes the object: CREATE OR REPLACE."""

    def change(_: Object, after: Object, world: World) -> Iterable[Step]:
        return make(after, world)

    return change


def altered(form: Callable[[Object], str], action: str = "", lock: Lock = Lock.NONE) -> Change:
    """Return a change of one statement that only what is to be decides."""

    def change(_: Object, after: Object, _world: World) -> Iterator[Step]:
        on = (form(after).split(" ", 3)[2],) if lock else ()
        yield Step(form(after), action, lock, on)

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
