"""A real streaming standby is watched as its primary is; who takes over is read from the start."""

from __future__ import annotations

import asyncio
import secrets
import shutil
from collections.abc import AsyncIterator
from typing import Any

import asyncpg
import pytest

from pgdrift.core.book import Book
from pgdrift.core.model import Reading
from pgdrift.sources.embedded import EmbeddedServer
from pgdrift.sources.reading import Source, read_once
from tests.conftest import Execute
from tests.daemon.house import PATIENCE, free_port
from tests.daemon.restartable import Restartable
from tests.properties.ddl import SCENE
from tests.properties.same import KEY, assert_same, left_by

pytestmark = [pytest.mark.db, pytest.mark.timeout(600)]


@pytest.fixture
async def primary(server: EmbeddedServer) -> AsyncIterator[Restartable]:
    made = await asyncio.to_thread(Restartable.make, server)
    yield made
    await asyncio.to_thread(made.remove)


@pytest.fixture
async def standby(
    server: EmbeddedServer, primary: Restartable, execute: Execute
) -> AsyncIterator[Restartable]:
    """A copy of the primary at rest that follows it from then on."""
    await execute(primary.dsn, SCENE)
    folder = server.folder(f"standby-{secrets.token_hex(4)}")
    made = Restartable(primary.programs, folder, free_port(), primary.password)
    await asyncio.to_thread(_copy, primary, made)
    yield made
    await asyncio.to_thread(made.remove)


def _copy(primary: Restartable, made: Restartable) -> None:
    primary.stop()
    shutil.copytree(primary.folder / "data", made.folder / "data")
    shutil.chown(made.folder / "data", made.folder.stat().st_uid, made.folder.stat().st_gid)
    for path in (made.folder / "data").rglob("*"):
        shutil.chown(path, made.folder.stat().st_uid, made.folder.stat().st_gid)
    (made.folder / "data" / "standby.signal").touch()
    with (made.folder / "data" / "postgresql.auto.conf").open("a", encoding="utf-8") as settings:
        settings.write(f"primary_conninfo = '{primary.dsn}'\n")
    primary.start()
    made.start()


async def _ask(dsn: str, sql: str) -> Any:
    connection = await asyncpg.connect(dsn)
    try:
        return await connection.fetchval(sql)
    finally:
        await connection.close()


async def _caught_up(primary: Restartable, standby: Restartable) -> None:
    there = await _ask(primary.dsn, "SELECT pg_current_wal_lsn()::text")
    async with asyncio.timeout(PATIENCE):
        while not await _ask(standby.dsn, f"SELECT pg_last_wal_replay_lsn() >= '{there}'"):
            await asyncio.sleep(0.05)


async def _look(source: Source, before: Reading) -> Reading:
    book = left_by(before)
    return await source.read(book)


async def test_a_standby_shows_what_its_primary_does_and_is_read_whole_once_it_is_none(
    primary: Restartable, standby: Restartable, execute: Execute
) -> None:
    dsn = standby.dsn
    source = Source(lambda: dsn)
    found, depths = await source.read(Book("", key=KEY)), []
    for sql in (
        "ALTER TABLE public.t RENAME COLUMN a TO b",
        "INSERT INTO public.t VALUES (1)",
        "DROP VIEW public.v CASCADE",
        "CREATE TABLE s.new (id int PRIMARY KEY)",
    ):
        await execute(primary.dsn, sql)
        await _caught_up(primary, standby)
        found = await _look(source, found)
        depths.append(found.depth)
        assert_same(found, await read_once(standby.dsn, key=KEY))
        assert found.snapshot.root == (await read_once(primary.dsn, key=KEY)).snapshot.root
    assert depths == ["incremental", "gate", "incremental", "incremental"]

    # Promoted, with nothing but that; the session lives on.
    await execute(dsn, "SELECT pg_promote()")
    found = await _look(source, found)
    assert found.depth == "full"
    await execute(dsn, "DROP TABLE s.new")
    found = await _look(source, found)
    assert found.depth == "incremental"
    assert_same(found, await read_once(dsn, key=KEY))

    # The name leads to the other server: what that one has is no change of this one's.
    dsn = primary.dsn
    found = await _look(source, found)
    assert found.depth == "full"
    assert_same(found, await read_once(dsn, key=KEY))
    await source.close()
