"""Ten thousand findings at once, in two hundred environments: a message each, at Slack's pace.

Everything runs fifty times as fast as there: the pace of the worker, and the limit it must keep.
"""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any

from pgdrift.core.alerts.route import Route
from pgdrift.core.look import seen
from pgdrift.core.model import Reading, Severity, Snapshot
from pgdrift.core.watched import Watched
from pgdrift.demo.slack import SlackDouble
from pgdrift.sinks import SlackChannel, deliver
from pgdrift.sinks.outbox import Outbox, Send, Told, deliver_due
from pgdrift.sinks.pace import Pace
from pgdrift.sinks.post import Counter as Ports
from pgdrift.sinks.post import Post
from pgdrift.sinks.slack import PACE
from pgdrift.store import Store, open_store
from tests.core.build import KINDS, NOW, column, table

TOKEN = "xoxb-storm"
ENVIRONMENTS, FINDINGS = 200, 50
FASTER = 50
PATIENCE = 300.0  # seconds; only a failure waits so long


@dataclass
class Meter:
    """Slack's limit: one message a second in a channel, and bursts of a few more."""

    burst: float = 15.0
    level: float = 15.0
    at: float = field(default_factory=time.monotonic)
    refused: int = 0

    def takes(self) -> bool:
        now = time.monotonic()
        self.level = min(self.burst, self.level + (now - self.at) * FASTER)
        self.at = now
        if self.level < 1:
            self.refused += 1
            return False
        self.level -= 1
        return True


class Metered(SlackDouble):
    """A workspace that keeps its limit for messages."""

    def __init__(self, **more: Any) -> None:
        super().__init__(**more)
        self.meter = Meter()

    def _next_fault(self, method: str) -> Any:
        if method == "chat.postMessage" and not self.meter.takes():
            self.limit(1)
        return super()._next_fault(method)


def state(tables: int, new: int) -> Snapshot:
    columns = [column(f"added_{n}") for n in range(new)]
    objects = [*(table(f"t{n}") for n in range(tables)), table(), *columns]
    return Snapshot({o.id: o for o in objects}, KINDS, 180001, NOW)


EACH = Route(("oncall",), severity=tuple(Severity))
TOGETHER = replace(EACH, group_by=("against",), wait=timedelta(minutes=5))


async def look(store: Store, name: str, snapshot: Snapshot, route: Route = EACH) -> int:
    """Look once, keep it, and return how many findings there are."""
    watched = Watched(name, routes=(route,))
    book = await store.load(name, snapshots=True)
    conclusion = seen(watched, book, Reading(snapshot, "gate", None, ()), None, datetime.now(UTC))
    await store.save(conclusion.step)
    return sum(len(a.findings) for a in conclusion.standing.against)


def of(store: Store) -> Outbox:
    return Outbox(store.due, store.begin, store.done, store.failed, store.postpone)


def to(slack: SlackDouble) -> Send:
    channel = SlackChannel(type="slack", token=TOKEN, channel="#oncall", base_url=slack.url)
    return partial(deliver, channel, link=None)


async def test_a_storm_is_one_message_for_each_incident_and_no_limit_is_met(tmp_path: Path) -> None:
    names = [f"tenant{n:03}" for n in range(ENVIRONMENTS)]
    before, after = state(10, 0), state(10, FINDINGS)
    told: list[Told] = []
    all_told = asyncio.Event()

    def hear(one: Told) -> None:
        told.append(one)
        if len(told) >= ENVIRONMENTS:
            all_told.set()

    async with (
        Metered(token=TOKEN, channels={"oncall": "C0ONCALL"}) as slack,
        open_store(f"sqlite:///{tmp_path}/pgdrift.db") as store,
    ):
        outbox, send = of(store), to(slack)
        pace = Pace(PACE.seconds / FASTER, PACE.burst)
        ports = Ports(
            outbox=lambda worker: outbox if worker else replace(outbox, due=nothing),
            recover=lambda _: store.recover(),
            send=send,
            pace=lambda _: pace,
            told=hear,
        )
        for name in names:
            await look(store, name, before)
        ending = asyncio.Event()
        post = Post(ports)
        telling = asyncio.create_task(post.run(["oncall"], ending))
        found = 0
        for name in names:
            found += await look(store, name, after)
            post.wake()
        await asyncio.wait_for(all_told.wait(), PATIENCE)
        ending.set()
        await telling

    assert found == ENVIRONMENTS * FINDINGS
    assert Counter(t.outcome for t in told) == {"delivered": ENVIRONMENTS}
    assert slack.meter.refused == 0
    roots = [m for m in slack.messages if "thread_ts" not in m]
    assert len(roots) == ENVIRONMENTS
    assert {name for name in names for m in roots if name in m["text"]} == set(names)
    # What a message has no room for goes along as a file, below it.
    assert all("files" in m for m in slack.messages if "thread_ts" in m)


async def test_a_storm_in_a_group_of_variants_is_one_message_for_the_group(tmp_path: Path) -> None:
    """As docs/fleets.md says: a route that does not group by environment."""
    names = [f"tenant{n:03}" for n in range(60)]
    before, after = state(10, 0), state(10, 1)
    # Of each ten the last has another finding more: two variants of one group.
    odd = state(10, 2)
    end = datetime.now(UTC) + timedelta(hours=1)

    async with (
        SlackDouble(token=TOKEN, channels={"oncall": "C0ONCALL"}) as slack,
        open_store(f"sqlite:///{tmp_path}/pgdrift.db") as store,
    ):
        outbox, send = of(store), to(slack)
        for snapshots in ([before] * 10, [*[after] * 9, odd]):
            for n, name in enumerate(names):
                await look(store, name, snapshots[n % 10], TOGETHER)
        # Nothing is told while more may come; then all of it at once.
        assert await store.due(datetime.now(UTC)) == ()
        tries = deliver_due(outbox, send, now=lambda: end, jitter=lambda: 0.0)
        told = [one async for one in tries]

    assert [t.outcome for t in told] == ["delivered"]
    (message,) = [m for m in slack.messages if "thread_ts" not in m]
    assert "60 incidents in 60 environments" in message["text"]


async def nothing(_: datetime) -> tuple[()]:
    return ()


def test_the_meter_can_refuse() -> None:
    meter = Meter()
    assert [meter.takes() for _ in range(200)].count(True) < 100
    assert meter.refused > 100
