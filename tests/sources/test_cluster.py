"""Every folder of tests/cluster: two clusters, and what differs, both ways.

As in tests/scenarios; but roles, tablespaces and settings belong to all databases of a server, so
these have two servers to themselves. A script is run statement by statement. The databases are
named differently on both sides.
"""

from __future__ import annotations

import asyncio
import json
import os
import re
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import asyncpg
import pytest

from pgdrift.core.alike.normalise import Options, normalise
from pgdrift.core.book import Book
from pgdrift.core.compare import compare
from pgdrift.core.kinds import KINDS
from pgdrift.core.model import Snapshot
from pgdrift.sources.catalog import snapshot
from pgdrift.sources.connection import Connection, connection
from pgdrift.sources.embedded import EmbeddedServer
from pgdrift.sources.reading import Source
from tests.scenario import CLUSTER, fits
from tests.test_scenarios import KEY, _changes, _ordered, _turned

pytestmark = pytest.mark.db

_SETTINGS = {"fsync": "off", "full_page_writes": "off", "autovacuum_naptime": "1d"}
_MARK = "-- From here on somebody is in it.\n"

# The server writes what takes away all that scripts here make.
_CLEAR = """
    SELECT 'ALTER ROLE ALL RESET ALL' UNION ALL SELECT 'ALTER SYSTEM RESET ALL'
    UNION ALL SELECT format('ALTER DATABASE %I IS_TEMPLATE false', datname)
        FROM pg_database WHERE datname IN ('here', 'there')
    UNION ALL SELECT format('DROP DATABASE %I WITH (FORCE)', datname)
        FROM pg_database WHERE datname IN ('here', 'there')
    UNION ALL SELECT format('DROP TABLESPACE %I', spcname) FROM pg_tablespace WHERE oid >= 16384
    UNION ALL SELECT format('DROP OWNED BY %I', rolname) FROM pg_roles WHERE oid >= 16384
    UNION ALL SELECT 'DROP ROLE ' || string_agg(quote_ident(rolname), ', ')
        FROM pg_roles WHERE oid >= 16384 HAVING count(*) > 0
"""


@asynccontextmanager
async def administration(server: EmbeddedServer) -> AsyncIterator[asyncpg.Connection]:
    session = await asyncpg.connect(server.dsn())
    try:
        yield session
    finally:
        await session.close()


async def run(server: EmbeddedServer, script: str) -> None:
    """Run each statement of a script on its own: some refuse to be run with others."""
    async with administration(server) as session:
        before = await session.fetchval("SELECT clock_timestamp()")
        for statement in filter(None, script.strip().split(";\n")):
            await session.execute(statement)
    if "pg_reload_conf" in script:
        await _loaded_since(server, before)


async def _loaded_since(server: EmbeddedServer, before: object) -> None:
    """Return when whoever connects has the settings that were loaded."""
    async with asyncio.timeout(120):
        while True:
            async with administration(server) as session:
                if await session.fetchval("SELECT pg_conf_load_time() > $1", before):
                    return
            await asyncio.sleep(0.05)


async def clear(server: EmbeddedServer) -> None:
    async with administration(server) as session:
        for row in await session.fetch(_CLEAR):
            await session.execute(row[0])
    await run(server, "SELECT pg_reload_conf()")


@dataclass(frozen=True)
class Side:
    """A server of its own, and the name of the one database on it that is looked at."""

    server: EmbeddedServer
    database: str

    @asynccontextmanager
    async def look(self, script: Path) -> AsyncIterator[tuple[Snapshot, Snapshot]]:
        """Give what the superuser sees after a script, and what a role that may only connect."""
        text = script.read_text(encoding="utf-8")
        options = re.search(r"^--.*database: (.*)", text)
        statements, _, inside = re.sub(r"^-- (since|database).*\n", "", text).partition(_MARK)
        try:
            await run(self.server, "CREATE ROLE plain LOGIN PASSWORD 'plain'")
            await self._create(options[1] if options else "")
            await run(self.server, statements)
            async with (
                connection(self.server.dsn(self.database)) as session,
                connection(self.server.dsn(self.database, "plain", "plain")) as plain,
            ):
                await run(self.server, inside)
                yield await _read(session), await _read(plain)
        finally:
            await clear(self.server)

    async def _create(self, options: str) -> None:
        try:
            await run(self.server, f"CREATE DATABASE {self.database} TEMPLATE template0 {options}")
        except asyncpg.FeatureNotSupportedError as error:
            pytest.skip(str(error))  # not every build has ICU


async def _read(session: Connection) -> Snapshot:
    return normalise(await snapshot(session, cluster=True, key=KEY), Options())


@pytest.fixture(scope="module")
def sides() -> Iterator[tuple[Side, Side]]:
    """Two servers, for this module alone."""
    given = os.environ.get("PGDRIFT_TEST_PG_BIN")
    binaries = Path(given) if given else None
    with (
        EmbeddedServer.start(_SETTINGS, binaries=binaries) as one,
        EmbeddedServer.start(_SETTINGS, binaries=binaries) as other,
    ):
        yield Side(one, "here"), Side(other, "there")


@pytest.mark.parametrize("folder", CLUSTER, ids=lambda p: p.name)
async def test_what_differs_is_what_drift_json_says_both_ways(
    folder: Path, sides: tuple[Side, Side]
) -> None:
    one, other = sides
    if not fits(folder, one.server.major):
        pytest.skip(f"{folder.name} is not for servers of {one.server.major}")
    expected = json.loads((folder / "drift.json").read_text(encoding="utf-8"))
    async with AsyncExitStack() as stack:
        before, to_plain = await stack.enter_async_context(one.look(folder / "a.sql"))
        async with other.look(folder / "a.sql") as (again, _):
            assert _changes(before, again) == []
        after, after_to_plain = await stack.enter_async_context(other.look(folder / "b.sql"))

    for seen, by_plain in ((before, to_plain), (after, after_to_plain)):
        assert not by_plain.unread
        assert seen.root == by_plain.root
        assert "hunter" not in repr(dict(seen.objects))
    assert _ordered(expected) == _changes(before, after)
    assert _ordered([_turned(e) for e in expected]) == _changes(after, before)


def test_every_kind_of_the_cluster_has_a_folder() -> None:
    drifts = [json.loads((p / "drift.json").read_text(encoding="utf-8")) for p in CLUSTER]
    assert {k.name for k in KINDS if k.cluster} <= {e["kind"] for drift in drifts for e in drift}


async def test_what_belongs_to_the_cluster_is_read_only_where_it_is_asked_for(
    sides: tuple[Side, Side],
) -> None:
    of_cluster = {k.name for k in KINDS if k.cluster}
    async with connection(sides[0].server.dsn()) as session:
        without, with_it = await snapshot(session), await snapshot(session, cluster=True)
    assert not without.kinds & of_cluster
    assert {i.kind for i in with_it.objects} >= {"role", "server_setting", "tablespace"}
    assert compare(without, with_it).changes == ()


@pytest.mark.parametrize(
    ("statement", "key"),
    [
        ("CREATE ROLE made", "role:made"),
        ("ALTER ROLE ALL SET work_mem = '9MB'", 'role_setting:"ALL".work_mem'),
        ("COMMENT ON TABLESPACE pg_global IS 'shared'", "tablespace:pg_global"),
        (
            "ALTER SYSTEM SET autovacuum = off;\nSELECT pg_reload_conf()",
            "server_setting:autovacuum",
        ),
    ],
)
async def test_a_source_that_watches_sees_the_cluster_change(
    sides: tuple[Side, Side], statement: str, key: str
) -> None:
    server = sides[0].server
    source = Source(server.dsn, cluster=True)
    try:
        first = await source.read(Book(""))
        book = Book("", gate=first.gate, snapshot=first.snapshot)
        assert (await source.read(book)).snapshot is first.snapshot
        await run(server, statement)
        (change,) = compare(first.snapshot, (await source.read(book)).snapshot).changes
        assert str(change.id) == key
    finally:
        await source.close()
        await run(server, "COMMENT ON TABLESPACE pg_global IS NULL")
        await clear(server)
