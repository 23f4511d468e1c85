"""Real schemas, planned both ways and tried on a real server, up and down; the figures are printed.

The corpus lies beside the project and is no part of it. It takes long, so it is done where it is
asked for: PGDRIFT_CORPUS=all takes every pair and every version.
"""

from __future__ import annotations

import asyncio
import json
import os
import secrets
import shutil
import sys
from collections import Counter
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path

import pytest

from pgdrift.core.model import Snapshot
from pgdrift.sources.embedded import EmbeddedServer
from tests.conftest import run_sql
from tests.plan.proving import Tried, line, read, told, tried

CORPUS = Path(__file__).resolve().parents[2].parent / "shared" / "corpus"

pytestmark = [
    pytest.mark.db,
    pytest.mark.skipif(not CORPUS.is_dir(), reason="the corpus of real schemas is not here"),
    pytest.mark.skipif(
        os.environ.get("PGDRIFT_CORPUS") != "all",
        reason="a plan and its proof for each pair of it take long: PGDRIFT_CORPUS=all",
    ),
    pytest.mark.timeout(3600),
]

# Why something of these pairs is left by hand: no statement of PostgreSQL does it, or what it
# would have to say is never read.
TRUE_REASONS = (
    "may be secrets",
    "rows would have to move",
    "no update path",
    "whose a column is",
)


class CannotLoadError(Exception):
    """This server lacks something that a file of the corpus needs."""


@pytest.fixture(scope="module")
def own_server() -> Iterator[EmbeddedServer]:
    """A server of its own: the corpus needs roles, which all databases of a server share."""
    given = os.environ.get("PGDRIFT_TEST_PG_BIN")
    settings = {"fsync": "off", "full_page_writes": "off", "autovacuum": "off"}
    with EmbeddedServer.start(settings, binaries=Path(given) if given else None) as running:
        yield running


async def _psql(server: EmbeddedServer, database: str, sql: Path) -> str:
    psql = server.bin / "psql"
    process = await asyncio.create_subprocess_exec(
        str(psql) if psql.exists() else shutil.which("psql") or "psql",
        *("-qX", "-d", server.dsn(database), "-f", str(sql)),
        stdout=asyncio.subprocess.DEVNULL,
        stderr=asyncio.subprocess.PIPE,
    )
    _, said = await process.communicate()
    return said.decode()


async def _load(server: EmbeddedServer, sql: Path) -> tuple[str, Snapshot]:
    name = f"c_{secrets.token_hex(6)}"
    await run_sql(server.dsn(), f"CREATE DATABASE {name} TEMPLATE template0")
    said = await _psql(server, name, sql)
    if "ERROR" in said:
        raise CannotLoadError(f"{sql.parent.name}/{sql.name}: {said}")
    return server.dsn(name), await read(server.dsn(name))


async def _both_ways(server: EmbeddedServer, a: Path, b: Path) -> Iterator[tuple[str, str]]:
    """Give for each direction what came of it, in one word, and the details."""
    (first, before), (second, after) = await _load(server, a), await _load(server, b)
    found = [
        await tried(first, (before, after)),
        await tried(second, (after, before)),
    ]
    for dsn in (first, second):
        await run_sql(server.dsn(), f"DROP DATABASE {dsn.rsplit('/', 1)[1].split('?')[0]} (FORCE)")
    return iter([_word(t) for t in found])


def _word(found: Tried) -> tuple[str, str]:
    if found.up or found.down:
        return "wrong", f"up: {told(found.up)}, down: {told(found.down)}"
    by_hand = [*found.plan.up.by_hand, *found.plan.down.by_hand]
    if by_hand:
        return "by hand", "; ".join(map(line, by_hand))
    return ("proved", "") if found.plan.up.statements else ("equal", "")


async def test_pairs_are_planned_both_ways_and_back(
    own_server: EmbeddedServer, capsys: pytest.CaptureFixture[str]
) -> None:
    await _psql(own_server, "postgres", CORPUS / "pairs" / "roles.sql")
    index = json.loads((CORPUS / "pairs" / "index.json").read_text(encoding="utf-8"))
    counts: Counter[str] = Counter()
    untrue = []
    for pair in index:
        folder = CORPUS / "pairs" / pair["source"] / pair["case"]
        try:
            found = await _both_ways(own_server, folder / "a.sql", folder / "b.sql")
        except CannotLoadError:
            counts["cannot be loaded here"] += 2
            continue
        for word, why in found:
            counts[word] += 1
            if word == "wrong" or (
                word == "by hand" and not any(reason in why for reason in TRUE_REASONS)
            ):
                untrue.append(f"{folder.name}: {word}: {why}")
    with capsys.disabled():
        sys.stdout.write(f"\npairs, each both ways: {dict(counts)}\n")
    assert not untrue, "\n".join(untrue)
    differing = counts["proved"] + counts["by hand"] + counts["wrong"]
    assert counts["proved"] >= 0.95 * differing, counts


async def test_the_history_of_a_real_schema_is_planned_both_ways_and_back(
    own_server: EmbeddedServer, capsys: pytest.CaptureFixture[str]
) -> None:
    versions = sorted((CORPUS / "history" / "openstreetmap").glob("*.sql"))
    steps = list(pairwise(versions))
    counts: Counter[str] = Counter()
    for a, b in [*steps, (versions[0], versions[-1])]:
        for word, why in await _both_ways(own_server, a, b):
            counts[word] += 1
            assert word in {"proved", "equal"}, f"{a.stem} to {b.stem}: {why}"
    with capsys.disabled():
        sys.stdout.write(f"\nhistory, each step both ways: {dict(counts)}\n")
