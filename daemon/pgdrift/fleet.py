"""Which replica watches which environment: one membership, held as long as the store's server says.

In come what there is to do, and what starts and stops it. No clock decides anything: who holds a
lock does what it is for, and who lost its session stops, and begins anew as somebody else.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Collection
from contextlib import suppress
from dataclasses import dataclass, field

from pgdrift.core.duties import Muster, orders
from pgdrift.errors import StoreError
from pgdrift.log import get_logger
from pgdrift.retry import backoff_seconds
from pgdrift.store import BEATS, LEAD, Session, Store

log = get_logger("fleet")

# How long the server lets a replica be silent, in seconds, whatever the interval is.
_LEAST_LEASE, _MOST_LEASE = 5.0, 15.0
_MOST_WAIT = 5.0


def lease(interval: float) -> float:
    """Return the lease for the shortest interval between looks, both in seconds.

    What a replica held is to be with another, and looked at, within two intervals.
    """
    return min(max(interval, _LEAST_LEASE), _MOST_LEASE)


@dataclass(frozen=True, slots=True)
class Work:
    """What there is to do, and how it is begun and ended.

    duties: all of it, by name. start: do it from now on. stop: return when these are done no more.
    hear: what other members say. mustered: something may have moved.
    """

    duties: Callable[[], Collection[str]]
    start: Callable[[str], None]
    stop: Callable[[Collection[str]], Awaitable[None]]
    hear: Callable[[str], None]
    mustered: Callable[[], None]


@dataclass(slots=True)
class Fleet:
    """One replica of those that share a store. `lease` is in seconds."""

    store: Store
    name: str
    lease: float
    muster: Muster = field(default_factory=Muster)
    session: Session | None = None
    stirred: asyncio.Event = field(default_factory=asyncio.Event)
    _doing: set[str] = field(default_factory=set)
    _leaving: set[str] = field(default_factory=set)

    @property
    def is_in(self) -> bool:
        """Whether this replica is a member, as far as it knows."""
        return self.session is not None and not self.session.lost.is_set()

    @property
    def is_fresh(self) -> bool:
        """Whether what it holds cannot be another's yet: it did not sleep through its lease."""
        return self.session is not None and self.session.fresh

    def does(self, duty: str) -> bool:
        """Tell whether this replica holds a duty."""
        return self.is_in and self.session is not None and duty in self.session.held

    async def run(self, work: Work) -> None:
        """Take part until cancelled; what is being done then goes on, for the next to run this."""
        self._doing.clear()
        self._leaving.clear()
        failures = 0
        while True:
            try:
                async with asyncio.TaskGroup() as group:
                    await self._take_part(work, group)
            except* StoreError as errors:
                failures = 0 if self.muster.members else failures + 1
                error = errors.exceptions[0]
                log.warning("fleet.out", reason=getattr(error, "reason", ""), error=str(error))
            self.muster = Muster()
            work.mustered()
            await work.stop(frozenset(self._doing))
            self._doing.clear()
            self._leaving.clear()
            await asyncio.sleep(backoff_seconds(failures, base=0.5, most=_MOST_WAIT))

    async def _take_part(self, work: Work, group: asyncio.TaskGroup) -> None:
        """Be a member until the session ends. Raises StoreError."""
        if self.session is None or self.session.lost.is_set():
            self.session = await self.store.join(self.name, self.lease)
            log.info("fleet.joined", member=self.session.id, name=self.name)
        session = self.session
        await session.listen(lambda word: self._hear(word, work))
        while True:
            self.stirred.clear()
            await self._turn(session, work, group)
            with suppress(TimeoutError):
                async with asyncio.timeout(self.lease / BEATS):
                    await self.stirred.wait()

    async def _turn(self, session: Session, work: Work, group: asyncio.TaskGroup) -> None:
        """See who is there, and come to the own share of what there is to do."""
        self.muster = await session.muster()
        duties = frozenset(work.duties())
        ordered = orders(self.muster, duties, session.id)
        strange = session.held - duties - {LEAD}
        if give := {*ordered.give, *strange} - self._leaving:
            self._leaving |= give
            group.create_task(self._give(session, give, work))
        await session.take([*ordered.take, *([] if LEAD in self.muster.holders else [LEAD])])
        for duty in sorted(session.held - self._doing - self._leaving):
            log.info("fleet.takes", duty=duty)
            self._doing.add(duty)
            work.start(duty)
        work.mustered()

    async def _give(self, session: Session, duties: Collection[str], work: Work) -> None:
        """Let others have these, once what is being done is done."""
        await work.stop(duties)
        await session.give(duties)
        log.info("fleet.gives", duties=sorted(duties))
        self._doing -= set(duties)
        self._leaving -= set(duties)

    def _hear(self, word: str, work: Work) -> None:
        if word in {"given", "joined", "lost"}:
            self.stirred.set()
        else:
            work.hear(word)

    async def leave(self) -> None:
        """Let the others have all of it at once. Nothing may be under way any more."""
        if self.session is not None:
            with suppress(StoreError):
                await self.session.give(self.session.held)
            await self.session.leave()
