"""What other replicas watch, as the store tells it: standings and incidents, read again when moved.

Sees that all is to be had on every replica's page; judges nothing.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field, replace

from pgdrift.core.alerts.incident import Incident
from pgdrift.core.model import Standing
from pgdrift.core.standing import remembered
from pgdrift.core.watched import Watched
from pgdrift.errors import StoreError
from pgdrift.log import get_logger
from pgdrift.store import Outline, Store

log = get_logger("mirror")

# How old what a page shows of another replica's environments may be.
_SECONDS = 5.0


@dataclass(slots=True)
class Mirror:
    """`others` are the environments that this replica does not watch; `show` gets what is new."""

    store: Store
    others: Callable[[], Collection[str]]
    watched: Callable[[str], Watched]
    show: Callable[[Standing], None]
    incidents: Callable[[Mapping[str, tuple[Incident, ...]]], None]
    _known: dict[str, tuple[Outline, Standing]] = field(default_factory=dict)

    async def run(self) -> None:
        """Look at the store again and again, until cancelled."""
        while True:
            try:
                await self.look()
            except StoreError as error:
                log.debug("mirror.blind", reason=error.reason)
            await asyncio.sleep(_SECONDS)

    async def look(self) -> None:
        """Show how the others stand now. Raises StoreError."""
        others = frozenset(self.others())
        outlines = await self.store.outlines()
        for name in self._known.keys() - others:
            del self._known[name]
        for name in sorted(others & outlines.keys()):
            standing = await self._standing(name, outlines[name])
            if name in self.others():  # it may have become ours in between
                self.show(standing)
        found: dict[str, tuple[Incident, ...]] = dict.fromkeys(others, ())
        for incident in await self.store.incidents(limit=10_000):
            if incident.environment in found:
                found[incident.environment] += (incident,)
        self.incidents({n: found[n] for n in found if n in self.others()})

    async def _standing(self, name: str, outline: Outline) -> Standing:
        known, standing = self._known.get(name, (None, None))
        if standing is None or known is None or known.content != outline.content:
            book = await self.store.load(name, snapshots=False)
            standing = remembered(self.watched(name), book)
        standing = replace(
            standing,
            looked_at=outline.looked_at,
            seen_at=outline.seen_at,
            server_version=outline.server_version,
            objects=outline.objects,
        )
        self._known[name] = (outline, standing)
        return standing
