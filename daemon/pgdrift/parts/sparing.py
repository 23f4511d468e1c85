"""Looks that are spared, kept together: many within a moment are one transaction of the store.

In comes what was left of a look and until when nothing moved; out comes whether the store has it
so, too. What is batched and how it is kept, it does not know.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from pgdrift.core.still import Still

Keep = Callable[[Sequence[tuple[Still, datetime]]], Awaitable[frozenset[str]]]


@dataclass(slots=True)
class Sparing:
    """Keeps, through `keep`, all that is asked for within `seconds` of the first."""

    keep: Keep
    seconds: float = 1.0
    _asked: list[tuple[Still, datetime]] = field(default_factory=list)
    _kept: asyncio.Task[frozenset[str]] | None = None

    async def spare(self, of: Still, at: datetime) -> bool:
        """Tell whether it is kept that all is as it was until then. Raises StoreError."""
        if self._kept is None:
            self._kept = asyncio.create_task(self._soon())
        self._asked.append((of, at))
        # Who is cancelled must not take it from the others.
        return of.environment in await asyncio.shield(self._kept)

    async def _soon(self) -> frozenset[str]:
        await asyncio.sleep(self.seconds)
        asked, self._asked, self._kept = self._asked, [], None
        return await self.keep(asked)
