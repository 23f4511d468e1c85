"""Builds every part from Settings and runs them: task group, signals, a deadline to stop.

The only module that knows all rooms. Parts that answer questions (metrics, page) get functions;
parts that act (watch, outbox) get the functions they act through.
"""

from __future__ import annotations

import asyncio
import os
import signal
import socket
import time
from collections.abc import Awaitable, Callable, Collection, Coroutine, Iterable, Iterator, Mapping
from contextlib import AbstractAsyncContextManager, contextmanager, suppress
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

from aiohttp import web

from pgdrift import __version__, log, rules
from pgdrift.channels import Answering, Channels
from pgdrift.core.alerts.incident import Incident, State
from pgdrift.core.alerts.letters import Tray
from pgdrift.core.alerts.marks import Mark, Order, holding
from pgdrift.core.book import Book, Step
from pgdrift.core.duties import Replicas
from pgdrift.core.found import Moves
from pgdrift.core.gone import gone
from pgdrift.core.ignore import RuleStanding
from pgdrift.core.kinds import classes
from pgdrift.core.look import Upstream, remembered
from pgdrift.core.model import Event, Origin, Snapshot, Standing
from pgdrift.core.shares import Budget
from pgdrift.core.still import Still
from pgdrift.crew import Crew, Member, Shift
from pgdrift.discovering import FoundSettings
from pgdrift.errors import StoreError
from pgdrift.finding import Finding
from pgdrift.fleet import Fleet, Work, lease
from pgdrift.metrics import Metrics, Named
from pgdrift.mirror import Mirror
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
from pgdrift.ready import Ready
from pgdrift.reload import Configuration
from pgdrift.settings import Settings
from pgdrift.sinks import missing
from pgdrift.sources.files import FileSource
from pgdrift.sources.guest import Guest
from pgdrift.sources.notifications import Listener
from pgdrift.sources.scratch import Scratch
from pgdrift.sources.servers import Servers
from pgdrift.sources.settle import Settlement
from pgdrift.sparing import Sparing
from pgdrift.store import LEAD, Store, open_store, watching
from pgdrift.watch import Ports, Timing, Watch, first_of
from pgdrift.web import Found, Plans, make_app
from pgdrift.web import serve as serve_web

logger = log.get_logger("app")

# What a look or a delivery that runs may still take when the process is asked to end.
STOP_SECONDS = 10.0
_PRUNE_SECONDS = 3600.0
# How long what somebody says on the command line waits for the daemon to hear it.
_HEED_SECONDS = 2.0
_BEAT_SECONDS = 1.0
# So far back an upstream's timeline is asked who changed what others are behind in.
_LINES = 500


async def serve(config: Path | None, *, stop: asyncio.Event | None = None) -> None:
    """Watch all environments until `stop` is set or SIGTERM or SIGINT comes.

    SIGHUP reloads, and so does a change of the configuration's files. Raises ConfigError or
    StoreError when it cannot start.
    """
    configuration = Configuration(config)
    async with open_store(configuration.settings.store.read_url(), exclusive=True) as store:
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
    standings: dict[str, Standing] = field(default_factory=dict)
    incidents: dict[str, tuple[Incident, ...]] = field(default_factory=dict)
    crew: Crew = field(init=False)
    shift: Shift = field(default_factory=lambda: Shift(STOP_SECONDS))
    looked: set[str] = field(default_factory=set)
    files: dict[str, FileSource] = field(default_factory=dict)
    scratch: Scratch = field(default_factory=Scratch)
    servers: Servers = field(default_factory=lambda: Servers(Budget()))
    sparing: Sparing = field(init=False)
    finding: Finding = field(init=False)
    lines: dict[str, tuple[Snapshot | None, tuple[Event, ...]]] = field(default_factory=dict)
    matched: set[str] = field(default_factory=set)
    marks: tuple[Mark, ...] = ()
    fleet: Fleet | None = None
    known: tuple[frozenset[str], bool] = (frozenset(), False)
    saying: asyncio.Future[None] | None = None
    ready: Ready = field(init=False)
    metrics: Metrics = field(init=False)
    channels: Channels = field(init=False)

    def __post_init__(self) -> None:
        """Make what asks this daemon: the metrics at each scrape."""
        self.settings = self.configuration.settings
        if self.store.is_shared:
            shortest = min(map(self._interval, self.settings.environments), default=30.0)
            name = f"{socket.gethostname()}:{os.getpid()}"
            self.fleet = Fleet(self.store, name, lease(shortest))
        self.metrics = Metrics(
            lambda: {n: s for n, s in self.standings.items() if self._watches(n)},
            lambda: [i for i in self._open_incidents() if self._watches(i.environment)],
            _now,
            self._ignore_rules,
            self._ears,
            lambda: self._trays() if self._leads() else (),
            lambda: self.marks,
            self._replicas,
            lambda: tuple(self.standings.values()) if self._leads() else (),
        )
        self.crew = self._crew()
        self.sparing = Sparing(self.store.touch)
        self.ready = self._ready()
        self.channels = self._channels()

    async def run(self) -> None:
        """Serve page and metrics, and watch, until asked to stop; each reload begins anew."""
        runner = await serve_web(self._web(), self.settings.web.listen)
        logger.info("app.started", version=__version__, listen=self.settings.web.listen)
        try:
            while not self.stop.is_set():
                await self._remember()
                await self._watch_until_reload()
        finally:
            if self.fleet:
                await self.fleet.leave()
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
        for name in self.settings.environments:
            await self._recall(name)

    def _name_all(self) -> None:
        """Name what is watched, and forget what is not."""
        names = self.settings.environments
        self._know()
        self.looked &= set(names)
        for name in set(self.standings) - set(names):
            del self.standings[name]
            self.incidents.pop(name, None)

    async def _recall(self, name: str) -> None:
        """Show how an environment stood when it was last looked at."""
        book = await self.store.load(name, snapshots=False)
        self.incidents[name] = book.incidents
        self.standings[name] = remembered(watched(self.settings, name), book)

    def _know(self) -> None:
        """Let the metrics be of what this replica watches, so that sums over replicas are right."""
        self.metrics.known(
            {name: self._named(name) for name in self.settings.environments if self._watches(name)},
            self.settings.alerts.channels if self._leads() else (),
            self.settings.web.public_url,
        )

    def _named(self, name: str) -> Named:
        of = self.settings.environments[name]
        section = self.settings.discover.get(of.group or "")
        found = isinstance(of, FoundSettings) and section is not None
        series = not found or (section is not None and section.series)
        return Named(self._interval(name), of.follows, of.protected, series)

    def _interval(self, name: str) -> float:
        return self.settings.interval(name).total_seconds()

    def _watches(self, name: str) -> bool:
        return self.fleet is None or self.fleet.does(watching(name))

    def _leads(self) -> bool:
        return self.fleet is None or self.fleet.does(LEAD)

    async def _watch_until_reload(self) -> None:
        scratch = self.scratch = scratch_of(self.settings)
        self.files.clear()
        self.servers = servers_of(self.settings)
        self.sparing = Sparing(self.store.touch, probing(self.settings, self.settings.environments))
        crew = self.crew = self._crew()
        self.channels = self._channels()
        try:
            async with asyncio.TaskGroup() as group:
                self.finding.moved = partial(self._moved, group)
                finding = map(self.finding.run, self.settings.discover)
                helpers = [group.create_task(c) for c in (*self._helpers(), *finding)]
                if self.fleet is None:
                    for duty in (*self._duties(), LEAD):
                        self._start(duty, group)
                else:
                    work = self._work(group)
                    helpers.append(group.create_task(self.fleet.run(work), name="fleet"))
                    helpers.append(group.create_task(self._mirror().run(), name="mirror"))
                await self._next_round()
                for task in helpers:
                    task.cancel()
                await asyncio.wait(helpers)
                await self._stop([*map(watching, crew.names), LEAD])
        finally:
            await asyncio.gather(scratch.close(), self.servers.close())
        # Not before what ran with the old ones has ended.
        self.settings = self.configuration.settings

    async def _moved(self, group: asyncio.TaskGroup, moves: Moves) -> None:
        """Watch who came, and no more who is gone, which is told of."""
        before, self.settings = self.settings, self.finding.now()
        self.servers.wanted(on_servers(self.settings))
        mine = frozenset(filter(self._watches, (*moves.gone, *moves.moved)))
        deaf = [name for name in self.crew.listening - {*moves.gone} if not self._may_listen(name)]
        await asyncio.gather(self.crew.stop(*mine, *deaf), self.servers.give_way())
        for name in mine.intersection(moves.gone):
            book = await self.store.load(name, snapshots=False)
            why = f"is gone: the query of {before.environments[name].group} finds it no more"
            with suppress(StoreError):
                await self.store.save(gone(watched(before, name), book, why, _now()))
            self.channels.wake()
        self._name_all()
        for name in (*moves.come, *moves.moved):
            await self._recall(name)
        again = mine.union(moves.come) if self.fleet is None else mine
        for name in sorted(again.union(deaf).intersection(self.settings.environments)):
            self.crew.start(name, group)
        if self.fleet:
            self.fleet.stirred.set()

    def _duties(self) -> tuple[str, ...]:
        return tuple(map(watching, self.settings.environments))

    def _work(self, group: asyncio.TaskGroup) -> Work:
        return Work(
            self._duties,
            lambda duty: self._start(duty, group),
            self._stop,
            self._hear_replica,
            self._mustered,
        )

    def _start(self, duty: str, group: asyncio.TaskGroup) -> None:
        """Do from now on what is to be done once for all replicas, or watch an environment."""
        if duty == LEAD:
            self.shift.start(LEAD, self._lead, group)
        else:
            self.crew.start(duty.removeprefix(watching("")), group)

    async def _stop(self, duties: Collection[str]) -> None:
        names = [duty.removeprefix(watching("")) for duty in duties if duty != LEAD]
        lead = [LEAD] if LEAD in duties else []
        await asyncio.gather(self.crew.stop(*names), self.shift.stop(*lead))
        for name in names:
            self.store.forget(name)

    def _mustered(self) -> None:
        if self.known != (known := (self.crew.names, self._leads())):
            self.known = known
            self._know()

    def _hear_replica(self, word: str) -> None:
        """Hear what another replica says: it shortens a wait, and no more."""
        what, _, name = word.partition(" ")
        if what == "notices":
            self.channels.wake()
        elif what == "kept":
            self.crew.kept(name, moved=True)
        elif what == "hurry":
            self.crew.hurry(name)

    def _mirror(self) -> Mirror:
        return Mirror(
            self.store,
            lambda: [name for name in self.settings.environments if not self._watches(name)],
            lambda name: watched(self.settings, name),
            self._show,
            self.incidents.update,
        )

    def _show(self, standing: Standing) -> None:
        self.standings[standing.environment] = standing

    def _turn(self, dsn: Callable[[], str]) -> AbstractAsyncContextManager[None]:
        return self.servers.of(dsn).turn(self.settings.defaults.timeout.total_seconds())

    def _may_listen(self, name: str) -> bool:
        return self.servers.of(self.settings.environments[name].read_dsn).share.listen

    def _crew(self) -> Crew:
        settlement = Settlement(self.scratch)
        return Crew(lambda name: self._member(name, settlement), self.shift)

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
            wake_sinks=self.channels.wake,
            wake_upstream=lambda: self._wake_upstream(name),
            settle=settlement.settle,
            woken=self.metrics.woken,
            remarks=lambda: self.crew.remarks(name),
            enacted=self.store.enacted,
        )
        return Watch(watched(self.settings, name), timing, ports)

    def _helpers(self) -> Iterator[Coroutine[None, None, None]]:
        """Give the side tasks; they can be cancelled at any point."""
        yield self._heed()
        yield self._heed_plans()
        yield self.ready.run()
        yield self.configuration.watch(self.reload.set, self._rotated)
        yield self.channels.count()
        yield self._feel_the_pulse()

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
            book = await self.store.seen(follows)
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
        self.crew.kept(step.environment, moved=step.snapshot is not None)

    def _count_step(self, step: Step) -> None:
        if step.applied:
            self.metrics.migrated(step.environment, len(step.applied))
        known = self.incidents.get(step.environment, ())
        open_ = {i.id for i in known if i.state is State.OPEN}
        for incident in step.incidents:
            if incident.state is State.RESOLVED and incident.id in open_:
                self.metrics.over(incident)

    def _wake_upstream(self, name: str) -> None:
        follows = self.crew.wait_for_upstream(name)
        if not self.crew.hurry(follows) and follows in self.settings.environments:
            self._ask(f"hurry {follows}")

    def _ask(self, word: str) -> None:
        """Say a word to the other replicas; that it arrives is not relied on."""

        async def say() -> None:
            with suppress(StoreError):
                await self.store.say(word)

        if self.fleet:
            self.saying = asyncio.ensure_future(say())

    def _publish(self, standing: Standing) -> None:
        if standing.environment not in self.settings.environments:
            return  # its last look, while it left
        if not self._watches(standing.environment):
            return  # another replica knows better by now
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

    async def _heed_plans(self) -> None:
        """Look at once where a plan is begun, or has ended."""
        seen: Mapping[str, tuple[int, int]] | None = None
        while True:
            with suppress(StoreError):
                moved = await self.store.enactments_moved()
                news = {*moved.items()} ^ {*seen.items()} if seen is not None else ()
                self.crew.wake({name for name, _ in news}.__contains__)
                seen = moved
            await asyncio.sleep(_HEED_SECONDS)

    async def _plan(self, word: str) -> Found | None:
        kept = await self.store.plan(word)
        return (kept, await self.store.enactments(kept.id)) if kept else None

    def _ready(self) -> Ready:
        """Return what makes a plan for each incident."""
        return Ready(
            self.configuration.path,
            lambda: [i for i in self._open_incidents() if self._watches(i.environment)],
            self.store.plans_made,
            lambda name: self.standings[name].objects if name in self.standings else 0,
            self.metrics.planned,
            lambda: self.settings.defaults.plans == "auto",
        )

    async def _lead(self, ending: asyncio.Event) -> None:
        """Do what is done once, however many replicas there are: tell, answer, forget."""
        async with asyncio.TaskGroup() as group:
            pruning = group.create_task(self._prune())
            await self.channels.run(ending)
            pruning.cancel()

    def _channels(self) -> Channels:
        answering = Answering(
            self._open_incidents,
            lambda: self.standings,
            self._order,
            self.ready.words,
            lambda: self.fleet is None or self.fleet.is_fresh,
        )
        return Channels(self.settings, self.store, self.metrics, answering)

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
            ready=self._is_ready,
            live=self._live,
            version=__version__,
            kinds=classes(),
            rules=self._ignore_rules,
            trays=self._trays,
            marks=lambda: holding(self.marks, _now()),
            configured=lambda: self.configuration.said,
            plan=self._plan,
            incident_plans=Plans(self.ready.plan_of, self.ready.words),
            replicas=self._replicas,
        )

    def _is_ready(self) -> bool:
        """Tell whether each environment that is watched here had its first look."""
        if self.fleet is None:
            return self.looked >= set(self.settings.environments)
        return self.fleet.is_in and self.looked >= self.crew.names

    def _replicas(self) -> Replicas | None:
        """Return who shares the environments, as this replica knows it; None where it is alone."""
        if self.fleet is None:
            return None
        muster = self.fleet.muster
        holders = {n: muster.holders.get(watching(n)) for n in self.settings.environments}
        return Replicas(
            self.fleet.name,
            tuple(muster.members.values()),
            {n: muster.members.get(of) if of is not None else None for n, of in holders.items()},
            leader=muster.members.get(muster.holders.get(LEAD, 0)),
        )

    async def _feel_the_pulse(self) -> None:
        """Measure how late the event loop wakes: what blocks it delays everything."""
        while True:
            began = time.monotonic()
            await asyncio.sleep(_BEAT_SECONDS)
            self.metrics.lagged(time.monotonic() - began - _BEAT_SECONDS)

    def _trays(self) -> tuple[Tray, ...]:
        return self.channels.trays()

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
