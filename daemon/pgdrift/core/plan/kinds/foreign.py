"""Foreign data. The values of options may be secrets, are never read, and so cannot be written."""

from __future__ import annotations

from collections.abc import Iterator

from pgdrift.core.model import Object
from pgdrift.core.names import quote_ident
from pgdrift.core.plan.kinds.privileges import grantee
from pgdrift.core.plan.kinds.tables import JOINED, PENDING, column_lines, family
from pgdrift.core.plan.sql import has, last, literal, spaced, text, when, whole, without_arguments
from pgdrift.core.plan.step import REBUILD, ByHand, Step, World, Writer

_WHY = "the values of its options may be secrets: they are never read"
SEALED = ByHand(_WHY)


def sealed(found: Object, _: World) -> str:
    """Say why something with options cannot be made; empty where it has none."""
    return _WHY if has(found, "options") else ""


def _wrapper(found: Object, _: World) -> Iterator[Step]:
    yield Step(
        spaced(
            f"CREATE FOREIGN DATA WRAPPER {last(found)}",
            when(found, "handler", lambda f: f"HANDLER {without_arguments(f)}"),
            when(found, "validator", lambda f: f"VALIDATOR {without_arguments(f)}"),
        )
    )


def _functions(_: Object, after: Object, _world: World) -> Iterator[Step]:
    handler = when(after, "handler", lambda f: f"HANDLER {without_arguments(f)}") or "NO HANDLER"
    validator = when(after, "validator", lambda f: f"VALIDATOR {without_arguments(f)}")
    yield Step(f"ALTER FOREIGN DATA WRAPPER {last(after)} {handler} {validator or 'NO VALIDATOR'}")


WRAPPER = Writer(
    "FOREIGN DATA WRAPPER",
    last,
    _wrapper,
    {"handler": _functions, "validator": _functions, "options": SEALED},
    by_hand=sealed,
)


def _server(found: Object, _: World) -> Iterator[Step]:
    yield Step(
        spaced(
            f"CREATE SERVER {last(found)}",
            when(found, "type", lambda t: f"TYPE {literal(t)}"),
            when(found, "version", lambda v: f"VERSION {literal(v)}"),
            f"FOREIGN DATA WRAPPER {quote_ident(text(found, 'wrapper'))}",
        )
    )


def _version(_: Object, after: Object, _world: World) -> Iterator[Step]:
    version = when(after, "version", literal) or "NULL"
    yield Step(f"ALTER SERVER {last(after)} VERSION {version}", "change version")


SERVER = Writer(
    "SERVER",
    last,
    _server,
    {"wrapper": REBUILD, "type": REBUILD, "version": _version, "options": SEALED},
    by_hand=sealed,
)


def _mapping_name(found: Object) -> str:
    server, role = found.id.path
    return f"FOR {grantee(role)} SERVER {quote_ident(server)}"


def _mapping(found: Object, _: World) -> Iterator[Step]:
    yield Step(f"CREATE USER MAPPING {_mapping_name(found)}")


USER_MAPPING = Writer("USER MAPPING", _mapping_name, _mapping, {"options": SEALED}, by_hand=sealed)


def _table(found: Object, world: World) -> Iterator[Step]:
    lines, after = column_lines(found, world)
    columns = f" ({', '.join(lines)})" if lines or not family(found) else ""
    yield Step(
        f"CREATE FOREIGN TABLE {whole(found)}{family(found, columns)}"
        f" SERVER {quote_ident(text(found, 'server'))}"
    )
    yield from after


TABLE = Writer(
    "FOREIGN TABLE",
    whole,
    _table,
    {
        "server": REBUILD,
        "options": SEALED,
        "partition_bound": JOINED,
        "inherits": JOINED,
        "detach_pending": PENDING,
    },
    by_hand=sealed,
    lacks=lambda found, _: {"detach_pending": PENDING.why} if has(found, "detach_pending") else {},
)
