"""A drill on its way through the real outbox: told by the daemon that runs, or by this process."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from functools import partial

from pgdrift.core.alerts import drill
from pgdrift.core.alerts.incident import Delivery, Notice
from pgdrift.core.alerts.route import Address
from pgdrift.core.model import DRILL
from pgdrift.errors import StoreError
from pgdrift.settings import Settings
from pgdrift.sinks import deliver
from pgdrift.sinks.outbox import Outbox, deliver_due
from pgdrift.store import LEAD, Lane, Store, open_store

_ENDED = ("done", "failed")
_LEASE = 600.0  # seconds that one try to tell may take
_GLANCE = 0.3  # seconds between two looks at what became of it

Post = Callable[[], Awaitable[None]]


async def outcome_of(
    settings: Settings, first: Notice, names: Sequence[str], patience: float
) -> Mapping[str, str]:
    """Tell of a drill and of its end; return by channel why something did not arrive, or nothing.

    `patience` is how many seconds each of the two may take, where a daemon delivers them.
    Raises StoreError.
    """
    async with _store(settings) as (store, post):
        why: dict[str, str] = dict.fromkeys(names, "")
        try:
            for notice in (first, drill.ended(first, datetime.now(UTC))):
                to = [Address(name) for name in names if not why[name]]
                await store.post(drill.kept(first), notice, to)
                await post()
                why |= await _waited(store, notice, patience)
        finally:
            # Nobody wants to be told in the night that there was a drill at noon.
            await store.withdraw(first.incident)
        return why


@asynccontextmanager
async def _store(settings: Settings) -> AsyncIterator[tuple[Store, Post]]:
    """Give the store, and what has the drill told: nothing where a daemon does that."""
    url = settings.store.read_url()
    try:
        async with open_store(url, exclusive=True) as store:
            await _lead(store)
            yield store, partial(_tell, store, settings)
        return
    except StoreError as error:
        if error.reason != "locked":
            raise
    async with open_store(url) as store:
        yield store, _nothing


async def _lead(store: Store) -> None:
    """See that no daemon tells at the same time. Raises StoreError, `locked` when one does."""
    if store.is_shared:
        session = await store.join("pgdrift drill", _LEASE, counts=False)
        if not await session.take([LEAD]):
            raise StoreError("a daemon tells what is in this store", reason="locked")


async def _nothing() -> None:
    pass


async def _tell(store: Store, settings: Settings) -> None:
    """Tell what is due of drills, and nothing else that may wait in the store."""
    for channel in settings.alerts.channels:
        await _tell_one(store, settings, Lane(only=frozenset({channel})))


async def _tell_one(store: Store, settings: Settings, lane: Lane) -> None:
    async def due(now: datetime) -> Sequence[Delivery]:
        all_ = await store.due(now, lane=lane, limit=1000)
        return [d for d in all_ if d.notice.incident.environment == DRILL]

    async def send(delivery: Delivery) -> Mapping[str, str]:
        channel = settings.alerts.channels[delivery.channel]
        return await deliver(channel, delivery, link=settings.web.public_url)

    async def later(*_: object) -> None:
        """Let nothing else wait because a drill failed."""

    outbox = Outbox(due, store.begin, store.done, store.failed, later)
    async for _ in deliver_due(outbox, send, now=lambda: datetime.now(UTC), jitter=lambda: 0.0):
        pass


async def _waited(store: Store, notice: Notice, patience: float) -> Mapping[str, str]:
    """Return by channel why a notice did not arrive, once that is known or was waited for."""
    deadline = asyncio.get_running_loop().time() + patience
    while True:
        fate = await store.fate(notice)
        tried = all(state in _ENDED or reason for state, reason in fate.values())
        if tried or asyncio.get_running_loop().time() > deadline:
            return {name: _why(*how) for name, how in fate.items()}
        await asyncio.sleep(_GLANCE)


def _why(state: str, reason: str) -> str:
    if state == "done":
        return ""
    return reason or "nobody told it yet"
