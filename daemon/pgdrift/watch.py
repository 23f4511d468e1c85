"""One environment's watch: a timer, and one look after another. Read it as a list in `_look`.

The world comes in as arguments: where to read, where to keep, whom to tell that something is
new. A server that cannot be asked makes the outcome unknown and the next look later; any other
error is a bug and ends the process.
"""

from __future__ import annotations

import asyncio
import math
import random
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, nullcontext
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime

import structlog

from pgdrift.core.alike.spelling import Answers, Dispute
from pgdrift.core.book import Book, Step
from pgdrift.core.look import Conclusion, Upstream, Watched, questions, seen, unseen
from pgdrift.core.model import Hint, Origin, Outcome, Reading, Standing
from pgdrift.core.still import Still, still
from pgdrift.core.wakeup import Burst, due, heard, rest, together
from pgdrift.core.why.enacted import Enactment
from pgdrift.core.why.flight import judged_until
from pgdrift.errors import ConfigError, SourceError, StoreError
from pgdrift.log import get_logger, redact
from pgdrift.retry import backoff_seconds, retry_source

log = get_logger("watch")

# Between looks at an environment that cannot be reached, however often it failed.
_MOST_BACKOFF_SECONDS = 300.0
# And while a plan is run, and for some minutes after it: whoever runs it is there and wants to see
# at once what became of it, and a look at what has not changed costs next to nothing.
_CLOSE_SECONDS = 5.0
# Looks of several environments drift apart by this share of the interval instead of marching. It
# only shortens: what goes away between two looks is to be unknown within two intervals.
_JITTER = 0.1


@dataclass(frozen=True, slots=True)
class Timing:
    """When to look: `interval` between looks and `timeout` of one, in seconds."""

    interval: float = 30.0
    timeout: float = 30.0

    def wait(self, failures: int, chance: float) -> float:
        """Return the seconds until the next look; `chance` in [0, 1) gives the jitter."""
        jitter = 1 - _JITTER * chance
        if failures == 0:
            return self.interval * jitter
        return backoff_seconds(failures, base=self.interval, most=self._most()) * jitter

    def longest(self) -> float:
        """Return the seconds that may pass between the ends of two looks."""
        return self._most() + self.timeout

    def _most(self) -> float:
        return max(self.interval, _MOST_BACKOFF_SECONDS)


async def nobody(disputes: Sequence[Dispute]) -> Answers:
    """Answer nothing, where there is no server that could be asked about spellings."""
    _ = disputes
    return Answers()


async def _asked(_: object) -> None:
    """Know nothing but by asking."""


@dataclass(frozen=True, slots=True)
class Ports:
    """The world of one watch, as functions.

    read: a book → what one look reads; raises SourceError. load, save: the book and the step.
    upstream: what the environment follows, as last seen. publish: the standing, for metrics and
    page. looked, changed: what the metrics count. wake_sinks: there may be something to deliver.
    wake_upstream: look at what it follows now, and wake this watch when that is done.
    settle: ask a server whether texts mean the same; never raises. woken: a look that
    notifications asked for is kept: after how many seconds. remarks: what else people should know.
    turn: have a turn at the server inside, waited for while it answers others within so many
    seconds. unmoved: what there is, and when, where that is certain without asking. spare: until
    when it is certain that a look would conclude the same, which is kept; None where it is not.
    enacted: which plans were run there, and ended not long before a time or not at all.
    """

    read: Callable[[Book], Awaitable[Reading]]
    load: Callable[[str], Awaitable[Book]]
    save: Callable[[Step], Awaitable[None]]
    upstream: Callable[[], Awaitable[Upstream | None]]
    publish: Callable[[Standing], None]
    looked: Callable[[str, Outcome, str, float], None]
    changed: Callable[[str, Mapping[Origin, int]], None]
    wake_sinks: Callable[[], None]
    wake_upstream: Callable[[], None]
    settle: Callable[[Sequence[Dispute]], Awaitable[Answers]] = nobody
    woken: Callable[[str, float], None] = lambda _, __: None
    remarks: Callable[[], tuple[str, ...]] = tuple
    turn: Callable[[float], AbstractAsyncContextManager[None]] = lambda _: nullcontext()
    unmoved: Callable[[Book], Awaitable[tuple[datetime, Reading] | None]] = _asked
    spare: Callable[[Still], Awaitable[datetime | None]] = _asked
    enacted: Callable[[str, datetime | None], Awaitable[tuple[Enactment, ...]]] | None = None


@dataclass(slots=True)
class Watch:
    """The watch over one environment; `wake` shortens the wait to the next look."""

    watched: Watched
    timing: Timing
    ports: Ports
    wake: asyncio.Event = field(default_factory=asyncio.Event)
    turned_at: float = field(default_factory=time.monotonic)
    # When somebody who waits for this look last had it begin, and when the next is to, if asked.
    hurried_at: float = -math.inf
    hurry_at: float = math.inf
    standing: Standing | None = None
    closely: bool = False
    burst: Burst | None = None
    heard: asyncio.Event = field(default_factory=asyncio.Event)
    hints: tuple[Hint, ...] = ()
    # When the first notification was heard that no look has begun for, and that of this look's.
    first_heard: datetime | None = None
    heard_at: datetime | None = None
    still: Still | None = None
    # Whether it is asked for what is there now, and not a moment ago.
    fresh: bool = False
    # How much of the catalog this look read.
    depth: str = "full"
    # For how many seconds this look waited for its turn at the server, which cost nobody anything.
    waited: float = 0.0

    async def run(self, stop: asyncio.Event) -> None:
        """Look, wait, look again, until `stop` is set; a look that runs is finished first."""
        structlog.contextvars.bind_contextvars(environment=self.watched.name)
        while not stop.is_set():
            if self.wake.is_set():
                self.still = None  # whoever wakes knows of something that is not in the database
            self.wake.clear()
            began = time.monotonic()
            if self.hurry_at < math.inf:
                self.hurried_at, self.hurry_at = began, math.inf
                self.still, self.fresh = None, True
            if await self._spared():
                self.turned_at = time.monotonic()
                wait = self.timing.wait(0, random.random())  # noqa: S311  jitter, no secret
                await self._rest(stop, self.turned_at + wait, self.turned_at)
                continue
            step = await self.look()
            self.turned_at = time.monotonic()
            failures = step.failures if step else 1
            wait = self.timing.wait(failures, random.random())  # noqa: S311  jitter, no secret
            if self.closely and not failures:
                wait = min(wait, _CLOSE_SECONDS)
            saw = step is not None and step.snapshot is not None
            rested = self.turned_at + rest(self.turned_at - began - self.waited, saw=saw)
            await self._rest(stop, self.turned_at + wait, rested)

    async def _rest(self, stop: asyncio.Event, timer: float, rested: float) -> None:
        """Wait for the timer, until woken or hurried, or until what was heard of is over."""
        while not (self.wake.is_set() or stop.is_set()):
            self.heard.clear()
            burst = self.burst
            ends = min(timer, self.hurry_at, due(burst, rested) if burst else math.inf)
            left = ends - time.monotonic()
            if left <= 0:
                return
            more = () if burst else (self.heard,)
            await first_of(self.wake, stop, *more, seconds=left)

    def hear(self, payload: str) -> None:
        """Look soon, for there was a notification; many of them are one reason to look."""
        if payload and self.first_heard is None:
            self.first_heard = _now()
        self.burst = heard(self.burst, payload, time.monotonic())
        self.heard.set()

    def hurry(self) -> None:
        """Look soon, but now and then: watches that wait for each other must not spin."""
        at = self.hurried_at + min(self.timing.interval, _CLOSE_SECONDS)
        self.hurry_at = max(time.monotonic(), at)
        self.heard.set()

    async def _spared(self) -> bool:
        """Tell whether all is as the last look left it; then it is shown and kept as seen now."""
        still, standing, began = self.still, self.standing, time.monotonic()
        if still is None or standing is None or self.burst:
            return False
        try:
            at = await self.ports.spare(still)
        except StoreError as error:
            log.debug("look.not_spared", reason=error.reason)
            at = None
        if at is None:
            self.still = None
            return False
        at = max(at, still.looked_at)
        self.still = replace(still, looked_at=at)
        self.standing = replace(standing, looked_at=at, seen_at=at)
        self.ports.looked(self.watched.name, standing.outcome, "gate", time.monotonic() - began)
        self.ports.publish(self.standing)
        return True

    async def look(self) -> Step | None:
        """Look once; None when the look could not be kept, which another look mends."""
        began, self.waited = time.monotonic(), 0.0
        self.still = None
        burst, self.burst = self.burst, None
        self.fresh = self.fresh or burst is not None
        self.heard.clear()
        self.hints = together(self.hints, burst)
        self.heard_at, self.first_heard = self.heard_at or self.first_heard, None
        try:
            conclusion = await self._look_and_keep()
        except StoreError as error:
            # Its traceback says nothing that its message does not.
            log.error("look.not_kept", reason=error.reason, error=str(error))  # noqa: TRY400
            self._publish_unknown(f"what was seen cannot be kept: {error.args[0]}")
            self.ports.looked(self.watched.name, Outcome.UNKNOWN, "full", time.monotonic() - began)
            return None
        step, standing = conclusion.step, conclusion.standing
        if step.gate is not None:
            # Else nothing was judged: what was said stays for the look that does.
            self.hints, self.heard_at = (), None
        self.ports.looked(self.watched.name, standing.outcome, self.depth, time.monotonic() - began)
        self.ports.changed(self.watched.name, conclusion.changed)
        if burst:
            self.ports.woken(self.watched.name, time.monotonic() - burst.first)
        self.standing, self.closely = standing, conclusion.closely
        self.ports.publish(standing)
        if conclusion.waits:
            self.ports.wake_upstream()
        if step.notices:
            self.ports.wake_sinks()
        _log(step, standing)
        return step

    def _publish_unknown(self, reason: str) -> None:
        """Show that nothing is known now: what was published before may no longer hold."""
        last = self.standing or Standing(self.watched.name, Outcome.UNKNOWN)
        against = tuple(replace(a, outcome=Outcome.UNKNOWN, reason=reason) for a in last.against)
        self.ports.publish(
            replace(last, outcome=Outcome.UNKNOWN, reason=reason, looked_at=_now(), against=against)
        )

    async def _look_and_keep(self) -> Conclusion:
        while True:
            conclusion = await self._look()
            try:
                await self.ports.save(conclusion.step)
            except StoreError as error:
                # A sync point was declared during the look: conclude again, from the new book.
                if error.reason != "stale":
                    raise
            else:
                return conclusion

    async def _look(self) -> Conclusion:
        book = await self.ports.load(self.watched.name)
        try:
            began, reading = await self._read(book)
        except (SourceError, ConfigError) as error:
            # A connection URL that cannot be read now may be a secret that is being rotated.
            self.depth = "gate"
            return unseen(self.watched, book, redact(str(error.args[0])), _now())
        notes = (*reading.notes, *self.ports.remarks())
        self.depth = "gate" if reading.snapshot is book.snapshot else reading.depth
        reading = replace(reading, hints=self.hints, heard_at=self.heard_at, notes=notes)
        if self.ports.enacted and reading.snapshot is not book.snapshot:
            # Anew, for what left its mark before this reading may not have when the book was read.
            since = judged_until(book.against, book.seen_at)
            book = replace(book, enacted=await self.ports.enacted(book.environment, since))
        upstream = await self.ports.upstream()
        look = (self.watched, book, reading, upstream, began)
        # Much that differs takes seconds to decide on, in which all else has to live on.
        asked = await asyncio.to_thread(questions, *look)
        answers = await self.ports.settle(asked) if asked else Answers()
        conclusion = await asyncio.to_thread(seen, *look, answers)
        self.fresh = False
        if not conclusion.closely:
            self.still = still(book, reading, upstream, conclusion.step, conclusion.standing)
        return conclusion

    async def _read(self, book: Book) -> tuple[datetime, Reading]:
        """Return what was read, and when that began."""

        async def read() -> tuple[datetime, Reading]:
            return _now(), await self.ports.read(book)

        if not self.fresh and (known := await self.ports.unmoved(book)) is not None:
            at, reading = known
            # It is certain of both moments, whichever is the later.
            return max(at, book.seen_at or at), reading
        limit, asked = self.timing.timeout, time.monotonic()
        try:
            async with self.ports.turn(limit), asyncio.timeout(limit):
                self.waited += time.monotonic() - asked
                return await retry_source(read, within_seconds=min(10.0, limit / 3))
        except TimeoutError as error:
            message = f"one look took longer than {limit:g} s and was given up"
            hint = "raise `timeout` of the environment, or see what its server waits for"
            raise SourceError(message, reason="timeout", hint=hint) from error


async def first_of(*events: asyncio.Event, seconds: float | None = None) -> None:
    """Return when one of the events is set, or the time, if one is given, is over."""
    tasks = [asyncio.create_task(e.wait()) for e in events]
    try:
        await asyncio.wait(tasks, timeout=seconds, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for task in tasks:
            task.cancel()


def _now() -> datetime:
    return datetime.now(UTC)


def _log(step: Step, standing: Standing) -> None:
    if step.sync_point:
        how, migration = step.sync_point.how.value, step.sync_point.migration
        log.info("look.sync_point", how=how, migration=migration)
    if standing.outcome is Outcome.UNKNOWN:
        log.warning("look.unknown", reason=step.reason, failures=step.failures)
    elif step.snapshot or step.notices:
        counts = {a.yardstick: len(a.findings) for a in standing.against}
        log.info("look.done", outcome=standing.outcome.value, findings=counts)
    else:
        log.debug("look.unchanged", outcome=standing.outcome.value)
