"""Many databases of one server: found by a query, read in turn over few connections, told of when
they go."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

import asyncpg
import pytest

from pgdrift.sources.embedded import EmbeddedServer
from tests.conftest import Execute, MakeDatabase, MakeRole, drop_database
from tests.daemon.house import Daemon, House, all_text, through, until
from tests.daemon.proxy import Proxy

pytestmark = pytest.mark.db

TABLE = "create table account (id int primary key)"
DRIFT = "alter table account add column hotfix int"


async def fleet(make_database: MakeDatabase, prefix: str, count: int) -> Sequence[str]:
    template = await make_database(f"{prefix}_template", sql=TABLE)
    names = [f"{prefix}_{n:02}" for n in range(count)]
    return [template, *[await make_database(n, template=f"{prefix}_template") for n in names]]


def discover(house: House, dsn: str, prefix: str, **more: object) -> None:
    house.data["discover"] = {
        "tenants": {"dsn": dsn, "include": f"{prefix}_[0-9]*", "every": "500ms", **more}
    }


async def seen(daemon: Daemon) -> set[str]:
    found = await daemon.metrics("pgdrift_environment_up")
    return {name for (name,), up in found.items() if up}


@asynccontextmanager
async def counting(server: EmbeddedServer, role: str) -> AsyncIterator[list[int]]:
    """Count the sessions of a role while inside."""
    admin = await asyncpg.connect(server.dsn())
    counts: list[int] = []

    async def count() -> None:
        while True:
            counts.append(
                await admin.fetchval(
                    "select count(*) from pg_stat_activity where usename = $1", role
                )
            )
            await asyncio.sleep(0.02)

    task = asyncio.create_task(count())
    try:
        yield counts
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        await admin.close()


async def test_thirty_databases_are_watched_over_four_connections(
    house: House,
    server: EmbeddedServer,
    make_database: MakeDatabase,
    make_role: MakeRole,
    execute: Execute,
) -> None:
    template, *dsns = await fleet(make_database, "thirty", 30)
    role = await make_role(template, name="thirty_watcher")
    house.data["connections"] = {"per_server": 4, "total": 10}
    house.data["defaults"]["interval"] = "2s"
    discover(house, role, "thirty", follows="template", series=True)
    house.watch("template", role)
    async with counting(server, "thirty_watcher") as counts:
        daemon = await house.start()
        everyone = {f"thirty_{n:02}" for n in range(30)} | {"template"}

        async def all_seen() -> bool:
            return await seen(daemon) == everyone

        await daemon.ready()
        await until(all_seen, lambda: daemon.said)
        for name in ("thirty_00", "thirty_29", "template"):
            await daemon.look_again(name)
        await execute(dsns[17], DRIFT)
        await house.root("thirty_17 has drifted")
        await daemon.end()
    assert 2 <= max(counts) <= 4


async def test_what_is_gone_is_told_as_gone_and_what_comes_is_watched(
    house: House, server: EmbeddedServer, make_database: MakeDatabase, execute: Execute
) -> None:
    template, *dsns = await fleet(make_database, "going", 3)
    discover(house, template, "going", follows="template", series=True)
    house.watch("template", template)
    daemon = await (await house.start()).watching()

    async def watched() -> set[str]:
        return await seen(daemon)

    async def all_there() -> bool:
        return len(await watched()) == 4

    await until(all_there, lambda: daemon.said)
    await execute(dsns[1], DRIFT)
    drift = await house.root("going_01 has drifted")
    await make_database("going_03", template="template0", sql=TABLE)
    await drop_database(server.dsn(), "going_01")

    async def moved() -> bool:
        return await watched() == {"template", "going_00", "going_02", "going_03"}

    await until(moved, lambda: daemon.said)

    def told() -> bool:
        return any("going_01 is gone" in all_text(m) for m in house.slack.replies(drift["ts"]))

    await until(told, house.told)
    assert not any("in sync" in all_text(m) for m in house.slack.messages), house.told()
    assert await daemon.metric("pgdrift_incidents", "going_01", "open") is None
    status = await house.pgdrift("status", "--format", "json")
    names = {e["name"] for e in status.json()["environments"]}
    assert names == {"template", "going_00", "going_02", "going_03"}
    await daemon.end()


async def test_a_server_that_hangs_delays_no_other(
    house: House, server: EmbeddedServer, make_database: MakeDatabase
) -> None:
    template, *dsns = await fleet(make_database, "hanging", 3)
    house.data["connections"] = {"per_server": 3, "total": 6}
    proxy = Proxy()
    port = await proxy.start(server.port)
    try:
        for n, dsn in enumerate(dsns):
            house.watch(f"far{n}", through(dsn, port), timeout="20s")
        house.watch("near", template)
        daemon = await (await house.start()).watching()
        await proxy.turn("silent")

        async def unknown() -> bool:
            return await seen(daemon) == {"near"}

        await until(unknown, lambda: daemon.said)
        before = [await daemon.looks("near"), await daemon.looks("far0")]
        await daemon.look_again("near", 20)
        near, far = await daemon.looks("near") - before[0], await daemon.looks("far0") - before[1]
        assert near > 4 * far
        await proxy.turn("open")
        await daemon.watching()
        await daemon.end()
    finally:
        await proxy.stop()
