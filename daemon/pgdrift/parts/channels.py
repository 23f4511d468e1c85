"""Telling people: channels and what waits for them, what is dead of them, and what people answer.

In come settings, the store, and functions: what differs, and what to do with an answer. Of all
replicas that share a store one does `run`; each of them can show how the channels stand.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Coroutine, Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from functools import partial

from pgdrift import rules
from pgdrift.core.alerts.incident import Delivery, Incident
from pgdrift.core.alerts.letters import Tray
from pgdrift.core.alerts.marks import Mark, Order
from pgdrift.core.alerts.news import news
from pgdrift.core.model import CHANNELS, Standing
from pgdrift.errors import SinkError, StoreError
from pgdrift.log import get_logger
from pgdrift.metrics import Metrics
from pgdrift.settings import Settings
from pgdrift.sinks import WebhookChannel, deliver, pace
from pgdrift.sinks.alive import Alive
from pgdrift.sinks.deputies import Deputies, StandIns
from pgdrift.sinks.outbox import GIVE_UP, Outbox, Told
from pgdrift.sinks.pace import UNPACED, Pace
from pgdrift.sinks.payload import NO_PLANS, Plans
from pgdrift.sinks.post import Counter, Post
from pgdrift.sinks.slack_answers import Desk
from pgdrift.sinks.slack_marks import Shown
from pgdrift.sinks.slack_socket import desks, listen
from pgdrift.store import Lane, Store
from pgdrift.watch import first_of

log = get_logger("channels")

_LETTERS_SECONDS = 15.0


@dataclass(frozen=True, slots=True)
class Answering:
    """What the rest of the daemon does for this.

    incidents, standings: what there is to be told and asked of. order: keep what somebody said.
    plan_words: why an incident has no plan, or an older one. may_send: whether nobody else can have
    gone on with what was begun here.
    """

    incidents: Callable[[], Iterable[Incident]]
    standings: Callable[[], Mapping[str, Standing]]
    order: Callable[[Order], Awaitable[Mark]]
    plan_words: Callable[[Incident], str]
    may_send: Callable[[], bool]


@dataclass(slots=True)
class Channels:
    """How people are told with these settings."""

    settings: Settings
    store: Store
    metrics: Metrics
    answering: Answering
    post: Post = field(init=False)
    alive: Alive = field(init=False)
    _delivered: asyncio.Event = field(default_factory=asyncio.Event)
    _trays: tuple[Tray, ...] = ()
    _deputies: Deputies | None = None

    def __post_init__(self) -> None:
        """Make the workers; they begin with `run`."""
        self.post = Post(self._counter())
        self.alive = self._alive()

    def wake(self) -> None:
        """Deliver soon: there may be something."""
        self.post.wake()

    def trays(self) -> tuple[Tray, ...]:
        """Return how the channels stand: those configured, and those with something left."""
        known = {t.channel: t for t in self._trays}
        names = self.settings.alerts.channels
        left = {n: t for n, t in known.items() if n in names or t.waiting or t.given_up}
        dead = self._deputies.dead if self._deputies else {}
        all_ = {**{n: Tray(n) for n in names}, **left}
        return tuple(replace(t, dead_since=dead.get(n)) for n, t in all_.items())

    async def run(self, ending: asyncio.Event) -> None:
        """Tell and answer until `ending` is set; what is being sent then is waited for."""
        try:
            if revived := await self.store.revive(_now() - GIVE_UP):
                # Whoever mends a channel's settings wants to hear what it missed.
                log.info("channels.notifications_revived", count=revived)
        except StoreError as error:
            log.warning("channels.not_revived", reason=error.reason, error=str(error))
        async with asyncio.TaskGroup() as group:
            helpers = [group.create_task(c) for c in self._beside()]
            await self.post.run(self.settings.alerts.channels, ending)
            for task in helpers:
                task.cancel()

    def _beside(self) -> Iterator[Coroutine[None, None, None]]:
        """Give the side tasks; they can be cancelled at any point."""
        yield self._mind_channels()
        yield self.alive.run()
        yield from (listen(desk) for desk in self._desks())
        yield self._shown().run()

    async def count(self) -> None:
        """Keep what page and metrics say of the outbox near the truth."""
        while True:
            self._delivered.clear()
            with suppress(StoreError):
                self._trays = await self.store.trays()
                self.metrics.stored(await self.store.size())
            await first_of(self._delivered, seconds=_LETTERS_SECONDS)
            await asyncio.sleep(1.0)  # many deliveries in a row are counted once

    def _counter(self) -> Counter:
        s, names = self.store, frozenset(self.settings.alerts.channels)

        def lane(worker: str | None) -> Lane:
            return Lane(but=names) if worker is None else Lane(only=frozenset({worker}))

        def outbox(worker: str | None) -> Outbox:
            due = partial(s.due, lane=lane(worker))
            return Outbox(due, s.begin, s.done, s.failed, s.postpone)

        def pace_of(worker: str | None) -> Pace:
            return UNPACED if worker is None else pace(self.settings.alerts.channels[worker])

        return Counter(outbox, lambda w: s.recover(lane(w)), self._send, pace_of, self._counted)

    def _counted(self, told: Told) -> None:
        delivered = told.outcome == "delivered"
        delay = (told.at - told.delivery.since).total_seconds() if delivered else None
        self.metrics.notified(told.delivery.channel, told.outcome, delay)
        if delivered and (told_of := news(told.delivery)):
            self.metrics.told_of(told.delivery.channel, told_of.since, told.at - told_of.at)
        self._delivered.set()

    async def _send(self, delivery: Delivery) -> Mapping[str, str]:
        channel = self.settings.alerts.channels.get(delivery.channel)
        if channel is None:
            msg = f"channel {delivery.channel!r} is no longer configured"
            raise SinkError(msg, reason="invalid", retry=False)
        async with self.alive.turns[delivery.channel]:
            link, marks = self.settings.web.public_url, await self._marks(delivery.notice.incident)
            plans = await self._plans() if isinstance(channel, WebhookChannel) else NO_PLANS
            # Nothing is waited for between this question and the sending.
            if not self.answering.may_send():
                # It slept since it began this, and another may have gone on with it.
                msg = "this replica was stopped for longer than its lease"
                raise SinkError(msg, reason="unreachable", retry=True)
            return await deliver(channel, delivery, link=link, marks=marks, plans=plans)

    async def _plans(self) -> Plans:
        """Return what plans are kept for incidents; none where the store does not tell."""
        with suppress(StoreError):
            return await self.store.plans_made()
        return NO_PLANS

    async def _marks(self, incident: Incident) -> tuple[Mark, ...]:
        """Return what people said of an incident and holds, the oldest first."""
        said = await self.store.marks(incident.environment, holding_at=_now())
        return tuple(m for m in reversed(said) if m.incident == incident.id)

    def _shown(self) -> Shown:
        """Return what shows in Slack what people say, here or on the command line."""
        return Shown(
            self.settings.alerts.channels,
            self.store.standing,
            self.store.marks_moved,
            lambda: self.store.marks(holding_at=_now()),
            self.alive.turns,
            self.settings.web.public_url,
            self.answering.may_send,
        )

    def _desks(self) -> tuple[Desk, ...]:
        """Return what people in Slack can ask of this daemon, for each app."""
        desk = Desk(
            {},
            self.answering.incidents,
            self.answering.standings,
            self.answering.order,
            _now,
            self.settings.web.public_url,
            self.store.plan,
            self.answering.plan_words,
        )
        return desks(self.settings.alerts.channels, desk)

    def _alive(self) -> Alive:
        settings = self.settings
        return Alive(
            settings.alerts.channels,
            self.store.standing,
            settings.web.public_url,
            failed=self.metrics.notified,
            may_send=self.answering.may_send,
        )

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
        self._deputies = minded
        while True:
            with suppress(StoreError):
                if await minded.mind(_now()):
                    self.post.wake()
            seconds = min(_LETTERS_SECONDS, minded.after.total_seconds())
            await asyncio.sleep(max(1.0, seconds))


def _now() -> datetime:
    return datetime.now(UTC)
