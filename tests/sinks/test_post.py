"""The workers of the channels: side by side, in their order, at their pace, to the end."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import datetime

import pytest

from pgdrift.core.alerts.incident import Delivery
from pgdrift.errors import SinkError, StoreError
from pgdrift.sinks.outbox import Outbox, Told
from pgdrift.sinks.pace import UNPACED, Pace
from pgdrift.sinks.post import Bucket, Counter, Post, Worker
from tests.sinks import samples

PATIENCE = 30.0  # seconds; only a failure waits so long
Ref = Mapping[str, str]


class Office:
    """What waits for each channel, and what became of it."""

    def __init__(self, **queues: int) -> None:
        self.queues = {name: self._queue(name, count) for name, count in queues.items()}
        self.told: list[str] = []
        self.recovered: list[Worker] = []
        self.pace: dict[Worker, Pace] = {}
        self.faults: list[Exception] = []
        self.reached = asyncio.Event()
        self.wanted = 0

    @staticmethod
    def _queue(name: str, count: int) -> list[Delivery]:
        notice = samples.night()
        return [
            Delivery(
                f"{name}-{n}",
                name,
                replace(notice, incident=replace(notice.incident, id=f"{name}{n}")),
            )
            for n in range(count)
        ]

    def counter(self, send: Callable[[Delivery], object]) -> Counter:
        async def sent(delivery: Delivery) -> Ref:
            result = send(delivery)
            if asyncio.iscoroutine(result):
                await result
            return {}

        async def recover(worker: Worker) -> None:
            self.recovered.append(worker)

        return Counter(self.outbox, recover, sent, lambda w: self.pace.get(w, UNPACED), self.hear)

    def outbox(self, worker: Worker) -> Outbox:
        async def due(_: datetime) -> Sequence[Delivery]:
            if self.faults:
                raise self.faults.pop()
            return tuple(self.queues.get(worker or "", ()))

        async def begin(*_: object) -> None:
            pass

        async def done(delivery: Delivery, *_: object) -> None:
            self.queues[worker or ""].remove(delivery)

        async def failed(*_: object) -> None:
            pass

        return Outbox(due, begin, done, failed, failed)

    def hear(self, told: Told) -> None:
        self.told.append(told.delivery.id)
        if len(self.told) == self.wanted:
            self.reached.set()

    async def hears(self, count: int) -> None:
        self.wanted = count
        if len(self.told) < count:
            await asyncio.wait_for(self.reached.wait(), PATIENCE)
        self.reached.clear()


@asynccontextmanager
async def open_(office: Office, send: Callable[[Delivery], object]) -> AsyncIterator[Post]:
    ending = asyncio.Event()
    post = Post(office.counter(send))
    task = asyncio.create_task(post.run([n for n in office.queues if n], ending))
    try:
        yield post
    finally:
        ending.set()
        await asyncio.wait_for(task, PATIENCE)


async def test_a_channel_that_hangs_holds_up_no_other_round_after_round() -> None:
    office = Office(mail=1, slack=1)
    hangs = asyncio.Event()

    async def send(delivery: Delivery) -> None:
        if delivery.channel == "mail":
            await hangs.wait()

    async with open_(office, send) as post:
        await office.hears(1)
        office.queues["slack"] = office._queue("slack", 2)
        post.wake()
        await office.hears(3)
        assert set(office.told) == {"slack-0", "slack-1"}
        hangs.set()
        await office.hears(4)
    assert office.told[-1] == "mail-0"


async def test_what_is_left_for_a_channel_that_is_gone_has_a_worker_too() -> None:
    office = Office(slack=1)
    office.queues[""] = office._queue("gone", 1)

    def send(delivery: Delivery) -> None:
        if delivery.channel == "gone":
            raise SinkError("no longer configured", reason="invalid", retry=False)

    async with open_(office, send):
        await office.hears(2)
    assert set(office.told) >= {"slack-0", "gone-0"}


async def test_what_the_store_could_not_keep_is_taken_back_before_the_next_round() -> None:
    office = Office(slack=1)
    office.faults = [StoreError("no space", reason="full")]

    async with open_(office, lambda _: None) as post:
        # Whichever worker met the fault, both look once more when they are woken.
        while len(office.recovered) < 3:
            post.wake()
            await asyncio.sleep(0)
        await office.hears(1)
    assert office.told == ["slack-0"]
    assert sorted(map(str, office.recovered)) in (
        ["None", "None", "slack"],
        ["None", "slack", "slack"],
    )


async def test_the_end_is_not_kept_waiting_by_a_pace() -> None:
    office = Office(slack=3)
    office.pace["slack"] = Pace(3600, burst=1)

    async with open_(office, lambda _: None):
        await office.hears(1)
    assert office.told == ["slack-0"]


@pytest.mark.parametrize(
    ("pace", "asked_at", "waits"),
    [
        (UNPACED, [0, 0, 0], [0, 0, 0]),
        (Pace(2, burst=1), [0, 0, 0], [0, 2, 4]),
        (Pace(2, burst=3), [0, 0, 0, 0], [0, 0, 0, 2]),
        (Pace(2, burst=3), [0, 0, 0, 2, 3], [0, 0, 0, 0, 1]),
        (Pace(2, burst=3), [0, 0, 0, 1000, 1000, 1000, 1000], [0, 0, 0, 0, 0, 0, 2]),
    ],
)
def test_a_few_go_at_once_and_the_others_at_the_pace(
    pace: Pace, asked_at: list[float], waits: list[float]
) -> None:
    now = iter([0.0, *asked_at]) if pace.seconds else iter([0.0])
    bucket = Bucket(pace, lambda: next(now))
    assert [bucket.wait() for _ in asked_at] == waits
