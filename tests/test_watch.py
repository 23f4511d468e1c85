"""One environment's watch, with the world as small functions: when it looks, and what it shows."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Self

import pytest

from pgdrift.core.book import Book, Step
from pgdrift.core.look import Upstream, Watched
from pgdrift.core.model import History, Origin, Outcome, Reading, Standing
from pgdrift.errors import ConfigError, SourceError, StoreError
from pgdrift.watch import Ports, Timing, Watch
from tests.core.build import snap, table


@dataclass
class World:
    """What a watch reads from and keeps in, and what it showed."""

    error: Exception | None = None
    histories: tuple[History, ...] = ()
    store_errors: list[StoreError] = field(default_factory=list)
    reads: int = 0
    steps: list[Step] = field(default_factory=list)
    shown: list[Standing] = field(default_factory=list)
    looks: list[Outcome] = field(default_factory=list)
    woken: list[str] = field(default_factory=list)
    remarks: tuple[str, ...] = ()
    book: Book = field(default_factory=lambda: Book("production"))
    during: Callable[[], object] = lambda: None

    async def looked_times(self, times: int) -> None:
        """Return once it has looked so often."""
        async with asyncio.timeout(120):
            while len(self.looks) < times:
                await asyncio.sleep(0.001)

    async def read(self, _: Book) -> Reading:
        self.reads += 1
        self.during()
        if self.error:
            raise self.error
        return Reading(snap(table()), "gate", histories=self.histories)

    async def load(self, _: str) -> Book:
        return self.book

    async def save(self, step: Step) -> None:
        if self.store_errors:
            raise self.store_errors.pop(0)
        self.steps.append(step)

    async def upstream(self) -> Upstream | None:
        return None

    def looked(self, _: str, outcome: Outcome, __: str, ___: float) -> None:
        self.looks.append(outcome)

    def changed(self, _: str, counts: Mapping[Origin, int]) -> None:
        assert not counts or self.book.snapshot


def watch(world: World, **timing: float) -> Watch:
    ports = Ports(
        read=world.read,
        load=world.load,
        save=world.save,
        upstream=world.upstream,
        publish=world.shown.append,
        looked=world.looked,
        changed=world.changed,
        wake_sinks=lambda: None,
        wake_upstream=lambda: None,
        woken=lambda name, _: world.woken.append(name),
        remarks=lambda: world.remarks,
    )
    return Watch(Watched("production"), Timing(**timing), ports)


async def test_a_look_that_cannot_be_kept_shows_that_nothing_is_known() -> None:
    """A full disk must not leave yesterday's "in sync" on the page."""
    world = World()
    watched = watch(world)
    await watched.look()
    world.store_errors = [StoreError("the disk is full", reason="full")]
    assert await watched.look() is None
    assert [s.outcome for s in world.shown] == [Outcome.IN_SYNC, Outcome.UNKNOWN]
    assert "the disk is full" in world.shown[-1].reason
    assert world.shown[-1].looked_at != world.shown[-1].seen_at
    assert {a.outcome for a in world.shown[-1].against} == {Outcome.UNKNOWN}
    assert world.looks == [Outcome.IN_SYNC, Outcome.UNKNOWN]


async def test_a_sync_point_declared_during_a_look_makes_it_conclude_again() -> None:
    world = World(store_errors=[StoreError("another was faster", reason="stale")])
    step = await watch(world).look()
    assert step is not None
    assert world.steps == [step]
    assert world.reads == 2


@pytest.mark.parametrize(
    "error",
    [
        SourceError("host:5432 refused the password", reason="authentication"),
        ConfigError("dsn_file is empty", reason="unreadable"),
    ],
)
async def test_what_cannot_be_read_is_unknown_with_its_reason(error: Exception) -> None:
    world = World(error=error)
    step = await watch(world).look()
    assert step is not None
    assert (step.outcome, step.reason, step.failures) == (Outcome.UNKNOWN, str(error), 1)


class Slow(tuple[History, ...]):  # noqa: SLOT001  a tuple with slots can hold nothing more
    """Histories that say when they are asked for, and answer when they are let."""

    asked: Callable[[], object]
    go_on: threading.Event

    def __new__(cls, asked: Callable[[], object], go_on: threading.Event) -> Self:
        made = super().__new__(cls)
        made.asked, made.go_on = asked, go_on
        return made

    def __iter__(self) -> Iterator[History]:
        self.asked()
        assert self.go_on.wait(120)
        return super().__iter__()


async def test_all_else_lives_on_while_a_look_is_decided() -> None:
    loop, asked, go_on = asyncio.get_running_loop(), asyncio.Event(), threading.Event()
    world = World(histories=Slow(lambda: loop.call_soon_threadsafe(asked.set), go_on))
    look = asyncio.create_task(watch(world).look())
    await asked.wait()
    assert not look.done()
    go_on.set()
    assert await look is not None
    assert world.looks == [Outcome.IN_SYNC]


async def test_a_bug_is_no_unknown() -> None:
    with pytest.raises(ZeroDivisionError):
        await watch(World(error=ZeroDivisionError())).look()


HINT = '{"v": 1, "tag": "ALTER TABLE", "by": "alice"}'


async def test_a_burst_is_one_look_which_gets_what_was_hinted_at() -> None:
    world = World()
    watched = watch(world, interval=3600.0)
    stop = asyncio.Event()
    running = asyncio.create_task(watched.run(stop))
    await world.looked_times(1)
    for _ in range(100):
        watched.hear(HINT)
    watched.hear("anything")
    await world.looked_times(2)
    assert watched.burst is None
    stop.set()
    await running
    assert world.reads == 2
    assert world.woken == ["production"]


async def test_what_was_hinted_at_before_a_look_that_failed_is_not_forgotten() -> None:
    known = snap()
    world = World(book=Book("production", snapshot=known, expected=known, seen_at=known.taken_at))
    watched = watch(world)
    world.error = SourceError("no answer", reason="unreachable")
    began = datetime.now(UTC)
    watched.hear(HINT.replace("}", ', "objects": ["table public.orders"]}'))
    heard = datetime.now(UTC)
    await watched.look()
    watched.hear(HINT)
    world.error, world.store_errors = None, [StoreError("full", reason="full")]
    assert await watched.look() is None
    await watched.look()
    (finding,) = world.shown[-1].against[0].findings
    assert finding.blame.hearsay == "alice"
    assert finding.blame.heard_at is not None
    assert began <= finding.blame.heard_at <= heard, "the first of them"
    await watched.look()
    (finding,) = world.shown[-1].against[0].findings
    assert (finding.blame.hearsay, finding.blame.heard_at) == (None, None), "it is told once"


async def test_that_the_listener_is_there_is_no_notification() -> None:
    known = snap()
    world = World(book=Book("production", snapshot=known, expected=known, seen_at=known.taken_at))
    watched = watch(world)
    watched.hear("")
    await watched.look()
    (finding,) = world.shown[-1].against[0].findings
    assert finding.blame.heard_at is None


async def test_what_is_heard_during_a_look_leads_to_another() -> None:
    world = World()
    watched = watch(world, interval=3600.0)
    stop = asyncio.Event()
    world.during = lambda: watched.hear("") if world.reads == 1 else None
    running = asyncio.create_task(watched.run(stop))
    await world.looked_times(2)
    stop.set()
    await running


async def test_that_it_had_to_wait_for_its_turn_is_no_reason_to_rest() -> None:
    """Where all look at once, as at the start, what is heard next must not wait as long again."""
    same, waits = snap(table()), 1.5
    world = World(book=Book("production", snapshot=same, expected=same))

    async def read(book: Book) -> Reading:
        return replace(await world.read(book), snapshot=same)

    @asynccontextmanager
    async def turn(_: float) -> AsyncIterator[None]:
        await asyncio.sleep(waits if world.reads == 0 else 0)
        yield

    watched = watch(world, interval=3600.0)
    watched.ports = replace(watched.ports, read=read, turn=turn)
    stop = asyncio.Event()
    running = asyncio.create_task(watched.run(stop))
    await world.looked_times(1)
    began = time.monotonic()
    watched.hear("")
    await world.looked_times(2)
    took = time.monotonic() - began
    stop.set()
    await running
    assert took < waits, "it rested as long as it had waited"


async def test_it_ends_at_once_while_a_burst_lasts() -> None:
    world = World()
    watched = watch(world, interval=3600.0)
    stop = asyncio.Event()
    running = asyncio.create_task(watched.run(stop))
    await world.looked_times(1)
    watched.hear("")
    stop.set()
    await running
    assert world.reads == 1


async def test_what_is_to_be_known_of_listening_stands_beside_what_was_read() -> None:
    world = World(remarks=("LISTEN is of no use here",))
    step = await watch(world).look()
    assert step is not None
    assert step.notes == ("LISTEN is of no use here",)


async def test_who_hurries_it_again_is_not_forgotten_and_does_not_make_it_spin(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Its timer may be an hour away: what waits for it would wait as long."""
    monkeypatch.setattr("pgdrift.watch._CLOSE_SECONDS", gap := 1.0)
    world, looks = World(), list[float]()
    world.during = lambda: looks.append(time.monotonic())
    watched = watch(world, interval=3600.0)
    stop = asyncio.Event()
    running = asyncio.create_task(watched.run(stop))
    await world.looked_times(1)
    watched.hurry()
    await world.looked_times(2)
    for _ in range(20):
        watched.hurry()
        await asyncio.sleep(0.001)
    await world.looked_times(3)
    await asyncio.sleep(1.5 * gap)
    stop.set()
    await running
    assert len(looks) == 3, "one more for all that came together"
    assert looks[2] - looks[1] > gap / 2


def test_the_wait_grows_with_failures_and_ends_growing() -> None:
    timing = Timing(interval=30.0)
    assert [timing.wait(n, 0.0) for n in range(7)] == [30, 30, 60, 120, 240, 300, 300]
    assert timing.wait(0, 0.999) == pytest.approx(27, abs=0.1)
    assert timing.wait(99, 0.5) < timing.longest()
