"""Databases that come and go while replicas share them: each is told as gone once, whoever is away."""

from __future__ import annotations

import json
import signal
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from pgdrift.demo.slack import SlackDouble
from pgdrift.sources.embedded import EmbeddedServer
from tests.conftest import MakeDatabase, drop_database, run_sql
from tests.daemon.house import CHANNEL, TOKEN, all_text, until
from tests.daemon.trio import Replica, Trio, trio
from tests.sinks.mailserver import MailServer

pytestmark = pytest.mark.db

SCHEMA = "create table kept (id int primary key)"
DRIFT = "alter table kept add column by_hand int"


@pytest.fixture
async def found(make_database: MakeDatabase, tmp_path: Path) -> AsyncIterator[Trio]:
    """Two replicas that find the same four databases."""
    template = await make_database("found_template", sql=SCHEMA)
    names = [f"found_{n:02}" for n in range(4)]
    dsns = {n: await make_database(n, template="found_template") for n in names}
    mail = MailServer()
    await mail.start()
    async with (
        SlackDouble(token=TOKEN, channels={"db-oncall": CHANNEL}) as slack,
        trio(await make_database(), slack, mail, tmp_path, dsns) as made,
    ):
        for _ in range(2):
            replica = await made.add()
            replica.house.data["environments"] = {}
            replica.house.data["discover"] = {
                "tenants": {"dsn": template, "include": "found_0*", "every": "500ms"}
            }
            await replica.start()
        yield made
    await mail.stop()


async def pages(trio: Trio, names: set[str]) -> None:
    """Return once the pages of all replicas that run show these, and no others."""

    async def shown() -> bool:
        for replica in trio.replicas:
            status = json.loads((await replica.running.get("/api/v1/status"))[1])
            if {e["name"] for e in status["environments"]} != names:
                return False
        return True

    await until(shown, trio.said)


async def test_what_is_gone_is_told_though_who_watched_it_was_stopped(
    found: Trio, server: EmbeddedServer
) -> None:
    for replica in found.replicas:
        await replica.running.ready()
    await found.shared_by(*found.replicas)
    await found.looked(await found.now())
    holders = await found.holders()
    by = {str(r.running.process.pid): r for r in found.replicas}
    holder: Replica = by[holders["found_01"].rpartition(":")[2]]
    await run_sql(found.environments["found_01"], DRIFT)
    house = found.replicas[0].house
    drift = await house.root("found_01 has drifted")

    holder.stop()
    await drop_database(server.dsn(), "found_01")

    def told() -> int:
        replies = house.slack.replies(drift["ts"])
        return sum("found_01 is gone" in all_text(m) for m in replies)

    await until(told, found.said)
    holder.go_on()
    left = {"found_00", "found_02", "found_03"}
    await pages(found, left)
    del found.environments["found_01"]
    await found.shared_by(*found.replicas)
    assert {row["name"] for row in await found.ask("select name from found")} == left
    assert await found.ask("select id from incident where state <> 'resolved'") == []
    assert told() == 1
    for replica in found.replicas:
        await replica.running.end()


async def test_other_settings_are_taken_though_the_store_does_not_answer_then(
    found: Trio,
) -> None:
    for replica in found.replicas:
        await replica.running.ready()
    await found.shared_by(*found.replicas)
    for replica in found.replicas:
        await replica.way.turn("refuse")
        replica.house.data["store"]["keep"] = "5d"
        replica.house.write()
        replica.running.signal(signal.SIGHUP)
    await until(
        lambda: all(r.running.events("app.store_awaited") for r in found.replicas), found.said
    )
    for replica in found.replicas:
        await replica.way.turn("open")
    await found.shared_by(*found.replicas)
    await found.looked(await found.now())
    for replica in found.replicas:
        await replica.running.end()
