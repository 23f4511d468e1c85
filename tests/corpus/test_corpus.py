"""Real schemas, and an oracle that knows nothing of pgdrift: what two dumps say of them.

The corpus lies beside the project and is no part of it. PGDRIFT_CORPUS=all takes every pair, not
only a sample of the largest source.
"""

from __future__ import annotations

import asyncio
import json
import os
import secrets
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from pgdrift.core.alike.align import align
from pgdrift.core.alike.normalise import Options, normalise
from pgdrift.core.compare import compare
from pgdrift.core.model import Change, Snapshot
from pgdrift.sources.catalog import snapshot
from pgdrift.sources.connection import connection
from pgdrift.sources.embedded import EmbeddedServer
from tests.conftest import run_sql

CORPUS = Path(__file__).resolve().parents[2].parent / "shared" / "corpus"

pytestmark = [
    pytest.mark.db,
    pytest.mark.skipif(not CORPUS.is_dir(), reason="the corpus of real schemas is not here"),
    pytest.mark.timeout(900),
]

# Everything that dumps tell apart is a difference; what means the same is none.
STRICT = Options(
    column_order=True, constraint_names=True, spelling=True, server_versions=True, inherited=True
)

# Pairs whose dumps differ, and which mean the same: in the order of columns, and in `AT TIME ZONE`
# for timezone(), which are one function.
HARMLESS = {
    "column_reports_if_column_order_is_different_CRITICAL_1v2",
    "constraints_AtTimeZoneCheckEquivalentToTimezoneFunction",
    "datatypes_AtTimeZoneDefaultEquivalentToTimezoneFunction",
}

# Two readings must seal what is secret alike.
KEY = b"corpus"

SAMPLE = 1 if os.environ.get("PGDRIFT_CORPUS") == "all" else 8

# How a dump's entry is called here. A dump tells a table's columns as the table.
KINDS = {
    "INDEX": "index",
    "FUNCTION": "function",
    "CONSTRAINT": "constraint",
    "FK CONSTRAINT": "constraint",
    "SEQUENCE": "sequence",
    "TYPE": "enum",
    "VIEW": "view",
    "TRIGGER": "trigger",
    "EXTENSION": "extension",
    "TABLE": "table",
}


class CannotLoadError(Exception):
    """This server lacks something that a file of the corpus needs."""


@pytest.fixture(scope="module")
def own_server() -> Iterator[EmbeddedServer]:
    """A server of its own: the corpus needs roles, which all databases of a server share."""
    given = os.environ.get("PGDRIFT_TEST_PG_BIN")
    settings = {"fsync": "off", "full_page_writes": "off", "autovacuum": "off"}
    with EmbeddedServer.start(settings, binaries=Path(given) if given else None) as running:
        yield running


async def _psql(server: EmbeddedServer, database: str, *arguments: str) -> str:
    """Run psql and return what it said of errors."""
    psql = server.bin / "psql"
    process = await asyncio.create_subprocess_exec(
        str(psql) if psql.exists() else shutil.which("psql") or "psql",
        *("-qX", "-d", server.dsn(database), *arguments),
        stdout=asyncio.subprocess.DEVNULL,
        stderr=asyncio.subprocess.PIPE,
    )
    _, said = await process.communicate()
    return said.decode()


async def _load(server: EmbeddedServer, sql: Path) -> Snapshot:
    # The databases go with the server: dropping each would take longer than reading it.
    name = f"c_{secrets.token_hex(6)}"
    await run_sql(server.dsn(), f"CREATE DATABASE {name} TEMPLATE template0")
    said = await _psql(server, name, "-f", str(sql))
    if "ERROR" in said:
        raise CannotLoadError(f"{sql.parent.name}/{sql.name}: {said}")
    async with connection(server.dsn(name)) as session:
        found = await snapshot(session, key=KEY)
    assert not found.unread
    return found


def _changes(before: Snapshot, after: Snapshot, options: Options = STRICT) -> tuple[Change, ...]:
    found = normalise(after, options)
    return compare(align(normalise(before, options), found, options), found).changes


def _as_dumped(changes: tuple[Change, ...]) -> set[tuple[str, str, str]]:
    """Return (kind, name, change) of all that changed, columns as a change of their table."""
    told: set[tuple[str, str, str]] = set()
    for change in changes:
        if change.id.kind == "column":
            told.add(("table", change.id.path[1], "changed"))
            continue
        for i in (change.id, *change.contains):
            if i.kind not in {"column", "routine_privilege", "type_privilege"}:
                name = " ".join(i.path[1:])
                told.add((i.kind, _by_count(name + i.args) if i.args else name, change.change))
    return told


def _as_expected(entries: list[list[str]]) -> set[tuple[str, str, str]]:
    return {
        (KINDS[entry], _by_count(name) if entry == "FUNCTION" else name, change)
        for entry, _, name, change in entries
        if entry not in {"DEFAULT", "SEQUENCE OWNED BY", "ACL", "COMMENT"}
    }


def _by_count(function: str) -> str:
    """Return a function as name/arguments: a dump names types alone, we the arguments as well."""
    head, _, arguments = function.partition("(")
    return f"{head}/{arguments.count(',') + 1 if arguments != ')' else 0}"


async def test_the_history_of_a_real_schema_is_told_object_by_object(
    own_server: EmbeddedServer,
) -> None:
    folder = CORPUS / "history" / "openstreetmap"
    expected: dict[str, Any] = json.loads((folder / "expected.json").read_text(encoding="utf-8"))
    read = {p.stem: await _load(own_server, p) for p in sorted(folder.glob("*.sql"))}
    wrong = {}
    for versions, entries in expected.items():
        old, new = versions.split("-")
        told = _as_dumped(_changes(read[old], read[new]))
        back = _as_dumped(_changes(read[new], read[old]))
        if told != _as_expected(entries) or len(back) != len(told):
            wrong[versions] = told ^ _as_expected(entries)
    assert wrong == {}
    first = min(read)
    assert (await _load(own_server, folder / f"{first}.sql")).root == read[first].root


async def test_pairs_differ_exactly_where_their_dumps_do(own_server: EmbeddedServer) -> None:
    await _psql(own_server, "postgres", "-f", str(CORPUS / "pairs" / "roles.sql"))
    index = json.loads((CORPUS / "pairs" / "index.json").read_text(encoding="utf-8"))
    chosen = [p for n, p in enumerate(index) if p["source"] != "sqldef" or n % SAMPLE == 0]
    # One after the other: some pairs change roles, which all databases share.
    wrong, without = [], []
    for pair in chosen:
        try:
            wrong.append(await _judge(own_server, pair))
        except CannotLoadError as error:
            without.append(str(error))
    assert not any(wrong), "\n".join(filter(None, wrong))
    # A build without ICU, say, or a statement that a newer version refuses.
    assert len(without) <= len(chosen) // 20, without


async def _judge(server: EmbeddedServer, pair: dict[str, Any]) -> str:
    folder = CORPUS / "pairs" / pair["source"] / pair["case"]
    before = await _load(server, folder / "a.sql")
    after = await _load(server, folder / "b.sql")
    differs = bool(_changes(before, after))
    if differs != bool(_changes(after, before)):
        return f"{folder.name}: differs one way only"
    if differs != pair["dump_differs"]:
        return f"{folder.name}: dumps differ {pair['dump_differs']}, snapshots {differs}"
    matters = bool(_changes(before, after, Options()))
    if matters != (differs and pair["case"] not in HARMLESS):
        return f"{folder.name}: dumps differ {pair['dump_differs']}, and it matters: {matters}"
    if not differs and before.root != after.root:
        return f"{folder.name}: equal, and not of one root"
    return ""
