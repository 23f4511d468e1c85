"""What befalls a daemon while it watches: it recovers by itself, and others wait for nobody."""

from __future__ import annotations

import json
import signal

import asyncpg
import pytest

from tests.conftest import Execute, MakeDatabase
from tests.daemon.house import House, Json, all_text, until

pytestmark = pytest.mark.db

TABLE = "create table account (id int primary key); create view seen as select id from account"


def telling(house: House, words: str) -> list[Json]:
    """Return the messages that say this, also by an edit."""
    return [m for m in house.slack.messages if words in f"{all_text(m)} {m['edits']}"]


async def test_a_clock_that_jumps_hides_nothing_and_tells_nothing_twice(
    house: House, database: str, execute: Execute
) -> None:
    await execute(database, TABLE)
    house.watch("production", database)
    daemon = await (await house.start("clock.py")).watching()
    await execute(database, "alter table account add column by_hand int")
    await house.root("by_hand")
    await house.all_told(1)

    daemon.signal(signal.SIGUSR1)
    await daemon.look_again("production", 3)
    assert len(house.slack.messages) == 1, house.told()
    await execute(database, "alter table account add column second int")
    await until(lambda: telling(house, "2 findings"), house.told)
    await execute(database, "alter table account drop column by_hand, drop column second")
    await until(lambda: telling(house, "is in sync with its sync point again"), house.told)
    await house.all_told(3)

    daemon.signal(signal.SIGUSR2)
    count = len(house.slack.messages)
    await daemon.look_again("production", 3)
    assert len(house.slack.messages) == count, house.told()
    await execute(database, "alter table account add column third int")
    await until(lambda: telling(house, "third"), house.told)
    await daemon.end()


async def test_a_store_that_is_full_shows_nothing_as_known_and_is_taken_up_again(
    house: House, database: str, execute: Execute
) -> None:
    await execute(database, TABLE)
    house.watch("production", database)
    daemon = await (await house.start("full.py")).watching()
    daemon.signal(signal.SIGUSR1)
    # More than there is room for in what the file has already.
    columns = ", ".join(f"add column by_hand_{n} text default repeat('x', {n})" for n in range(300))
    await execute(database, f"alter table account {columns}")

    async def unknown() -> bool:
        status = json.loads((await daemon.get("/api/v1/status"))[1])
        (found,) = status["environments"]
        return found["outcome"] == "unknown" and "full" in found["reason"]

    await until(unknown, lambda: daemon.said)
    assert house.slack.messages == []
    daemon.signal(signal.SIGUSR2)
    await house.root("production")
    await house.all_told(1)
    assert (await daemon.metrics("pgdrift_environment_up"))["production",] == 1
    await daemon.end()


async def test_a_lock_that_is_kept_for_long_makes_one_unknown_and_delays_no_other(
    house: House, make_database: MakeDatabase, execute: Execute
) -> None:
    """Longer than any look may take: a view can only be printed once its table can be opened."""
    locked, free = await make_database(sql=TABLE), await make_database(sql=TABLE)
    house.watch("locked", locked, timeout="3s")
    house.watch("free", free, timeout="3s")
    daemon = await (await house.start()).watching()
    holder = await asyncpg.connect(locked)
    await execute(locked, "create or replace view seen as select id, 1 as one from account")
    await holder.execute("begin; lock table account in access exclusive mode")

    async def given_up() -> bool:
        return (await daemon.metrics("pgdrift_environment_up")).get(("locked",)) == 0

    await until(given_up, lambda: daemon.said)
    before = await daemon.looks("locked"), await daemon.looks("free")
    await daemon.look_again("free", 10)
    assert await daemon.looks("free") - before[1] > 2 * (await daemon.looks("locked") - before[0])
    await execute(free, "alter table account add column by_hand int")
    await house.root("by_hand")
    await holder.execute("commit")
    await holder.close()
    await daemon.watching()
    await until(lambda: telling(house, "one"), house.told)
    await daemon.end()
