"""Answers in, the same answers out, fetched while those before are still being told.

A server makes its next rows while we work through its last, as far as there is room for them. It
knows nothing of what is asked, or of what is done with it.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from itertools import islice
from typing import Generic, TypeVar

_T = TypeVar("_T")

# How often others may run between two answers: what comes in takes several turns, until the next
# is asked for.
_TURNS = 8
# How many small steps of other work are done before looking whether something came.
_STEPS = 16


@dataclass(slots=True)
class Ahead(Generic[_T]):
    """What comes from a source, at most `room` of it fetched and not yet given.

    `meanwhile` is what else there is to do, in small steps, while there is nothing to give.
    """

    source: AsyncIterator[_T]
    room: int
    meanwhile: Iterator[None] | None = None
    _waiting: deque[_T] = field(default_factory=deque)
    _moved: asyncio.Event = field(default_factory=asyncio.Event)
    _ended: bool = False

    async def fetch(self) -> None:
        """Take all that the source gives, as far as there is room. Raises what the source does."""
        try:
            async for one in self.source:
                self._waiting.append(one)
                self._moved.set()
                while len(self._waiting) > self.room:
                    self._moved.clear()
                    await self._moved.wait()
        finally:
            self._ended = True
            self._moved.set()

    async def __aiter__(self) -> AsyncIterator[_T]:
        """Give what comes, in order, until there is no more."""
        while True:
            await _others()
            while not self._waiting and not self._ended:
                await self._wait()
            if not self._waiting:
                return
            one = self._waiting.popleft()
            self._moved.set()
            yield one

    async def _wait(self) -> None:
        if self.meanwhile is None:
            self._moved.clear()
            await self._moved.wait()
        elif not sum(1 for _ in islice(self.meanwhile, _STEPS)):
            self.meanwhile = None
        else:
            await _others()


async def cooperate(work: Iterator[None]) -> None:
    """Do work that is in small steps to its end, and let others run in between."""
    for number, _ in enumerate(work):
        if number % _STEPS == 0:
            await asyncio.sleep(0)


async def _others() -> None:
    for _ in range(_TURNS):
        await asyncio.sleep(0)


@asynccontextmanager
async def ahead(source: AsyncIterator[_T], room: int) -> AsyncIterator[Ahead[_T]]:
    """Give what a source gives, fetched beside what is done inside. Raises what the source does."""
    coming = Ahead(source, room)
    fetching = asyncio.ensure_future(coming.fetch())
    try:
        yield coming
        await fetching
    finally:
        if not fetching.done():
            fetching.cancel()
            await asyncio.wait([fetching])
        if not fetching.cancelled():
            fetching.exception()
