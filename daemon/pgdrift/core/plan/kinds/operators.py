"""Operators, and the families and classes that indexes are built by."""

from __future__ import annotations

import re
from collections.abc import Iterator

from pgdrift.core.model import Object
from pgdrift.core.names import dotted, quote_ident
from pgdrift.core.plan.sql import (
    has,
    listed,
    operator,
    spaced,
    text,
    texts,
    when,
    without_arguments,
)
from pgdrift.core.plan.step import REBUILD, ByHand, Step, World, Writer

_FUNCTION = re.compile(r"(\d+) (\(.*?\)) (?=\S+\(|\")(.*)", re.DOTALL)
_OPERATOR = re.compile(r"(\d+) (.*?)( FOR ORDER BY .*)?", re.DOTALL)


def _bare(found: Object) -> str:
    schema, symbol = found.id.path
    return f"{quote_ident(schema)}.{symbol}"


def _name(found: Object) -> str:
    return _bare(found) + found.id.args


def _operands(found: Object) -> tuple[str, str]:
    left, right = found.id.args[1:-1].rsplit(", ", 1)
    return left, right


def _make(found: Object, _: World) -> Iterator[Step]:
    left, right = _operands(found)
    parts = listed(
        (
            f"FUNCTION = {without_arguments(text(found, 'function'))}",
            f"LEFTARG = {left}" if left != "NONE" else "",
            f"RIGHTARG = {right}" if right != "NONE" else "",
            when(found, "commutator", lambda o: f"COMMUTATOR = {operator(o)}"),
            when(found, "negator", lambda o: f"NEGATOR = {operator(o)}"),
            when(found, "restriction", lambda f: f"RESTRICT = {without_arguments(f)}"),
            when(found, "join", lambda f: f"JOIN = {without_arguments(f)}"),
            "HASHES" if has(found, "hashes") else "",
            "MERGES" if has(found, "merges") else "",
        )
    )
    yield Step(f"CREATE OPERATOR {_bare(found)} ({parts})")


def _estimates(_: Object, after: Object, _world: World) -> Iterator[Step]:
    restriction = without_arguments(text(after, "restriction")) or "NONE"
    join = without_arguments(text(after, "join")) or "NONE"
    yield Step(f"ALTER OPERATOR {_name(after)} SET (RESTRICT = {restriction}, JOIN = {join})")


def _unfinished(found: Object, _: World) -> str:
    return "" if text(found, "function") else "it is only named by another, and has no function yet"


OPERATOR = Writer(
    "OPERATOR",
    _name,
    _make,
    {
        **dict.fromkeys(
            ("function", "result", "commutator", "negator", "hashes", "merges"), REBUILD
        ),
        "restriction": _estimates,
        "join": _estimates,
    },
    by_hand=_unfinished,
)


def _using(found: Object) -> str:
    return f"{dotted(found.id.path[:-1])} USING {quote_ident(found.id.path[-1])}"


def _family(found: Object, _: World) -> Iterator[Step]:
    yield Step(f"CREATE OPERATOR FAMILY {_using(found)}")


def _entries(found: Object, world: World) -> Iterator[Step]:
    if found.id not in world.made:
        return
    if added := [
        *_operators(found.attributes["operators"]),
        *_supports(found.attributes["functions"]),
    ]:
        yield Step(f"ALTER OPERATOR FAMILY {_using(found)} ADD {', '.join(added)}", "add entries")


def _operators(value: object) -> Iterator[str]:
    for entry in texts(value):
        if found := _OPERATOR.fullmatch(entry):
            yield f"OPERATOR {found[1]} {_as_operator(found[2])}{found[3] or ''}"


def _as_operator(said: str) -> str:
    name = without_arguments(said)
    return f"{name if '.' in name else 'pg_catalog.' + name}{said[len(name) :]}"


def _supports(value: object) -> Iterator[str]:
    for entry in texts(value):
        if found := _FUNCTION.fullmatch(entry):
            yield f"FUNCTION {found[1]} {found[2]} {found[3]}"


def _changed(before: Object, after: Object, _: World) -> Iterator[Step]:
    """Give what takes entries and adds others; an entry is taken by its number and types."""
    old, new = (_by_key(o) for o in (before, after))
    gone = [key for key in old if old[key] != new.get(key)]
    come = [said for key, said in new.items() if old.get(key) != said]
    if gone:
        yield Step(f"ALTER OPERATOR FAMILY {_using(after)} DROP {', '.join(gone)}", "drop entries")
    if come:
        yield Step(f"ALTER OPERATOR FAMILY {_using(after)} ADD {', '.join(come)}", "add entries")


def _by_key(found: Object) -> dict[str, str]:
    entries: dict[str, str] = {}
    for said in _operators(found.attributes["operators"]):
        head, number, rest = said.split(" ", 2)
        types = rest.split(" FOR ORDER BY ")[0]
        entries[f"{head} {number} {types[len(without_arguments(types)) :]}"] = said
    for entry in texts(found.attributes["functions"]):
        if parts := _FUNCTION.fullmatch(entry):
            key = f"FUNCTION {parts[1]} {parts[2]}"
            entries[key] = f"{key} {parts[3]}"
    return entries


OPERATOR_FAMILY = Writer(
    "OPERATOR FAMILY",
    _using,
    _family,
    {"operators": _changed, "functions": _changed},
    late=_entries,
)


def _class(found: Object, _: World) -> Iterator[Step]:
    storage = text(found, "key_type") or text(found, "type")
    yield Step(
        spaced(
            f"CREATE OPERATOR CLASS {dotted(found.id.path[:-1])}",
            "DEFAULT" if has(found, "default") else "",
            f"FOR TYPE {text(found, 'type')} USING {quote_ident(found.id.path[-1])}",
            f"FAMILY {text(found, 'family')} AS STORAGE {storage}",
        )
    )


_ITS_ENTRIES = ByHand("dropping a class takes its entries of the family along")

OPERATOR_CLASS = Writer(
    "OPERATOR CLASS",
    _using,
    _class,
    dict.fromkeys(("type", "default", "key_type", "family"), _ITS_ENTRIES),
)
