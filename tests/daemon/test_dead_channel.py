"""A channel that is down for long is told of elsewhere, with what it was to say, until it is back."""

from __future__ import annotations

import pytest

from tests.conftest import Execute
from tests.daemon.house import House, free_port, until

pytestmark = pytest.mark.db

FIRST = "alter table account add column added_first int"
BACK = "alter table account drop column added_first"


async def test_others_hear_of_a_dead_channel_and_of_what_it_was_to_tell_to_the_end(
    house: House, database: str, execute: Execute
) -> None:
    await execute(database, "create table account (id int primary key)")
    house.watch("production", database)
    port = free_port()
    house.data["alerts"]["channels"]["oncall"]["base_url"] = f"http://127.0.0.1:{port}/api/"
    house.data["alerts"]["dead_after"] = "1s"
    house.tell("oncall", fallback=["dba"])
    daemon = await (await house.start("brisk.py")).watching()
    await execute(database, FIRST)

    def mails(words: str) -> list[str]:
        return [str(m["Subject"]) for m in house.mail.mails if words in str(m["Subject"])]

    await until(lambda: mails("channel oncall cannot be reached"), house.told)
    await until(lambda: mails("production has drifted"), house.told)
    assert await daemon.metric("pgdrift_channel_up", "oncall") == 0
    assert await daemon.metric("pgdrift_channel_up", "dba") == 1
    assert "channel oncall cannot be reached: dead since" in (await daemon.get("/"))[1]
    assert (
        "note: channel oncall cannot be reached: dead since" in (await house.pgdrift("status")).out
    )
    said = (await house.pgdrift("status", "-f", "json")).json()["channels"]
    assert {c["name"]: bool(c["dead_since"]) for c in said} == {"oncall": True, "dba": False}

    await house.slack.stop()
    await house.slack.start(port=port)
    await house.root("added_first")
    await until(lambda: len(mails("channel oncall")) == 2, house.told)
    assert await daemon.metric("pgdrift_channel_up", "oncall") == 1

    await execute(database, BACK)
    await until(lambda: len(mails("production")) == 2, house.told)
    found = [m for m in house.mail.mails if "production" in str(m["Subject"])]
    assert found[1]["In-Reply-To"] == found[0]["Message-ID"]
    assert "in sync" in str(found[1].get_body(("plain",)))
    await until(lambda: "in sync" in house.roots()[0]["text"], house.told)
    assert len(house.roots()) == 1
    await daemon.end()
