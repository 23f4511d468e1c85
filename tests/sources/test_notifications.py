"""Wake-ups over a real connection that is really lost, or that never carries any."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable, MutableMapping
from typing import Any
from urllib.parse import urlsplit

import asyncpg
import pytest
from structlog.testing import capture_logs

from pgdrift.sources.connection import connection
from pgdrift.sources.embedded import EmbeddedServer
from pgdrift.sources.notifications import NOTES, SETTINGS, Ear, Listener, Pace
from tests.conftest import Execute, MakeDatabase, MakeRole
from tests.daemon.house import through, until
from tests.daemon.proxy import Proxy
from tests.daemon.restartable import Restartable
from tests.sources.bouncer import PROGRAM, bouncer

pytestmark = pytest.mark.db

CHANNEL = 'Schema "moved"; 🐘'
LISTENERS = """
select pid, query from pg_stat_activity
where datname = current_database() and application_name = 'pgdrift listen'
"""
NOTIFY = "select pg_notify($1, $2)"
# Nothing here is worth waiting for: what is tried again is tried again at once.
BRISK = Pace(again=0.01, most_again=0.05, useless=0.05)

Listen = Callable[..., Awaitable["Listening"]]


class Listening:
    """A listener that runs, and the payloads that it heard; an empty one says that it listens."""

    def __init__(self, dsn: Callable[[], str], pace: Pace) -> None:
        self.heard: asyncio.Queue[str] = asyncio.Queue()
        self.ear = Listener(dsn, self.heard.put_nowait, CHANNEL, pace)
        self.ear.allow(seen=True)
        self.task = asyncio.create_task(self.ear.run())

    async def next(self) -> str:
        async with asyncio.timeout(120):
            return await self.heard.get()

    def all(self) -> list[str]:
        """Return all that was heard until now."""
        return [self.heard.get_nowait() for _ in range(self.heard.qsize())]

    async def turned(self, ear: Ear) -> None:
        """Return once it stands so, which it may do for a moment only."""
        async with asyncio.timeout(120):
            while self.ear.state is not ear:
                assert not self.task.done()
                await asyncio.sleep(0)

    async def end(self) -> None:
        self.task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await self.task


@pytest.fixture
async def listen() -> AsyncIterator[Listen]:
    """`await listen(dsn)` listens, and returns once it does; `up=False` returns at once."""
    made: list[Listening] = []

    async def start(
        dsn: str | Callable[[], str], *, pace: Pace = BRISK, up: bool = True
    ) -> Listening:
        made.append(Listening(dsn if callable(dsn) else lambda: dsn, pace))
        if up:
            assert await made[-1].next() == ""
        return made[-1]

    yield start
    for listening in made:
        await listening.end()


@pytest.fixture
async def admin(database: str) -> AsyncIterator[asyncpg.Connection]:
    opened = await asyncpg.connect(database)
    yield opened
    await opened.close()


async def test_a_notification_is_heard_by_a_role_that_may_only_connect(
    admin: asyncpg.Connection, database: str, make_role: MakeRole, listen: Listen
) -> None:
    listening = await listen(await make_role(database))
    for number in "123":
        await admin.execute(NOTIFY, CHANNEL, number)
        assert await listening.next() == number
    assert listening.ear.state is Ear.UP
    assert listening.ear.notes == ()


async def test_what_is_rolled_back_or_for_others_is_not_heard(
    admin: asyncpg.Connection, database: str, listen: Listen
) -> None:
    listening = await listen(database)
    transaction = admin.transaction()
    await transaction.start()
    await admin.execute(NOTIFY, CHANNEL, "rolled back")
    await transaction.rollback()
    await admin.execute(NOTIFY, "another", "for others")
    # Notifications come in order: had the others been heard, they would be first.
    await admin.execute(NOTIFY, CHANNEL, "last")
    assert await listening.next() == "last"


async def test_its_session_holds_nothing_can_only_read_and_ends_when_nobody_answers(
    admin: asyncpg.Connection, database: str, listen: Listen
) -> None:
    await listen(database)
    (row,) = await admin.fetch(LISTENERS)
    assert row["query"].startswith("LISTEN")
    held = await admin.fetchval("select count(*) from pg_locks where pid = $1", row["pid"])
    assert held == 0
    async with connection(database, more=SETTINGS) as session:
        shown = {
            name: await session.fetchval(f"show {name}")
            for name in ("default_transaction_read_only", "tcp_keepalives_idle", "tcp_user_timeout")
        }
    assert shown == {
        "default_transaction_read_only": "on",
        "tcp_keepalives_idle": "30",
        "tcp_user_timeout": "60000",
    }


async def test_a_lost_connection_is_made_again_and_wakes(
    admin: asyncpg.Connection, database: str, listen: Listen
) -> None:
    listening = await listen(database)
    for _ in range(2):
        (row,) = await admin.fetch(LISTENERS)
        await admin.fetchval("select pg_terminate_backend($1)", row["pid"])
        assert await listening.next() == ""
    await admin.execute(NOTIFY, CHANNEL, "x")
    assert await listening.next() == "x"


async def test_a_silent_end_is_found_by_asking_and_a_new_connection_wakes(
    admin: asyncpg.Connection, database: str, proxy: Proxy, listen: Listen
) -> None:
    port = await proxy.start(urlsplit(database).port or 0)
    pace = Pace(ping=0.05, patience=1.0, again=0.01, most_again=0.05)
    listening = await listen(through(database, port), pace=pace)
    await proxy.turn("silent")
    await admin.execute(NOTIFY, CHANNEL, "lost")
    await listening.turned(Ear.LOST)
    assert "lost" not in listening.all()
    await proxy.turn("open")
    assert await listening.next() == ""
    await listening.turned(Ear.UP)
    await admin.execute(NOTIFY, CHANNEL, "heard")
    # A machine may be so slow that an answer is taken for lost, and it begins once more.
    while (said := await listening.next()) != "heard":
        assert said == ""


async def test_a_connection_that_answers_is_kept(
    admin: asyncpg.Connection, database: str, listen: Listen
) -> None:
    listening = await listen(database, pace=Pace(ping=0.01))
    (row,) = await admin.fetch(LISTENERS)

    async def asked() -> bool:
        (now,) = await admin.fetch(LISTENERS)
        assert now["pid"] == row["pid"]
        return "pg_listening_channels" in now["query"]

    await until(asked, "it never asked")
    assert listening.heard.empty()


async def test_it_listens_only_while_looks_succeed(
    admin: asyncpg.Connection, database: str, listen: Listen
) -> None:
    listening = await listen(database)
    listening.ear.allow(seen=False)
    await listening.turned(Ear.GAVE_WAY)

    async def gone() -> bool:
        return not await admin.fetch(LISTENERS)

    await until(gone, "it kept its connection")
    assert listening.heard.empty()
    listening.ear.allow(seen=True)
    assert await listening.next() == ""


async def test_a_role_with_one_connection_leaves_it_to_the_looks(
    database: str, make_role: MakeRole, listen: Listen
) -> None:
    role = await make_role(database, options="connection limit 1")
    look = await asyncpg.connect(role)
    listening = await listen(role, up=False)
    await listening.turned(Ear.LOST)
    await look.close()
    assert await listening.next() == ""


async def test_a_server_that_is_not_there_is_tried_for_ever(
    server: EmbeddedServer, execute: Execute, listen: Listen
) -> None:
    """The database comes into being only while it is asked for."""
    await execute(server.dsn(), "drop database if exists comes_later")
    listening = await listen(server.dsn("comes_later"), up=False)
    try:
        await listening.turned(Ear.LOST)
        await execute(server.dsn(), "create database comes_later template template0")
        assert await listening.next() == ""
    finally:
        await listening.end()
        await execute(server.dsn(), "drop database comes_later with (force)")


async def test_a_password_that_was_rotated_is_read_anew(
    admin: asyncpg.Connection, database: str, make_role: MakeRole, listen: Listen
) -> None:
    dsns = [await make_role(database)]
    listening = await listen(lambda: dsns[-1])
    dsns.append("postgresql://h/d?sslmode=nonsense")
    name = urlsplit(dsns[0]).username
    await admin.execute(f"alter role {name} password 'rotated'")
    (row,) = await admin.fetch(LISTENERS)
    await admin.fetchval("select pg_terminate_backend($1)", row["pid"])
    await listening.turned(Ear.LOST)
    dsns.append(dsns[0].replace(f":{urlsplit(dsns[0]).password}@", ":rotated@"))
    assert await listening.next() == ""


async def test_a_connection_url_that_leads_elsewhere_is_followed(
    listen: Listen, make_database: MakeDatabase, execute: Execute
) -> None:
    old, new = await make_database(), await make_database()
    dsns = [old]
    listening = await listen(lambda: dsns[0], pace=Pace(ping=0.01, again=0.01, most_again=0.05))
    dsns[0] = new
    assert await listening.next() == ""
    for dsn, payload in ((old, "of the old one"), (new, "of the new one")):
        await execute(dsn, f"select pg_notify('{CHANNEL}', '{payload}')")
    assert await listening.next() == "of the new one"


async def test_cancelling_ends_it_and_its_session(
    admin: asyncpg.Connection, database: str, listen: Listen
) -> None:
    listening = await listen(database)
    listening.task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await listening.task

    async def gone() -> bool:
        return not await admin.fetch(LISTENERS)

    await until(gone, "it kept its connection")


async def test_a_flood_is_left_alone_for_a_while_and_said_once(
    admin: asyncpg.Connection, database: str, listen: Listen
) -> None:
    pace = Pace(again=0.01, most_again=0.01, useless=0.01, most=100)
    listening = await listen(database, pace=pace)
    flood = "select count(pg_notify($1, n::text)) from generate_series(1, $2) n"
    with capture_logs() as logs:
        await admin.execute(flood, CHANNEL, 2000)
        await listening.turned(Ear.FLOODED)
        assert listening.ear.notes == (NOTES[Ear.FLOODED],)
        heard = [await listening.next() for _ in range(101)]
    assert heard == [*map(str, range(1, 101)), ""]
    await admin.execute(NOTIFY, CHANNEL, "after it")
    assert await listening.next() == "after it"
    assert [e["log_level"] for e in logs if e["event"] == "notifications.flooded"] == ["warning"]


@pytest.mark.skipif(PROGRAM is None, reason="PgBouncer is not installed here")
@pytest.mark.parametrize("size", [1, 3])
async def test_behind_a_transaction_pooler_it_says_once_that_it_is_of_no_use(
    database: str, make_role: MakeRole, listen: Listen, size: int
) -> None:
    role = await make_role(database)
    async with bouncer([role], size=size) as (pooled,):
        with capture_logs() as logs:
            listening = await listen(pooled, up=False)
            await listening.turned(Ear.POOLER)
            assert listening.ear.notes == (NOTES[Ear.POOLER],)
            # It tries again, for poolers come and go, and finds the same.
            await until(lambda: len(_said(logs, Ear.POOLER)) > 2, "it was tried once")
        assert listening.ear.state is Ear.POOLER
        assert listening.heard.empty()
    assert _said(logs, Ear.POOLER)[0] == "warning"
    assert set(_said(logs, Ear.POOLER)[1:]) == {"debug"}


def _said(logs: list[MutableMapping[str, Any]], ear: Ear) -> list[str]:
    return [e["log_level"] for e in logs if e["event"] == f"notifications.{ear}"]


@pytest.mark.skipif(PROGRAM is None, reason="PgBouncer is not installed here")
async def test_behind_a_session_pooler_it_listens(
    admin: asyncpg.Connection, database: str, make_role: MakeRole, listen: Listen
) -> None:
    role = await make_role(database)
    async with bouncer([role], mode="session", size=3) as (pooled,):
        listening = await listen(pooled, pace=Pace(ping=0.01))
        await admin.execute(NOTIFY, CHANNEL, "x")
        assert await listening.next() == "x"
        await listening.end()


async def test_a_standby_is_said_once_and_listened_to_when_it_is_promoted(
    server: EmbeddedServer, execute: Execute, listen: Listen
) -> None:
    """A server of its own, for only a whole server stands by: seconds."""
    standby = await asyncio.to_thread(Restartable.make, server)
    try:
        await asyncio.to_thread(standby.stand_by)
        with capture_logs() as logs:
            listening = await listen(standby.dsn, up=False)
            await listening.turned(Ear.STANDBY)
            assert listening.ear.notes == (NOTES[Ear.STANDBY],)
            await until(lambda: len(_said(logs, Ear.STANDBY)) > 1, "it was tried once")
        assert _said(logs, Ear.STANDBY)[0] == "warning"
        assert set(_said(logs, Ear.STANDBY)[1:]) == {"debug"}
        assert listening.heard.empty()
        await execute(standby.dsn, "select pg_promote()")
        assert await listening.next() == ""
        await listening.end()
    finally:
        await asyncio.to_thread(standby.remove)
