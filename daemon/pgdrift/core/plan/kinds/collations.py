"""Collations, conversions, casts and transforms."""

from __future__ import annotations

from collections.abc import Iterator

from pgdrift.core.model import Object
from pgdrift.core.names import quote_ident
from pgdrift.core.plan.sql import listed, literal, text, when, whole
from pgdrift.core.plan.step import REBUILD, ByHand, Step, World, Writer

_REFRESH = ByHand(
    "the host sorts otherwise than when indexes were built: REINDEX what sorts by it, then"
    " ALTER COLLATION … REFRESH VERSION"
)


def _collation(found: Object, _: World) -> Iterator[Step]:
    provider = text(found, "provider")
    locale = text(found, "locale")
    said = listed(
        (
            f"provider = {provider}",
            f"locale = {literal(locale)}" if locale else "",
            when(found, "collate", lambda v: f"lc_collate = {literal(v)}"),
            when(found, "ctype", lambda v: f"lc_ctype = {literal(v)}"),
            "deterministic = false" if found.attributes.get("deterministic") is False else "",
            when(found, "rules", lambda v: f"rules = {literal(v)}"),
        )
    )
    yield Step(f"CREATE COLLATION {whole(found)} ({said})")


COLLATION = Writer(
    "COLLATION",
    whole,
    _collation,
    {
        **dict.fromkeys(
            ("provider", "collate", "ctype", "locale", "rules", "deterministic"), REBUILD
        ),
        "version_outdated": _REFRESH,
        "host_version": _REFRESH,
    },
    lacks=lambda found, _: (
        {"version_outdated": _REFRESH.why} if found.attributes.get("version_outdated") else {}
    ),
)


def _conversion(found: Object, _: World) -> Iterator[Step]:
    default = "DEFAULT " if found.attributes.get("default") else ""
    source, target = literal(text(found, "source")), literal(text(found, "target"))
    function = text(found, "function")
    yield Step(
        f"CREATE {default}CONVERSION {whole(found)} FOR {source} TO {target} FROM {function}"
    )


CONVERSION = Writer(
    "CONVERSION",
    whole,
    _conversion,
    dict.fromkeys(("source", "target", "function", "default"), REBUILD),
)


def _cast_name(found: Object) -> str:
    # Both names are types as the server prints them.
    source, target = found.id.path
    return f"({source} AS {target})"


def _cast(found: Object, _: World) -> Iterator[Step]:
    how = {
        "function": f"WITH FUNCTION {text(found, 'function')}",
        "inout": "WITH INOUT",
        "binary": "WITHOUT FUNCTION",
    }[text(found, "method")]
    context = {"explicit": "", "assignment": " AS ASSIGNMENT", "implicit": " AS IMPLICIT"}
    yield Step(f"CREATE CAST {_cast_name(found)} {how}{context[text(found, 'context')]}")


CAST = Writer("CAST", _cast_name, _cast, dict.fromkeys(("function", "context", "method"), REBUILD))


def _transform_name(found: Object) -> str:
    kind, language = found.id.path
    return f"FOR {kind} LANGUAGE {quote_ident(language)}"


def _transform(found: Object, _: World) -> Iterator[Step]:
    said = listed(
        (
            when(found, "from_sql", lambda f: f"FROM SQL WITH FUNCTION {f}"),
            when(found, "to_sql", lambda f: f"TO SQL WITH FUNCTION {f}"),
        )
    )
    yield Step(f"CREATE TRANSFORM {_transform_name(found)} ({said})")


TRANSFORM = Writer(
    "TRANSFORM", _transform_name, _transform, dict.fromkeys(("from_sql", "to_sql"), REBUILD)
)
