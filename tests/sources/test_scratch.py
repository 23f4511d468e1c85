"""The scratch server: databases that are fresh, and that nothing is left of."""

from __future__ import annotations

import asyncio
import secrets
import time
from collections.abc import AsyncIterator
from pathlib import Path
from urllib.parse import urlsplit

import asyncpg
import pytest

from pgdrift.errors import WITH_DEMO, ConfigError, SourceError
from pgdrift.sources.dsn import at_database
from pgdrift.sources.embedded import BIN_VARIABLE, EmbeddedServer
from pgdrift.sources.scratch import Scratch
from tests.conftest import Execute, MakeDatabase, MakeRole

pytestmark = pytest.mark.db


@pytest.fixture
async def named(database: str, make_role: MakeRole) -> AsyncIterator[Scratch]:
    """A scratch server by its DSN, as a role that may make databases and no more."""
    dsn = await make_role(database, options="createdb")
    async with Scratch(lambda: dsn) as scratch:
        yield scratch


async def databases(server: EmbeddedServer) -> set[str]:
    connection = await asyncpg.connect(server.dsn())
    try:
        rows = await connection.fetch("select datname::text from pg_database")
    finally:
        await connection.close()
    return {row[0] for row in rows}


async def test_a_database_is_empty_and_goes_again(named: Scratch, server: EmbeddedServer) -> None:
    before = await databases(server)
    async with named.database() as one, named.database() as other:
        assert len({one, other}) == 2
        made = await databases(server) - before
        assert {urlsplit(d).path.lstrip("/") for d in (one, other)} == made
        connection = await asyncpg.connect(one)
        await connection.execute("create table public.t (a int)")
        # Whoever is still there does not hold it up.
        assert await databases(server) - before == made
    assert await databases(server) == before
    connection.terminate()


async def test_it_goes_too_when_the_work_in_it_fails_or_is_cancelled(
    named: Scratch, server: EmbeddedServer
) -> None:
    before = await databases(server)

    async def work(began: asyncio.Event) -> None:
        async with named.database():
            began.set()
            await asyncio.Event().wait()

    began = asyncio.Event()
    task = asyncio.create_task(work(began))
    await began.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert await databases(server) == before


async def test_a_subscription_does_not_hold_it(server: EmbeddedServer) -> None:
    before = await databases(server)
    async with Scratch(server.dsn) as scratch, scratch.connection() as session:
        await session.execute(
            "create subscription \"it's\" connection 'host=127.0.0.1 port=1' publication p"
            " with (connect = false)"
        )
    assert await databases(server) == before


async def test_a_connection_may_write_and_prints_as_a_watching_one_does(named: Scratch) -> None:
    async with named.connection() as session:
        transaction = session.transaction()
        await transaction.start()
        await session.execute("create table public.t (a int)")
        assert await session.fetchval("select 'public.t'::regclass::text") == "public.t"
        assert await session.fetchval("show search_path") == ""
        await transaction.rollback()
        assert await session.fetchval("select to_regclass('public.t')") is None


async def test_what_another_day_left_behind_is_dropped_and_nothing_else(
    server: EmbeddedServer, make_database: MakeDatabase, make_role: MakeRole, execute: Execute
) -> None:
    dsn = await make_role(await make_database(), options="createdb")
    role = urlsplit(dsn).username
    old, new = int(time.time()) - 2 * 86400, int(time.time())
    ours = f"pgdrift_scratch_{old:08x}_{secrets.token_hex(4)}"
    kept = [
        f"pgdrift_scratch_{new:08x}_{secrets.token_hex(4)}",
        f"pgdrift_scratch_{old:08x}_{secrets.token_hex(4)}_mine",
        f"x_pgdrift_scratch_{old:08x}_{secrets.token_hex(4)}",
    ]
    foreign = f"pgdrift_scratch_{old:08x}_{secrets.token_hex(4)}"
    for name in (ours, *kept):
        await make_database(name, options=f'owner "{role}"')
    await make_database(foreign)
    async with Scratch(lambda: dsn) as scratch, scratch.database():
        found = await databases(server)
    for name in kept:  # or the role could not be dropped before its databases
        await execute(server.dsn(), f"alter database {name} owner to postgres")
    assert ours not in found
    assert {*kept, foreign} <= found


async def test_a_role_that_may_make_no_database_is_told_so(
    database: str, make_role: MakeRole
) -> None:
    dsn = await make_role(database)
    async with Scratch(lambda: dsn) as scratch:
        with pytest.raises(SourceError, match="refuses its role a database") as caught:
            async with scratch.database():
                pass
    assert caught.value.reason == "permission"
    assert "CREATEDB" in caught.value.hint
    assert (urlsplit(dsn).password or "?") not in str(caught.value)


async def test_a_server_of_our_own_starts_once_when_it_is_asked_for_and_stops() -> None:
    scratch = Scratch()
    assert not scratch._server
    async with scratch:
        async with scratch.database() as one, scratch.database() as other:
            assert urlsplit(one).port == urlsplit(other).port
        assert scratch._server is not None
        root = scratch._server.root
        assert root.exists()
    assert not root.exists()
    with pytest.raises(OSError, match=r".*"):
        await asyncpg.connect(one)


@pytest.mark.parametrize("embedded", [True, False])
async def test_without_any_server_the_way_to_one_is_told(
    *, embedded: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(BIN_VARIABLE, str(tmp_path))
    scratch = Scratch(embedded=embedded)
    assert scratch.missing()
    with pytest.raises(ConfigError, match="there is no scratch server") as caught:
        async with scratch.database():
            pass
    assert "scratch.dsn" in caught.value.hint
    assert WITH_DEMO in caught.value.hint
    assert Scratch(lambda: "postgresql://h/d", embedded=False).missing() == ""


def test_a_connection_url_leads_to_another_database_of_its_server() -> None:
    assert (
        at_database("postgresql://u:p%40@h:1/a?sslmode=require&dbname=b", 'x"y/z')
        == "postgresql://u:p%40@h:1/x%22y%2Fz?sslmode=require"
    )
    assert at_database("host=/run/pg dbname=a user=u", "b").startswith("postgresql:///b?host=")
