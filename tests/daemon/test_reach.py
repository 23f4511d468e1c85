"""A database that goes away: unknown within two intervals, told once, and nothing else disturbed."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from urllib.parse import urlsplit

import pytest

from pgdrift.sources.embedded import EmbeddedServer
from tests.conftest import Execute, MakeDatabase
from tests.daemon.house import Daemon, House, all_text, through, until
from tests.daemon.proxy import Mode, Proxy
from tests.daemon.restartable import Restartable

pytestmark = pytest.mark.db

TABLE = "create table account (id int primary key)"
DRIFT = "alter table account add column hotfix int"


async def open_drift(house: House, execute: Execute, dsn: str) -> Daemon:
    """Start, and return once the far environment has an open incident of drift."""
    daemon = await (await house.start()).watching()
    await execute(dsn, DRIFT)
    await house.root("far has drifted")
    return daemon


async def is_unknown(daemon: Daemon) -> bool:
    return await daemon.metric("pgdrift_environment_up", "far") == 0


async def expect_unknown_and_nothing_resolved(house: House, daemon: Daemon) -> None:
    assert ("sync", "far") not in await daemon.metrics("pgdrift_in_sync")
    assert await daemon.metric("pgdrift_in_sync", "sync", "near") == 1
    assert await daemon.metric("pgdrift_incidents", "far", "open") == 2, "drift and reach"
    findings = await daemon.findings(environment="far")
    assert [f["name"] for f in findings] == ["public.account.hotfix"]
    standing = await daemon.environment("far")
    assert standing["outcome"] == "unknown"
    assert standing["reason"]
    drift, alarm = await house.root("far has drifted"), await house.root("far cannot be looked at")
    assert "hotfix" in all_text(drift)
    assert drift["edits"] == []
    assert house.slack.replies(alarm["ts"]) == []
    assert len(house.roots()) == 2


async def expect_back(house: House, daemon: Daemon) -> None:
    await house.root("far can be looked at again")
    assert await daemon.metric("pgdrift_environment_up", "far") == 1
    assert await daemon.metric("pgdrift_in_sync", "sync", "far") == 0
    assert await daemon.metric("pgdrift_incidents", "far", "open") == 1
    drift = await house.root("far has drifted")
    assert house.slack.replies(drift["ts"]) == []
    assert len(house.roots()) == 2, house.told()


@pytest.mark.parametrize("how", ["refuse", "reset", "silent"])
async def test_a_way_that_is_cut_is_unknown_with_the_next_look(
    house: House, make_database: MakeDatabase, execute: Execute, proxy: Proxy, how: Mode
) -> None:
    far = await make_database(sql=TABLE)
    port = await proxy.start(urlsplit(far).port or 0)
    # Silence is only known by the time that passes.
    patience = {"timeout": "4s"} if how == "silent" else {}
    house.watch("far", through(far, port), **patience)
    house.watch("near", await make_database(sql=TABLE))
    daemon = await open_drift(house, execute, far)

    await proxy.turn(how)
    before = await seen(daemon, "far")
    await until(lambda: is_unknown(daemon), lambda: daemon.said)
    assert await seen(daemon, "far") <= before + 1, "but the one that was under way"

    await house.root("far cannot be looked at")
    taken = proxy.taken
    await until(lambda: proxy.taken > taken + 1 or how == "refuse", "tries to connect")
    await until(lambda: _looked(daemon, "far", "unknown", 2), lambda: daemon.said)
    await expect_unknown_and_nothing_resolved(house, daemon)
    await daemon.look_again("near", 3)

    await proxy.turn("open")
    await expect_back(house, daemon)
    await daemon.end()


async def _looked(daemon: Daemon, name: str, outcome: str, times: int) -> bool:
    return (await daemon.metric("pgdrift_looks_total", name, outcome) or 0) >= times


async def seen(daemon: Daemon, name: str) -> float:
    """Return how many looks could look."""
    return await daemon.looks(name) - (
        await daemon.metric("pgdrift_looks_total", name, "unknown") or 0
    )


@pytest.fixture
async def restartable(server: EmbeddedServer) -> AsyncIterator[Restartable]:
    made = await asyncio.to_thread(Restartable.make, server)
    yield made
    await asyncio.to_thread(made.remove)


Stop = Callable[[Restartable], None]


@pytest.mark.parametrize("stop", [Restartable.stop, Restartable.kill], ids=["stopped", "killed"])
async def test_a_server_that_goes_and_comes_back(
    house: House,
    make_database: MakeDatabase,
    execute: Execute,
    restartable: Restartable,
    stop: Stop,
) -> None:
    far = restartable.dsn
    await execute(far, TABLE)
    house.watch("far", far)
    house.watch("near", await make_database(sql=TABLE))
    daemon = await open_drift(house, execute, far)

    await asyncio.to_thread(stop, restartable)
    await until(lambda: is_unknown(daemon), lambda: daemon.said)
    await house.root("far cannot be looked at")
    await until(lambda: _looked(daemon, "far", "unknown", 3), lambda: daemon.said)
    await expect_unknown_and_nothing_resolved(house, daemon)
    await daemon.look_again("near", 3)

    await asyncio.to_thread(restartable.start)
    await expect_back(house, daemon)
    await daemon.end()


async def test_an_alarm_is_told_once_over_a_restart_of_the_daemon(
    house: House, make_database: MakeDatabase, execute: Execute, proxy: Proxy
) -> None:
    far = await make_database(sql=TABLE)
    port = await proxy.start(urlsplit(far).port or 0)
    house.watch("far", through(far, port))
    house.watch("near", await make_database(sql=TABLE))
    first = await open_drift(house, execute, far)
    await proxy.turn("refuse")
    await house.root("far cannot be looked at")
    await first.end()

    daemon = await (await house.start()).ready()
    await daemon.look_again("far", 1)
    await expect_unknown_and_nothing_resolved(house, daemon)
    await proxy.turn("open")
    await expect_back(house, daemon)
    await daemon.end()


async def test_who_follows_one_that_went_away_is_unknown_against_it_and_keeps_its_findings(
    house: House, make_database: MakeDatabase, execute: Execute, proxy: Proxy
) -> None:
    far = await make_database(sql=TABLE)
    port = await proxy.start(urlsplit(far).port or 0)
    house.watch("far", through(far, port))
    house.watch("near", await make_database(sql=TABLE), follows="far")
    daemon = await open_drift(house, execute, far)
    await house.root("near is behind far")
    assert await daemon.metric("pgdrift_in_sync", "far", "near") == 0

    await proxy.turn("refuse")
    await house.root("far cannot be looked at")
    await daemon.look_again("near")
    in_sync = await daemon.metrics("pgdrift_in_sync")
    assert in_sync == {("sync", "near"): 1}
    assert len(await daemon.findings(environment="near", against="far")) == 1
    behind = await house.root("near is behind far")
    assert house.slack.replies(behind["ts"]) == []
    assert not [m for m in house.roots() if "near cannot" in all_text(m)]
    await daemon.end()
