"""The watches that run, one by one: each environment's comes and goes while the others run on.

In come names of environments, and a function that makes what watches one; which names those are,
and when, is decided elsewhere. What is a bug in one watch ends them all.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Coroutine, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Protocol

import structlog

from pgdrift.core.model import Standing
from pgdrift.sources.notifications import Ear, Listener
from pgdrift.watch import Watch


class Closable(Protocol):
    """What an environment is read from."""

    def close(self) -> Awaitable[None]:
        """End its connections."""


@dataclass(slots=True)
class Member:
    """What watches one environment; `listener` is None where there is nothing to listen to."""

    watch: Watch
    source: Closable
    listener: Listener | None = None

    async def run(self, ending: asyncio.Event) -> None:
        """Watch until `ending` is set or cancelled, and close what it was read from."""
        structlog.contextvars.bind_contextvars(environment=self.watch.watched.name)
        try:
            async with asyncio.TaskGroup() as group:
                tasks = [group.create_task(of.run()) for of in (self.listener,) if of]
                await self.watch.run(ending)
                for task in tasks:
                    task.cancel()
        finally:
            await self.source.close()


@dataclass(slots=True)
class Shift:
    """Tasks that come and go by name; `patience` is how many seconds their end is waited for."""

    patience: float
    _tasks: dict[str, tuple[asyncio.Task[None], asyncio.Event]] = field(default_factory=dict)

    def start(
        self,
        name: str,
        run: Callable[[asyncio.Event], Coroutine[None, None, None]],
        group: asyncio.TaskGroup,
    ) -> None:
        """Run this in the group until the event that it gets is set."""
        ending = asyncio.Event()
        self._tasks[name] = (group.create_task(run(ending), name=name), ending)

    async def stop(self, *names: str) -> None:
        """Return when these have ended. Who does not end within patience is cancelled."""
        found = [self._tasks[name] for name in names if name in self._tasks]
        for _, ending in found:
            ending.set()
        if tasks := [task for task, _ in found]:
            _, late = await asyncio.wait(tasks, timeout=self.patience)
            for task in late:
                task.cancel()
            await asyncio.wait(tasks)
        for name in names:
            self._tasks.pop(name, None)


@dataclass(slots=True)
class Crew:
    """All members, by environment, and how they come and go."""

    make: Callable[[str], Member]
    shift: Shift
    _members: dict[str, Member] = field(default_factory=dict)
    # Environments whose judgement waits for a look at what they follow.
    _waiting: set[str] = field(default_factory=set)

    @property
    def names(self) -> frozenset[str]:
        """The environments that are watched."""
        return frozenset(self._members)

    @property
    def listening(self) -> frozenset[str]:
        """The environments whose servers are listened to, or are to be."""
        return frozenset(name for name, _ in self._listeners())

    def start(self, name: str, group: asyncio.TaskGroup) -> None:
        """Watch an environment from now on, in this group; one that is watched goes on."""
        if name not in self._members:
            member = self._members[name] = self.make(name)
            self.shift.start(f"watch {name}", member.run, group)

    async def stop(self, *names: str) -> None:
        """Return when these are watched no more. A look that runs is finished, within patience."""
        await self.shift.stop(*(f"watch {name}" for name in names))
        for name in names:
            self._members.pop(name, None)
            self._waiting.discard(name)

    def wake(self, of: Callable[[str], bool]) -> None:
        """Look soon at those environments of which this holds."""
        for name, member in self._members.items():
            if of(name):
                member.watch.wake.set()

    def kept(self, environment: str, *, moved: bool) -> None:
        """Wake who follows this environment: what moved there, or was looked at, concerns them."""
        for name, member in self._members.items():
            follows = member.watch.watched.follows
            if follows == environment and (moved or name in self._waiting):
                self._waiting.discard(name)
                member.watch.wake.set()

    def wait_for_upstream(self, name: str) -> str | None:
        """Wake an environment when what it follows was looked at; return which that is."""
        self._waiting.add(name)
        return self._members[name].watch.watched.follows if name in self._members else None

    def hurry(self, name: str | None) -> bool:
        """Look soon at an environment that somebody waits for; tell whether it is watched here."""
        if name not in self._members:
            return False
        self._members[name].watch.hurry()
        return True

    def published(self, standing: Standing) -> None:
        """Listen to an environment while it can be seen."""
        if listener := self._listener(standing.environment):
            listener.allow(seen=standing.could_look)

    def remarks(self, name: str) -> tuple[str, ...]:
        """Return what people should know of how an environment is listened to."""
        listener = self._listener(name)
        return listener.notes if listener else ()

    def ears(self) -> Mapping[str, bool]:
        """Return of each environment that is to be listened to whether it is."""
        return {name: found.state is Ear.UP for name, found in self._listeners()}

    def turns(self) -> bool:
        """Tell whether every watch has turned within twice the time that it may take."""
        now = time.monotonic()
        watches = (member.watch for member in self._members.values())
        return all(now - w.turned_at <= 2 * w.timing.longest() for w in watches)

    def _listener(self, name: str) -> Listener | None:
        return self._members[name].listener if name in self._members else None

    def _listeners(self) -> Iterator[tuple[str, Listener]]:
        for name, member in list(self._members.items()):
            if member.listener:
                yield name, member.listener
