"""Schemas, extensions, languages, access methods: what everything else stands in or needs."""

from __future__ import annotations

from collections.abc import Iterator

from pgdrift.core.model import Object
from pgdrift.core.names import quote_ident
from pgdrift.core.plan.kinds.common import again
from pgdrift.core.plan.sql import last, literal, spaced, text, when, whole, without_arguments
from pgdrift.core.plan.step import REBUILD, ByHand, Step, World, Writer


def _schema(found: Object, _: World) -> Iterator[Step]:
    yield Step(f"CREATE SCHEMA {last(found)}")


SCHEMA = Writer("SCHEMA", whole, _schema, {})


def _extension(found: Object, _: World) -> Iterator[Step]:
    version = when(found, "version", lambda v: f"VERSION {literal(v)}")
    yield Step(
        spaced(
            f"CREATE EXTENSION {last(found)} WITH SCHEMA {quote_ident(text(found, 'schema'))}",
            version,
        )
    )


def _update(_: Object, after: Object, _world: World) -> Iterator[Step]:
    yield Step(
        f"ALTER EXTENSION {last(after)} UPDATE TO {literal(text(after, 'version'))}",
        "change version",
        note="runs the extension's own update script",
    )


def _move(before: Object, after: Object, _: World) -> Iterator[Step]:
    yield Step(f"ALTER EXTENSION {last(before)} SET SCHEMA {quote_ident(text(after, 'schema'))}")


_SCRIPT = ByHand("an extension's script decides it")

EXTENSION = Writer(
    "EXTENSION",
    last,
    _extension,
    {"version": _update, "schema": _move, "relocatable": _SCRIPT, "configuration": _SCRIPT},
    # Which tables are its own is not read; whoever runs it asks the server.
    drop=lambda found, _: [
        Step(f"DROP EXTENSION {last(found)}", loses="what tables of the extension hold, if any")
    ],
)


def _language(found: Object, _: World) -> Iterator[Step]:
    trusted = "TRUSTED " if found.attributes.get("trusted") else ""
    yield Step(
        spaced(
            f"CREATE OR REPLACE {trusted}LANGUAGE {last(found)}",
            when(found, "handler", lambda f: f"HANDLER {without_arguments(f)}"),
            when(found, "inline", lambda f: f"INLINE {without_arguments(f)}"),
            when(found, "validator", lambda f: f"VALIDATOR {without_arguments(f)}"),
        )
    )


LANGUAGE = Writer(
    "LANGUAGE",
    last,
    _language,
    dict.fromkeys(("trusted", "handler", "inline", "validator"), again(_language)),
)


def _access_method(found: Object, _: World) -> Iterator[Step]:
    handler = without_arguments(text(found, "handler"))
    yield Step(
        f"CREATE ACCESS METHOD {last(found)} TYPE {text(found, 'type').upper()} HANDLER {handler}"
    )


ACCESS_METHOD = Writer(
    "ACCESS METHOD", last, _access_method, dict.fromkeys(("type", "handler"), REBUILD)
)
