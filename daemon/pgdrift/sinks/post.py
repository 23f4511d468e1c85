"""One worker per channel: what is due there is told, however long another channel takes.

In: the names of the channels, and for each the store's side of it. Knows no store; a worker that
has no channel tells what is left for channels that are no longer configured.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime

from pgdrift.errors import StoreError
from pgdrift.log import get_logger
from pgdrift.sinks.outbox import Outbox, Send, Told, deliver_due
from pgdrift.sinks.pace import Pace

_POLL = 5.0
"""Seconds after which a worker looks by itself: a wake-up may be lost, and a wait be over."""

log = get_logger("sinks.post")

Worker = str | None
"""A channel's name; None for all channels that are not configured."""


@dataclass(frozen=True, slots=True)
class Counter:
    """What a worker does its work through.

    `outbox` gives the store's side of one worker, `recover` takes back what it had begun when it
    was interrupted, `pace` how fast it may go, `told` hears of every try.
    """

    outbox: Callable[[Worker], Outbox]
    recover: Callable[[Worker], Awaitable[object]]
    send: Send
    pace: Callable[[Worker], Pace]
    told: Callable[[Told], None]


@dataclass(slots=True)
class Post:
    """The workers of all channels. `wake` them when something may be due."""

    counter: Counter
    _bells: list[asyncio.Event] = field(default_factory=list)

    def wake(self) -> None:
        """Let every worker look what is due."""
        for bell in self._bells:
            bell.set()

    async def run(self, channels: Iterable[str], ending: asyncio.Event) -> None:
        """Tell what is due until `ending` is set; a delivery under way is finished first."""
        workers: list[Worker] = [*channels, None]
        self._bells = [asyncio.Event() for _ in workers]
        async with asyncio.TaskGroup() as group:
            for worker, bell in zip(workers, self._bells, strict=True):
                group.create_task(self._work(worker, bell, ending), name=f"tell {worker}")

    async def _work(self, worker: Worker, bell: asyncio.Event, ending: asyncio.Event) -> None:
        outbox = self.counter.outbox(worker)
        pace = self.counter.pace(worker)
        bucket = Bucket(pace, asyncio.get_running_loop().time)

        async def rest() -> bool:
            return not await rang(ending, bucket.wait())

        interrupted = True
        while not ending.is_set():
            bell.clear()
            try:
                # Nothing of it is under way here: what was begun and has no end was interrupted.
                if interrupted:
                    await self.counter.recover(worker)
                interrupted = False
                tries = deliver_due(
                    outbox, self.counter.send, now=_now, jitter=random.random, rest=rest
                )
                async for told in tries:
                    self.counter.told(told)
            except StoreError as error:
                interrupted = True
                log.error("outbox.not_kept", error=str(error))  # noqa: TRY400  not a bug
            await rang(bell, _POLL, ending)


class Bucket:
    """How long to wait before the next of many: not at all for the first few, then the pace."""

    def __init__(self, pace: Pace, clock: Callable[[], float]) -> None:
        """Begin full, at the time that the clock tells in seconds."""
        self._pace, self._clock = pace, clock
        self._level, self._at = float(pace.burst), clock()

    def wait(self) -> float:
        """Take one out, and return how many seconds to wait for it."""
        if not self._pace.seconds:
            return 0.0
        now = self._clock()
        filled = self._level + (now - self._at) / self._pace.seconds
        self._level, self._at = min(self._pace.burst, filled) - 1, now
        return max(0.0, -self._level * self._pace.seconds)


async def rang(bell: asyncio.Event, seconds: float, *others: asyncio.Event) -> bool:
    """Wait until an event is set, so many seconds at most, and tell whether the first one is."""
    waits = [asyncio.ensure_future(e.wait()) for e in (bell, *others)]
    try:
        await asyncio.wait(waits, timeout=seconds, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for wait in waits:
            wait.cancel()
    return bell.is_set()


def _now() -> datetime:
    return datetime.now(UTC)
