"""Servers that hold many databases: turns at their connections, and one probe for all of them.

In come addresses and what each is asked for; out come a turn, waited for first come first served,
and whether anything was committed on a server since a moment. Knows nothing of what is read.
"""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime

import asyncpg

from pgdrift.core.shares import Budget, Share, given_up, shares
from pgdrift.errors import ConfigError, PgdriftError, SourceError
from pgdrift.log import get_logger
from pgdrift.sources import gate
from pgdrift.sources.connection import Connection, close, connect, reading
from pgdrift.sources.dsn import address
from pgdrift.sources.life import life_of

log = get_logger("servers")

_PATIENCE = 5.0


@dataclass(frozen=True, slots=True)
class Stamp:
    """What the probe said, of which life of the server, and when it was asked, UTC."""

    life: str
    text: str
    at: datetime


@dataclass(slots=True)
class Server:
    """One address. `dsn` leads to any of its databases, for the probe; its share may change."""

    where: str
    dsn: Callable[[], str]
    share: Share
    _busy: int = 0
    _waiting: deque[asyncio.Future[None]] = field(default_factory=deque)
    _answered: float = 0.0
    _session: Connection | None = None
    _kept: dict[int, Callable[[], Awaitable[None]]] = field(default_factory=dict)
    _probing: asyncio.Task[Stamp | None] | None = None
    _asked: float = 0.0

    @asynccontextmanager
    async def turn(self, patience: float) -> AsyncIterator[None]:
        """Wait for a turn at a connection, and have it inside.

        Raises SourceError (busy) where there is none to be had, and (timeout) when the server
        answered nobody for `patience` seconds.
        """
        await self._begin(patience)
        try:
            yield
            self._answered = time.monotonic()
        except SourceError as error:
            if _said(error):
                self._answered = time.monotonic()
            raise
        finally:
            self._busy -= 1
            self._next()

    async def _begin(self, patience: float) -> None:
        if not self.share.looks:
            msg = f"no connection is left for {self.where}"
            raise SourceError(msg, reason="busy", hint="raise connections.total")
        if self._busy < self.share.looks and not self._waiting:
            self._busy += 1
            return
        turn = asyncio.get_running_loop().create_future()
        self._waiting.append(turn)
        try:
            await self._wait(turn, patience)
        except BaseException:
            if turn.done():
                self._busy -= 1
                self._next()
            turn.cancel()
            raise

    async def _wait(self, turn: asyncio.Future[None], patience: float) -> None:
        asked = time.monotonic()
        while not turn.done():
            if given_up(asked, self._answered, time.monotonic(), patience):
                msg = f"{self.where} answered no look for {patience:g} s"
                raise SourceError(msg, reason="timeout", hint="see what the server waits for")
            await asyncio.wait({turn}, timeout=min(1.0, patience))

    def _next(self) -> None:
        """Give the turns that are free to who has waited longest."""
        while self._waiting and self._busy < self.share.looks:
            turn = self._waiting.popleft()
            if not turn.done():
                self._busy += 1
                turn.set_result(None)

    def keep(self, number: int, close: Callable[[], Awaitable[None]]) -> None:
        """Remember a connection that is kept between looks, and how it is closed."""
        self._kept[number] = close

    def take(self, number: int) -> None:
        """Forget a connection that is kept: somebody looks over it."""
        self._kept.pop(number, None)

    async def give_way(self) -> None:
        """Close what was kept, where no more is to be."""
        if not self.share.keep:
            kept, self._kept = self._kept, {}
            await asyncio.gather(*(close() for close in kept.values()))

    async def stamp(self, within: float) -> Stamp | None:
        """Return what the probe says, or said within so many seconds; None where it cannot."""
        if not self.share.probe:
            return None
        if self._probing is None or (
            self._probing.done() and time.monotonic() - self._asked >= within
        ):
            self._asked = time.monotonic()
            self._probing = asyncio.create_task(self._probe())
        return await asyncio.shield(self._probing)

    async def _probe(self) -> Stamp | None:
        at = datetime.now(UTC)
        try:
            async with asyncio.timeout(_PATIENCE):
                if self._session is None or self._session.is_closed():
                    more = {"application_name": "pgdrift probe"}
                    self._session = await connect(
                        self.dsn(), statement_timeout=_PATIENCE, more=more
                    )
                async with reading(self._session):
                    text = await gate.quick(self._session)
                return Stamp(await life_of(self._session), text, at)
        except (PgdriftError, TimeoutError) as error:
            log.debug("servers.probe_failed", server=self.where, error=str(error))
            await self._leave()
            return None

    async def _leave(self) -> None:
        session, self._session = self._session, None
        if session is not None:
            await close(session, 0.5)

    async def close(self) -> None:
        """Close the probe's connection."""
        if self._probing is not None:
            self._probing.cancel()
            await asyncio.wait({self._probing})
        await self._leave()


@dataclass(slots=True)
class Servers:
    """All servers, by address. `budget` is what they share."""

    budget: Budget
    _servers: dict[str, Server] = field(default_factory=dict)

    def wanted(self, dsns: Mapping[str, tuple[Callable[[], str], bool]]) -> None:
        """Say what is to be watched: by environment its DSN, and whether to listen to it.

        A DSN that cannot be read has a server of its own for as long.
        """
        counts: dict[str, tuple[int, int]] = {}
        ways: dict[str, Callable[[], str]] = {}
        for dsn, listens in dsns.values():
            where = _where(dsn)
            databases, ears = counts.get(where, (0, 0))
            counts[where] = databases + 1, ears + listens
            ways.setdefault(where, dsn)
        for where, share in shares(counts, self.budget).items():
            if where in self._servers:
                self._servers[where].share, self._servers[where].dsn = share, ways[where]
            else:
                self._servers[where] = Server(where, ways[where], share)

    def of(self, dsn: Callable[[], str]) -> Server:
        """Return the server that a DSN leads to."""
        where = _where(dsn)
        if where not in self._servers:
            # A DSN whose secret was rotated to another server: it waits for the next `wanted`.
            self._servers[where] = Server(where, dsn, Share(1))
        return self._servers[where]

    async def give_way(self) -> None:
        """Close what shares that have become smaller have no more room for."""
        await asyncio.gather(*(server.give_way() for server in self._servers.values()))

    async def close(self) -> None:
        """Close all probes."""
        await asyncio.gather(*(server.close() for server in self._servers.values()))
        self._servers.clear()


def _said(error: SourceError) -> bool:
    """Tell whether the server itself said so: what one database refuses, another may not."""
    cause = error.__cause__
    lost = isinstance(cause, asyncpg.ConnectionDoesNotExistError)  # the driver's own word
    return isinstance(cause, asyncpg.PostgresError) and not lost


def _where(dsn: Callable[[], str]) -> str:
    """Return `host:port` of a DSN; a word of no server where it cannot be read."""
    try:
        return address(dsn())
    except ConfigError:
        return "a server whose DSN cannot be read"
