"""Wake-ups: LISTEN on a channel of a watched database, as a hint that a look may be worth it.

In come where to find a DSN, and a channel; out goes a call for every notification. It promises
nothing: what is sent while the connection is down is lost, and the timer finds what it was about.
"""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from enum import StrEnum

from pgdrift.errors import PgdriftError
from pgdrift.log import get_logger
from pgdrift.retry import backoff_seconds
from pgdrift.sources.connection import Connection, connection, translated
from pgdrift.sources.pooler import lends_sessions

log = get_logger("notifications")

CHANNEL = "pg_gitversion"

SETTINGS = {
    "application_name": "pgdrift listen",
    # A listener that is gone without a word must not keep the server's queue of notifications
    # from being emptied: the server is to notice within a minute, whatever its system thinks.
    "tcp_keepalives_idle": "30",
    "tcp_keepalives_interval": "10",
    "tcp_keepalives_count": "3",
    "tcp_user_timeout": "60000",
}
"""What its session has beside what every session of ours has, which can only read."""

_CHANNELS = "SELECT pg_catalog.pg_listening_channels()"
_IN_RECOVERY = "SELECT pg_catalog.pg_is_in_recovery()"


class Ear(StrEnum):
    """How it stands with listening; all but `up` say why not."""

    UP = "up"
    WAITING = "waiting"
    LOST = "lost"
    GAVE_WAY = "gave_way"
    FLOODED = "flooded"
    POOLER = "pooler"
    STANDBY = "standby"


NOTES = {
    Ear.POOLER: "LISTEN is of no use here: a pooler gives each transaction another session of the"
    " server, so no notification comes through. The timer finds what changes; a connection URL"
    " past the pooler makes it faster, `listen: off` keeps this quiet",
    Ear.STANDBY: "this is a standby, and none can LISTEN. The timer finds what changes",
    Ear.FLOODED: "there were more notifications than a schema can have changes, so they are not"
    " listened to for a while. The timer finds what changes",
}
"""What people are told of it, where something is not as they may think."""


@dataclass(frozen=True, slots=True)
class Pace:
    """How long things take, in seconds, and how many notifications a second are too many."""

    ping: float = 20.0
    patience: float = 10.0
    # A connection that held this long was a good one: the next failure is a first failure.
    good: float = 60.0
    again: float = 1.0
    most_again: float = 60.0
    useless: float = 300.0
    most: int = 20_000


@dataclass(slots=True)
class Listener:
    """Listens to one environment. `dsn` is asked now and then, so that secrets can rotate.

    `hear` is called with each payload, and with an empty one whenever it listens anew, because
    what was sent before is lost. It listens only while looks succeed: should it have taken the
    last connection that the server gives to the role, the look is to have it.
    """

    dsn: Callable[[], str]
    hear: Callable[[str], None]
    channel: str = CHANNEL
    pace: Pace = field(default_factory=Pace)
    state: Ear = Ear.WAITING
    _allowed: asyncio.Event = field(default_factory=asyncio.Event, repr=False)
    _stirred: asyncio.Event = field(default_factory=asyncio.Event, repr=False)
    _since: float = 0.0
    _count: int = 0

    @property
    def notes(self) -> tuple[str, ...]:
        """What people should know of it."""
        return (NOTES[self.state],) if self.state in NOTES else ()

    def allow(self, *, seen: bool) -> None:
        """Listen while the environment could be seen by the latest look, and only then."""
        if seen:
            self._allowed.set()
        elif self._allowed.is_set():
            self._allowed.clear()
            self._stirred.set()

    async def run(self) -> None:
        """Listen, again and again. Ends by being cancelled.

        What is not to be had now, the server or its DSN, is tried again for ever, ever less often.
        """
        failures = 0
        while True:
            await self._allowed.wait()
            began = time.monotonic()
            ear, reason = await self._listen_once()
            failures = 1 if time.monotonic() - began > self.pace.good else failures + 1
            wait = self._wait(ear, failures) * (1 - random.random() / 2)  # noqa: S311  jitter
            self._turn(ear, reason=reason, wait_seconds=round(wait, 3))
            await asyncio.sleep(wait)

    def _wait(self, ear: Ear, failures: int) -> float:
        if ear is Ear.LOST:
            return backoff_seconds(failures, base=self.pace.again, most=self.pace.most_again)
        if ear is Ear.GAVE_WAY:
            most = self.pace.useless
            return backoff_seconds(failures, base=self.pace.most_again, most=most)
        return self.pace.useless if ear in NOTES else self.pace.most_again

    def _turn(self, ear: Ear, **said: object) -> None:
        """Keep how it stands, and say so when that is new."""
        tell = log.debug if ear is self.state else log.warning if ear in NOTES else log.info
        self.state = ear
        tell(f"notifications.{ear.value}", channel=self.channel, **said)

    async def _listen_once(self) -> tuple[Ear, str]:
        """Listen until that ends; return how it ended, and for what reason."""
        try:
            dsn = self.dsn()
            async with connection(dsn, more=SETTINGS, closing=0.5) as session:
                with translated(session.where):
                    return await self._listen(session, dsn), "ended"
        except PgdriftError as error:
            return Ear.LOST, error.reason

    async def _listen(self, session: Connection, dsn: str) -> Ear:
        if await session.fetchval(_IN_RECOVERY):
            return Ear.STANDBY
        if await lends_sessions(session, dsn):
            return Ear.POOLER
        self._count = 0
        self._stirred.clear()
        session.add_termination_listener(lambda _: self._stirred.set())
        await session.add_listener(self.channel, self._heard)
        self._turn(Ear.UP)
        self.hear("")
        while not session.is_closed():
            if not self._allowed.is_set():
                return Ear.GAVE_WAY
            if self._count > self.pace.most:
                return Ear.FLOODED
            if not await self._still_there(session):
                return Ear.POOLER
            if self.dsn() != dsn:
                return Ear.LOST  # rotated: what is heard here may be of another database
        return Ear.LOST

    async def _still_there(self, session: Connection) -> bool:
        """Wait until something stirs, or ask: a silent end looks like a quiet server.

        The answer says whether it is still the session that listens.
        """
        with suppress(TimeoutError):
            async with asyncio.timeout(self.pace.ping):
                await self._stirred.wait()
            self._stirred.clear()
            return True
        rows = await session.fetch(_CHANNELS, timeout=self.pace.patience)
        return self.channel in {row[0] for row in rows}

    def _heard(self, _: object, __: int, ___: str, payload: object) -> None:
        now = time.monotonic()
        if now - self._since >= 1:
            self._since, self._count = now, 0
        self._count += 1
        if self._count <= self.pace.most:
            self.hear(str(payload))
        elif self._count == self.pace.most + 1:
            self._stirred.set()
