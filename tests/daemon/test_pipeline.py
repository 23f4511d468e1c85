"""A pipeline that migrates one environment after the other, faster than anybody looks."""

from __future__ import annotations

import pytest

from tests.conftest import Execute, MakeDatabase
from tests.daemon.house import House, until

pytestmark = pytest.mark.db

TABLE = "create table account (id int primary key)"
MIGRATION = "alter table account add column note text"


async def test_environments_migrated_within_one_interval_were_never_ahead(
    house: House, make_database: MakeDatabase, execute: Execute
) -> None:
    names = ("development", "staging", "production")
    dsns = {name: await make_database(sql=TABLE) for name in names}
    # Those down the line are looked at often, those up the line seldom: the worst order,
    # and the timer of the seldom ones is too far away to help.
    for name, follows, interval in (
        ("development", None, "1h"),
        ("staging", "development", "1h"),
        ("production", "staging", "200ms"),
    ):
        more = {"follows": follows} if follows else {}
        house.watch(name, dsns[name], interval=interval, protected=True, **more)
    daemon = await (await house.start()).watching()
    await daemon.look_again("production")

    for name in names:
        await execute(dsns[name], MIGRATION)

    async def agreed() -> bool:
        found = [await daemon.environment(name) for name in names]
        upstream = [a for e in found for a in e["against"] if a["yardstick"] != "sync"]
        objects = {e["objects"] for e in found}
        return len(objects) == 1 and {a["outcome"] for a in upstream} == {"in_sync"}

    # By hand, and so drift against each sync point; but ahead of nothing.
    for name in names:
        await house.root(f"{name} has drifted from its sync point")
    await until(agreed, house.told)
    await house.all_told(3)
    assert len(house.roots()) == 3, house.told()
    await daemon.end()
