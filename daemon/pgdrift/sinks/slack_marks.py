"""What people say of an incident, shown in its Slack messages, wherever they said it.

Not by way of the outbox: nothing new is told, and an edit notifies nobody. Turns keep it from
writing over what is just being told.
"""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field

from pgdrift.core.alerts.incident import Delivery
from pgdrift.core.alerts.marks import Mark
from pgdrift.errors import SinkError, StoreError
from pgdrift.log import get_logger
from pgdrift.sinks import slack
from pgdrift.sinks.slack import SlackChannel

_SECONDS = 3.0

log = get_logger("sinks.slack")

Said = Mapping[str, tuple[Mark, ...]]
"""The marks that hold, by the incident that they are about, the oldest first."""


@dataclass
class Shown:
    """`channels` by their names; `standing` gives what was told last and still stands there.

    `moved` is another text as soon as anybody says something, `said` what holds, latest first.
    `may_send` tells whether nobody else can be telling there by now.
    """

    channels: Mapping[str, object]
    standing: Callable[[str], Awaitable[Sequence[Delivery]]]
    moved: Callable[[], Awaitable[str]]
    said: Callable[[], Awaitable[Sequence[Mark]]]
    turns: defaultdict[str, asyncio.Lock]
    link: str | None
    may_send: Callable[[], bool]
    last: Said = field(default_factory=dict)

    async def run(self) -> None:
        """Show what is new of what people say, for ever; where there is no Slack, nothing."""
        seen = None
        while any(isinstance(c, SlackChannel) for c in self.channels.values()):
            try:
                if (now := await self.moved()) != seen:
                    said = await self._by_incident()
                    if seen is not None:
                        await self.show(said)
                    seen, self.last = now, said
            except StoreError as error:
                log.warning("slack.marks_not_read", reason=error.reason, error=str(error))
            except Exception:
                # A bug here must not end the watching.
                log.exception("slack.bug")
            await asyncio.sleep(_SECONDS)

    async def show(self, said: Said) -> None:
        """Edit the messages of the incidents of which something else is said than at last."""
        moved = {i for i in said.keys() | self.last.keys() if said.get(i) != self.last.get(i)}
        for name, channel in self.channels.items():
            if isinstance(channel, SlackChannel) and moved:
                async with self.turns[name]:
                    for delivery in await self.standing(name):
                        if (about := delivery.notice.incident.id) in moved and self.may_send():
                            await self._edit(channel, delivery, said.get(about, ()))

    async def _edit(self, channel: SlackChannel, delivery: Delivery, marks: Sequence[Mark]) -> None:
        try:
            await slack.edit(channel, delivery, link=self.link, marks=marks)
        except SinkError as error:
            # The next notice shows it.
            log.info("slack.mark_not_shown", reason=error.reason, error=str(error))

    async def _by_incident(self) -> Said:
        found: dict[str, tuple[Mark, ...]] = {}
        for mark in await self.said():
            if mark.incident is not None:
                found[mark.incident] = (mark, *found.get(mark.incident, ()))
        return found
