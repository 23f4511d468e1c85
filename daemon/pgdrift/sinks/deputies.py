"""Minds the channels: one that is dead is told of where others stand in for it, until it is back.

Knows no store: it comes as functions. What is dead is decided in `core/alerts/dead.py`.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

from pgdrift.core.alerts import dead
from pgdrift.core.alerts.dead import Health
from pgdrift.core.alerts.incident import Incident, Notice, State
from pgdrift.core.alerts.route import Address
from pgdrift.log import get_logger

log = get_logger("sinks.deputies")


@dataclass(frozen=True, slots=True)
class StandIns:
    """The store's side. `incidents` gives those of channels that are open.

    `cover` lets others be told what a dead channel was to be told, `follow` what goes on in threads
    that they began to hear; both return how many deliveries that adds.
    """

    health: Callable[[], Awaitable[Sequence[Health]]]
    incidents: Callable[[], Awaitable[Sequence[Incident]]]
    post: Callable[[Incident, Notice, Sequence[Address]], Awaitable[None]]
    cover: Callable[[str], Awaitable[int]]
    follow: Callable[[str], Awaitable[int]]


@dataclass(slots=True)
class Deputies:
    """Who stands in for which channel, by its name, and which are dead now.

    `after` is how long a channel may fail.
    """

    desk: StandIns
    stand_ins: Mapping[str, Sequence[str]]
    after: timedelta
    dead: Mapping[str, datetime] = field(default_factory=dict)

    async def mind(self, now: datetime) -> bool:
        """Look how every channel does; tell whether something is to be delivered.

        Raises what the store raises.
        """
        open_ = {i.against: i for i in await self.desk.incidents()}
        health = {h.channel: h for h in await self.desk.health()}
        news = 0
        for channel in dict.fromkeys([*self.stand_ins, *open_]):
            known = health.get(channel, Health(channel))
            notice = self._step(open_.get(channel), known, now)
            if notice is not None:
                news += await self._tell(notice)
                open_.pop(channel, None)
                if notice.incident.state is State.OPEN:
                    open_[channel] = notice.incident
            if self.stand_ins.get(channel):
                news += await (self.desk.cover if channel in open_ else self.desk.follow)(channel)
        self.dead = {name: i.opened_at for name, i in open_.items()}
        return news > 0

    def _step(self, incident: Incident | None, health: Health, now: datetime) -> Notice | None:
        channel = health.channel
        if incident is not None and channel not in self.stand_ins:
            return dead.over(incident, now, "It is no longer configured.")
        return dead.step(incident, health, now, self.after, self.stand_ins.get(channel, ()))

    async def _tell(self, notice: Notice) -> int:
        incident = notice.incident
        if incident.state is State.OPEN:
            log.error("channel.dead", channel=incident.against, detail=incident.detail)
        else:
            log.info("channel.back", channel=incident.against)
        kept = replace(incident, findings=())
        await self.desk.post(kept, notice, [Address(name) for name in incident.channels])
        return len(incident.channels)
