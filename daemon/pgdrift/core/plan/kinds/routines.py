"""Functions, procedures and aggregates."""

from __future__ import annotations

import re
from collections.abc import Iterator

from pgdrift.core.model import Object
from pgdrift.core.names import dotted, quote_ident
from pgdrift.core.plan.kinds.common import again, by_name
from pgdrift.core.plan.sql import (
    has,
    listed,
    literal,
    operator,
    routine,
    spaced,
    text,
    texts,
    when,
    without_arguments,
)
from pgdrift.core.plan.step import REBUILD, Step, World, Writer

# Of these a value is a list of names, each of which may be quoted.
_LISTS = frozenset(
    "search_path local_preload_libraries session_preload_libraries shared_preload_libraries"
    " temp_tablespaces unix_socket_directories".split()
)
_NAME = re.compile(r'\s*(?:"((?:[^"]|"")*)"|([^\s,"]+))\s*,?')
_PRINTED = ("BEGIN ATOMIC", "RETURN ")


def _function(found: Object, _: World) -> Iterator[Step]:
    kind = found.id.kind.upper()
    yield Step(
        spaced(
            f"CREATE OR REPLACE {kind} {dotted(found.id.path)}({text(found, 'arguments')})",
            when(found, "result", "RETURNS {}"),
            f"LANGUAGE {quote_ident(text(found, 'language'))}",
            *_promises(found),
            *_settings(found),
            _body(found),
        )
    )


def _promises(found: Object) -> Iterator[str]:
    transforms = (f"FOR TYPE {t}" for t in texts(found.attributes.get("transforms")))
    if said := ", ".join(transforms):
        yield f"TRANSFORM {said}"
    yield "WINDOW" if has(found, "window") else ""
    yield when(found, "volatility", str.upper)
    yield "STRICT" if has(found, "strict") else ""
    yield "SECURITY DEFINER" if has(found, "security_definer") else ""
    yield "LEAKPROOF" if has(found, "leakproof") else ""
    yield when(found, "parallel", lambda p: f"PARALLEL {p.upper()}")
    yield when(found, "cost", "COST {}")
    # Only what returns a set may say how many rows.
    yield when(found, "rows", "ROWS {}") if text(found, "rows") != "0" else ""
    yield when(found, "support", lambda f: f"SUPPORT {without_arguments(f)}")


def _settings(found: Object) -> Iterator[str]:
    for name, value in by_name(found.attributes.get("settings")).items():
        yield f"SET {_setting(name)} TO {_value(name, value)}"


def _setting(name: str) -> str:
    return ".".join(map(quote_ident, name.split(".")))


def _value(name: str, value: str) -> str:
    if name.lower() not in _LISTS:
        return literal(value)
    names = (plain or quoted.replace('""', '"') for quoted, plain in _NAME.findall(value))
    return ", ".join(map(literal, names)) or "''"


def _body(found: Object) -> str:
    body, library = text(found, "body"), text(found, "library")
    if library:
        return f"AS {literal(library)}, {literal(body)}"
    if text(found, "language") == "sql" and body.startswith(_PRINTED):
        return body
    return f"AS {_dollars(body)}"


def _dollars(body: str) -> str:
    """Return a body between dollars that it does not hold."""
    tag = "$$"
    number = 0
    while tag[:-1] in body:
        number += 1
        tag = f"$body{number if number > 1 else ''}$"
    return f"{tag}{body}{tag}"


_ANEW = again(_function)
_IN_PLACE = (
    "language body library security_definer settings transforms volatility strict leakproof"
    " parallel cost rows support"
).split()

FUNCTION = Writer(
    "FUNCTION",
    routine,
    _function,
    {
        **dict.fromkeys(_IN_PLACE, _ANEW),
        **dict.fromkeys(("arguments", "result", "window"), REBUILD),
    },
)
PROCEDURE = Writer(
    "PROCEDURE",
    routine,
    _function,
    {
        "arguments": REBUILD,
        **dict.fromkeys(
            ("language", "body", "library", "security_definer", "settings", "transforms"), _ANEW
        ),
    },
)

_MODIFIES = {"read_only": "READ_ONLY", "shareable": "SHAREABLE", "read_write": "READ_WRITE"}
_PARTS = {
    "state_space": "SSPACE = {}",
    "final": "FINALFUNC = {}",
    "combine": "COMBINEFUNC = {}",
    "serialize": "SERIALFUNC = {}",
    "deserialize": "DESERIALFUNC = {}",
    "moving_transition": "MSFUNC = {}",
    "moving_inverse": "MINVFUNC = {}",
    "moving_final": "MFINALFUNC = {}",
    "moving_state_type": "MSTYPE = {}",
    "moving_state_space": "MSSPACE = {}",
}
_PLAIN = frozenset({"state_space", "moving_state_type", "moving_state_space"})


def _aggregate_name(found: Object) -> str:
    arguments = "(*)" if found.id.args == "()" else found.id.args
    return dotted(found.id.path) + arguments


def _aggregate(found: Object, _: World) -> Iterator[Step]:
    parts = [
        f"SFUNC = {without_arguments(text(found, 'transition'))}",
        f"STYPE = {text(found, 'state_type')}",
    ]
    for name, form in _PARTS.items():
        value = text(found, name)
        if value and value != "0":
            parts.append(form.format(value if name in _PLAIN else without_arguments(value)))
    parts += [
        when(found, "initial_value", lambda v: f"INITCOND = {literal(v)}"),
        when(found, "moving_initial_value", lambda v: f"MINITCOND = {literal(v)}"),
        "FINALFUNC_EXTRA" if has(found, "final_extra") else "",
        "MFINALFUNC_EXTRA" if has(found, "moving_final_extra") else "",
        _modifies(found, "final_modifies", "FINALFUNC_MODIFY"),
        _modifies(found, "moving_final_modifies", "MFINALFUNC_MODIFY")
        if has(found, "moving_transition")
        else "",
        when(found, "sort_operator", lambda o: f"SORTOP = {operator(o)}"),
        when(found, "parallel", lambda p: f"PARALLEL = {p.upper()}"),
        "HYPOTHETICAL" if text(found, "aggregate_kind") == "hypothetical" else "",
    ]
    yield Step(f"CREATE AGGREGATE {_aggregate_name(found)} ({listed(parts)})")


def _modifies(found: Object, name: str, word: str) -> str:
    return when(found, name, lambda m: f"{word} = {_MODIFIES.get(m, m)}")


AGGREGATE = Writer(
    "AGGREGATE",
    _aggregate_name,
    _aggregate,
    dict.fromkeys(
        "result aggregate_kind transition state_type state_space initial_value final final_extra"
        " final_modifies combine serialize deserialize moving_transition moving_inverse"
        " moving_final moving_state_type moving_state_space moving_initial_value"
        " moving_final_extra moving_final_modifies sort_operator parallel".split(),
        REBUILD,
    ),
)
