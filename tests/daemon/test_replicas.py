"""Replicas share the environments: killed, paused, cut off, and everything is told once.

How many environments and disturbances is PGDRIFT_SHARED and PGDRIFT_DISTURBANCES: few in
`make test`, sixty and two hundred in `make soak`.
"""

from __future__ import annotations

import asyncio
import json
import os
import random
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import timedelta
from itertools import pairwise
from pathlib import Path

import pytest

from pgdrift.demo.slack import SlackDouble
from tests.conftest import MakeDatabase, run_sql
from tests.daemon.house import CHANNEL, TOKEN, Daemon, Json, all_text, until
from tests.daemon.trio import Replica, Trio, trio
from tests.sinks.mailserver import MailServer

DISTURBANCES = int(os.environ.get("PGDRIFT_DISTURBANCES", "4"))
# With more of them than that, some last for a minute.
LONG_FROM = 8
SHARED = int(os.environ.get("PGDRIFT_SHARED", "6"))
SCHEMA = "create table kept (id int primary key)"
REPEATED = "repeated: delivery was interrupted"
# The lease of replicas whose environments are looked at every two seconds, and what notices it.
INTERVAL, LEASE = timedelta(seconds=2), timedelta(seconds=5)
# What a machine with much else to do may add to it; a fault leaves an environment for good.
SLACK = timedelta(seconds=60)


@pytest.fixture
async def shared(make_database: MakeDatabase, tmp_path: Path) -> AsyncIterator[Trio]:
    template = await make_database("shared_template", sql=SCHEMA)
    name = template.rpartition("/")[2]
    # Names that no digest holds: messages carry many.
    found = {f"shop{n:02}": await make_database(template=name) for n in range(SHARED)}
    mail = MailServer()
    await mail.start()
    async with (
        SlackDouble(token=TOKEN, channels={"db-oncall": CHANNEL}) as slack,
        trio(await make_database(), slack, mail, tmp_path, found) as made,
    ):
        yield made
    await mail.stop()


async def killed(replica: Replica) -> Callable[[], Awaitable[object]]:
    await replica.kill()
    return replica.start


async def paused(replica: Replica) -> Callable[[], Awaitable[object]]:
    replica.stop()

    async def go_on() -> None:
        replica.go_on()

    return go_on


async def cut_off(replica: Replica) -> Callable[[], Awaitable[object]]:
    await replica.way.turn("silent")
    return lambda: replica.way.turn("open")


async def refused(replica: Replica) -> Callable[[], Awaitable[object]]:
    await replica.way.turn("refuse")
    return lambda: replica.way.turn("open")


WAYS = (killed, paused, cut_off, refused)


async def test_whatever_becomes_of_replicas_each_environment_is_watched_by_one_and_told_once(
    shared: Trio,
) -> None:
    seed = random.randrange(2**32)
    dice = random.Random(seed)
    replicas = [await shared.add() for _ in range(3)]
    for replica in replicas:
        await replica.start()
    await shared.shared_by(*replicas)
    await shared.looked(await shared.now())
    await each_tells_of_all(shared)
    began = await shared.now()
    changed: set[str] = set()
    mended: set[str] = set()

    for number in range(DISTURBANCES):
        victim = replicas[number % 3]
        how = WAYS[number % len(WAYS)] if DISTURBANCES <= LONG_FROM else dice.choice(WAYS)
        await change(shared, dice, changed, mended)
        undo = await how(victim)
        await change(shared, dice, changed, mended)
        if how is killed or dice.random() < 0.7:
            await shared.shared_by(*(r for r in replicas if r is not victim))
        if DISTURBANCES > LONG_FROM and dice.random() < 0.02:
            await asyncio.sleep(60)
        await undo()
        if dice.random() < 0.7:
            await shared.shared_by(*replicas)

    await shared.shared_by(*replicas)
    await shared.looked(await shared.now())
    await told(shared, changed - mended)
    await shared.settled()
    for replica in replicas:
        await replica.running.end()

    why = f"seed {seed}\n{shared.replicas[0].house.told()}"
    written = [w for w in await shared.written() if w["at"] > began]
    assert {w["about"] for w in written} == {"environment", "incident", "delivery"}
    assert [w for w in written if not w["held"]] == [], why
    longest, where = max(gaps([w for w in written if w["about"] == "environment"]))
    assert longest < 2 * INTERVAL + LEASE + LEASE / 4 + SLACK, f"{where}\n{why}"
    check_messages(shared, await shared.ask("select * from delivery"), changed, why)


async def each_tells_of_all(shared: Trio) -> None:
    """See that each page tells of all environments, and the metrics of all pages of each once."""
    watched: Counter[str] = Counter()
    leaders = 0.0
    for replica in shared.replicas:
        daemon = replica.running
        await daemon.watching()

        async def knows_all(daemon: Daemon = daemon) -> bool:
            status = json.loads((await daemon.get("/api/v1/status"))[1])
            outcomes = {e["name"]: e["outcome"] for e in status["environments"]}
            assert outcomes.keys() == shared.environments.keys()
            assert len(status["replicas"]["members"]) == len(shared.replicas)
            mine = [n for n, by in status["replicas"]["watched_by"].items() if by is not None]
            return set(outcomes.values()) == {"in_sync"} and len(mine) == len(outcomes)

        await until(knows_all, shared.said)
        watched.update(name for (name,) in await daemon.metrics("pgdrift_environment_up"))
        leaders += await daemon.metric("pgdrift_replica_leads") or 0
    assert watched == dict.fromkeys(shared.environments, 1)
    assert leaders == 1
    said = await shared.replicas[0].house.pgdrift("status", "--format", "json")
    assert said.code == 0, said.both
    drill = await shared.replicas[1].house.pgdrift("drill")
    assert drill.code == 0, drill.both


async def change(shared: Trio, dice: random.Random, changed: set[str], mended: set[str]) -> None:
    """Let one environment more drift, and one that was told of be put right."""
    if whole := sorted(shared.environments.keys() - changed):
        name = dice.choice(whole)
        await run_sql(shared.environments[name], "alter table kept add column by_hand int")
        changed.add(name)
    if known := sorted({i["environment"] for i in await opened(shared)} - mended):
        name = dice.choice(known)
        await run_sql(shared.environments[name], "alter table kept drop column by_hand")
        mended.add(name)


async def opened(shared: Trio) -> list[Json]:
    """Return the incidents of which something was told."""
    return await shared.ask(
        "select distinct i.environment, i.id from incident as i join delivery as d"
        " on d.incident_id = i.id where d.state = 'done' and i.state = 'open'"
    )


async def told(shared: Trio, names: set[str]) -> None:
    """Return once it was told that these drifted, and no others still do."""

    async def so() -> bool:
        return {i["environment"] for i in await opened(shared)} == names

    await until(so, lambda: f"{names}\n{shared.said()}")


def gaps(written: list[Json]) -> list[tuple[timedelta, str]]:
    """Return how long each environment was left between two looks, and which, when, by whom."""
    by: dict[str, list[Json]] = {}
    for w in written:
        by.setdefault(w["environment"], []).append(w)
    return [
        (b["at"] - a["at"], f"{name}: {a['at']} by {a['pid']}, {b['at']} by {b['pid']}")
        for name, of in by.items()
        for a, b in pairwise(of)
    ]


def check_messages(shared: Trio, deliveries: list[Json], changed: set[str], why: str) -> None:
    """See that nothing decided is missing, and nothing was told twice as new."""
    messages = shared.slack.messages
    roots = [m for m in messages if "thread_ts" not in m]
    opened = Counter(m["metadata"]["event_payload"]["incident"] for m in roots)
    each = Counter(m["metadata"]["event_payload"]["delivery"] for m in messages)
    assert set(opened.values()) == {1}, why
    assert set(each.values()) == {1}, why
    assert {d["state"] for d in deliveries} == {"done"}, why
    assert set(each) == {d["id"] for d in deliveries}, why
    assert not any(REPEATED in all_text(m) for m in messages), why
    for name in changed:
        assert sum(name in all_text(m) for m in roots) == 1, f"{name}\n{why}"
