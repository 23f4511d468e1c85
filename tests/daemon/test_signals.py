"""SIGTERM ends in time whatever hangs; SIGHUP takes a good configuration and refuses a bad one."""

from __future__ import annotations

import signal
from urllib.parse import urlsplit

import pytest

from pgdrift.app import STOP_SECONDS
from tests.conftest import Execute, MakeDatabase
from tests.daemon.house import Daemon, House, through, until
from tests.daemon.proxy import Proxy

pytestmark = pytest.mark.db

TABLE = "create table account (id int primary key)"
DRIFT = "alter table account add column hotfix int"
# Whoever waits for what hangs here waits for ten minutes; a busy machine never takes so long.
HANGS = "10m"
# What ends with the first waited for nothing, for it would be given as long; with the other what
# hangs is given up after a second.
PATIENT, BRISK = ("stop_after.py", "600"), ("stop_after.py", "1")


async def ends_well(daemon: Daemon, number: signal.Signals = signal.SIGTERM) -> None:
    """Ask it to end, and see that it does long before what hangs."""
    daemon.signal(number)
    assert await daemon.ended() == 0, daemon.said
    assert "Traceback" not in daemon.said
    assert daemon.events("app.stopped")


def test_what_hangs_is_given_up_before_kubernetes_kills() -> None:
    """It kills after thirty seconds; servers and page are left in two each."""
    assert 5 <= STOP_SECONDS <= 20


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
async def test_it_ends_at_once_when_nothing_hangs(
    house: House, database: str, number: signal.Signals
) -> None:
    house.data["defaults"]["interval"] = "1h"
    house.watch("production", database)
    daemon = await (await house.start(*PATIENT)).watching()
    await ends_well(daemon, number)


async def test_it_ends_in_time_while_a_look_hangs_which_disturbs_no_other(
    house: House, database: str, make_database: MakeDatabase, proxy: Proxy
) -> None:
    port = await proxy.start(urlsplit(database).port or 0)
    house.data["defaults"]["timeout"] = HANGS
    house.watch("production", through(database, port))
    house.watch("near", await make_database())
    daemon = await (await house.start(*BRISK)).watching()
    await proxy.turn("silent")
    await daemon.look_again("near")
    looks = await daemon.looks("production")
    await daemon.look_again("near", 10)
    assert await daemon.looks("production") == looks, "it hangs"
    await ends_well(daemon)


async def test_it_ends_in_time_before_the_first_look_could_end(
    house: House, database: str, proxy: Proxy
) -> None:
    port = await proxy.start(urlsplit(database).port or 0)
    await proxy.turn("silent")
    house.watch("production", through(database, port))
    daemon = await house.start(*BRISK)
    await until(lambda: proxy.taken, lambda: daemon.said)
    await ends_well(daemon)


async def test_many_silent_servers_are_left_side_by_side(
    house: House, database: str, proxy: Proxy
) -> None:
    port = await proxy.start(urlsplit(database).port or 0)
    house.data["defaults"] |= {"interval": "1h", "timeout": HANGS, "listen": False}
    for number in range(10):
        house.watch(f"tenant{number}", through(database, port))
    daemon = await (await house.start()).watching()
    await proxy.turn("silent")
    await ends_well(daemon)
    # Each is said goodbye before any was waited for and left; then the probe that was for all.
    assert proxy.left_before_asked == [0] * 10 + [10]


async def test_it_ends_at_once_while_slack_asks_for_patience(
    house: House, database: str, execute: Execute
) -> None:
    await execute(database, TABLE)
    house.watch("production", database)
    house.slack.limit(600, times=10)
    daemon = await (await house.start(*PATIENT)).watching()
    await execute(database, DRIFT)
    await until(lambda: daemon.events("notification.failed"), lambda: daemon.said)
    await ends_well(daemon)
    assert [d["state"] for d in house.deliveries()] == ["pending"]


async def test_a_delivery_that_hangs_at_the_end_is_told_once_after_it(
    house: House, database: str, execute: Execute, proxy: Proxy
) -> None:
    await execute(database, TABLE)
    house.watch("production", database)
    url = urlsplit(house.slack.url)
    port = await proxy.start(url.port or 0)
    house.data["alerts"]["channels"]["oncall"]["base_url"] = f"http://127.0.0.1:{port}/api/"
    first = await (await house.start(*BRISK)).watching()
    await proxy.turn("silent")
    await execute(database, DRIFT)
    await until(lambda: proxy.taken, lambda: first.said)
    await ends_well(first)

    await proxy.turn("open")
    second = await (await house.start()).watching()
    await house.root("hotfix")
    await house.all_told(1)
    assert len(house.slack.messages) == 1, house.told()
    await second.end()


async def hang_up(house: House, daemon: Daemon) -> None:
    house.write()
    daemon.signal(signal.SIGHUP)


async def test_sighup_takes_new_environments_and_lets_old_ones_go(
    house: House, make_database: MakeDatabase, execute: Execute
) -> None:
    dsns = {name: await make_database(sql=TABLE) for name in ("old", "stays", "new")}
    house.watch("old", dsns["old"])
    house.watch("stays", dsns["stays"])
    daemon = await (await house.start()).watching()
    await execute(dsns["stays"], DRIFT)
    await house.root("stays has drifted")

    del house.data["environments"]["old"]
    house.watch("new", dsns["new"])
    await hang_up(house, daemon)
    await until(lambda: daemon.metric("pgdrift_environment_up", "new"), lambda: daemon.said)
    assert await daemon.metric("pgdrift_config_last_reload_successful") == 1
    assert '="old"' not in (await daemon.get("/metrics"))[1]
    assert await daemon.environment("old") == {}
    assert (await daemon.get("/readyz"))[0] == 200
    await daemon.look_again("stays")
    assert len(house.slack.messages) == 1, house.told()

    await execute(dsns["new"], DRIFT)
    await execute(dsns["old"], DRIFT)
    await house.root("new has drifted")
    await daemon.look_again("new")
    assert len(house.roots()) == 2, house.told()

    house.watch("old", dsns["old"])
    await hang_up(house, daemon)
    await house.root("old has drifted")
    await daemon.end()


async def test_a_bad_file_is_refused_while_the_old_one_holds(house: House, database: str) -> None:
    house.watch("production", database)
    daemon = await (await house.start()).watching()
    good = house.config.read_text()

    async def refused() -> bool:
        return await daemon.metric("pgdrift_config_last_reload_successful") == 0

    async def taken() -> bool:
        return await daemon.metric("pgdrift_config_last_reload_successful") == 1

    elsewhere = good.replace(str(house.store), str(house.folder / "other.db"))
    bad = {
        "unknown key": good.replace("environments:", "enviroments:"),
        "this is not YAML": "environments: [",
        "cannot read": None,
        "store": elsewhere,
        "web": good.replace(f":{house.port}", f":{house.port + 1}"),
    }
    for count, (words, text) in enumerate(bad.items()):
        if text is None:
            house.config.unlink()
        else:
            house.config.write_text(text)
        daemon.signal(signal.SIGHUP)
        refusals = await until(lambda: daemon.events("app.reload_refused")[count:], daemon.said)  # noqa: B023
        error = refusals[0]["error"]
        assert words in error
        assert "hint:" in error
        await until(refused, daemon.said)
        await daemon.look_again("production")
        assert await daemon.metric("pgdrift_environment_up", "production") == 1
        assert (await daemon.environment("production"))["outcome"] == "in_sync"

        house.config.write_text(good)
        daemon.signal(signal.SIGHUP)
        await until(taken, daemon.said)
    assert not (house.folder / "other.db").exists()
    assert "postgresql://" not in daemon.said
    await daemon.end()


async def test_a_delivery_that_hangs_during_a_reload_is_told_after_it(
    house: House, database: str, execute: Execute, proxy: Proxy
) -> None:
    await execute(database, TABLE)
    house.watch("production", database)
    port = await proxy.start(urlsplit(house.slack.url).port or 0)
    slack = house.data["alerts"]["channels"]["oncall"]
    slack["base_url"] = f"http://127.0.0.1:{port}/api/"
    daemon = await (await house.start("brisk.py")).watching()
    await proxy.turn("silent")
    await execute(database, DRIFT)
    await until(lambda: proxy.taken, lambda: daemon.said)

    slack["base_url"] = house.slack.url
    await hang_up(house, daemon)
    await house.root("hotfix")
    await house.all_told(1)
    assert len(house.slack.messages) == 1, house.told()
    await daemon.end()
