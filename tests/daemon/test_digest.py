"""What several environments have to say at once is one message, and the thread of each from then."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from tests.conftest import Execute, MakeDatabase
from tests.daemon.house import House, all_text, until

pytestmark = pytest.mark.db

TABLE = "create table account (id int primary key)"
FIRST = "alter table account add column added_first int"
BACK = "alter table account drop column added_first"


async def test_tenants_that_drift_together_are_one_message_and_each_ends_below_it(
    house: House, make_database: MakeDatabase, execute: Execute
) -> None:
    tenants = {f"tenant-{n}": await make_database(sql=TABLE) for n in "abc"}
    for name, dsn in tenants.items():
        house.watch(name, dsn)
    house.tell("oncall", group_by=["severity"], group_wait="4s")
    daemon = await (await house.start()).watching()
    for dsn in tenants.values():
        await execute(dsn, FIRST)
    await until(lambda: len(house.deliveries()) == 3, house.told)
    await house.all_told(3)
    (digest,) = house.roots()
    assert all(name in all_text(digest) for name in tenants), house.told()

    await execute(tenants["tenant-b"], BACK)
    await house.all_told(4)
    (reply,) = house.slack.replies(digest["ts"])
    assert "tenant-b is in sync with its sync point again" in reply["text"]
    assert "tenant-a" in all_text(digest)
    assert len(house.roots()) == 1
    await daemon.end()


async def test_in_quiet_hours_nothing_is_told_but_what_is_grave(
    house: House, make_database: MakeDatabase, execute: Execute
) -> None:
    calm, grave = await make_database(sql=TABLE), await make_database(sql=TABLE)
    house.watch("calm", calm)
    house.watch("grave", grave, protected=True)
    now = datetime.now(UTC)
    quiet = [f"{now + timedelta(hours=h):%H:%M}" for h in (-2, 2)]
    house.tell("oncall", quiet={"from": quiet[0], "to": quiet[1]})
    daemon = await (await house.start()).watching()
    await execute(calm, FIRST)
    await until(lambda: len(house.deliveries()) == 1, house.told)
    await execute(grave, FIRST)
    root = await house.root("added_first")
    assert root["text"].startswith("🔴 grave has drifted")
    waits = house.deliveries()[0]
    assert (waits["state"], waits["digest"]) == ("pending", "quiet hours")
    assert waits["next_attempt_at"] == waits["not_before"]
    await daemon.end()
