"""Wake-ups over a real connection that is really lost."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator

import asyncpg
import pytest

from pgdrift.sources import notifications
from pgdrift.sources.embedded import EmbeddedServer
from pgdrift.sources.notifications import wakeups

pytestmark = pytest.mark.db

CHANNEL = 'Schema "moved"; 🐘'
LISTENERS = """
select pid from pg_stat_activity
where datname = current_database() and pid <> pg_backend_pid() and query like 'LISTEN%'
"""


class Waker:
    """Counts wake-ups, and lets one wait for the next."""

    def __init__(self) -> None:
        self.woken = asyncio.Event()

    def __call__(self) -> None:
        self.woken.set()

    async def next(self) -> None:
        async with asyncio.timeout(20):
            await self.woken.wait()
        self.woken.clear()


@pytest.fixture
def waker() -> Waker:
    return Waker()


@pytest.fixture
async def admin(database: str) -> AsyncIterator[asyncpg.Connection]:
    opened = await asyncpg.connect(database)
    yield opened
    await opened.close()


@pytest.fixture
async def listening(database: str, waker: Waker) -> AsyncIterator[asyncio.Task[None]]:
    task = asyncio.create_task(wakeups(lambda: database, CHANNEL, waker))
    await waker.next()
    yield task
    task.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await task


async def test_a_notification_wakes(
    admin: asyncpg.Connection, waker: Waker, listening: asyncio.Task[None]
) -> None:
    for _ in range(3):
        await admin.fetchval("select pg_notify($1, 'x')", CHANNEL)
        await waker.next()


async def test_what_is_rolled_back_or_for_others_does_not_wake(
    admin: asyncpg.Connection, waker: Waker, listening: asyncio.Task[None]
) -> None:
    transaction = admin.transaction()
    await transaction.start()
    await admin.fetchval("select pg_notify($1, 'x')", CHANNEL)
    await transaction.rollback()
    await admin.fetchval("select pg_notify('another', 'x')")
    # Notifications come in order: had the others been heard, this would be the second.
    await admin.fetchval("select pg_notify($1, 'x')", CHANNEL)
    await waker.next()
    assert not waker.woken.is_set()


async def test_a_lost_connection_is_made_again_and_wakes(
    admin: asyncpg.Connection, waker: Waker, listening: asyncio.Task[None]
) -> None:
    for _ in range(2):
        (row,) = await admin.fetch(LISTENERS)
        await admin.fetchval("select pg_terminate_backend($1)", row["pid"])
        await waker.next()
    await admin.fetchval("select pg_notify($1, 'x')", CHANNEL)
    await waker.next()
    assert not listening.done()


async def test_a_silent_end_is_found_by_asking(
    database: str, admin: asyncpg.Connection, waker: Waker, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(notifications, "_HEARTBEAT_SECONDS", 0.01)
    task = asyncio.create_task(wakeups(lambda: database, CHANNEL, waker))
    await waker.next()
    async with asyncio.timeout(20):
        while not await admin.fetchval(
            "select count(*) from pg_stat_activity"
            " where datname = current_database() and query = 'SELECT 1'"
        ):
            assert not task.done()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task


async def test_a_server_that_is_not_there_is_tried_for_ever(
    server: EmbeddedServer, waker: Waker, make_database: object
) -> None:
    """The database comes into being only while it is asked for."""
    admin = await asyncpg.connect(server.dsn())
    await admin.execute("drop database if exists comes_later")
    task = asyncio.create_task(wakeups(lambda: server.dsn("comes_later"), CHANNEL, waker))
    try:
        async with asyncio.timeout(20):
            await admin.execute("create database comes_later template template0")
            await waker.next()
        assert not task.done()
    finally:
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task
        await admin.execute("drop database comes_later with (force)")
        await admin.close()


async def test_cancelling_ends_it_and_its_session(
    admin: asyncpg.Connection, listening: asyncio.Task[None]
) -> None:
    assert len(await admin.fetch(LISTENERS)) == 1
    listening.cancel()
    with pytest.raises(asyncio.CancelledError):
        await listening
    async with asyncio.timeout(20):
        while await admin.fetch(LISTENERS):
            pass


async def test_a_dsn_that_is_wrong_for_now_is_asked_again(database: str, waker: Waker) -> None:
    dsns = iter(["postgresql://h/d?sslmode=nonsense", database])
    task = asyncio.create_task(wakeups(lambda: next(dsns), CHANNEL, waker))
    await waker.next()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
