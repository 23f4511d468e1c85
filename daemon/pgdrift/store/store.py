"""The open store: every verb of it as one transaction.

A write takes its turn in this process by a lock, and among processes by the database's; it is
durable when the call returns. What was begun is finished, also for a caller who is cancelled.
Snapshots that are in use are kept in memory by their row's id. Where replicas share a store, what
one of them does at a time it keeps through the session that holds the lock for it.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, Mapping, Sequence
from contextlib import (
    AbstractAsyncContextManager,
    AbstractContextManager,
    asynccontextmanager,
    nullcontext,
    suppress,
)
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import wraps
from itertools import islice
from typing import Any, ParamSpec, Self, TypeVar
from weakref import WeakValueDictionary

from sqlalchemy import Row, select
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from pgdrift.core.alerts.dead import Health
from pgdrift.core.alerts.incident import Delivery, Incident, Notice
from pgdrift.core.alerts.letters import Tray
from pgdrift.core.alerts.marks import Mark, Order
from pgdrift.core.alerts.route import Address
from pgdrift.core.book import Book, Step
from pgdrift.core.found import Database
from pgdrift.core.model import Event, Finding, Reading, Snapshot, SyncPoint
from pgdrift.core.plan.kept import KeptPlan
from pgdrift.core.still import Still
from pgdrift.core.syncpoint import Applied, Declaration, TakenBack
from pgdrift.core.why.enacted import Enactment
from pgdrift.errors import ConfigError, StoreError
from pgdrift.store import (
    books,
    dead,
    declaring,
    engine,
    letters,
    marking,
    marks,
    migrate,
    outbox,
    outlines,
    plans,
    points,
    postgres,
    prune,
    roll,
    session,
    tables,
    timeline,
    touching,
)
from pgdrift.store import snapshots as snapshots_
from pgdrift.store.failures import Fenced, translated
from pgdrift.store.outbox import Lane
from pgdrift.store.outlines import Outline
from pgdrift.store.session import Session

# Of how many snapshots of other environments one is held against, to hold nothing twice.
_LIKE = 3
# Fewer than the pool has connections: who waits for one of these is given up, for a turn nobody.
_READERS = 4
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
            with suppress(asyncio.CancelledError, StoreError):
                task.result()  # nobody is left to hear what went wrong, but of a bug
            raise

    return run


LEAD = "lead"
"""The duty of all that one replica does for all: telling, answering, forgetting what is old."""


def watching(environment: str) -> str:
    """Return the duty of watching an environment."""
    return f"watch {environment}"


@asynccontextmanager
async def _cut_short(
    transaction: AbstractAsyncContextManager[AsyncConnection],
) -> AsyncIterator[AsyncConnection]:
    """Leave a session that does not answer in time: to ask it for a rollback would take as long."""
    async with transaction as c:
        try:
            yield c
        except TimeoutError:
            await c.invalidate()
            raise


class Store:
    """What must survive. Every method raises StoreError; times in and out are aware, UTC."""

    def __init__(self, engine_: AsyncEngine, path: str) -> None:
        """Use `Store.open`."""
        self._reader = engine_
        self._path = path
        self._served = engine_.dialect.name == "postgresql"
        more = {"isolation_level": "READ COMMITTED"} if self._served else {}
        self._writer = engine_.execution_options(writes=True, **more)
        self._translated = postgres.translated if self._served else translated
        self._session: Session | None = None
        self._fenced = False
        self._key = b""
        self._turn = asyncio.Lock()
        self._readers = asyncio.Semaphore(_READERS)
        self._kept: dict[str, dict[int, Snapshot]] = {}
        self._known: snapshots_.Known = WeakValueDictionary()

    @classmethod
    async def open(
        cls,
        url: str,
        *,
        patience: float = 10.0,
        alone: Callable[[], AbstractContextManager[None]] = nullcontext,
        fenced: bool = False,
    ) -> Store:
        """Open the store at a URL such as `sqlite:////var/lib/pgdrift/pgdrift.db`.

        A new file is made; an older schema is brought to this program's, within `alone`.
        `patience` is how many seconds a write waits for another process. A `fenced` one keeps as a
        member of `join` alone what one does at a time. Raises StoreError, and ConfigError for a
        URL that cannot be meant.
        """
        if postgres.is_server(url):
            store = cls(postgres.create(url, patience=patience), postgres.where(url))
            store._fenced = fenced
        else:
            parsed = engine.parse(url)
            store = cls(engine.create(parsed, patience=patience), str(parsed.database))
        try:
            async with store._writing() as c:
                await c.run_sync(migrate.upgrade, alone)
                store._key = await books.key(c)
        except BaseException:
            await store.close()
            raise
        return store

    @property
    def key(self) -> bytes:
        """What this store's readers seal secrets with."""
        return self._key

    @_whole
    async def size(self) -> int:
        """Return how many bytes the store takes on its disk, with what was not yet written back."""
        async with self._reading() as c:
            return await outlines.size(c, self._path)

    @property
    def is_shared(self) -> bool:
        """Whether replicas may share this store: then what one does at a time needs `join`."""
        return self._fenced

    async def join(self, name: str, lease: float, *, counts: bool = True) -> Session:
        """Enter as a member of this name, whose locks the server lifts after a silent lease.

        `lease` is in seconds. A membership from before is over. One that does not count gets no
        share of what there is to do. Raises StoreError.
        """
        await self.leave()
        self._session = await session.join(self._writer, self._path, name, lease, counts=counts)
        return self._session

    async def leave(self) -> None:
        """Be no member any more; nothing is held then."""
        if self._session is not None:
            await self._session.leave()

    async def close(self) -> None:
        """Close all connections. What was kept is kept already."""
        await self.leave()
        await self._reader.dispose()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    @asynccontextmanager
    async def reading(self) -> AsyncIterator[AsyncConnection]:
        """Open a transaction that reads: of one moment, however long it takes."""
        async with self._reading() as c:
            yield c

    @asynccontextmanager
    async def _holding(self, duty: str) -> AsyncIterator[AsyncConnection]:
        """Write what one keeps at a time; on a store that is not shared, that is whoever asks."""
        if not self._fenced:
            async with self._writing() as c:
                yield c
        elif self._session is None:
            raise Fenced(duty)
        else:
            async with self._session.writing(duty) as c:
                yield c

    @asynccontextmanager
    async def _writing(self) -> AsyncIterator[AsyncConnection]:
        with self._translated(self._path):
            async with self._turn, _cut_short(self._writer.begin()) as c:
                yield c

    @asynccontextmanager
    async def _reading(self) -> AsyncIterator[AsyncConnection]:
        with self._translated(self._path):
            async with self._readers, _cut_short(self._reader.begin()) as c:
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
                said = await marks.about(c, environment, None)
                return Book(environment, key=self._key, marks=said)
            kept = await self._snapshots(c, row) if snapshots else {}
            book = replace(await books.book_of(c, row, kept), key=self._key)
            size = None if snapshots else await snapshots_.size(c, row.snapshot_id)
            return replace(book, size=size) if size else book

    @_whole
    async def seen(self, environment: str) -> Book:
        """Return of what is remembered of an environment what concerns those that follow it.

        That is its snapshot, its histories, when it was seen, and why it could not be.
        """
        async with self._reading() as c:
            row = await books.row_of(c, environment)
            if row is None:
                return Book(environment)
            return books.seen_of(row, await self._snapshots(c, row))

    async def _snapshots(self, c: AsyncConnection, row: Row[Any]) -> dict[int, Snapshot]:
        known = self._kept.get(row.name, {})
        kept: dict[int, Snapshot] = {}
        for id_ in books.snapshot_ids(row):
            kept[id_] = known.get(id_) or await snapshots_.read(
                c, id_, self._like(kept), self._known
            )
        self._kept[row.name] = kept
        return kept

    async def _tell(self, c: AsyncConnection, step: Step) -> None:
        """Tell the other members what they may wait for; what is lost, their timers find."""
        if self._fenced and step.notices:
            await session.notify(c, "notices")
        if self._fenced and step.snapshot:
            await session.notify(c, f"kept {step.environment}")

    async def _tell_found(self, c: AsyncConnection) -> None:
        if self._fenced:
            await session.notify(c, "found")

    @_whole
    async def say(self, word: str) -> None:
        """Say a word to all members. Of a store on a server alone."""
        async with self._writing() as c:
            await session.notify(c, word)

    def forget(self, environment: str) -> None:
        """Hold no snapshot of an environment in memory that another replica watches."""
        self._kept.pop(environment, None)

    def _like(self, kept: Mapping[int, Snapshot]) -> list[Snapshot]:
        """Return snapshots in use that another may be much like: of its own, or another's."""
        others = (s for of in self._kept.values() for s in of.values())
        return [*kept.values(), *islice(others, _LIKE)]

    def _remember(self, row: Row[Any], new: Mapping[int, Snapshot]) -> None:
        known = {**self._kept.get(row.name, {}), **new}
        self._kept[row.name] = {i: known[i] for i in books.snapshot_ids(row) if i in known}

    @_whole
    async def save(self, step: Step, *, gone: bool = False) -> None:
        """Keep one look, whole or not at all. Raises Stale when its book is out of date.

        `gone`: it is the last, and what was looked at is found no more.
        """
        agreed = step.agreed.snapshot if step.agreed else None
        pack = await books.pack(step.at, step.snapshot, step.expected, agreed)
        async with self._holding(watching(step.environment)) as c:
            row = await books.save(c, step, pack)
            await self._tell(c, step)
            if gone:
                await roll.drop(c, step.environment)
                await self._tell_found(c)
        self._remember(row, pack.kept)

    @_whole
    async def touch(self, spared: Sequence[tuple[Still, datetime]]) -> frozenset[str]:
        """Keep of looks that were spared until when each environment is known to be as it was.

        Return those of which that holds: of others the store has something else than they left.
        """
        if not self._fenced:
            async with self._writing() as c:
                return await touching.touch(c, spared)
        if (mine := self._session) is None:
            raise Fenced("the session with the store")
        async with mine.speaking() as c:
            held = [(of, at) for of, at in spared if watching(of.environment) in mine.held]
            return await touching.touch(c, held)

    @_whole
    async def found(self) -> Mapping[str, Mapping[str, Database]]:
        """Return which databases were found, by section and environment."""
        async with self._reading() as c:
            return await roll.kept(c)

    @_whole
    async def keep_found(self, section: str, members: Mapping[str, Database]) -> None:
        """Keep which databases a section has found that are new, or elsewhere now."""
        async with self._holding(LEAD) as c:
            await roll.keep(c, section, members)
            await self._tell_found(c)

    @_whole
    async def declare(
        self,
        point: SyncPoint,
        snapshot: Snapshot,
        settled: tuple[Finding, ...] = (),
        *,
        seen: Reading | None = None,
    ) -> SyncPoint:
        """Keep a new sync point with this content as the expected one; return it with its id.

        The snapshot is what there is at the point's time; `settled` is what was found until then.
        `seen` is the reading that it is of, begun after the point's time: where no look has seen
        the environment yet, that is its first.
        A look that is under way, in whatever process, is refused as stale when it ends.
        """
        pack = await books.pack(point.at, snapshot)
        async with self._writing() as c:
            return await declaring.declare(c, point, pack, snapshot, settled, seen)

    @_whole
    async def keep_event(self, event: Event) -> None:
        """Keep a line of an environment's timeline that no look and no sync point speaks of."""
        async with self._writing() as c:
            await books.keep_events(c, (event,))

    @_whole
    async def declare_at(self, point: SyncPoint, applied: Applied) -> Declaration:
        """Keep a new sync point of what there was when a migration was applied.

        What was explained since stays expected. Raises ConfigError when that is no longer kept,
        and when something was declared or undone since.
        """
        async with self._writing() as c:
            return await declaring.declare_at(c, point, applied)

    @_whole
    async def undo(self, environment: str, sync_point_id: int, by: TakenBack) -> SyncPoint:
        """Take back the latest sync point, which must be this one; return the one that holds then.

        What is expected is as it was before it, moved on by what was explained since. Raises
        ConfigError when there is no other to go back to, StoreError (stale) when it is not the
        latest any more.
        """
        async with self._writing() as c:
            return await declaring.undo(c, environment, sync_point_id, by)

    @_whole
    async def declarations(self, environment: str) -> tuple[Declaration, ...]:
        """Return all sync points of an environment with what is known of them, the latest first."""
        async with self._reading() as c:
            return await points.declarations(c, environment)

    @_whole
    async def applied(self, environment: str) -> tuple[Applied, ...]:
        """Return the migrations that looks saw applied, as far as is kept, the latest first."""
        async with self._reading() as c:
            return await points.applied(c, environment)

    @_whole
    async def seen_by(self, environment: str, at: datetime) -> tuple[datetime, Snapshot] | None:
        """Return what an environment was like at a time, as last seen by then, and when that was.

        None when nothing so old is kept. What is older than is kept may have been forgotten.
        """
        async with self._reading() as c:
            found = await points.seen_by(c, environment, at)
            return found and (found[1], await snapshots_.read(c, found[0]))

    @_whole
    async def first_seen(self, environment: str) -> datetime | None:
        """Return the time of the earliest that is kept of what an environment was seen as."""
        async with self._reading() as c:
            return await points.first_seen(c, environment)

    @_whole
    async def declared(self, sync_point_id: int) -> Snapshot:
        """Return the snapshot of a sync point. Raises ConfigError when there is no such point."""
        t = tables.sync_point
        async with self._reading() as c:
            found = await c.execute(select(t.c.snapshot_id).where(t.c.id == sync_point_id))
            if (id_ := found.scalar_one_or_none()) is None:
                raise ConfigError(f"there is no sync point {sync_point_id}", reason="usage")
            return await snapshots_.read(c, id_)

    @_whole
    async def sync_points(self, environment: str) -> tuple[SyncPoint, ...]:
        """Return all sync points of an environment, the latest first."""
        async with self._reading() as c:
            return await timeline.sync_points(c, environment)

    @_whole
    async def outlines(self) -> Mapping[str, Outline]:
        """Return how all environments stand, in little. Of a store on a server alone."""
        async with self._reading() as c:
            return await outlines.outlines(c)

    @_whole
    async def environments(self) -> tuple[str, ...]:
        """Return the names of all environments that anything is kept of, sorted."""
        async with self._reading() as c:
            return await timeline.environments(c)

    @_whole
    async def timeline(
        self,
        environment: str,
        limit: int = 100,
        *,
        since: datetime | None = None,
        about: frozenset[str] | None = None,
    ) -> tuple[Event, ...]:
        """Return the latest events of an environment, the newest first, none before `since`.

        `about` are keys of objects: only events that tell of one of them, or of a part of it.
        """
        async with self._reading() as c:
            return await timeline.timeline(c, environment, limit, since, about)

    @_whole
    async def subjects(self, environment: str) -> frozenset[str]:
        """Return the keys of all objects that events are about, also of those that are gone."""
        async with self._reading() as c:
            return await timeline.subjects(c, environment)

    @_whole
    async def known_since(self, environment: str) -> datetime | None:
        """Return when the oldest event was that is kept, UTC; None where there is none."""
        async with self._reading() as c:
            return await timeline.known_since(c, environment)

    @_whole
    async def incidents(
        self, environment: str | None = None, *, open_only: bool = True, limit: int = 1000
    ) -> tuple[Incident, ...]:
        """Return incidents of one environment, or of all for None, the latest opened first."""
        async with self._reading() as c:
            return await timeline.incidents(c, environment, limit, open_only=open_only)

    @_whole
    async def mark(self, order: Order, now: datetime) -> Mark:
        """Keep what somebody said of an incident or of findings; return it with its number.

        Raises ConfigError when it cannot be meant, when there is no such incident, finding or
        mark, and when that has ended.
        """
        async with self._writing() as c:
            return await marking.mark(c, order, now)

    @_whole
    async def marks(
        self, environment: str | None = None, *, holding_at: datetime | None = None
    ) -> tuple[Mark, ...]:
        """Return what people said, the latest first: of one environment, or of all for None.

        `holding_at` asks for what holds at that time alone.
        """
        async with self._reading() as c:
            return await marks.kept(c, environment, holding_at)

    @_whole
    async def marks_moved(self) -> str:
        """Return a text that is another one as soon as anybody says or ends something."""
        async with self._reading() as c:
            return await marks.moved(c)

    @_whole
    async def post(self, incident: Incident, notice: Notice, to: Sequence[Address]) -> None:
        """Keep an incident that no look found (a drill, a dead channel), and what to tell of it."""
        async with self._holding(LEAD) as c:
            await books.keep_incident(c, incident)
            await outbox.add(c, ((notice, tuple(to)),))

    @_whole
    async def fate(self, notice: Notice) -> Mapping[str, tuple[str, str]]:
        """Return what became of a notice: by channel its stage, and why its last try failed."""
        async with self._reading() as c:
            return await outbox.fate(c, notice.id)

    @_whole
    async def health(self) -> tuple[Health, ...]:
        """Return how the deliveries of every channel went."""
        async with self._reading() as c:
            return await dead.health(c)

    @_whole
    async def cover(self, channel: str, *, is_dead: bool) -> int:
        """Let others be told what a channel was to be told; return how many deliveries that adds.

        All that waits, where it is dead; else what goes on in threads that others began to hear.
        """
        async with self._holding(LEAD) as c:
            return await dead.cover(c, channel, is_dead=is_dead)

    @_whole
    async def withdraw(self, incident: Incident) -> None:
        """Forget what of an incident still waits to be told, and is not being told just now."""
        async with self._writing() as c:
            await outbox.withdraw(c, incident.id)

    @_whole
    async def due(
        self, now: datetime, *, lane: Lane = outbox.ALL, limit: int = 100
    ) -> tuple[Delivery, ...]:
        """Return what may be told now in a lane: of each channel and thread the oldest.

        What may be told together with it comes as one delivery.

        So many at most; those that failed least first, then the oldest.
        """
        async with self._reading() as c:
            return await outbox.due(c, now, limit, lane)

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
        async with self._holding(LEAD) as c:
            return await outbox.begin(c, delivery, now)

    @_whole
    async def done(self, delivery: Delivery, now: datetime, ref: Mapping[str, str]) -> None:
        """Mark that a try arrived; the latest `ref` of an incident is its thread."""
        async with self._holding(LEAD) as c:
            await outbox.done(c, delivery, now, ref)

    @_whole
    async def failed(
        self, delivery: Delivery, now: datetime, reason: str, next_attempt_at: datetime | None
    ) -> None:
        """Mark that a try did not arrive, and when to try again; None gives the delivery up.

        `delivery.uncertain` is kept: the try may have arrived, and only its answer was lost.
        """
        async with self._holding(LEAD) as c:
            await outbox.failed(c, delivery, now, reason, next_attempt_at)

    @_whole
    async def postpone(self, channel: str, until: datetime) -> None:
        """Let everything that waits for a channel wait at least until then."""
        async with self._holding(LEAD) as c:
            await outbox.postpone(c, channel, until)

    @_whole
    async def recover(self, lane: Lane = outbox.ALL) -> int:
        """Take back what was being told in a lane, as uncertain; return how many those are.

        For the one who tells there alone, when it is telling nothing: at its start, or when it
        could not keep what became of a try.
        """
        async with self._holding(LEAD) as c:
            return await outbox.recover(c, lane)

    @_whole
    async def standing(self, channel: str) -> tuple[Delivery, ...]:
        """Return what a channel was told last of each open incident, where no more is on its way.

        What it was told as resolved is left out.
        """
        async with self._reading() as c:
            return await outbox.standing(c, channel)

    @_whole
    async def trays(self) -> tuple[Tray, ...]:
        """Return how the deliveries of every channel stand, and which were given up."""
        async with self._reading() as c:
            return await letters.trays(c)

    @_whole
    async def revive(self, since: datetime) -> int:
        """Let what was given up and decided since then be tried again; return how many those are.

        What a later delivery of its thread overtook stays given up.
        """
        async with self._holding(LEAD) as c:
            return await letters.revive(c, since)

    @_whole
    async def waiting(self) -> int:
        """Return how many deliveries have not ended."""
        async with self._reading() as c:
            return await outbox.waiting(c)

    @_whole
    async def prune(self, now: datetime, keep: timedelta) -> int:
        """Forget a bounded share of what is older; return how many rows, 0 when all is done."""
        async with self._holding(LEAD) as c:
            return await prune.prune(c, now - min(keep, now - _BEGINNING))

    @_whole
    async def keep_plan(self, kept: KeptPlan, files: Mapping[str, bytes]) -> None:
        """Keep a plan with the files of its folder; of its name there is one."""
        async with self._writing() as c:
            await plans.keep(c, kept, files)

    @_whole
    async def plans(self, environment: str | None = None) -> tuple[KeptPlan, ...]:
        """Return the plans that are kept, the latest first: of an environment, or all for None."""
        async with self._reading() as c:
            return await plans.kept(c, environment)

    @_whole
    async def plan(self, word: str) -> KeptPlan | None:
        """Return the plan of an id or its beginning, or the last of an incident; None for none.

        Raises ConfigError when several begin so.
        """
        async with self._reading() as c:
            return await plans.named(c, word)

    @_whole
    async def plan_files(self, id_: str) -> Mapping[str, bytes]:
        """Return the files of a plan's folder, by name, as they were kept."""
        async with self._reading() as c:
            return await plans.files(c, id_)

    @_whole
    async def plans_made(self) -> Mapping[str, tuple[str, str]]:
        """Return by incident the id of the last plan made for it, and of which findings."""
        async with self._reading() as c:
            return await plans.made_for(c)

    @_whole
    async def keep_enactment(self, enactment: Enactment) -> Enactment:
        """Keep that a plan is run, or how far it is by now; return it with its number."""
        async with self._writing() as c:
            return await plans.keep_enactment(c, enactment)

    @_whole
    async def enacted(self, environment: str, since: datetime | None) -> tuple[Enactment, ...]:
        """Return what was run there, the latest first, and has not ended long before `since`."""
        async with self._reading() as c:
            return await plans.enacted(c, environment, since)

    @_whole
    async def enactments(self, *plan_ids: str) -> tuple[Enactment, ...]:
        """Return each time that one of these plans was run, the latest first."""
        async with self._reading() as c:
            return await plans.enactments(c, plan_ids)

    @_whole
    async def enactments_moved(self) -> Mapping[str, tuple[int, int]]:
        """Return by environment what is another value as soon as a plan is begun or ends there."""
        async with self._reading() as c:
            return await plans.moved(c)
