"""What an environment follows is another replica's to look at, and its own timer is far."""

from __future__ import annotations

from pathlib import Path

import pytest

from pgdrift.demo.slack import SlackDouble
from pgdrift.reconcile.scripts import NOTIFY
from tests.conftest import MakeDatabase, run_sql
from tests.daemon.house import CHANNEL, TOKEN, until
from tests.daemon.trio import trio
from tests.sinks.mailserver import MailServer

pytestmark = pytest.mark.db

SCHEMA = "create table kept (id int primary key)"


async def test_a_hotfix_is_told_once_another_replica_has_looked_upstream(
    make_database: MakeDatabase, tmp_path: Path
) -> None:
    dsns = {
        "development": await make_database(sql=SCHEMA),
        "production": await make_database(sql=f"{SCHEMA};{NOTIFY.text}"),
    }
    async with (
        SlackDouble(token=TOKEN, channels={"db-oncall": CHANNEL}) as slack,
        trio(await make_database(), slack, MailServer(), tmp_path, dsns) as pair,
    ):
        pair.interval = "1h"
        for _ in range(2):
            replica = await pair.add()
            environments = replica.house.data["environments"]
            environments["production"] = {"dsn": dsns["production"], "follows": "development"}
            await replica.start()
        await pair.shared_by(*pair.replicas)
        page = await pair.replicas[0].running.ready()

        async def compared() -> bool:
            found = (await page.environment("production"))["against"]
            return {a["yardstick"]: a["outcome"] for a in found}.get("development") == "in_sync"

        async def listening() -> bool:
            ups = [await r.running.metrics("pgdrift_listener_up") for r in pair.replicas]
            return any(up.get(("production",)) for up in ups)

        await until(compared, pair.said)
        await until(listening, pair.said)
        await run_sql(dsns["production"], "alter table kept add column hotfix int")

        async def told() -> bool:
            return bool(await page.findings(environment="production", against="development"))

        await until(told, pair.said)
        for replica in pair.replicas:
            await replica.running.end()
