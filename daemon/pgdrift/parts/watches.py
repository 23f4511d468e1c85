"""The watches of one round of settings: what each is made of, and what becomes of its looks.

In come the settings and the parts that a look's outcome goes to. When a watch comes and goes is
decided elsewhere.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from functools import partial

from pgdrift.core.alerts.incident import State
from pgdrift.core.book import Book, Step
from pgdrift.core.look import Upstream
from pgdrift.core.model import Event, Origin, Snapshot, Standing
from pgdrift.core.still import Still
from pgdrift.metrics import Metrics
from pgdrift.parts.building import (
    probing,
    scratch_of,
    servers_of,
    source,
    upstream_of,
    upstream_of_file,
    watched,
)
from pgdrift.parts.crew import Crew, Member, Shift
from pgdrift.parts.known import Known
from pgdrift.parts.sharing import Sharing
from pgdrift.parts.sparing import Sparing
from pgdrift.settings import Settings
from pgdrift.sources.files import FileSource
from pgdrift.sources.guest import Guest
from pgdrift.sources.notifications import Listener
from pgdrift.sources.scratch import Scratch
from pgdrift.sources.servers import Servers
from pgdrift.sources.settle import Settlement
from pgdrift.store import Store
from pgdrift.watch import Ports, Timing, Watch

# So far back an upstream's timeline is asked who changed what others are behind in.
_LINES = 500


@dataclass(slots=True)
class Parts:
    """What outlives a round of settings.

    `wake_sinks`: there may be something to tell. `lost`: somebody could not be looked at.
    """

    store: Store
    known: Known
    sharing: Sharing
    metrics: Metrics
    shift: Shift
    wake_sinks: Callable[[], None]
    lost: Callable[[], None]


@dataclass(slots=True)
class Watches:
    """All that watches with these settings, and what it watches with."""

    settings: Settings
    to: Parts
    crew: Crew = field(init=False)
    scratch: Scratch = field(init=False)
    servers: Servers = field(init=False)
    _sparing: Sparing = field(init=False)
    _settlement: Settlement = field(init=False)
    _files: dict[str, FileSource] = field(default_factory=dict)
    _lines: dict[str, tuple[Snapshot | None, tuple[Event, ...]]] = field(default_factory=dict)
    # Environments to whose next look another replica's wait.
    _awaited: set[str] = field(default_factory=set)

    def __post_init__(self) -> None:
        """Build what is shared between them; nothing is started yet."""
        self.crew = Crew(self._member, self.to.shift)
        self.scratch = scratch_of(self.settings)
        self.servers = servers_of(self.settings)
        seconds = probing(self.settings, self.settings.environments)
        self._sparing = Sparing(self.to.store.touch, seconds)
        self._settlement = Settlement(self.scratch)

    async def close(self) -> None:
        """End what they were read with."""
        await asyncio.gather(self.scratch.close(), self.servers.close())

    def may_listen(self, name: str) -> bool:
        """Tell whether an environment's server has a session left to listen on."""
        return self.servers.of(self.settings.environments[name].read_dsn).share.listen

    def hurry(self, name: str) -> None:
        """Look soon at what an environment of another replica follows, and say so then."""
        if self.crew.hurry(name):
            self._awaited.add(name)

    def _member(self, name: str) -> Member:
        found = source(self.settings, name, self.scratch)
        if isinstance(found, FileSource):
            return Member(self._watch(name, found), found)
        server = self.servers.of(found.dsn)
        guest = Guest(found, server, probing(self.settings, [name]))
        watch = self._watch(name, guest)
        watch.ports = replace(
            watch.ports,
            turn=guest.turn,
            unmoved=guest.unmoved,
            spare=partial(self._spare, guest),
        )
        return Member(watch, guest, self._listener(watch) if server.share.listen else None)

    def _watch(self, name: str, found: Guest | FileSource) -> Watch:
        timing = Timing(
            self.settings.interval(name).total_seconds(),
            self.settings.timeout(name).total_seconds(),
        )
        ports = Ports(
            read=found.read,
            load=self.to.store.load,
            save=self._save,
            upstream=self._upstream(self.settings.environments[name].follows),
            publish=self._publish,
            looked=self.to.metrics.looked,
            changed=self._changed,
            wake_sinks=self.to.wake_sinks,
            wake_upstream=partial(self._wake_upstream, name),
            settle=self._settlement.settle,
            woken=self.to.metrics.woken,
            remarks=lambda: self.crew.remarks(name),
            enacted=self.to.store.enacted,
        )
        return Watch(watched(self.settings, name), timing, ports)

    def _listener(self, watch: Watch) -> Listener | None:
        name = watch.watched.name
        if not self.settings.listens(name):
            return None
        environment = self.settings.environments[name]
        return Listener(environment.read_dsn, partial(self._hear, watch), environment.notify)

    def _hear(self, watch: Watch, payload: str) -> None:
        if payload:
            self.to.metrics.heard(watch.watched.name)
        watch.hear(payload)

    async def _spare(self, guest: Guest, of: Still) -> datetime | None:
        """Return until when nothing moved of all that a look would see, once that is kept."""
        if of.upstream and not of.upstream.watched:
            now = await self._upstream(of.upstream.name)()
            if now is None or now.snapshot is not of.upstream.snapshot:
                return None
        at = await guest.unmoved_since()
        kept = at is not None and await self._sparing.spare(of, at)
        return at if kept else None

    def _upstream(self, follows: str | None) -> Callable[[], Awaitable[Upstream | None]]:
        async def upstream() -> Upstream | None:
            if follows is None:
                return None
            if follows not in self.settings.environments:
                file = FileSource(follows, self.scratch, self.to.store.key)
                return await upstream_of_file(self._files.setdefault(follows, file))
            book = await self.to.store.seen(follows)
            return upstream_of(follows, book, await self._timeline(book))

        return upstream

    async def _timeline(self, book: Book) -> tuple[Event, ...]:
        """Return the latest of a timeline, read anew where what is there has changed."""
        known, events = self._lines.get(book.environment, (None, ()))
        if known is not book.snapshot:
            events = await self.to.store.timeline(book.environment, _LINES)
            self._lines[book.environment] = (book.snapshot, events)
        return events

    async def _save(self, step: Step) -> None:
        began = time.monotonic()
        try:
            await self.to.store.save(step)
        finally:
            self.to.metrics.saved(time.monotonic() - began)
        self._count(step)
        if step.incidents:
            incidents = await self.to.store.incidents(step.environment)
            self.to.known.incidents[step.environment] = incidents
        self.crew.kept(step.environment, moved=step.snapshot is not None)
        if step.environment in self._awaited:
            self._awaited.discard(step.environment)
            self.to.sharing.say(f"looked {step.environment}")

    def _count(self, step: Step) -> None:
        if step.applied:
            self.to.metrics.migrated(step.environment, len(step.applied))
        known = self.to.known.incidents.get(step.environment, ())
        open_ = {i.id for i in known if i.state is State.OPEN}
        for incident in step.incidents:
            if incident.state is State.RESOLVED and incident.id in open_:
                self.to.metrics.over(incident)

    def _changed(self, environment: str, counts: Mapping[Origin, int]) -> None:
        for origin, count in counts.items():
            self.to.metrics.changed(environment, origin, count)

    def _wake_upstream(self, name: str) -> None:
        follows = self.crew.wait_for_upstream(name)
        if not self.crew.hurry(follows) and follows in self.settings.environments:
            self.to.sharing.say(f"hurry {follows}")

    def _publish(self, standing: Standing) -> None:
        name = standing.environment
        if name not in self.settings.environments or not self.to.sharing.watches(name):
            return  # its last look, while it left; or another replica knows better by now
        if not standing.could_look:
            self.to.lost()
        self.to.known.looked_at(standing)
        self.crew.published(standing)
