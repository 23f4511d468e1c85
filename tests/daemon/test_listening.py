"""The whole daemon, woken by commits; and what it does where that cannot be.

The timer is an hour away where a notification must do, and near where it must not.
"""

from __future__ import annotations

import signal
import time
from typing import Any
from urllib.parse import urlsplit

import asyncpg
import pytest

from pgdrift.reconcile.scripts import NOTIFY
from pgdrift.sources.notifications import CHANNEL
from tests.conftest import Execute, MakeDatabase, MakeRole
from tests.daemon.house import Daemon, House, through, until
from tests.daemon.proxy import Proxy
from tests.sources.bouncer import PROGRAM, bouncer

pytestmark = pytest.mark.db

TABLE = "create table account (id int primary key)"
DRIFT = "alter table account add column hotfix int"
LISTENERS = """
select pid from pg_stat_activity
where datname = current_database() and application_name = 'pgdrift listen'
"""


@pytest.fixture
async def telling(make_database: MakeDatabase) -> str:
    """The superuser's DSN of a database with one table that tells of every DDL statement."""
    return await make_database(sql=TABLE + ";" + NOTIFY.text)


async def listening(daemon: Daemon, up: float | None = 1) -> None:
    """Return once it listens to production, and has looked at what it may have missed."""

    async def so() -> bool:
        return await daemon.metric("pgdrift_listener_up", "production") == up

    await until(so, lambda: daemon.said)
    if up:
        await until(lambda: _woken(daemon), lambda: daemon.said)


async def _woken(daemon: Daemon) -> float:
    return await daemon.metric("pgdrift_wakeups_total", "production") or 0.0


async def ask(dsn: str, sql: str) -> list[Any]:
    connection = await asyncpg.connect(dsn)
    try:
        return list(await connection.fetch(sql))
    finally:
        await connection.close()


async def found(daemon: Daemon, count: int = 1, environment: str = "production") -> None:
    async def so() -> bool:
        return len(await daemon.findings(environment=environment)) == count

    await until(so, lambda: daemon.said)


async def test_commits_wake_it_whatever_else_is_sent_or_cut(
    house: House, telling: str, make_role: MakeRole, execute: Execute
) -> None:
    """One daemon for all, as its start is what takes the time."""
    house.data["defaults"]["interval"] = "1h"
    house.watch("production", await make_role(telling))
    stranger = await make_role(telling)
    daemon = await (await house.start()).watching()
    await listening(daemon)

    await execute(telling, f"set application_name = 'psql by hand'; {DRIFT}")
    await found(daemon)
    (finding,) = await daemon.findings(environment="production")
    blame = finding["blame"]
    assert (blame["confidence"], blame["who"]) == ("window", None), "what is sent is no fact"
    assert blame["hearsay"] == 'postgres with "psql by hand"'
    woken = await _woken(daemon)
    await execute(telling, ";".join(f"create table more_{n} (id int)" for n in range(100)))
    await found(daemon, 101)
    assert await daemon.metric("pgdrift_listener_heard_total", "production") == 101
    assert await _woken(daemon) == woken + 1, "a burst is one look"

    looks, began = await daemon.looks("production"), time.monotonic()
    await flood(stranger)
    asked = await daemon.looks("production") - looks
    assert asked <= (time.monotonic() - began) / 0.25 + 1
    await execute(telling, "create table after_the_flood (id int)")
    await found(daemon, 102)
    for path in ("/", "/environments/production", "/metrics", "/api/v1/status"):
        assert "<script>lie" not in (await daemon.get(path))[1]

    before = await _woken(daemon)
    await execute(telling, f"select pg_terminate_backend(pid) from ({LISTENERS}) listeners")
    await execute(telling, "create table after_the_cut (id int)")
    await found(daemon, 103)
    assert await _woken(daemon) > before
    await daemon.end()


async def flood(stranger: str) -> None:
    """Send lies for a while, as a role that may do nothing but connect."""
    lie = '{"v": 1, "tag": "<script>lie</script>", "objects": ["table lie"], "by": "<script>lie"}'
    connection = await asyncpg.connect(stranger)
    for number in range(100):
        await connection.execute(
            "select pg_notify($1, $2)", CHANNEL, lie.replace("table", f"{number}")
        )
        many = "select count(pg_notify($1, n::text)) from generate_series(1, 100) n"
        await connection.execute(many, CHANNEL)
    await connection.close()


@pytest.mark.skipif(PROGRAM is None, reason="PgBouncer is not installed here")
async def test_the_timer_finds_what_a_silent_connection_or_a_pooler_keeps_back(
    house: House, make_database: MakeDatabase, make_role: MakeRole, execute: Execute, proxy: Proxy
) -> None:
    """In the one the listener's connection alone is half open, in the other it says why."""
    silent, pooled = [await make_database(sql=f"{TABLE};{NOTIFY.text}") for _ in range(2)]
    port = await proxy.start(urlsplit(silent).port or 0)
    async with bouncer([await make_role(pooled)], size=2) as (way,):
        house.watch("production", through(silent, port), interval="1s")
        daemon = await (await house.start()).watching()
        await listening(daemon)
        proxy.hold_last()
        house.watch("pooled", way)
        await execute(silent, DRIFT)
        await found(daemon)
        assert await daemon.metric("pgdrift_listener_heard_total", "production") == 0

        house.write()
        daemon.signal(signal.SIGHUP)
        await until(lambda: daemon.events("notifications.pooler"), lambda: daemon.said)
        await execute(pooled, DRIFT)
        await found(daemon, environment="pooled")
        await daemon.look_again("pooled")
        assert await daemon.metric("pgdrift_listener_up", "pooled") == 0
        (note,) = (await daemon.environment("pooled"))["notes"]
        assert "a pooler gives each transaction another session" in note
        assert note[:40] in (await daemon.get("/environments/pooled"))[1]
        assert len(daemon.events("notifications.pooler")) == 1
        assert not daemon.events("look.unknown")
        await daemon.end()


async def test_a_reload_switches_it_off_and_on(house: House, telling: str) -> None:
    house.watch("production", telling)
    # Whoever waited for the listener to end would be given ten minutes.
    daemon = await (await house.start("stop_after.py", "600")).watching()
    await listening(daemon)
    assert len(await ask(telling, LISTENERS)) == 1

    house.data["environments"]["production"]["listen"] = False  # what YAML makes of `off`
    house.write()
    daemon.signal(signal.SIGHUP)
    await listening(daemon, up=None)

    async def gone() -> bool:
        return not await ask(telling, LISTENERS)

    await until(gone, lambda: daemon.said)
    await daemon.look_again("production")

    house.data["environments"]["production"]["listen"] = "auto"
    house.write()
    daemon.signal(signal.SIGHUP)
    await listening(daemon)
    await daemon.end()
    await until(gone, lambda: daemon.said)
