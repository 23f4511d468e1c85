"""Publications with what is in them, and subscriptions as far as they can be read."""

from __future__ import annotations

from collections.abc import Iterator

from pgdrift.core.model import Object
from pgdrift.core.names import dotted, quote_ident
from pgdrift.core.plan.sql import has, last, literal, text, texts
from pgdrift.core.plan.step import REBUILD, ByHand, Lock, Step, World, Writer


def _with(found: Object) -> str:
    said = [f"publish = {literal(', '.join(texts(found.attributes['operations'])))}"]
    said.append(f"publish_via_partition_root = {'true' if has(found, 'via_root') else 'false'}")
    if how := text(found, "generated_columns"):
        said.append(f"publish_generated_columns = {how}")
    return ", ".join(said)


def _publication(found: Object, _: World) -> Iterator[Step]:
    all_tables = " FOR ALL TABLES" if has(found, "all_tables") else ""
    yield Step(f"CREATE PUBLICATION {last(found)}{all_tables} WITH ({_with(found)})")


def _set(_: Object, after: Object, _world: World) -> Iterator[Step]:
    yield Step(f"ALTER PUBLICATION {last(after)} SET ({_with(after)})", "change options")


PUBLICATION = Writer(
    "PUBLICATION",
    last,
    _publication,
    {
        "all_tables": REBUILD,
        **dict.fromkeys(("operations", "via_root", "generated_columns"), _set),
    },
)


def _table_of(found: Object) -> str:
    return dotted(found.id.path[1:])


def _table(found: Object, _: World) -> Iterator[Step]:
    columns = ", ".join(map(quote_ident, texts(found.attributes.get("columns"))))
    where = text(found, "filter")
    yield Step(
        f"ALTER PUBLICATION {quote_ident(found.id.path[0])} ADD TABLE ONLY {_table_of(found)}"
        f"{f' ({columns})' if columns else ''}{f' WHERE ({where})' if where else ''}",
        "",
        Lock.SHARE_UPDATE_EXCLUSIVE,
        (_table_of(found),),
    )


TABLE = Writer(
    "PUBLICATION",
    last,
    _table,
    {"columns": REBUILD, "filter": REBUILD},
    drop=lambda found, _: [
        Step(
            f"ALTER PUBLICATION {quote_ident(found.id.path[0])} DROP TABLE ONLY {_table_of(found)}",
            "",
            Lock.SHARE_UPDATE_EXCLUSIVE,
            (_table_of(found),),
        )
    ],
)


def _in_schema(found: Object, verb: str) -> Step:
    publication, schema = map(quote_ident, found.id.path)
    return Step(f"ALTER PUBLICATION {publication} {verb} TABLES IN SCHEMA {schema}")


SCHEMA = Writer(
    "PUBLICATION",
    last,
    lambda found, _: [_in_schema(found, "ADD")],
    {},
    drop=lambda found, _: [_in_schema(found, "DROP")],
)

_SET = (
    "slot synchronous_commit binary streaming disable_on_error password_required run_as_owner"
    " origin"
).split()
_WORDS = {"slot": "slot_name"}


def _subscription(found: Object, _: World) -> Iterator[Step]:
    yield from ()


def _enabled(_: Object, after: Object, _world: World) -> Iterator[Step]:
    word = "ENABLE" if has(after, "enabled") else "DISABLE"
    yield Step(f"ALTER SUBSCRIPTION {last(after)} {word}", "switch")


def _publications(_: Object, after: Object, _world: World) -> Iterator[Step]:
    names = ", ".join(map(quote_ident, texts(after.attributes["publications"])))
    yield Step(
        f"ALTER SUBSCRIPTION {last(after)} SET PUBLICATION {names} WITH (refresh = false)",
        "change publications",
        note="then ALTER SUBSCRIPTION … REFRESH PUBLICATION, which the publisher answers",
    )


def _options(before: Object, after: Object, _: World) -> Iterator[Step]:
    for name in _SET:
        value = after.attributes.get(name)
        if before.attributes.get(name) != value:
            said = "NONE" if value is None else literal(_word(value))
            yield Step(
                f"ALTER SUBSCRIPTION {last(after)} SET ({_WORDS.get(name, name)} = {said})",
                "change options",
            )


def _word(value: object) -> str:
    return (
        {True: "true", False: "false"}.get(value, str(value))
        if isinstance(value, bool)
        else str(value)
    )


_CONNINFO = "where it is connected to is never read, for there is a password in it"

SUBSCRIPTION = Writer(
    "SUBSCRIPTION",
    last,
    _subscription,
    {
        "enabled": _enabled,
        "publications": _publications,
        **dict.fromkeys(_SET, _options),
        "failover": ByHand("the publisher has to be asked"),
        "two_phase": ByHand("two-phase commit is decided when a subscription is made"),
    },
    by_hand=lambda _found, _world: _CONNINFO,
    stays=lambda _found, _world: "its slot lies with the publisher, who has to be asked",
)
