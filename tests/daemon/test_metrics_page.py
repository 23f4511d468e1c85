"""The page of metrics of a daemon that runs: in good form, and without what is gone."""

from __future__ import annotations

import asyncio
import shutil

import pytest

from tests.conftest import Execute, MakeDatabase
from tests.daemon.house import Daemon, House, until

pytestmark = pytest.mark.db

OF_FINDINGS = ("pgdrift_findings", "pgdrift_oldest_finding_timestamp_seconds")


async def has(daemon: Daemon, name: str, count: int) -> bool:
    return len(await daemon.metrics(name)) == count


async def test_no_series_remains_for_a_finding_that_is_gone(
    house: House, make_database: MakeDatabase, execute: Execute
) -> None:
    up, down = await make_database(), await make_database()
    house.watch("development", up)
    house.watch("staging", down, follows="development", protected=True)
    daemon = await (await house.start()).watching()
    for name in OF_FINDINGS:
        assert await daemon.metrics(name) == {}

    await execute(up, "create table t (id int); alter table t enable row level security")
    await execute(down, "create table u (id int)")
    # Both have drifted on their own; staging has u and lacks t.
    wanted = {("sync", "changed"), ("development", "ahead"), ("development", "behind")}

    async def found() -> bool:
        series = await daemon.metrics(OF_FINDINGS[0])
        return {(against, direction) for against, _, direction, *_ in series} == wanted

    await until(found, lambda: daemon.said)
    assert len(await daemon.metrics(OF_FINDINGS[1])) == 3
    text = (await daemon.get("/metrics"))[1]
    assert '"public' not in text, "no object's name is a label"

    await execute(up, "drop table t")
    await execute(down, "drop table u")
    await until(lambda: has(daemon, OF_FINDINGS[0], 0), lambda: daemon.said)
    assert await daemon.metrics(OF_FINDINGS[1]) == {}
    assert set((await daemon.metrics("pgdrift_in_sync")).values()) == {1}
    assert await daemon.metric("pgdrift_incidents", "staging", "open") == 0
    changes = await daemon.metrics("pgdrift_schema_changes_total")
    assert changes["staging", "untracked"] == 2
    await daemon.end()


@pytest.mark.skipif(not shutil.which("promtool"), reason="promtool is not installed")
async def test_promtool_finds_nothing_wrong(house: House, database: str, execute: Execute) -> None:
    house.watch('prod"uction\\ <é>', database)
    house.tell("oncall", "dba")
    daemon = await (await house.start()).watching()
    await execute(database, 'create table "a\nb" (id int)')
    await house.all_told(2)
    await until(lambda: has(daemon, OF_FINDINGS[0], 1), lambda: daemon.said)
    text = (await daemon.get("/metrics"))[1]
    process = await asyncio.create_subprocess_exec(
        *("promtool", "check", "metrics"),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    said, _ = await process.communicate(text.encode())
    assert process.returncode == 0, said.decode()
    assert said == b"", said.decode()
    await daemon.end()
