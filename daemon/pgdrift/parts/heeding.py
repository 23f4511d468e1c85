"""What people say and do beside the daemon, seen in the store: it ends the wait of the next look.

In come the store and a function that wakes; nothing is judged here.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime

from pgdrift.core.alerts.marks import Mark, Order
from pgdrift.errors import StoreError
from pgdrift.parts.known import Known
from pgdrift.store import Store

# How long what somebody says on the command line waits for the daemon to hear it.
_SECONDS = 2.0


@dataclass(slots=True)
class Heeding:
    """`wake` lets those environments be looked at of which something holds."""

    store: Store
    known: Known
    wake: Callable[[Callable[[str], bool]], None]

    async def order(self, order: Order) -> Mark:
        """Keep what somebody said in a channel, and look whether it changes anything.

        Raises StoreError.
        """
        mark = await self.store.mark(order, _now())
        self.wake(mark.is_for)
        return mark

    async def marks(self) -> None:
        """See what people say on the command line. Ends by being cancelled."""
        seen = ""
        while True:
            with suppress(StoreError):
                if (moved := await self.store.marks_moved()) != seen:
                    said = await self.store.marks(holding_at=_now())
                    news = {*said} ^ {*self.known.marks} if seen else ()
                    seen, self.known.marks = moved, said
                    for mark in news:
                        self.wake(mark.is_for)
            await asyncio.sleep(_SECONDS)

    async def plans(self) -> None:
        """See where a plan is begun, or has ended. Ends by being cancelled."""
        seen: Mapping[str, tuple[int, int]] | None = None
        while True:
            with suppress(StoreError):
                moved = await self.store.enactments_moved()
                news = {*moved.items()} ^ {*seen.items()} if seen is not None else ()
                self.wake({name for name, _ in news}.__contains__)
                seen = moved
            await asyncio.sleep(_SECONDS)


def _now() -> datetime:
    return datetime.now(UTC)
