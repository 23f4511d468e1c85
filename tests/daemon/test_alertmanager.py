"""From a drift to an alert in a real Alertmanager, past a restart of it, to the alert's end."""

from __future__ import annotations

from typing import Any

import pytest

from tests.conftest import Execute
from tests.daemon.house import House, free_port, until
from tests.sinks.alertmanager import COMMAND, Alertmanager, alertmanager
from tests.sinks.receiver import receiver

pytestmark = [
    pytest.mark.db,
    pytest.mark.skipif(
        not COMMAND, reason="no alertmanager here (Debian: prometheus-alertmanager)"
    ),
]

TABLE = "create table account (id int primary key)"
DRIFT = "alter table account add column added_first int"
BACK = "alter table account drop column added_first"


async def test_an_alert_outlives_its_alertmanager_and_ends_with_the_incident(
    house: House, database: str, execute: Execute
) -> None:
    """A database, a daemon and two Alertmanagers: what is kept alive, only all of them can show."""
    await execute(database, TABLE)
    house.watch("production", database, protected=True)
    port = free_port()
    url = f"http://127.0.0.1:{port}"
    house.data["alerts"]["channels"] = {"am": {"type": "alertmanager", "urls": [url]}}
    house.tell("am")
    daemon = await (await house.start("lively.py")).watching()

    async with receiver() as people:
        async with alertmanager(house.folder / "first", people.url, port) as am:
            await execute(database, DRIFT)
            (first,) = await alert(am, house)
            assert first["labels"] == {
                "alertname": "PgdriftDrift",
                "environment": "production",
                "against": "sync",
                "severity": first["labels"]["severity"],
                "class": "structure",
            }
            assert "added_first" in first["annotations"]["description"]

        # Gone with all that it knew; pgdrift tells nothing new, and yet the alert is back.
        async with alertmanager(house.folder / "second", people.url, port) as am:
            (again,) = await alert(am, house)
            assert again["fingerprint"] == first["fingerprint"]
            assert again["startsAt"] == first["startsAt"]
            assert len(house.deliveries()) == 1, house.told()

            people.requests.clear()
            await execute(database, BACK)
            await until(
                lambda: [r for r in people.requests if r.said["status"] == "resolved"], house.told
            )
            await house.all_told(2)
            assert await am.alerts() == []
    await daemon.end()


async def alert(am: Alertmanager, house: House) -> list[Any]:
    found: list[Any] = await until(am.alerts, house.told)
    return found
