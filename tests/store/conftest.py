"""Fixtures of the store's tests: real stores of both kinds, a new one for each test.

A test that asks for `path` is about a file; a module's KINDS says for which kinds all of it is.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from pgdrift.sources.embedded import EmbeddedServer
from pgdrift.store import Store, open_store
from pgdrift.store.tables import metadata
from tests.conftest import drop_database, run_sql

KINDS = ("sqlite", "postgresql")
_NAME = "store_of_the_tests"
# All but what an empty store has as well.
_EMPTIED = [f'"{t}"' for t in metadata.tables if t not in {"seal", "opened_by"}]


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    if "kind" in metafunc.fixturenames:
        of_a_file = "path" in metafunc.fixturenames
        kinds = ("sqlite",) if of_a_file else getattr(metafunc.module, "KINDS", KINDS)
        metafunc.parametrize("kind", kinds)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "pgdrift.db"


@pytest.fixture(scope="session")
def served(server: EmbeddedServer) -> Iterator[str]:
    """The URL of a store on a server, made once: its tables are emptied for each test."""

    async def make() -> None:
        await run_sql(server.dsn(), f"create database {_NAME} template template0")
        async with open_store(server.dsn(_NAME)):
            pass

    asyncio.run(make())
    yield server.dsn(_NAME)
    asyncio.run(drop_database(server.dsn(), _NAME))


@pytest.fixture
async def url(kind: str, tmp_path: Path, served: str) -> str:
    if kind == "sqlite":
        return f"sqlite:///{tmp_path}/pgdrift.db"
    await run_sql(served, f"truncate {', '.join(_EMPTIED)} restart identity")
    return served


@pytest.fixture
async def store(url: str) -> AsyncIterator[Store]:
    async with open_store(url) as opened:
        yield opened
