"""Builds every part from Settings and runs them: task group, signals, a deadline to stop.

The only module that knows all rooms. Parts that answer questions (metrics, page) get functions;
parts that act (watch, outbox) get the functions they act through.
"""

from __future__ import annotations

import asyncio
import signal
import time
from collections.abc import Awaitable, Callable, Coroutine, Iterable, Iterator, Mapping
from contextlib import AbstractAsyncContextManager, contextmanager, suppress
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

from aiohttp import web

from pgdrift import __version__, log, rules
from pgdrift.core.alerts.incident import Delivery, Incident, State
from pgdrift.core.alerts.letters import Tray
from pgdrift.core.alerts.marks import Mark, Order, holding
from pgdrift.core.alerts.news import news
from pgdrift.core.book import Book, Step
from pgdrift.core.found import Moves
from pgdrift.core.gone import gone
from pgdrift.core.ignore import RuleStanding
from pgdrift.core.kinds import classes
from pgdrift.core.look import Upstream, remembered
from pgdrift.core.model import CHANNELS, Event, Origin, Snapshot, Standing
from pgdrift.core.shares import Budget
from pgdrift.core.still import Still
from pgdrift.crew import Crew, Member
from pgdrift.discovering import FoundSettings
from pgdrift.errors import SinkError, StoreError
from pgdrift.finding import Finding
from pgdrift.metrics import Metrics, Named
from pgdrift.parts import (
    on_servers,
    probing,
    scratch_of,
    servers_of,
    source,
    upstream_of,
    upstream_of_file,
    watched,
)
from pgdrift.reload import Configuration
from pgdrift.settings import Settings
from pgdrift.sinks import deliver, missing, pace
from pgdrift.sinks.alive import Alive
from pgdrift.sinks.deputies import Deputies, StandIns
from pgdrift.sinks.outbox import GIVE_UP, Outbox, Told
from pgdrift.sinks.pace import UNPACED, Pace
from pgdrift.sinks.post import Counter, Post
from pgdrift.sinks.slack_answers import Desk
from pgdrift.sinks.slack_marks import Shown
from pgdrift.sinks.slack_socket import desks, listen
from pgdrift.sources.files import FileSource
from pgdrift.sources.guest import Guest
from pgdrift.sources.notifications import Listener
from pgdrift.sources.scratch import Scratch
from pgdrift.sources.servers import Servers
from pgdrift.sources.settle import Settlement
from pgdrift.sparing import Sparing
from pgdrift.store import Lane, Store, open_store
from pgdrift.watch import Ports, Timing, Watch, first_of
from pgdrift.web import make_app
from pgdrift.web import serve as serve_web

logger = log.get_logger("app")

# What a look or a delivery that runs may still take when the process is asked to end.
STOP_SECONDS = 10.0
_PRUNE_SECONDS = 3600.0
# How long what somebody says on the command line waits for the daemon to hear it.
_HEED_SECONDS = 2.0
_LETTERS_SECONDS = 15.0
_BEAT_SECONDS = 1.0
# So far back an upstream's timeline is asked who changed what others are behind in.
_LINES = 500


async def serve(config: Path | None, *, stop: asyncio.Event | None = None) -> None:
    """Watch all environments until `stop` is set or SIGTERM or SIGINT comes.

    SIGHUP reloads, and so does a change of the configuration's files. Raises ConfigError or
    StoreError when it cannot start.
    """
    configuration = Configuration(config)
    async with open_store(configuration.settings.store.url, exclusive=True) as store:
        daemon = Daemon(configuration, store, stop or asyncio.Event())
        with _signals({signal.SIGTERM: daemon.stop, signal.SIGINT: daemon.stop}, daemon.reload):
            await daemon.run()


@dataclass(slots=True)
class Daemon:
    """One running daemon: what it was told, what it knows, and what it was asked to do."""

    configuration: Configuration
    store: Store
    stop: asyncio.Event
    settings: Settings = field(init=False)
    reload: asyncio.Event = field(default_factory=asyncio.Event)
    delivered: asyncio.Event = field(default_factory=asyncio.Event)
    trays: tuple[Tray, ...] = ()
    deputies: Deputies | None = None
    standings: dict[str, Standing] = field(default_factory=dict)
    incidents: dict[str, tuple[Incident, ...]] = field(default_factory=dict)
    crew: Crew = field(init=False)
    looked: set[str] = field(default_factory=set)
    files: dict[str, FileSource] = field(default_factory=dict)
    scratch: Scratch = field(default_factory=Scratch)
    servers: Servers = field(default_factory=lambda: Servers(Budget()))
    sparing: Sparing = field(init=False)
    finding: Finding = field(init=False)
    lines: dict[str, tuple[Snapshot | None, tuple[Event, ...]]] = field(default_factory=dict)
    matched: set[str] = field(default_factory=set)
    marks: tuple[Mark, ...] = ()
    alive: Alive = field(init=False)
    metrics: Metrics = field(init=False)
    post: Post = field(init=False)

    def __post_init__(self) -> None:
        """Make what asks this daemon: the metrics at each scrape."""
        self.settings = self.configuration.settings
        self.metrics = Metrics(
            lambda: self.standings,
            self._open_incidents,
            _now,
            self._ignore_rules,
            self._ears,
            self._trays,
            lambda: self.marks,
        )
        self.crew = self._crew()
        self.sparing = Sparing(self.store.touch)
        self.alive = self._alive()

    async def run(self) -> None:
        """Serve page and metrics, and watch, until asked to stop; each reload begins anew."""
        runner = await serve_web(self._web(), self.settings.web.listen)
        logger.info("app.started", version=__version__, listen=self.settings.web.listen)
        try:
            while not self.stop.is_set():
                await self._remember()
                await self._watch_until_reload()
        finally:
            await runner.cleanup()
        logger.info("app.stopped")

    async def _remember(self) -> None:
        """Begin with what the store knows, so that a restart shows the last known state."""
        self.finding = Finding(self.settings, self.store.keep_found, _nobody, self._turn)
        self.finding.begin(await self.store.found() if self.settings.discover else {})
        self.settings = self.finding.now()
        self._name_all()
        for channel, of in self.settings.alerts.channels.items():
            if lacks := missing(of):
                logger.error("app.channel_unusable", channel=channel, error=lacks)
        if revived := await self.store.revive(_now() - GIVE_UP):
            # Whoever mends a channel's settings wants to hear what it missed.
            logger.info("app.notifications_revived", count=revived)
        for name in self.settings.environments:
            await self._show(name)

    def _name_all(self) -> None:
        """Name what is watched, and forget what is not."""
        names = self.settings.environments
        self.metrics.known(
            {name: self._named(name) for name in names},
            self.settings.alerts.channels,
            self.settings.web.public_url,
        )
        self.looked &= set(names)
        for name in set(self.standings) - set(names):
            del self.standings[name]
            self.incidents.pop(name, None)

    async def _show(self, name: str) -> None:
        """Show how an environment stood when it was last looked at."""
        book = await self.store.load(name, snapshots=False)
        self.incidents[name] = book.incidents
        self.standings[name] = remembered(watched(self.settings, name), book)

    def _named(self, name: str) -> Named:
        of, interval = self.settings.environments[name], self.settings.interval(name)
        section = self.settings.discover.get(of.group or "")
        found = isinstance(of, FoundSettings) and section is not None
        series = not found or (section is not None and section.series)
        return Named(interval.total_seconds(), of.follows, of.protected, series)

    async def _watch_until_reload(self) -> None:
        ending = asyncio.Event()
        scratch = self.scratch = scratch_of(self.settings)
        self.files.clear()
        self.alive = self._alive()
        self.servers = servers_of(self.settings)
        self.sparing = Sparing(self.store.touch, probing(self.settings, self.settings.environments))
        crew = self.crew = self._crew()
        self.post = Post(self._counter())
        try:
            async with asyncio.TaskGroup() as group:
                for name in self.settings.environments:
                    crew.start(name, group)
                telling = self.post.run(self.settings.alerts.channels, ending)
                post = group.create_task(telling, name="post")
                self.finding.moved = partial(self._moved, group, crew)
                finding = map(self.finding.run, self.settings.discover)
                helpers = [group.create_task(c) for c in (*self._helpers(), *finding)]
                await self._next_round()
                ending.set()
                told = asyncio.wait({post}, timeout=STOP_SECONDS)
                await asyncio.gather(crew.stop(*crew.names), told)
                for task in (post, *helpers):
                    task.cancel()
        finally:
            await asyncio.gather(scratch.close(), self.servers.close())
        # Not before what ran with the old ones has ended.
        self.settings = self.configuration.settings

    async def _moved(self, group: asyncio.TaskGroup, crew: Crew, moves: Moves) -> None:
        """Watch who came, and no more who is gone, which is told of."""
        before, self.settings = self.settings, self.finding.now()
        self.servers.wanted(on_servers(self.settings))
        deaf = [name for name in crew.listening - {*moves.gone} if not self._may_listen(name)]
        await asyncio.gather(crew.stop(*moves.gone, *moves.moved, *deaf), self.servers.give_way())
        for name in moves.gone:
            book = await self.store.load(name, snapshots=False)
            why = f"is gone: the query of {before.environments[name].group} finds it no more"
            with suppress(StoreError):
                await self.store.save(gone(watched(before, name), book, why, _now()))
            self.post.wake()
        self._name_all()
        for name in (*moves.come, *moves.moved):
            await self._show(name)
        for name in dict.fromkeys((*moves.come, *moves.moved, *deaf)):
            if name in self.settings.environments:
                crew.start(name, group)

    def _turn(self, dsn: Callable[[], str]) -> AbstractAsyncContextManager[None]:
        return self.servers.of(dsn).turn(self.settings.defaults.timeout.total_seconds())

    def _may_listen(self, name: str) -> bool:
        return self.servers.of(self.settings.environments[name].read_dsn).share.listen

    def _crew(self) -> Crew:
        settlement = Settlement(self.scratch)
        return Crew(lambda name: self._member(name, settlement), STOP_SECONDS)

    def _member(self, name: str, settlement: Settlement) -> Member:
        found = source(self.settings, name, self.scratch)
        if isinstance(found, FileSource):
            return Member(self._watch(name, found, settlement), found)
        server = self.servers.of(found.dsn)
        guest = Guest(found, server, probing(self.settings, [name]))
        watch = self._watch(name, guest, settlement)
        watch.ports = replace(
            watch.ports,
            turn=guest.turn,
            unmoved=guest.unmoved,
            spare=partial(self._spare, guest),
        )
        return Member(watch, guest, self._listener(watch) if server.share.listen else None)

    async def _spare(self, guest: Guest, of: Still) -> datetime | None:
        """Return until when nothing moved of all that a look would see, once that is kept."""
        if of.upstream and not of.upstream.watched:
            now = await self._upstream(of.upstream.name)()
            if now is None or now.snapshot is not of.upstream.snapshot:
                return None
        at = await guest.unmoved_since()
        kept = at is not None and await self.sparing.spare(of, at)
        return at if kept else None

    def _watch(self, name: str, found: Guest | FileSource, settlement: Settlement) -> Watch:
        timing = Timing(
            self.settings.interval(name).total_seconds(),
            self.settings.timeout(name).total_seconds(),
        )
        ports = Ports(
            read=found.read,
            load=self.store.load,
            save=self._save,
            upstream=self._upstream(self.settings.environments[name].follows),
            publish=self._publish,
            looked=self.metrics.looked,
            changed=self._changed,
            wake_sinks=self.post.wake,
            wake_upstream=lambda: self.crew.wake_upstream(name),
            settle=settlement.settle,
            woken=self.metrics.woken,
            remarks=lambda: self.crew.remarks(name),
        )
        return Watch(watched(self.settings, name), timing, ports)

    def _helpers(self) -> Iterator[Coroutine[None, None, None]]:
        """Give the side tasks; they can be cancelled at any point."""
        yield self._prune()
        yield self._heed()
        yield self.configuration.watch(self.reload.set, self._rotated)
        yield self._count_letters()
        yield self._mind_channels()
        yield self._feel_the_pulse()
        yield self.alive.run()
        yield from (listen(desk) for desk in self._desks())
        yield self._shown().run()

    def _listener(self, watch: Watch) -> Listener | None:
        name = watch.watched.name
        if not self.settings.listens(name):
            return None
        environment = self.settings.environments[name]
        return Listener(environment.read_dsn, partial(self._hear, watch), environment.notify)

    def _hear(self, watch: Watch, payload: str) -> None:
        if payload:
            self.metrics.heard(watch.watched.name)
        watch.hear(payload)

    def _ears(self) -> Mapping[str, bool]:
        return self.crew.ears()

    def _live(self) -> bool:
        return self.crew.turns()

    def _upstream(self, follows: str | None) -> Callable[[], Awaitable[Upstream | None]]:
        async def upstream() -> Upstream | None:
            if follows is None:
                return None
            if follows not in self.settings.environments:
                file = FileSource(follows, self.scratch, self.store.key)
                return await upstream_of_file(self.files.setdefault(follows, file))
            book = await self.store.load(follows)
            return upstream_of(follows, book, await self._lines(book))

        return upstream

    async def _lines(self, book: Book) -> tuple[Event, ...]:
        """Return the latest of a timeline, read anew where what is there has changed."""
        known, events = self.lines.get(book.environment, (None, ()))
        if known is not book.snapshot:
            events = await self.store.timeline(book.environment, _LINES)
            self.lines[book.environment] = (book.snapshot, events)
        return events

    async def _save(self, step: Step) -> None:
        began = time.monotonic()
        try:
            await self.store.save(step)
        finally:
            self.metrics.saved(time.monotonic() - began)
        self._count_step(step)
        if step.incidents:
            self.incidents[step.environment] = await self.store.incidents(step.environment)
        self.crew.kept(step)

    def _count_step(self, step: Step) -> None:
        if step.applied:
            self.metrics.migrated(step.environment, len(step.applied))
        known = self.incidents.get(step.environment, ())
        open_ = {i.id for i in known if i.state is State.OPEN}
        for incident in step.incidents:
            if incident.state is State.RESOLVED and incident.id in open_:
                self.metrics.over(incident)

    def _publish(self, standing: Standing) -> None:
        if standing.environment not in self.settings.environments:
            return  # its last look, while it left
        if not standing.could_look:
            self.finding.again()
        self.standings[standing.environment] = standing
        self.looked.add(standing.environment)
        self.crew.published(standing)
        self.matched |= {name for a in standing.against for name, _ in a.ignored_by}

    def _changed(self, environment: str, counts: Mapping[Origin, int]) -> None:
        for origin, count in counts.items():
            self.metrics.changed(environment, origin, count)

    async def _next_round(self) -> None:
        """Return when all begins anew: asked to stop, or with other settings that are good."""
        while True:
            await first_of(self.stop, self.reload)
            if self.stop.is_set():
                return
            self.reload.clear()
            taken = self.configuration.reload()
            self.metrics.reloaded(ok=taken)
            if taken:
                return

    def _rotated(self, name: str) -> None:
        """Look at an environment with its new connection URL, not only when its turn comes."""
        self.crew.wake(lambda of: of == name)

    def _counter(self) -> Counter:
        s, names = self.store, frozenset(self.settings.alerts.channels)

        def lane(worker: str | None) -> Lane:
            return Lane(but=names) if worker is None else Lane(only=frozenset({worker}))

        def outbox(worker: str | None) -> Outbox:
            due = partial(s.due, lane=lane(worker))
            return Outbox(due, s.begin, s.done, s.failed, s.postpone)

        def pace_of(worker: str | None) -> Pace:
            return UNPACED if worker is None else pace(self.settings.alerts.channels[worker])

        return Counter(outbox, lambda w: s.recover(lane(w)), self._send, pace_of, self._count)

    def _count(self, told: Told) -> None:
        delivered = told.outcome == "delivered"
        delay = (told.at - told.delivery.since).total_seconds() if delivered else None
        self.metrics.notified(told.delivery.channel, told.outcome, delay)
        if delivered and (told_of := news(told.delivery)):
            self.metrics.told_of(told.delivery.channel, told_of.since, told.at - told_of.at)
        self.delivered.set()

    async def _send(self, delivery: Delivery) -> Mapping[str, str]:
        channel = self.settings.alerts.channels.get(delivery.channel)
        if channel is None:
            msg = f"channel {delivery.channel!r} is no longer configured"
            raise SinkError(msg, reason="invalid", retry=False)
        async with self.alive.turns[delivery.channel]:
            link, marks = self.settings.web.public_url, await self._marks(delivery.notice.incident)
            return await deliver(channel, delivery, link=link, marks=marks)

    async def _marks(self, incident: Incident) -> tuple[Mark, ...]:
        """Return what people said of an incident and holds, the oldest first."""
        said = await self.store.marks(incident.environment, holding_at=_now())
        return tuple(m for m in reversed(said) if m.incident == incident.id)

    async def _order(self, order: Order) -> Mark:
        """Keep what somebody said in a channel, and look whether it changes anything."""
        mark = await self.store.mark(order, _now())
        self.crew.wake(mark.is_for)
        return mark

    async def _heed(self) -> None:
        """See what people say on the command line, and look whether it changes anything."""
        seen = ""
        while True:
            with suppress(StoreError):
                if (moved := await self.store.marks_moved()) != seen:
                    said = await self.store.marks(holding_at=_now())
                    news = {*said} ^ {*self.marks} if seen else ()
                    seen, self.marks = moved, said
                    for mark in news:
                        self.crew.wake(mark.is_for)
            await asyncio.sleep(_HEED_SECONDS)

    def _shown(self) -> Shown:
        """Return what shows in Slack what people say, here or on the command line."""
        return Shown(
            self.settings.alerts.channels,
            self.store.standing,
            self.store.marks_moved,
            lambda: self.store.marks(holding_at=_now()),
            self.alive.turns,
            self.settings.web.public_url,
        )

    def _desks(self) -> tuple[Desk, ...]:
        """Return what people in Slack can ask of this daemon, for each app."""
        desk = Desk(
            {},
            self._open_incidents,
            lambda: self.standings,
            self._order,
            _now,
            self.settings.web.public_url,
        )
        return desks(self.settings.alerts.channels, desk)

    def _alive(self) -> Alive:
        settings = self.settings
        return Alive(
            settings.alerts.channels,
            self.store.standing,
            settings.web.public_url,
            failed=self.metrics.notified,
        )

    async def _prune(self) -> None:
        while True:
            with suppress(StoreError):
                while await self.store.prune(_now(), self.settings.store.keep):
                    logger.debug("app.pruned")
            await asyncio.sleep(_PRUNE_SECONDS)

    def _web(self) -> web.Application:
        return make_app(
            standings=lambda: self.standings,
            incidents=self._open_incidents,
            timeline=self.store.timeline,
            metrics=self.metrics.render,
            ready=lambda: self.looked >= set(self.settings.environments),
            live=self._live,
            version=__version__,
            kinds=classes(),
            rules=self._ignore_rules,
            trays=self._trays,
            marks=lambda: holding(self.marks, _now()),
            configured=lambda: self.configuration.said,
        )

    def _trays(self) -> tuple[Tray, ...]:
        """Return how the channels stand: those configured, and those with something left."""
        known = {t.channel: t for t in self.trays}
        names = self.settings.alerts.channels
        left = {n: t for n, t in known.items() if n in names or t.waiting or t.given_up}
        dead = self.deputies.dead if self.deputies else {}
        all_ = {**{n: Tray(n) for n in names}, **left}
        return tuple(replace(t, dead_since=dead.get(n)) for n, t in all_.items())

    async def _mind_channels(self) -> None:
        """See that a dead channel is told of, and what it was to be told, where it has others."""
        s, settings = self.store, self.settings
        desk = StandIns(
            health=s.health,
            incidents=partial(s.incidents, CHANNELS),
            post=s.post,
            cover=partial(s.cover, is_dead=True),
            follow=partial(s.cover, is_dead=False),
        )
        minded = Deputies(desk, rules.stand_ins(settings), settings.alerts.dead_after)
        self.deputies = minded
        while True:
            with suppress(StoreError):
                if await minded.mind(_now()):
                    self.post.wake()
            seconds = min(_LETTERS_SECONDS, minded.after.total_seconds())
            await asyncio.sleep(max(1.0, seconds))

    async def _feel_the_pulse(self) -> None:
        """Measure how late the event loop wakes: what blocks it delays everything."""
        while True:
            began = time.monotonic()
            await asyncio.sleep(_BEAT_SECONDS)
            self.metrics.lagged(time.monotonic() - began - _BEAT_SECONDS)

    async def _count_letters(self) -> None:
        """Keep what page and metrics say of the outbox near the truth."""
        while True:
            self.delivered.clear()
            with suppress(StoreError):
                self.trays = await self.store.trays()
                self.metrics.stored(self.store.size)
            await first_of(self.delivered, seconds=_LETTERS_SECONDS)
            await asyncio.sleep(1.0)  # many deliveries in a row are counted once

    def _ignore_rules(self) -> tuple[RuleStanding, ...]:
        """Return how the ignore rules stand; one that left out something since the start serves."""
        today = _now().date()
        return rules.standings_of_rules(self.settings, self.standings, self.matched, today)

    def _open_incidents(self) -> Iterable[Incident]:
        return [i for some in list(self.incidents.values()) for i in some]


@contextmanager
def _signals(to: Mapping[signal.Signals, asyncio.Event], reload: asyncio.Event) -> Iterator[None]:
    """Set an event for each signal while inside."""
    loop = asyncio.get_running_loop()
    handlers = {**to, signal.SIGHUP: reload}
    for number, event in handlers.items():
        loop.add_signal_handler(number, event.set)
    try:
        yield
    finally:
        for number in handlers:
            loop.remove_signal_handler(number)


async def _nobody(_: Moves) -> None:
    """Start nothing: nothing runs yet."""


def _now() -> datetime:
    return datetime.now(UTC)
