"""Real schemas as files: each loads here if psql loads it, and makes the same.

The corpus lies beside the project and is no part of it. PGDRIFT_CORPUS=all takes every file, not
only a sample.
"""

from __future__ import annotations

import asyncio
import os
import secrets
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from pgdrift.core.compare import compare
from pgdrift.errors import SourceError
from pgdrift.sources.embedded import EmbeddedServer
from pgdrift.sources.reading import read_once
from pgdrift.sources.scratch import ROLE, SETTINGS, Scratch
from pgdrift.sources.sqlfile import load
from pgdrift.sources.sqlfolder import read_files
from tests.conftest import run_sql

CORPUS = Path(__file__).resolve().parents[2].parent / "shared" / "corpus"

pytestmark = [
    pytest.mark.db,
    pytest.mark.skipif(not CORPUS.is_dir(), reason="the corpus of real schemas is not here"),
    pytest.mark.timeout(3600),
]

FILES = sorted(p for p in CORPUS.rglob("*.sql") if p.name != "roles.sql")
SAMPLE = FILES if os.environ.get("PGDRIFT_CORPUS") == "all" else FILES[::40]


@pytest.fixture(scope="module")
def running() -> Iterator[EmbeddedServer]:
    given = os.environ.get("PGDRIFT_TEST_PG_BIN")
    with EmbeddedServer.start(SETTINGS, binaries=Path(given) if given else None) as server:
        role = f"create role {ROLE} superuser login password '{server.password}'"
        asyncio.run(run_sql(server.dsn(), role))
        yield server


async def _by_psql(server: EmbeddedServer, sql: Path) -> tuple[str, str]:
    """Return the DSN of what psql loads, as the role of a scratch server, and what it refused."""
    name = f"c_{secrets.token_hex(6)}"
    await run_sql(server.dsn(), f"CREATE DATABASE {name} TEMPLATE template0")
    dsn = server.dsn(name, ROLE, server.password)
    roles = CORPUS / "pairs" / "roles.sql"
    psql = server.bin / "psql"
    process = await asyncio.create_subprocess_exec(
        str(psql) if psql.exists() else shutil.which("psql") or "psql",
        *("-qX", "-d", dsn, "-f", str(roles), "-v", "ON_ERROR_STOP=1", "-f", str(sql)),
        stdout=asyncio.subprocess.DEVNULL,
        stderr=asyncio.subprocess.PIPE,
    )
    _, said = await process.communicate()
    return dsn, said.decode() if process.returncode else ""


@pytest.mark.parametrize("sql", SAMPLE, ids=lambda p: "/".join(p.parts[-3:]))
async def test_a_file_is_here_what_psql_makes_of_it(running: EmbeddedServer, sql: Path) -> None:
    scratch = Scratch()
    scratch._server = running
    dsn, said = await _by_psql(running, sql)
    try:
        there = (await read_once(dsn)).snapshot
    finally:
        # Or its roles would own something when the next load drops them.
        await run_sql(running.dsn(), f"DROP DATABASE {dsn.rpartition('/')[2]} WITH (FORCE)")
    if said:
        with pytest.raises(SourceError):
            await load(read_files(sql), scratch)
        return
    found = (await load(read_files(sql), scratch)).snapshot
    assert compare(found, there).changes == compare(there, found).changes == ()
