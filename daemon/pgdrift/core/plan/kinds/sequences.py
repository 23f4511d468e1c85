"""Sequences. Never where they stand; who owns one is said when its table is there."""

from __future__ import annotations

from collections.abc import Iterator
from typing import cast

from pgdrift.core.model import Object, Value
from pgdrift.core.plan.sql import has, literal, text, whole
from pgdrift.core.plan.step import Lock, Step, World, Writer

_LOCK = Lock.SHARE_ROW_EXCLUSIVE
_ENDS = ((min, "minimum"), (max, "maximum"))


def _numbers(found: Object) -> str:
    of = found.attributes
    cycle = "CYCLE" if of["cycle"] else "NO CYCLE"
    return (
        f"AS {of['type']} INCREMENT BY {of['increment']} MINVALUE {of['minimum']}"
        f" MAXVALUE {of['maximum']} START WITH {of['start']} CACHE {of['cache']} {cycle}"
    )


def _sequence(found: Object, _: World) -> Iterator[Step]:
    unlogged = "UNLOGGED " if text(found, "persistence") == "unlogged" else ""
    yield Step(f"CREATE {unlogged}SEQUENCE {whole(found)} {_numbers(found)}")


def _changed(before: Object, after: Object, _: World) -> Iterator[Step]:
    if not _within(before.attributes["start"], after):
        yield from _brought_in(before, after)
    yield Step(
        f"ALTER SEQUENCE {whole(after)} {_numbers(after)}",
        "change numbers",
        _LOCK,
        (whole(after),),
        fails="" if _holds_all(before, after) else "it stands outside of its new bounds",
    )


def _brought_in(before: Object, after: Object) -> Iterator[Step]:
    """Give what brings a sequence to its new start that was never used, or has not come so far.

    Where it stands no plan knows; a server refuses new bounds around another place. Bounds that
    hold both come first, and keep others from using it until all is done.
    """
    old, new, name = before.attributes, after.attributes, whole(after)
    low, high = (f(cast("int", a[n]) for a in (old, new)) for f, n in _ENDS)
    yield Step(
        f"ALTER SEQUENCE {name} AS bigint MINVALUE {low} MAXVALUE {high}",
        "widen bounds",
        _LOCK,
        (name,),
    )
    beyond = (f"last_value < {new['minimum']}", f"last_value > {new['maximum']}")
    short, past = beyond if cast("int", new["increment"]) > 0 else beyond[::-1]
    yield Step(
        f"SELECT pg_catalog.setval({literal(name)}, {new['start']}, false) FROM {name}"
        f" WHERE {short} OR (NOT is_called AND {past})",
        "go to new start",
        on=(name,),
        loses="where the sequence stands, if that is before its new bounds",
    )


def _holds_all(before: Object, after: Object) -> bool:
    """Tell whether the new bounds hold all places of the old ones."""
    return all(_within(before.attributes[n], after) for n in ("minimum", "maximum"))


def _within(start: Value, found: Object) -> bool:
    low, high = found.attributes["minimum"], found.attributes["maximum"]
    return (
        isinstance(start, int)
        and isinstance(low, int)
        and isinstance(high, int)
        and (low <= start <= high)
    )


def _persistence(_: Object, after: Object, _world: World) -> Iterator[Step]:
    word = "UNLOGGED" if text(after, "persistence") == "unlogged" else "LOGGED"
    said = f"ALTER SEQUENCE {whole(after)} SET {word}"
    yield Step(said, "change persistence", Lock.ACCESS_EXCLUSIVE, (whole(after),))


def _released(_: Object, after: Object, _world: World) -> Iterator[Step]:
    """Let go of the column at once, before that is dropped; the new one comes late."""
    said = f"ALTER SEQUENCE {whole(after)} OWNED BY NONE"
    yield Step(said, "change owning column", _LOCK, (whole(after),))


def _owned(found: Object, world: World) -> Iterator[Step]:
    before = world.here.get(found.id) if found.id not in world.made else None
    if has(found, "owned_by") and (
        before is None or text(before, "owned_by") != text(found, "owned_by")
    ):
        yield Step(
            f"ALTER SEQUENCE {whole(found)} OWNED BY {text(found, 'owned_by')}",
            "change owning column",
            _LOCK,
            (whole(found),),
        )


WRITER = Writer(
    "SEQUENCE",
    whole,
    _sequence,
    {
        **dict.fromkeys(
            ("type", "start", "increment", "minimum", "maximum", "cache", "cycle"), _changed
        ),
        "persistence": _persistence,
        "owned_by": _released,
    },
    drop=lambda found, _: [
        Step(
            f"DROP SEQUENCE {whole(found)}",
            "",
            Lock.ACCESS_EXCLUSIVE,
            (whole(found),),
            loses="where the sequence stands",
        )
    ],
    late=_owned,
)
