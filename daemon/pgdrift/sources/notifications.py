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

import asyncpg

from pgdrift.errors import PgdriftError
from pgdrift.log import get_logger
from pgdrift.retry import backoff_seconds
from pgdrift.sources.connection import connection

log = get_logger("notifications")

_MOST_BACKOFF_SECONDS = 60.0
# A connection whose other end is gone without a word looks like a quiet one. We ask.
_HEARTBEAT_SECONDS = 60.0
# A connection that held this long was a good one: the next failure is a first failure.
_GOOD_SECONDS = 60.0


async def wakeups(dsn: Callable[[], str], channel: str, wake: Callable[[], None]) -> None:
    """Call `wake` for every notification, and whenever we listen anew. Ends by being cancelled.

    `dsn` is asked at each connection, so that secrets can rotate. What is not to be had now, the
    server or its DSN, is tried again for ever, ever less often.
    """
    failures = 0
    while True:
        began = time.monotonic()
        try:
            await _listen(dsn(), channel, wake)
        except (PgdriftError, asyncpg.PostgresError, asyncpg.InterfaceError, OSError) as error:
            failures = 1 if time.monotonic() - began > _GOOD_SECONDS else failures + 1
            wait = backoff_seconds(failures, base=1.0, most=_MOST_BACKOFF_SECONDS)
            wait *= 1 - random.random() / 2  # noqa: S311  jitter, no secret
            reason = getattr(error, "reason", "interrupted")
            log.info("notifications.lost", channel=channel, reason=reason, wait_seconds=wait)
            await asyncio.sleep(wait)


async def _listen(dsn: str, channel: str, wake: Callable[[], None]) -> None:
    """Listen until the connection ends, and then raise."""
    async with connection(dsn) as session:
        ended = asyncio.Event()
        session.add_termination_listener(lambda _: ended.set())
        await session.add_listener(channel, lambda *_: wake())
        # What was sent before we listened is lost: a look finds it.
        wake()
        while not ended.is_set():
            with suppress(TimeoutError):
                await asyncio.wait_for(ended.wait(), _HEARTBEAT_SECONDS)
                break
            await session.execute("SELECT 1", timeout=10.0)
        raise asyncpg.InterfaceError("the connection was closed")
