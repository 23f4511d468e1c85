"""The judge of plans that knows nothing of pgdrift: what pg_dump says of two databases.

It is the pg_dump of the newest major, which dumps every older server too.
"""

from __future__ import annotations

import re
import secrets
from collections import Counter
from collections.abc import Iterator

from pgdrift.sources.embedded import EmbeddedServer
from tests.conftest import drop_database, run_sql
from tests.programs import run


async def dump(dsn: str) -> bytes:
    """Return all that pg_dump says of a database, but for its rows."""
    return await run("pg_dump", "--schema-only", dsn)


async def apart(server: EmbeddedServer, one: bytes, other: bytes) -> list[str]:
    """Return the entries of two dumps that are not in both, whatever their order.

    What differs is asked for once more of what the dumps restore: an expression that was made anew
    of its text may be printed otherwise than it was before, and is not after that.
    """
    if not (found := _differ(one, other)):
        return []
    if found := _differ(await _again(server, one), await _again(server, other)):
        return found
    return []


async def psql(dsn: str, script: bytes) -> str:
    """Run a script as psql does, and return what it says of errors; empty for none."""
    try:
        await run("psql", "-qX", "-v", "VERBOSITY=terse", "-f", "-", "-d", dsn, stdin=script)
    except AssertionError as error:
        return str(error)
    return ""


async def _again(server: EmbeddedServer, said: bytes) -> bytes:
    name = f"d_{secrets.token_hex(6)}"
    await run_sql(server.dsn(), f"CREATE DATABASE {name} TEMPLATE template0")
    try:
        await run("psql", "-qX", "-d", server.dsn(name), stdin=said)
        return await dump(server.dsn(name))
    finally:
        await drop_database(server.dsn(), name)


def _differ(one: bytes, other: bytes) -> list[str]:
    first, second = Counter(_entries(one)), Counter(_entries(other))
    return [f"-{e}" for e in (first - second)] + [f"+{e}" for e in (second - first)]


def _entries(said: bytes) -> Iterator[str]:
    yield from map(_normal, re.split(r"\n--\n-- .*\n--\n", said.decode())[1:])


def _normal(entry: str) -> str:
    """Return an entry with what has no order sorted: rights, and columns: a new one is the last."""
    lines = (line.rstrip(",") for line in entry.strip().splitlines())
    kept = [
        _NAMELESS.sub("", _sorted_list(line))
        for line in lines
        if line and not line.startswith(("SET ", "\\", "--"))
    ]
    if settings := [n for n, line in enumerate(kept) if line.startswith("    SET ")]:
        first, last = settings[0], settings[-1] + 1
        kept[first:last] = sorted(kept[first:last])  # those of a function have no order
    return "\n".join(sorted(kept) if entry.lstrip().startswith(_IN_ANY_ORDER) else kept)


_IN_ANY_ORDER = (
    "CREATE TABLE",
    "CREATE UNLOGGED TABLE",
    "CREATE FOREIGN TABLE",
    "GRANT ",
    "REVOKE ",
    "ALTER DEFAULT PRIVILEGES",
)
# What says that a column is not NULL has a name of the server's own; we tell none.
_NAMELESS = re.compile(r"CONSTRAINT \S+_not_null\d* (?=NOT NULL)")
_LISTS = re.compile(r"((?:WHEN TAG IN|WITH|SET) \()([^()]*)(\).*)")


def _sorted_list(line: str) -> str:
    """Return a line whose list has no order sorted, and any other line as it is."""
    if found := _LISTS.search(line):
        some = ", ".join(sorted(found[2].split(", ")))
        return line[: found.start()] + found[1] + some + found[3]
    return line
