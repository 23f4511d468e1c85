"""What bypasses a ledger is told as any other finding is: message, page, JSON and metrics."""

from __future__ import annotations

import pytest

from tests.conftest import Execute
from tests.daemon.house import House, until
from tests.looks import CORE

pytestmark = pytest.mark.db


async def test_a_ledger_that_is_switched_off_is_told_and_resolved(
    house: House, database: str, execute: Execute
) -> None:
    await execute(database, CORE + "create table account (id int)")
    rule = {"object": "event_trigger:*", "reason": "what is told here is the ledger's part"}
    house.data["compare"] = {"ignore": [rule]}
    house.watch("production", database, protected=True)
    daemon = await (await house.start()).watching()
    assert await daemon.metric("pgdrift_in_sync", "ledger", "production") == 1

    await execute(database, "alter event trigger gitversion_ddl_trigger disable")
    root = await house.root("production has drifted from its ledger")
    assert root["text"].startswith("🔴")
    (finding,) = await daemon.findings(against="ledger")
    assert finding["kind"] == "ledger_tracking"
    assert (finding["severity"], finding["class"]) == ("critical", "security")
    assert finding["reason"] == "the ledger does not record all that is done"
    labels = ("ledger", "security", "changed", "production", "critical")
    assert await daemon.metric("pgdrift_findings", *labels) == 1
    page = (await daemon.get("/environments/production"))[1]
    assert "gitversion_ddl_trigger" in page

    await execute(database, "alter event trigger gitversion_ddl_trigger enable")
    await until(lambda: house.slack.replies(root["ts"]), house.told)
    assert "in sync with its ledger again" in root["text"]
    await daemon.end()
