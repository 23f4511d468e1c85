"""Rules, triggers and policies of tables and views; event triggers of the database."""

from __future__ import annotations

from collections.abc import Iterator

from pgdrift.core.model import Object
from pgdrift.core.names import quote_ident, split_dotted
from pgdrift.core.plan.sql import (
    has,
    last,
    literal,
    on_table,
    spaced,
    text,
    texts,
    upto,
    when,
    whole,
)
from pgdrift.core.plan.step import REBUILD, Below, Lock, Step, World, Writer

_HARD = Lock.ACCESS_EXCLUSIVE
_SRE = Lock.SHARE_ROW_EXCLUSIVE
_FIRES = {
    "enabled": "ENABLE",
    "disabled": "DISABLE",
    "replica": "ENABLE REPLICA",
    "always": "ENABLE ALWAYS",
}


def _fires(found: Object, noun: str) -> Step:
    word = _FIRES[text(found, "enabled")]
    return Step(
        f"ALTER TABLE {upto(found)} {word} {noun} {last(found)}",
        "change when it fires",
        _SRE if noun == "TRIGGER" else _HARD,
        (upto(found),),
    )


def _rule(found: Object, _: World) -> Iterator[Step]:
    said = text(found, "definition").removesuffix(";").removeprefix("CREATE RULE")
    yield Step(f"CREATE OR REPLACE RULE{said}", "", _HARD, (upto(found),))
    if text(found, "enabled") != "enabled":
        yield _fires(found, "RULE")


def _rule_again(before: Object, after: Object, world: World) -> Iterator[Step]:
    yield next(_rule(after, world))


def _rule_fires(_: Object, after: Object, _world: World) -> Iterator[Step]:
    yield _fires(after, "RULE")


RULE = Writer(
    "RULE",
    on_table,
    _rule,
    {"definition": _rule_again, "enabled": _rule_fires},
    drop=lambda found, _: [Step(f"DROP RULE {on_table(found)}", "", _HARD, (upto(found),))],
)


def _trigger(found: Object, world: World) -> Iterator[Step]:
    """Make a trigger; a partition's comes with the one of the whole, and is only switched."""
    if not came_with_its_whole(found, world):
        yield Step(text(found, "definition"), "", _SRE, (upto(found),), below=_below(found))
    if text(found, "enabled") != "enabled" or came_with_its_whole(found, world):
        yield _fires(found, "TRIGGER")


def came_with_its_whole(found: Object, world: World) -> bool:
    """Tell whether a trigger is a partition's copy of one of the partitioned table."""
    return _is_a_copy(found, world.there) or _is_a_copy(found, world.here)


def _is_a_copy(found: Object, objects: object) -> bool:
    table = objects.get(found.parent)  # type: ignore[attr-defined]
    if table is None or not has(table, "partition_bound"):
        return False
    for parent in texts(table.attributes.get("inherits")):
        i = found.id._replace(path=(*split_dotted(parent), found.id.path[-1]))
        if i in objects:  # type: ignore[operator]
            return True
        above = found.parent and found.parent._replace(path=split_dotted(parent))
        if above and _is_a_copy(Object(i, found.attributes, above), objects):
            return True
    return False


def _drop_trigger(found: Object, world: World) -> Iterator[Step]:
    if _is_a_copy(found, world.here):
        if _is_a_copy(found, world.there):
            yield _fires(Object(found.id, {"enabled": "enabled"}), "TRIGGER")
            yield Step(f"COMMENT ON TRIGGER {on_table(found)} IS NULL", "change comment")
        return
    yield Step(f"DROP TRIGGER {on_table(found)}", "", _HARD, (upto(found),), below=_below(found))


def _below(found: Object) -> Below:
    """Tell how far down a trigger goes: partitions have one of each row's themselves."""
    each_row = " FOR EACH ROW " in text(found, "definition")
    return Below.PARTITIONS if each_row else Below.NOTHING


def _trigger_fires(_: Object, after: Object, _world: World) -> Iterator[Step]:
    yield _fires(after, "TRIGGER")


TRIGGER = Writer(
    "TRIGGER",
    on_table,
    _trigger,
    {"definition": REBUILD, "enabled": _trigger_fires},
    drop=_drop_trigger,
)


def _policy(found: Object, _: World) -> Iterator[Step]:
    yield Step(
        spaced(
            f"CREATE POLICY {on_table(found)}",
            "AS RESTRICTIVE" if found.attributes.get("permissive") is False else "",
            f"FOR {text(found, 'command').upper()}",
            f"TO {', '.join(texts(found.attributes['roles']))}",
            when(found, "using", "USING ({})"),
            when(found, "check", "WITH CHECK ({})"),
        ),
        "",
        _HARD,
        (upto(found),),
    )


def _policy_altered(_: Object, after: Object, _world: World) -> Iterator[Step]:
    yield Step(
        spaced(
            f"ALTER POLICY {on_table(after)} TO {', '.join(texts(after.attributes['roles']))}",
            when(after, "using", "USING ({})"),
            when(after, "check", "WITH CHECK ({})"),
        ),
        "change policy",
        _HARD,
        (upto(after),),
    )


def _says_less(before: Object, after: Object, _: World) -> bool:
    """Tell whether an expression goes altogether, which ALTER POLICY cannot say."""
    return any(has(before, n) and not has(after, n) for n in ("using", "check"))


POLICY = Writer(
    "POLICY",
    on_table,
    _policy,
    {
        "command": REBUILD,
        "permissive": REBUILD,
        **dict.fromkeys(("roles", "using", "check"), _policy_altered),
    },
    drop=lambda found, _: [Step(f"DROP POLICY {on_table(found)}", "", _HARD, (upto(found),))],
    unless=_says_less,
)


def _event_trigger(found: Object, _: World) -> Iterator[Step]:
    tags = ", ".join(map(literal, texts(found.attributes.get("tags"))))
    yield Step(
        spaced(
            f"CREATE EVENT TRIGGER {last(found)} ON {quote_ident(text(found, 'event'))}",
            f"WHEN TAG IN ({tags})" if tags else "",
            f"EXECUTE FUNCTION {text(found, 'function')}",
        )
    )
    if text(found, "enabled") != "enabled":
        yield from _event_fires(found, found, _)


def _event_fires(_: Object, after: Object, _world: World) -> Iterator[Step]:
    said = _FIRES[text(after, "enabled")]
    yield Step(f"ALTER EVENT TRIGGER {last(after)} {said}", "change when it fires")


EVENT_TRIGGER = Writer(
    "EVENT TRIGGER",
    whole,
    _event_trigger,
    {**dict.fromkeys(("event", "tags", "function"), REBUILD), "enabled": _event_fires},
)
