"""What comes after: another daemon on the same store, another channel under the same name."""

from __future__ import annotations

import pytest

from pgdrift.cli import exits
from tests.conftest import Execute
from tests.daemon.house import House, until

pytestmark = pytest.mark.db

TABLE = "create table account (id int primary key)"
FIRST = "alter table account add column added_first int"
SECOND = "alter table account add column added_second int"


async def test_a_second_daemon_on_one_store_ends_in_clear_words_and_the_first_goes_on(
    house: House, database: str, execute: Execute
) -> None:
    await execute(database, TABLE)
    house.watch("production", database)
    first = await (await house.start()).watching()

    second = await house.start()
    assert await second.ended() == exits.UNKNOWN, second.said
    assert "another pgdrift daemon works on the store" in second.said
    assert f"{house.store}.lock" in second.said
    assert "Traceback" not in second.said
    assert (await house.pgdrift("status")).code == 0
    assert (await house.pgdrift("sync", "production", "--reason", "as it is")).code == 0

    await execute(database, FIRST)
    await house.root("added_first")
    await house.all_told(1)
    await first.end()
    await (await (await house.start()).watching()).end()


@pytest.mark.parametrize("before", ["mail", "webhook"])
async def test_a_channel_that_became_slack_tells_what_is_open_still(
    house: House, database: str, execute: Execute, before: str
) -> None:
    await execute(database, TABLE)
    house.watch("production", database)
    channels = house.data["alerts"]["channels"]
    now = channels["oncall"]
    hook = {"type": "slack_webhook", "url": house.slack.webhook_url}
    channels["oncall"] = house.mail_channel() if before == "mail" else hook
    first = await (await house.start()).watching()
    await execute(database, FIRST)
    await house.all_told(1)
    await until(lambda: house.deliveries()[0]["state"] == "done", house.told)
    await first.end()

    channels["oncall"] = now
    second = await (await house.start()).watching()
    await execute(database, SECOND)
    root = await house.root("added_second")
    await house.all_told(2)

    assert "thread_ts" not in root
    assert root["via"] == "api"
    assert [d["state"] for d in house.deliveries()] == ["done", "done"]
    assert await second.metric("pgdrift_notifications_total", "oncall", "bug") == 0
    await second.end()
