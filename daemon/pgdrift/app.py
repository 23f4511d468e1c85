"""Builds every part from Settings and runs them: task group, signals, a deadline to stop.

The only module that knows all rooms. Parts that answer questions (metrics, page) get functions;
parts that act (watch, outbox) get the functions they act through.
"""

from __future__ import annotations

import asyncio
import random
import signal
import time
from collections.abc import Awaitable, Callable, Coroutine, Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

from aiohttp import web

from pgdrift import __version__, log
from pgdrift.core import snapshot_file
from pgdrift.core.book import Book, Step
from pgdrift.core.incident import Delivery, Incident
from pgdrift.core.judge import Ignore, Policy
from pgdrift.core.kinds import classes
from pgdrift.core.look import Upstream, Watched, remembered
from pgdrift.core.model import Origin, Standing
from pgdrift.core.normalise import Options
from pgdrift.core.route import Route
from pgdrift.errors import ConfigError, SinkError, StoreError
from pgdrift.metrics import Metrics
from pgdrift.settings import Settings, is_snapshot_file, load
from pgdrift.sinks import deliver
from pgdrift.sinks.outbox import Outbox, Told, deliver_due
from pgdrift.sources.notifications import wakeups
from pgdrift.sources.reading import Source
from pgdrift.store import Store, open_store
from pgdrift.watch import Ports, Timing, Watch, first_of
from pgdrift.web import make_app
from pgdrift.web import serve as serve_web

logger = log.get_logger("app")

# What a look or a delivery that runs may still take when the process is asked to end.
STOP_SECONDS = 10.0
_PRUNE_SECONDS = 3600.0
# The outbox is looked through at least this often, should a wake-up be lost.
_OUTBOX_SECONDS = 5.0


async def serve(config: Path | None, *, stop: asyncio.Event | None = None) -> None:
    """Watch all environments until `stop` is set or SIGTERM or SIGINT comes; SIGHUP reloads.

    Raises ConfigError or StoreError when it cannot start.
    """
    settings = load(config)
    log.configure(settings.log.level, settings.log.format)
    async with open_store(settings.store.url, exclusive=True) as store:
        daemon = Daemon(config, settings, store, stop or asyncio.Event())
        with _signals({signal.SIGTERM: daemon.stop, signal.SIGINT: daemon.stop}, daemon.reload):
            await daemon.run()


def watched(settings: Settings, name: str) -> Watched:
    """Return an environment as its looks need it."""
    environment = settings.environments[name]
    rules = tuple(Ignore(r.object, r.reason, r.until) for r in settings.compare.ignore)
    return Watched(
        name=name,
        follows=environment.follows,
        policy=Policy(environment.protected, settings.promotion_lag(name), rules, classes()),
        options=Options(column_order=settings.compare.column_order),
        explained_by=settings.explained_by(name),
        routes=tuple(
            Route(r.to, r.environment, r.severity, r.repeat) for r in settings.alerts.routes
        ),
    )


def source(settings: Settings, name: str) -> Source:
    """Return where an environment is read."""
    environment = settings.environments[name]
    seconds = settings.timeout(name).total_seconds()
    return Source(
        environment.read_dsn,
        ledger=environment.ledger,
        histories=environment.histories,
        statement_timeout=seconds,
    )


def upstream_of(name: str, book: Book) -> Upstream:
    """Return an environment as those that follow it see it."""
    reason = ""
    if book.failures:
        reason = f"{name} cannot be looked at: {book.reason}"
    elif book.snapshot is None:
        reason = f"{name} was not looked at yet"
    return Upstream(name, book.snapshot, book.histories, reason, book.seen_at, watched=True)


def upstream_of_file(path: str) -> Upstream:
    """Return a snapshot file as those that follow it see it, or why it cannot be used."""
    try:
        return Upstream(path, snapshot_file.parse(Path(path).read_text(encoding="utf-8")))
    except (OSError, ValueError) as error:
        why = (error.strerror if isinstance(error, OSError) else None) or str(error)
        return Upstream(path, None, reason=f"the snapshot file cannot be used: {why}")


@dataclass(slots=True)
class Daemon:
    """One running daemon: what it was told, what it knows, and what it was asked to do."""

    config: Path | None
    settings: Settings
    store: Store
    stop: asyncio.Event
    reload: asyncio.Event = field(default_factory=asyncio.Event)
    deliverable: asyncio.Event = field(default_factory=asyncio.Event)
    standings: dict[str, Standing] = field(default_factory=dict)
    incidents: dict[str, tuple[Incident, ...]] = field(default_factory=dict)
    watches: list[Watch] = field(default_factory=list)
    looked: set[str] = field(default_factory=set)
    waiting: set[str] = field(default_factory=set)
    metrics: Metrics = field(init=False)

    def __post_init__(self) -> None:
        """Make the metrics, which ask this daemon at each scrape."""
        self.metrics = Metrics(lambda: self.standings, self._open_incidents, _now)

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
        names = self.settings.environments
        self.metrics.known(names, self.settings.alerts.channels)
        self.looked &= set(names)
        for name in set(self.standings) - set(names):
            del self.standings[name]
            self.incidents.pop(name, None)
        for name in names:
            book = await self.store.load(name, snapshots=True)
            self.incidents[name] = book.incidents
            self.standings[name] = remembered(watched(self.settings, name), book)

    async def _watch_until_reload(self) -> None:
        ending = asyncio.Event()
        sources = {name: source(self.settings, name) for name in self.settings.environments}
        self.watches = [self._watch(name, found) for name, found in sources.items()]
        try:
            async with asyncio.TaskGroup() as group:
                looks = [group.create_task(w.run(ending), name="watch") for w in self.watches]
                ends = [*looks, group.create_task(self._deliver(ending), name="outbox")]
                helpers = [group.create_task(c) for c in self._helpers()]
                settings = await self._next_settings()
                ending.set()
                await asyncio.wait(ends, timeout=STOP_SECONDS)
                for task in (*ends, *helpers):
                    task.cancel()
        finally:
            # Side by side: each silent server takes its two seconds.
            await asyncio.gather(*(found.close() for found in sources.values()))
        self.settings = settings

    def _watch(self, name: str, found: Source) -> Watch:
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
            wake_sinks=self.deliverable.set,
            wake_upstream=lambda: self._wake_upstream(name),
        )
        return Watch(watched(self.settings, name), timing, ports)

    def _helpers(self) -> Iterator[Coroutine[None, None, None]]:
        """Give the side tasks; they can be cancelled at any point."""
        yield self._prune()
        for watch in self.watches:
            environment = self.settings.environments[watch.watched.name]
            if environment.notify is not None:
                yield wakeups(environment.read_dsn, environment.notify, watch.wake.set)

    def _upstream(self, follows: str | None) -> Callable[[], Awaitable[Upstream | None]]:
        async def upstream() -> Upstream | None:
            if follows is None:
                return None
            if is_snapshot_file(follows):
                return await asyncio.to_thread(upstream_of_file, follows)
            return upstream_of(follows, await self.store.load(follows))

        return upstream

    async def _save(self, step: Step) -> None:
        await self.store.save(step)
        if step.incidents:
            self.incidents[step.environment] = await self.store.incidents(step.environment)
        for watch in self.watches:
            # What moved here, or was looked at as it was, may be what another waits for.
            name, follows = watch.watched.name, watch.watched.follows
            if follows == step.environment and (step.snapshot or name in self.waiting):
                self.waiting.discard(name)
                watch.wake.set()

    def _wake_upstream(self, name: str) -> None:
        self.waiting.add(name)
        for watch in self.watches:
            if watch.watched.name == self.settings.environments[name].follows:
                watch.hurry()

    def _publish(self, standing: Standing) -> None:
        self.standings[standing.environment] = standing
        self.looked.add(standing.environment)

    def _changed(self, environment: str, counts: Mapping[Origin, int]) -> None:
        for origin, count in counts.items():
            self.metrics.changed(environment, origin, count)

    async def _next_settings(self) -> Settings:
        """Return the settings of the next round: after a reload the new ones, if they are good."""
        while True:
            await first_of(self.stop, self.reload)
            if self.stop.is_set():
                return self.settings
            self.reload.clear()
            try:
                settings = self._reloaded()
            except ConfigError as error:
                self.metrics.reloaded(ok=False)
                logger.error("app.reload_refused", error=str(error))  # noqa: TRY400  their fault
                continue
            self.metrics.reloaded(ok=True)
            logger.info("app.reloaded", environments=list(settings.environments))
            return settings

    def _reloaded(self) -> Settings:
        settings = load(self.config)
        for section in ("store", "web"):
            if getattr(settings, section) != getattr(self.settings, section):
                msg = f"{section}: this section cannot change while the daemon runs"
                raise ConfigError(msg, reason="invalid", hint="restart the daemon to change it")
        log.configure(settings.log.level, settings.log.format)
        return settings

    async def _deliver(self, ending: asyncio.Event) -> None:
        """Tell what is due, whenever something may be; a delivery under way is finished first."""
        s = self.store
        outbox = Outbox(s.due, s.begin, s.done, s.failed, s.postpone)
        interrupted = True
        while not ending.is_set():
            self.deliverable.clear()
            try:
                # Nothing is under way here: what was begun and has no end was interrupted.
                if interrupted:
                    await s.recover()
                interrupted = False
                self._count(await deliver_due(outbox, self._send, now=_now, jitter=random.random))
            except* StoreError as errors:
                interrupted = True
                logger.error("app.outbox_not_kept", error=str(errors.exceptions[0]))  # noqa: TRY400
            await first_of(self.deliverable, ending, seconds=_OUTBOX_SECONDS)

    def _count(self, told: Iterable[Told]) -> None:
        for one in told:
            delivered = one.outcome == "delivered"
            delay = (one.at - one.delivery.notice.at).total_seconds() if delivered else None
            self.metrics.notified(one.delivery.channel, one.outcome, delay)

    async def _send(self, delivery: Delivery) -> Mapping[str, str]:
        channel = self.settings.alerts.channels.get(delivery.channel)
        if channel is None:
            msg = f"channel {delivery.channel!r} is no longer configured"
            raise SinkError(msg, reason="invalid", retry=False)
        return await deliver(channel, delivery, link=self.settings.web.public_url)

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
        )

    def _open_incidents(self) -> Iterable[Incident]:
        return [i for some in self.incidents.values() for i in some]

    def _live(self) -> bool:
        """Tell whether every watch has turned within twice the time that it may take."""
        now = time.monotonic()
        return all(now - w.turned_at <= 2 * w.timing.longest() for w in self.watches)


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


def _now() -> datetime:
    return datetime.now(UTC)
