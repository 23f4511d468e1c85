"""Many databases of one server: turns at its connections, and one probe for all of them."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace

import asyncpg
import pytest

from pgdrift.core.book import Book
from pgdrift.core.found import Database
from pgdrift.core.shares import Budget, Share
from pgdrift.errors import SourceError
from pgdrift.sources.connection import connection, translated
from pgdrift.sources.databases import USUAL, databases, dsn_of
from pgdrift.sources.embedded import EmbeddedServer
from pgdrift.sources.guest import Guest
from pgdrift.sources.reading import Source
from pgdrift.sources.servers import Server, Servers
from tests.conftest import Execute, MakeDatabase, MakeRole

pytestmark = pytest.mark.db


@asynccontextmanager
async def guest(dsn: str, probe_dsn: str) -> AsyncIterator[tuple[Guest, Book]]:
    """Give a database that was read, and the book of it; every question asks the probe anew."""
    server = Server("here", lambda: probe_dsn, Share(2, probe=True))
    made = Guest(Source(lambda: dsn), server, within=0.0)
    try:
        async with made.turn(60):
            found = await made.read(Book("guest"))
        yield made, Book("guest", snapshot=found.snapshot, gate=found.gate)
    finally:
        await made.close()
        await server.close()


async def test_nothing_is_asked_of_a_database_while_nothing_is_committed(
    database: str, make_database: MakeDatabase, execute: Execute
) -> None:
    other = await make_database()
    async with guest(database, other) as (made, book):
        assert made.source.closed
        found = await made.unmoved(book)
        assert found is not None
        assert found[1].snapshot is book.snapshot
        assert made.source.closed
        await execute(other, "create table elsewhere (id int)")
        assert await made.unmoved(book) is None


async def test_a_transaction_that_ran_while_it_was_read_is_seen_when_it_commits(
    database: str, make_database: MakeDatabase
) -> None:
    writer = await asyncpg.connect(database)
    try:
        transaction = writer.transaction()
        await transaction.start()
        await writer.execute("create table late (id int)")
        async with guest(database, await make_database()) as (made, book):
            assert await made.unmoved(book) is not None
            await transaction.commit()
            assert await made.unmoved(book) is None
    finally:
        await writer.close()


async def test_what_another_server_says_stands_for_nothing(
    server: EmbeddedServer, database: str
) -> None:
    with EmbeddedServer.start({"fsync": "off"}, binaries=server.bin) as other:
        async with guest(database, other.dsn()) as (made, book):
            assert await made.unmoved(book) is None


async def test_another_book_or_connection_url_is_read(database: str) -> None:
    async with guest(database, database) as (made, book):
        assert await made.unmoved(replace(book, gate="another")) is None
        made.source.dsn = lambda: f"{database}?application_name=rotated"
        assert await made.unmoved(book) is None


async def test_the_database_itself_is_asked_every_so_often(database: str) -> None:
    async with guest(database, database) as (made, book):
        answers = [await made.unmoved(book) for _ in range(31)]
    assert answers.index(None) == 30


async def test_turns_come_in_order_and_never_more_than_there_are() -> None:
    server = Server("here", lambda: "", Share(2))
    inside, most, order = 0, 0, []

    async def look(number: int) -> None:
        nonlocal inside, most
        async with server.turn(60):
            inside += 1
            most = max(most, inside)
            order.append(number)
            await asyncio.sleep(0)
            inside -= 1

    await asyncio.gather(*map(look, range(20)))
    assert most == 2
    assert order == list(range(20))


async def test_who_waits_for_a_server_that_answers_nobody_gives_up() -> None:
    server = Server("here", lambda: "", Share(1))
    with pytest.raises(SourceError, match="answered no look"):
        async with server.turn(0.05), server.turn(0.05):
            pass
    async with server.turn(0.05):
        pass


async def test_what_is_locked_in_one_database_makes_nobody_give_up_on_another(
    database: str, execute: Execute
) -> None:
    await execute(database, "create table held (id int)")
    server = Server("here", lambda: "", Share(1))
    writer = await asyncpg.connect(database)
    try:
        await writer.execute("begin; lock table held")
        async with connection(database, lock_timeout=1.0) as session:

            async def locked() -> None:
                async with server.turn(4.0):
                    with translated("here"):
                        await session.execute("select from public.held")

            looks = [asyncio.create_task(locked()) for _ in range(6)]
            await asyncio.sleep(0)
            async with server.turn(4.0):
                pass
            ends = await asyncio.gather(*looks, return_exceptions=True)
    finally:
        await writer.close()
    assert {e.reason for e in ends if isinstance(e, SourceError)} == {"timeout"}
    assert all("lock_timeout" in str(e) for e in ends)


async def test_who_is_cancelled_while_waiting_takes_no_turn_along() -> None:
    server = Server("here", lambda: "", Share(1))
    async with server.turn(60):
        waiting = [asyncio.create_task(_turn(server)) for _ in range(3)]
        await asyncio.sleep(0)
        waiting[0].cancel()
    async with asyncio.timeout(60):
        await asyncio.gather(*waiting[1:])
        await _turn(server)


async def _turn(server: Server) -> None:
    async with server.turn(60):
        pass


async def test_servers_are_told_apart_by_host_and_port() -> None:
    servers = Servers(Budget(4, 10))
    dsns = ["postgresql://u@a/x", "postgresql://v@a:5432/y", "host=b dbname=z", "postgresql://%"]
    servers.wanted({d: (lambda d=d: d, False) for d in dsns})  # type: ignore[misc]
    found = [servers.of(lambda d=d: d).where for d in dsns]  # type: ignore[misc]
    assert found[:3] == ["a:5432", "a:5432", "b:5432"]
    assert servers.of(lambda: dsns[0]).share.probe
    assert not servers.of(lambda: dsns[2]).share.probe


async def test_hostile_names_are_found_and_stay_within_the_url(
    make_database: MakeDatabase, make_role: MakeRole, database: str
) -> None:
    names = ["fleet a/b?host=evil", "fleet {name}@x:1", "fleet'--", "fleet %41 \U0001f418"]
    for name in names:
        await make_database(name)
    role = await make_role(database)
    found = await databases(role, USUAL, 1000)
    assert set(names) <= {d.database for d in found}
    assert "postgres" not in {d.database for d in found}
    template = role.rpartition("/")[0] + "/{database}"
    for url in (dsn_of(Database(n, n), role, t) for n in names for t in ("", template)):
        session = await asyncpg.connect(url)
        assert await session.fetchval("select current_database()") in names
        await session.close()


async def test_a_query_that_names_no_database_says_so(database: str) -> None:
    with pytest.raises(SourceError, match="without `database`; its columns: id"):
        await databases(database, "select 1 as id", 10)
