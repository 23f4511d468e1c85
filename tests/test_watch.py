"""One environment's watch, with the world as small functions: when it looks, and what it shows."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import pytest

from pgdrift.core.book import Book, Step
from pgdrift.core.look import Upstream, Watched
from pgdrift.core.model import Origin, Outcome, Reading, Standing
from pgdrift.errors import ConfigError, SourceError, StoreError
from pgdrift.watch import Ports, Timing, Watch
from tests.core.build import snap, table


@dataclass
class World:
    """What a watch reads from and keeps in, and what it showed."""

    error: Exception | None = None
    store_errors: list[StoreError] = field(default_factory=list)
    reads: int = 0
    steps: list[Step] = field(default_factory=list)
    shown: list[Standing] = field(default_factory=list)
    looks: list[Outcome] = field(default_factory=list)

    async def read(self, _: Book) -> Reading:
        self.reads += 1
        if self.error:
            raise self.error
        return Reading(snap(table()), "gate")

    async def load(self, name: str) -> Book:
        return Book(name)

    async def save(self, step: Step) -> None:
        if self.store_errors:
            raise self.store_errors.pop(0)
        self.steps.append(step)

    async def upstream(self) -> Upstream | None:
        return None

    def looked(self, _: str, outcome: Outcome, __: str, ___: float) -> None:
        self.looks.append(outcome)

    def changed(self, _: str, counts: Mapping[Origin, int]) -> None:
        assert not counts


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


async def test_a_bug_is_no_unknown() -> None:
    with pytest.raises(ZeroDivisionError):
        await watch(World(error=ZeroDivisionError())).look()


def test_it_is_hurried_once_an_interval() -> None:
    watched = watch(World(), interval=3600.0)
    watched.hurry()
    assert watched.wake.is_set()
    watched.wake.clear()
    watched.hurry()
    assert not watched.wake.is_set()


def test_the_wait_grows_with_failures_and_ends_growing() -> None:
    timing = Timing(interval=30.0)
    assert [timing.wait(n, 0.0) for n in range(7)] == [30, 30, 60, 120, 240, 300, 300]
    assert timing.wait(0, 0.999) == pytest.approx(27, abs=0.1)
    assert timing.wait(99, 0.5) < timing.longest()
