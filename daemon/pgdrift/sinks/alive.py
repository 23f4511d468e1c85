"""Keeps alive what would end by itself: what stands in an Alertmanager is told again and again.

Not by way of the outbox: nothing new is told, and a time that is lost the next makes good. Turns
keep it from telling again what is just being told as resolved.
"""

import asyncio
from collections import defaultdict
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field

from pgdrift.core.alerts.incident import Delivery
from pgdrift.errors import SinkError, StoreError
from pgdrift.log import get_logger
from pgdrift.sinks import alertmanager
from pgdrift.sinks.alertmanager import AlertmanagerChannel

log = get_logger("sinks.alive")


@dataclass
class Alive:
    """`channels` by their names; `standing` gives what was told last and still stands there.

    `failed` hears which channel could not be told again, and the reason of the SinkError.
    `may_send` tells whether nobody else can be telling there by now.
    """

    channels: Mapping[str, object]
    standing: Callable[[str], Awaitable[Sequence[Delivery]]]
    link: str | None
    failed: Callable[[str, str], object]
    may_send: Callable[[], bool]
    turns: defaultdict[str, asyncio.Lock] = field(default_factory=lambda: defaultdict(asyncio.Lock))

    async def run(self) -> None:
        """Tell all that stands again, for ever."""
        while True:
            for name, channel in self.channels.items():
                if isinstance(channel, AlertmanagerChannel):
                    await self.refresh(name, channel)
            await asyncio.sleep(alertmanager.REFRESH)

    async def refresh(self, name: str, channel: AlertmanagerChannel) -> None:
        """Tell again what stands in one channel; what goes wrong is logged, and tried again."""
        try:
            async with self.turns[name]:
                standing = await self.standing(name)
                if self.may_send():
                    await alertmanager.refresh(channel, standing, link=self.link)
        except (SinkError, StoreError) as error:
            if isinstance(error, SinkError):
                self.failed(name, error.reason)
            log.warning("alive.not_refreshed", channel=name, reason=error.reason, error=str(error))
        except Exception:
            # A bug here must not end the watching.
            log.exception("alive.bug", channel=name)
