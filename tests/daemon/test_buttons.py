"""What people press in Slack reaches the store of a running daemon, and is shown from then on."""

from __future__ import annotations

import json
import sqlite3

import pytest

from tests.conftest import Execute
from tests.daemon.house import TOKEN, House, all_text, until

pytestmark = pytest.mark.db

MARIA, WHO = "U0MARIA", "maria (U0MARIA)"


async def test_who_acknowledges_and_accepts_in_slack_is_kept_and_shown(
    house: House, database: str, execute: Execute
) -> None:
    await execute(database, "create table account (id int primary key)")
    house.watch("production", database, protected=True)
    (house.folder / "app").write_text(house.slack.app_token)
    channel = house.data["alerts"]["channels"]["oncall"]
    channel |= {"app_token_file": str(house.folder / "app"), "actors": [MARIA]}
    daemon = await (await house.start()).watching()

    await execute(database, "alter table account add column added_first int")
    root = await house.root("added_first")
    await until(house.slack.sockets.connected.is_set, house.told)
    await house.slack.click(MARIA, root["ts"], "ack")
    await until(lambda: f"acknowledged by {WHO}" in all_text(root), house.told)
    status = json.dumps(await house.slack.command(MARIA, "status"))
    assert "production" in status
    assert "1 finding" in status

    # What is new is told all the same, and the message still says who has taken it on.
    await execute(database, "alter table account add column added_second int")
    await until(lambda: "2 findings" in root["text"], house.told)
    assert f"acknowledged by {WHO}" in all_text(root)

    # What is accepted is no drift any more: told as over.
    await house.slack.click(MARIA, root["ts"], "accept")
    (view,) = await until(lambda: house.slack.views, house.told)
    chosen, _, _ = (b["element"] for b in view["blocks"] if b["type"] == "input")
    answer = {
        "findings": {"selected_options": chosen["options"]},
        "reason": {"value": "made by hand, and right"},
        "until": {"selected_option": None},
    }
    assert await house.slack.submit(MARIA, answer) == {}
    await until(lambda: root["text"].startswith("✅"), house.told)
    assert "Accept…" not in all_text(root)
    with sqlite3.connect(f"file:{house.store}?mode=ro", uri=True) as kept:
        marks = list(kept.execute("select verb, actor, reason from mark"))
    assert [(verb, who) for verb, who, _ in marks] == [("ack", WHO), ("accept", WHO)]
    assert marks[1][2] == "made by hand, and right"
    await daemon.end()
    assert house.slack.app_token not in daemon.said
    assert TOKEN not in daemon.said
