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
from collections.abc import Callable, Collection, Coroutine, Iterator, Mapping
from contextlib import AbstractAsyncContextManager, contextmanager, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

from aiohttp import web

from pgdrift import __version__, log, rules
from pgdrift.core.alerts.letters import Tray
from pgdrift.core.alerts.marks import holding
from pgdrift.core.found import Moves
from pgdrift.core.gone import gone
from pgdrift.core.ignore import RuleStanding
from pgdrift.core.kinds import classes
from pgdrift.errors import StoreError
from pgdrift.fleet import Fleet, Work, lease
from pgdrift.metrics import Metrics, Named
from pgdrift.parts.building import on_servers, watched
from pgdrift.parts.channels import Answering, Channels
from pgdrift.parts.crew import Crew, Shift
from pgdrift.parts.finding import Finding
from pgdrift.parts.heeding import Heeding
from pgdrift.parts.known import Known
from pgdrift.parts.mirror import Mirror
from pgdrift.parts.ready import Ready
from pgdrift.parts.reload import Configuration
from pgdrift.parts.sharing import Sharing
from pgdrift.parts.watches import Parts, Watches
from pgdrift.retry import backoff_seconds
from pgdrift.sections.discovering import FoundSettings
from pgdrift.settings import Settings
from pgdrift.sinks import missing
from pgdrift.store import LEAD, Store, open_store, watching
from pgdrift.watch import first_of
from pgdrift.web import Found, Plans, make_app
from pgdrift.web import serve as serve_web

logger = log.get_logger("app")

# What a look or a delivery that runs may still take when the process is asked to end.
STOP_SECONDS = 10.0
_PRUNE_SECONDS = 3600.0
_BEAT_SECONDS = 1.0
# Between two tries to read from a store that does not answer.
_MOST_WAIT = 5.0


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
    """One running daemon: what it was told, its parts, and what it was asked to do.

    `settings` are those in force, with all that was discovered. `watches` and `channels` are built
    anew with each round of them.
    """

    configuration: Configuration
    store: Store
    stop: asyncio.Event
    reload: asyncio.Event = field(default_factory=asyncio.Event)
    settings: Settings = field(init=False)
    known: Known = field(default_factory=Known)
    shift: Shift = field(default_factory=lambda: Shift(STOP_SECONDS))
    sharing: Sharing = field(init=False)
    finding: Finding = field(init=False)
    heeding: Heeding = field(init=False)
    ready: Ready = field(init=False)
    metrics: Metrics = field(init=False)
    watches: Watches = field(init=False)
    channels: Channels = field(init=False)
    _mine: tuple[frozenset[str], bool] = (frozenset(), False)

    def __post_init__(self) -> None:
        """Build the parts; nothing runs yet."""
        self.settings = self.configuration.settings
        self.sharing = Sharing(self.store, self._fleet())
        self.heeding = Heeding(self.store, self.known, self._wake)
        self.metrics = self._metrics()
        self.ready = self._ready()
        self.watches = self._watches()
        self.channels = self._channels()

    @property
    def crew(self) -> Crew:
        """The watches that run."""
        return self.watches.crew

    async def run(self) -> None:
        """Serve page and metrics, and watch, until asked to stop; each reload begins anew."""
        runner = await serve_web(self._web(), self.settings.web.listen)
        logger.info("app.started", version=__version__, listen=self.settings.web.listen)
        try:
            await self._remember()
            while not self.stop.is_set():
                await self._watch_until_reload()
                await self._remember_again()
        finally:
            await self.sharing.leave()
            await runner.cleanup()
        logger.info("app.stopped")

    async def _remember(self) -> None:
        """Begin with what the store knows, so that a restart shows the last known state."""
        self.finding = Finding(
            self.settings,
            self.store,
            self.sharing.leads,
            self.sharing.watches,
            _nobody,
            _none,
            self._turn,
        )
        self.finding.begin(await self.store.found() if self.settings.discover else {})
        self.settings = self.finding.now()
        self._name_all()
        for channel, of in self.settings.alerts.channels.items():
            if lacks := missing(of):
                logger.error("app.channel_unusable", channel=channel, error=lacks)
        for name in self.settings.environments:
            await self._recall(name)

    async def _remember_again(self) -> None:
        """Remember, with other settings; a store that does not answer is waited for."""
        failures = 0
        while not self.stop.is_set():
            try:
                await self._remember()
            except StoreError as error:
                failures += 1
                logger.warning("app.store_awaited", reason=error.reason, error=str(error))
                seconds = backoff_seconds(failures, base=0.5, most=_MOST_WAIT)
                await first_of(self.stop, seconds=seconds)
            else:
                return

    async def _watch_until_reload(self) -> None:
        watches = self.watches = self._watches()
        self.channels = self._channels()
        try:
            async with asyncio.TaskGroup() as group:
                self.finding.moved = partial(self._moved, group)
                self.finding.leave = partial(self._leave, group)
                helpers = [group.create_task(helper) for helper in self._helpers(group)]
                if self.sharing.fleet is None:
                    for duty in (*self._duties(), LEAD):
                        self._start(duty, group)
                await self._next_round()
                for task in helpers:
                    task.cancel()
                await asyncio.wait(helpers)
                await self._stop([*map(watching, watches.crew.names), LEAD])
        finally:
            await watches.close()
        # Not before what ran with the old ones has ended.
        self.settings = self.configuration.settings

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

    def _helpers(self, group: asyncio.TaskGroup) -> Iterator[Coroutine[None, None, None]]:
        """Give the side tasks; they can be cancelled at any point."""
        yield self.heeding.marks()
        yield self.heeding.plans()
        yield self.ready.run()
        yield self.configuration.watch(self.reload.set, self._rotated)
        yield self.channels.count()
        yield self._feel_the_pulse()
        yield from map(self.finding.run, self.settings.discover)
        yield self.finding.follow()
        if self.sharing.fleet:
            yield self.sharing.fleet.run(self._work(group))
            yield self._mirror().run()

    # Who is watched, and what of it is done here.

    def _name_all(self) -> None:
        """Name what is watched, and forget what is not."""
        self._name_mine()
        self.known.keep_only(self.settings.environments)

    def _name_mine(self) -> None:
        """Let the metrics be of what this replica watches, so that sums over replicas are right."""
        mine = filter(self.sharing.watches, self.settings.environments)
        self.metrics.known(
            {name: self._named(name) for name in mine},
            self.settings.alerts.channels if self.sharing.leads() else (),
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

    async def _recall(self, name: str) -> None:
        book = await self.store.load(name, snapshots=False)
        self.known.recall(watched(self.settings, name), book)

    async def _leave(self, group: asyncio.TaskGroup, names: Collection[str]) -> list[str]:
        """Watch these no more and tell that they are gone; return those of whom that is kept."""
        left: list[str] = []
        await self.crew.stop(*names)
        for name in sorted(names):
            of = watched(self.settings, name)
            why = f"is gone: the query of {self.settings.environments[name].group} finds it no more"
            try:
                book = await self.store.load(name, snapshots=False)
                await self.store.save(gone(of, book, why, _now()), gone=True)
            except StoreError as error:
                logger.warning("app.not_left", environment=name, reason=error.reason)
                if self.sharing.watches(name):
                    self.crew.start(name, group)
            else:
                left.append(name)
        self.channels.wake()
        return left

    async def _moved(self, group: asyncio.TaskGroup, moves: Moves) -> None:
        """Watch who came, elsewhere who moved, and no more who is gone."""
        self.settings = self.finding.now()
        watches, crew = self.watches, self.crew
        watches.settings = self.settings
        watches.servers.wanted(on_servers(self.settings))
        mine = frozenset(filter(self.sharing.watches, moves.moved))
        deaf = [name for name in crew.listening - {*moves.gone} if not watches.may_listen(name)]
        await asyncio.gather(crew.stop(*moves.gone, *mine, *deaf), watches.servers.give_way())
        self._name_all()
        with suppress(StoreError):  # else the first look tells
            for name in (*moves.come, *moves.moved):
                await self._recall(name)
        again = mine if self.sharing.fleet else mine.union(moves.come)
        for name in sorted(again.union(deaf).intersection(self.settings.environments)):
            crew.start(name, group)
        self.sharing.stir()

    def _duties(self) -> tuple[str, ...]:
        return tuple(map(watching, self.settings.environments))

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

    async def _lead(self, ending: asyncio.Event) -> None:
        """Do what is done once, however many replicas there are: tell, answer, forget."""
        self.finding.again()  # who came is kept by who leads
        async with asyncio.TaskGroup() as group:
            pruning = group.create_task(self._prune())
            await self.channels.run(ending)
            pruning.cancel()

    async def _prune(self) -> None:
        while True:
            with suppress(StoreError):
                while await self.store.prune(_now(), self.settings.store.keep):
                    logger.debug("app.pruned")
            await asyncio.sleep(_PRUNE_SECONDS)

    # What other replicas do and say.

    def _mustered(self) -> None:
        if self._mine != (mine := (self.crew.names, self.sharing.leads())):
            self._mine = mine
            self._name_mine()

    def _hear_replica(self, word: str) -> None:
        """Hear what another replica says: it shortens a wait, and no more."""
        what, _, name = word.partition(" ")
        if what == "notices":
            self.channels.wake()
        elif what == "kept":
            self.crew.kept(name, moved=True)
        elif what == "hurry":
            self.watches.hurry(name)
        elif what == "looked":
            self.crew.kept(name, moved=False)
        elif what == "found":
            self.finding.told()

    # What ends a wait. Crew and channels are others after each reload.

    def _wake(self, of: Callable[[str], bool]) -> None:
        self.crew.wake(of)

    def _wake_sinks(self) -> None:
        self.channels.wake()

    def _lost(self) -> None:
        self.finding.again()

    def _turn(self, dsn: Callable[[], str]) -> AbstractAsyncContextManager[None]:
        server = self.watches.servers.of(dsn)
        return server.turn(self.settings.defaults.timeout.total_seconds())

    def _rotated(self, name: str) -> None:
        """Look at an environment with its new connection URL, not only when its turn comes."""
        self.crew.wake(lambda of: of == name)

    async def _feel_the_pulse(self) -> None:
        """Measure how late the event loop wakes: what blocks it delays everything."""
        while True:
            began = time.monotonic()
            await asyncio.sleep(_BEAT_SECONDS)
            self.metrics.lagged(time.monotonic() - began - _BEAT_SECONDS)

    # What page, metrics and channels ask.

    def _is_ready(self) -> bool:
        """Tell whether each environment that is watched here had its first look."""
        if self.sharing.fleet is None:
            return self.known.looked >= set(self.settings.environments)
        return self.sharing.fleet.is_in and self.known.looked >= self.crew.names

    def _ignore_rules(self) -> tuple[RuleStanding, ...]:
        """Return how the ignore rules stand; one that left out something since the start serves."""
        known, today = self.known, _now().date()
        return rules.standings_of_rules(self.settings, known.standings, known.matched, today)

    def _live(self) -> bool:
        return self.crew.turns()

    def _ears(self) -> Mapping[str, bool]:
        return self.crew.ears()

    def _trays(self) -> tuple[Tray, ...]:
        return self.channels.trays()

    async def _plan(self, word: str) -> Found | None:
        kept = await self.store.plan(word)
        return (kept, await self.store.enactments(kept.id)) if kept else None

    # How each part is built.

    def _fleet(self) -> Fleet | None:
        if not self.store.is_shared:
            return None
        shortest = min(map(self._interval, self.settings.environments), default=30.0)
        return Fleet(self.store, f"{socket.gethostname()}:{os.getpid()}", lease(shortest))

    def _metrics(self) -> Metrics:
        known, sharing = self.known, self.sharing
        return Metrics(
            lambda: known.standings_of(sharing.watches),
            lambda: known.incidents_of(sharing.watches),
            _now,
            self._ignore_rules,
            self._ears,
            lambda: self._trays() if sharing.leads() else (),
            lambda: known.marks,
            lambda: sharing.replicas(self.settings.environments),
            lambda: tuple(known.standings.values()) if sharing.leads() else (),
        )

    def _ready(self) -> Ready:
        """Return what makes a plan for each incident."""
        standings = self.known.standings
        return Ready(
            self.configuration.path,
            lambda: self.known.incidents_of(self.sharing.watches),
            self.store.plans_made,
            lambda name: standings[name].objects if name in standings else 0,
            self.metrics.planned,
            lambda: self.settings.defaults.plans == "auto",
        )

    def _watches(self) -> Watches:
        to = Parts(
            self.store,
            self.known,
            self.sharing,
            self.metrics,
            self.shift,
            self._wake_sinks,
            self._lost,
        )
        return Watches(self.settings, to)

    def _channels(self) -> Channels:
        answering = Answering(
            self.known.all_incidents,
            lambda: self.known.standings,
            self.heeding.order,
            self.ready.words,
            self.sharing.may_send,
        )
        return Channels(self.settings, self.store, self.metrics, answering)

    def _work(self, group: asyncio.TaskGroup) -> Work:
        return Work(
            self._duties,
            lambda duty: self._start(duty, group),
            self._stop,
            self._hear_replica,
            self._mustered,
        )

    def _mirror(self) -> Mirror:
        return Mirror(
            self.store,
            lambda: [n for n in self.settings.environments if not self.sharing.watches(n)],
            lambda name: watched(self.settings, name),
            self.known.show,
            self.known.incidents.update,
        )

    def _web(self) -> web.Application:
        return make_app(
            standings=lambda: self.known.standings,
            incidents=self.known.all_incidents,
            timeline=self.store.timeline,
            metrics=self.metrics.render,
            ready=self._is_ready,
            live=self._live,
            version=__version__,
            kinds=classes(),
            rules=self._ignore_rules,
            trays=self._trays,
            marks=lambda: holding(self.known.marks, _now()),
            configured=lambda: self.configuration.said,
            plan=self._plan,
            incident_plans=Plans(self.ready.plan_of, self.ready.words),
            replicas=lambda: self.sharing.replicas(self.settings.environments),
        )


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


async def _none(_: Collection[str]) -> Collection[str]:
    """Leave nobody: nothing runs yet."""
    return ()


def _now() -> datetime:
    return datetime.now(UTC)
