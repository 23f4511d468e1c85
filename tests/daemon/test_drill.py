"""A drill reaches people the whole way, and leaves nothing behind; a channel can be tried alone."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from pgdrift.core.alerts.incident import Notice, Reason
from pgdrift.core.alerts.route import Address
from pgdrift.store import open_store
from tests.daemon.house import House, free_port, until
from tests.store.nouns import incident

pytestmark = pytest.mark.db


async def test_a_channel_is_tried_and_a_drill_goes_directly_where_there_is_no_store(
    house: House, database: str
) -> None:
    house.watch("production", database)
    said = await house.pgdrift("alerts", "test", "oncall")
    assert (said.code, said.out) == (0, "oncall: arrived\n"), said.err
    assert "this is a drill: nothing drifted" in house.slack.messages[0]["text"]

    said = await house.pgdrift("drill")
    assert (said.code, said.out) == (0, "oncall: arrived\ndba: arrived\n"), said.err
    assert not house.store.exists()
    first, last = house.mail.mails
    assert last["In-Reply-To"] == first["Message-ID"]

    channel = house.data["alerts"]["channels"]["oncall"]
    channel["base_url"] = f"http://127.0.0.1:{free_port()}/api/"
    said = await house.pgdrift("alerts", "test", "oncall")
    assert said.code == 2
    assert "oncall: did not arrive" in said.out
    assert (await house.pgdrift("alerts", "test", "nobody")).code == 3


async def test_a_drill_goes_through_the_outbox_of_a_daemon_that_runs_and_is_nobodys_incident(
    house: House, database: str
) -> None:
    house.watch("production", database)
    daemon = await (await house.start()).watching()
    said = await house.pgdrift("drill", "--channel", "oncall")
    assert (said.code, said.out) == (0, "oncall: arrived\n"), said.err
    (root,) = house.roots()
    assert "this was a drill: it is over" in root["text"]
    assert {d["state"] for d in house.deliveries()} == {"done"}
    assert sum((await daemon.metrics("pgdrift_incidents")).values()) == 0
    assert "drill" not in (await daemon.get("/api/v1/incidents"))[1]
    await daemon.end()

    # Nobody runs now: the command tells it itself, and takes back what it could not tell.
    channel = house.data["alerts"]["channels"]["oncall"]
    channel["base_url"] = f"http://127.0.0.1:{free_port()}/api/"
    said = await house.pgdrift("drill")
    assert (said.code, said.out) == (2, "oncall: did not arrive: unreachable\ndba: arrived\n")
    await until(lambda: len(house.mail.mails) == 2, house.told)
    assert {d["state"] for d in house.deliveries()} == {"done"}


async def test_a_drill_leaves_alone_what_really_waits(house: House, database: str) -> None:
    house.watch("production", database)
    daemon = await (await house.start()).watching()
    await daemon.end()
    waits = incident("real", "production", opened_at=datetime.now(UTC))
    real = Notice(waits, Reason.FIRST, datetime.now(UTC))
    async with open_store(house.data["store"]["url"]) as store:
        await store.post(waits, real, [Address("oncall"), Address("dba")])
    channel = house.data["alerts"]["channels"]["oncall"]
    channel["base_url"] = f"http://127.0.0.1:{free_port()}/api/"
    # One of its own does not arrive and is taken back, the other does.
    assert (await house.pgdrift("drill")).code == 2
    kept = [d for d in house.deliveries() if d["incident_id"] == "real"]
    assert {(d["channel"], d["state"], d["attempts"]) for d in kept} == {
        ("oncall", "pending", 0),
        ("dba", "pending", 0),
    }
    async with open_store(house.data["store"]["url"]) as store:
        assert [i.id for i in await store.incidents("production")] == ["real"]


async def test_who_would_hear_of_something_can_be_asked(house: House, database: str) -> None:
    house.watch("production", database)
    house.data["alerts"]["routes"] = [
        {"classes": ["security"], "to": ["dba"], "continue": True},
        {"severity": ["critical"], "to": ["oncall"]},
    ]
    asked = ["alerts", "route", "production", "policy:public.t.own"]
    said = await house.pgdrift(*asked, "--class", "security", "--severity", "critical", "--explain")
    assert (said.code, said.err) == (0, "")
    assert said.out.splitlines()[1:] == [
        "  route 0: → dba, and on (continue)",
        "  route 1: → oncall",
        "  told to dba, oncall",
    ]
    said = await house.pgdrift(*asked[:-1], "table:public.t")
    assert (said.code, said.out.splitlines()[1:]) == (1, ["  told to nobody"])
    said = await house.pgdrift(*asked)
    assert said.out.splitlines() == [
        "policy:public.t.own (warning, security, changed) in production against sync:",
        "  told to dba",
    ]
    house.watch("production", database, protected=True)
    said = await house.pgdrift(*asked)
    assert "(critical, security, changed)" in said.out
    house.watch("production", database)
    said = await house.pgdrift(*asked, "--severity", "critical", "--against", "ledger")
    assert said.out.splitlines() == [
        "policy:public.t.own (critical, security, changed) in production against ledger:",
        "  told to dba, oncall",
    ]
    warned = (await house.pgdrift("config", "check")).out
    assert "warning: production: nobody hears of what is warning against reach" in warned
