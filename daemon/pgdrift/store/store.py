"""The open store: every verb of it as one transaction.

A write takes its turn in this process by a lock, and among processes by the database's; it is
durable when the call returns. What was begun is finished, also for a caller who is cancelled.
Snapshots that are in use are kept in memory by their row's id.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, Mapping
from contextlib import asynccontextmanager, suppress
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import wraps
from typing import Any, ParamSpec, Self, TypeVar

from sqlalchemy import Row, select
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from pgdrift.core.book import Book, Step
from pgdrift.core.incident import Delivery, Incident
from pgdrift.core.model import Event, Snapshot, SyncPoint
from pgdrift.errors import ConfigError
from pgdrift.store import books, engine, migrate, outbox, prune, snapshots, tables, timeline
from pgdrift.store.failures import translated
from pgdrift.store.pages import paginate

_BEGINNING = datetime.min.replace(tzinfo=UTC)

P = ParamSpec("P")
T = TypeVar("T")


def _whole(verb: Callable[P, Coroutine[Any, Any, T]]) -> Callable[P, Awaitable[T]]:
    """Let a verb run to its end though its caller be cancelled, which then is, too.

    A statement is on the driver's thread and cannot be called back: a transaction that is left
    there would keep the write lock from everyone.
    """

    @wraps(verb)
    async def run(*args: P.args, **kwargs: P.kwargs) -> T:
        task = asyncio.create_task(verb(*args, **kwargs))
        try:
            return await asyncio.shield(task)
        except asyncio.CancelledError:
            while not task.done():
                with suppress(asyncio.CancelledError):
                    await asyncio.wait({task})
            raise

    return run


class Store:
    """What must survive. Every method raises StoreError; times in and out are aware, UTC."""

    def __init__(self, engine_: AsyncEngine, path: str) -> None:
        """Use `Store.open`."""
        self._reader = engine_
        self._writer = engine_.execution_options(writes=True)
        self._path = path
        self._turn = asyncio.Lock()
        self._contents: snapshots.Contents = snapshots.Contents()
        self._kept: dict[str, dict[int, Snapshot]] = {}

    @classmethod
    async def open(cls, url: str, *, patience: float = 10.0) -> Store:
        """Open the store at a URL such as `sqlite:////var/lib/pgdrift/pgdrift.db`.

        A new file is made; an older schema is brought to this program's. `patience` is how many
        seconds a write waits for another process. Raises StoreError, and ConfigError for a URL
        that cannot be meant.
        """
        parsed = engine.parse(url)
        path = str(parsed.database)
        store = cls(engine.create(parsed, patience=patience), path)
        try:
            async with store._writing() as c:
                await c.run_sync(migrate.upgrade)
        except BaseException:
            await store.close()
            raise
        return store

    async def close(self) -> None:
        """Close all connections. What was kept is kept already."""
        await self._reader.dispose()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    @asynccontextmanager
    async def _writing(self) -> AsyncIterator[AsyncConnection]:
        with translated(self._path):
            async with self._turn, self._writer.begin() as c:
                yield c

    @asynccontextmanager
    async def _reading(self) -> AsyncIterator[AsyncConnection]:
        with translated(self._path):
            async with self._reader.begin() as c:
                yield c

    @_whole
    async def load(self, environment: str, *, snapshots: bool = True) -> Book:
        """Return what is remembered of an environment: an empty book when that is nothing.

        Without `snapshots` the book comes without its large parts (snapshot, expected, agreed),
        which is enough to show how things stand.
        """
        async with self._reading() as c:
            row = await books.row_of(c, environment)
            if row is None:
                return Book(environment)
            kept = await self._snapshots(c, row) if snapshots else {}
            return await books.book_of(c, row, kept)

    async def _snapshots(self, c: AsyncConnection, row: Row[Any]) -> dict[int, Snapshot]:
        known = self._kept.get(row.name, {})
        kept: dict[int, Snapshot] = {}
        for id_ in books.snapshot_ids(row):
            kept[id_] = known.get(id_) or await snapshots.read(c, id_, self._contents)
        self._kept[row.name] = kept
        return kept

    def _remember(self, row: Row[Any], new: Mapping[int, Snapshot]) -> None:
        known = {**self._kept.get(row.name, {}), **new}
        self._kept[row.name] = {i: known[i] for i in books.snapshot_ids(row) if i in known}

    @_whole
    async def save(self, step: Step) -> None:
        """Keep one look, whole or not at all. Raises Stale when its book is out of date."""
        agreed = step.agreed.snapshot if step.agreed else None
        pack = await _pack(step.at, step.snapshot, step.expected, agreed)
        async with self._writing() as c:
            row = await books.save(c, step, pack)
        self._remember(row, pack.kept)

    @_whole
    async def declare(self, point: SyncPoint, snapshot: Snapshot) -> SyncPoint:
        """Keep a new sync point with this content as the expected one; return it with its id.

        A look that is under way, in whatever process, is refused as stale when it ends.
        """
        pack = await _pack(point.at, snapshot)
        name = point.environment
        event = Event(name, point.at, "synced", f"{point.actor}: {point.reason}")
        async with self._writing() as c:
            is_new = await books.row_of(c, name) is None
            content = await pack.keep(c, name, snapshot)
            id_ = await books.keep_sync_point(c, point, content)
            values = {"expected_id": content, "sync_point_id": id_}
            await books.keep_row(c, name, values, is_new=is_new)
            await books.keep_events(c, (event,))
        return replace(point, id=id_)

    @_whole
    async def declared(self, sync_point_id: int) -> Snapshot:
        """Return the snapshot of a sync point. Raises ConfigError when there is no such point."""
        t = tables.sync_point
        async with self._reading() as c:
            found = await c.execute(select(t.c.snapshot_id).where(t.c.id == sync_point_id))
            if (id_ := found.scalar_one_or_none()) is None:
                raise ConfigError(f"there is no sync point {sync_point_id}", reason="usage")
            return await snapshots.read(c, id_, self._contents)

    @_whole
    async def sync_points(self, environment: str) -> tuple[SyncPoint, ...]:
        """Return all sync points of an environment, the latest first."""
        async with self._reading() as c:
            return await timeline.sync_points(c, environment)

    @_whole
    async def environments(self) -> tuple[str, ...]:
        """Return the names of all environments that anything is kept of, sorted."""
        async with self._reading() as c:
            return await timeline.environments(c)

    @_whole
    async def timeline(self, environment: str, limit: int = 100) -> tuple[Event, ...]:
        """Return the latest events of an environment, the newest first."""
        async with self._reading() as c:
            return await timeline.timeline(c, environment, limit)

    @_whole
    async def incidents(
        self, environment: str | None = None, *, open_only: bool = True, limit: int = 1000
    ) -> tuple[Incident, ...]:
        """Return incidents of one environment, or of all for None, the latest opened first."""
        async with self._reading() as c:
            return await timeline.incidents(c, environment, limit, open_only=open_only)

    @_whole
    async def due(self, now: datetime, *, limit: int = 100) -> tuple[Delivery, ...]:
        """Return what may be told now: of each channel and incident the oldest.

        Of each channel so many at most, those that failed least first, then the oldest.
        """
        async with self._reading() as c:
            return await outbox.due(c, now, limit)

    @_whole
    async def next_due(self, now: datetime) -> datetime | None:
        """Return when something may be told next, `now` at the earliest; None when all is told."""
        async with self._reading() as c:
            return await outbox.next_due(c, now)

    @_whole
    async def begin(self, delivery: Delivery, now: datetime) -> Delivery:
        """Mark, before the sending, that a try begins; return the delivery with it counted.

        Raises StoreError (stale) when another process has taken it.
        """
        async with self._writing() as c:
            return await outbox.begin(c, delivery.id, now)

    @_whole
    async def done(self, delivery: Delivery, now: datetime, ref: Mapping[str, str]) -> None:
        """Mark that a try arrived; the latest `ref` of an incident is its thread."""
        async with self._writing() as c:
            await outbox.done(c, delivery.id, now, ref)

    @_whole
    async def failed(
        self, delivery: Delivery, now: datetime, reason: str, next_attempt_at: datetime | None
    ) -> None:
        """Mark that a try did not arrive, and when to try again; None gives the delivery up.

        `delivery.uncertain` is kept: the try may have arrived, and only its answer was lost.
        """
        async with self._writing() as c:
            await outbox.failed(c, delivery, now, reason, next_attempt_at)

    @_whole
    async def postpone(self, channel: str, until: datetime) -> None:
        """Let everything that waits for a channel wait at least until then."""
        async with self._writing() as c:
            await outbox.postpone(c, channel, until)

    @_whole
    async def recover(self) -> int:
        """Take back what a crashed daemon was telling, as uncertain; return how many those are.

        For the daemon at its start alone: another process may be in the middle of telling.
        """
        async with self._writing() as c:
            return await outbox.recover(c)

    @_whole
    async def waiting(self) -> int:
        """Return how many deliveries have not ended."""
        async with self._reading() as c:
            return await outbox.waiting(c)

    @_whole
    async def prune(self, now: datetime, keep: timedelta) -> int:
        """Forget a bounded share of what is older; return how many rows, 0 when all is done."""
        async with self._writing() as c:
            return await prune.prune(c, now - min(keep, now - _BEGINNING))


async def _pack(at: datetime, *given: Snapshot | None) -> books.Pack:
    distinct = {id(s): s for s in given if s is not None}
    # Off the event loop: a large schema takes a second to lay out.
    made = {name: await asyncio.to_thread(paginate, s) for name, s in distinct.items()}
    return books.Pack(made, at)
