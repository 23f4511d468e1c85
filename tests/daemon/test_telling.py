"""What people hear of an incident from its begin to its end, and when their channel is down."""

from __future__ import annotations

import pytest

from tests.conftest import Execute, MakeDatabase
from tests.daemon.house import CHANNEL, TOKEN, House, all_text, free_port, until

pytestmark = pytest.mark.db

TABLE = "create table account (id int primary key)"
FIRST = "alter table account add column added_first int"
SECOND = "alter table account add column added_second int"
BACK = "alter table account drop column added_first, drop column added_second"


async def test_one_message_shows_how_it_stands_and_a_restart_tells_nothing_anew(
    house: House, database: str, execute: Execute
) -> None:
    await execute(database, TABLE)
    house.watch("production", database, protected=True)
    first = await (await house.start()).watching()

    await execute(database, FIRST)
    root = await house.root("added_first")
    assert root["edits"] == []
    assert "1 finding" in root["text"]
    assert root["channel"] == CHANNEL

    await execute(database, SECOND)
    await until(lambda: house.slack.replies(root["ts"]), house.told)
    assert "2 findings" in root["text"]
    await house.all_told(2)
    await first.end()

    second = await (await house.start()).watching()
    await second.look_again("production")
    assert len(house.deliveries()) == 2
    assert len(house.slack.messages) == 2, house.told()

    await execute(database, BACK)
    await until(lambda: len(house.slack.replies(root["ts"])) == 2, house.told)
    await house.all_told(3)
    assert root["text"] == "✅ production is in sync with its sync point again"
    assert len(root["edits"]) == 2
    assert len(house.roots()) == 1, house.told()
    await second.look_again("production")
    assert len(house.slack.messages) == 3, house.told()

    await execute(database, FIRST)
    await until(lambda: len(house.slack.replies(root["ts"])) == 3, house.told)
    assert "1 finding" in root["text"]
    assert house.roots() == [root], "what comes back soon is the incident that it was"
    await second.end()


@pytest.mark.parametrize("status", [429, 500, 503])
async def test_what_slack_refuses_for_now_is_told_later_and_once(
    house: House, database: str, execute: Execute, status: int
) -> None:
    await execute(database, TABLE)
    house.watch("production", database)
    daemon = await (await house.start("brisk.py")).watching()
    if status == 429:
        house.slack.limit(1, times=2)
    else:
        house.slack.fail("", status=status, times=2)

    await execute(database, FIRST)
    await house.root("added_first")
    await house.all_told(1)
    assert len(house.slack.messages) == 1
    assert house.slack.calls.count("chat.postMessage") >= 2
    delivery = house.deliveries()[0]
    assert delivery["attempts"] == 3
    # Of a broken server nobody knows what it did first: it was looked for, and is told as new.
    assert delivery["uncertain"] == (status == 500)
    assert "repeated" not in house.slack.messages[0]["text"]
    reason = "rate_limited" if status == 429 else "refused"
    told = await daemon.metrics("pgdrift_notifications_total")
    assert told["oncall", reason] == 2, told
    assert await daemon.metric("pgdrift_notifications_total", "oncall", "delivered") == 1
    await daemon.end()


async def test_slack_is_not_asked_again_before_the_time_that_it_demands(
    house: House, database: str, execute: Execute
) -> None:
    await execute(database, TABLE)
    house.watch("production", database)
    daemon = await (await house.start("brisk.py")).watching()
    house.slack.limit(600)

    await execute(database, FIRST)
    await until(lambda: daemon.events("notification.failed"), house.told)
    await daemon.look_again("production", 5)
    assert house.slack.calls == ["chat.postMessage"]
    assert house.slack.messages == []
    assert house.deliveries()[0]["state"] == "pending"
    await daemon.end()


async def test_what_was_decided_while_slack_was_down_survives_a_restart_and_is_told_once(
    house: House, database: str, execute: Execute
) -> None:
    await execute(database, TABLE)
    house.watch("production", database)
    port = free_port()
    house.data["alerts"]["channels"]["oncall"]["base_url"] = f"http://127.0.0.1:{port}/api/"
    first = await (await house.start("brisk.py")).watching()
    await execute(database, FIRST)
    await until(lambda: len(first.events("notification.failed")) >= 2, house.told)
    await first.end()
    second = await (await house.start("brisk.py")).watching()
    await execute(database, SECOND)
    await until(lambda: len(house.deliveries()) == 2, house.told)

    await house.slack.stop()
    await house.slack.start(port=port)
    await house.all_told(2)
    root = await house.root("added_second")
    assert len(house.slack.messages) == 2, house.told()
    assert len(house.slack.replies(root["ts"])) == 1
    assert "repeated" not in "".join(map(all_text, house.slack.messages))
    await second.end()


async def test_an_answer_that_is_lost_makes_no_second_message(
    house: House, database: str, execute: Execute
) -> None:
    await execute(database, TABLE)
    house.watch("production", database)
    daemon = await (await house.start("brisk.py")).watching()
    house.slack.lose(method="chat.postMessage")
    await execute(database, FIRST)
    await house.all_told(1)
    await daemon.look_again("production")
    assert len(house.slack.messages) == 1, house.told()
    await daemon.end()


async def test_one_channel_that_is_down_holds_up_no_other(
    house: House, database: str, execute: Execute
) -> None:
    await execute(database, TABLE)
    house.watch("production", database)
    house.data["alerts"]["channels"]["oncall"]["base_url"] = f"http://127.0.0.1:{free_port()}/api/"
    house.tell("oncall", "dba")
    daemon = await (await house.start()).watching()
    await execute(database, FIRST)
    await until(lambda: house.mail.mails, house.told)
    assert "added_first" in str(house.mail.mails[0].get_body(("plain",)))
    await daemon.look_again("production")
    assert len(house.mail.mails) == 1
    await daemon.end()


async def test_the_end_is_told_to_those_who_heard_of_the_begin_by_mail_in_one_conversation(
    house: House, database: str, execute: Execute
) -> None:
    await execute(database, TABLE)
    house.watch("production", database)
    house.tell("dba")
    daemon = await (await house.start()).watching()
    await execute(database, FIRST)
    await until(lambda: house.mail.mails, house.told)
    await execute(database, "alter table account drop column added_first")
    await until(lambda: len(house.mail.mails) == 2, house.told)
    first, last = house.mail.mails
    assert last["In-Reply-To"] == first["Message-ID"]
    assert last["Message-ID"] != first["Message-ID"]
    assert last["Subject"] == f"Re: {first['Subject']}"
    assert "resolved" in str(last.get_body(("plain",)))
    await daemon.end()


async def test_a_refused_token_is_told_to_the_operator_and_a_new_one_is_taken(
    house: House, database: str, execute: Execute
) -> None:
    await execute(database, TABLE)
    house.watch("production", database)
    (house.folder / "token").write_text("xoxb-1-wrong-one")
    daemon = await (await house.start("brisk.py")).watching()
    await execute(database, FIRST)
    events = await until(lambda: daemon.events("notification.failed"), house.told)
    assert events[0]["reason"] == "authentication"
    assert "hint" in events[0]["error"]
    assert house.slack.messages == []

    (house.folder / "token").write_text(TOKEN)
    await house.root("added_first")
    await house.all_told(1)
    assert len(house.slack.messages) == 1
    assert "wrong-one" not in daemon.said
    assert TOKEN not in daemon.said
    await daemon.end()


async def test_an_open_incident_is_told_again_only_when_the_route_says_so(
    house: House, database: str, execute: Execute, make_database: MakeDatabase
) -> None:
    await execute(database, TABLE)
    house.watch("often", database)
    house.watch("once", await make_database(sql=TABLE))
    routes = house.data["alerts"]["routes"]
    house.data["alerts"]["routes"] = [
        {**routes[0], "environment": "often", "repeat": "1s"},
        {**routes[0], "environment": "once"},
    ]
    daemon = await (await house.start()).watching()
    for environment in house.data["environments"].values():
        await execute(environment["dsn"], FIRST)
    often, once = await house.root("often has drifted"), await house.root("once has drifted")
    await until(lambda: len(house.slack.replies(often["ts"])) == 2, house.told)
    assert all("still open" in m["text"] for m in house.slack.replies(often["ts"]))
    assert house.slack.replies(once["ts"]) == []
    assert len(house.roots()) == 2
    await daemon.end()
