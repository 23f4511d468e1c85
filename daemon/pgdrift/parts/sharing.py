"""What of all there is to do is this replica's. Alone, it does it all, and nothing is asked.

Answers questions; who starts and stops what, is decided in `fleet` and done in `app`.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass, field

from pgdrift.core.duties import Replicas
from pgdrift.errors import StoreError
from pgdrift.fleet import Fleet
from pgdrift.store import LEAD, Store, watching


@dataclass(slots=True)
class Sharing:
    """`fleet` is None where nobody shares the store."""

    store: Store
    fleet: Fleet | None = None
    _saying: asyncio.Future[None] | None = field(default=None, repr=False)

    def watches(self, name: str) -> bool:
        """Tell whether this replica watches an environment."""
        return self.fleet is None or self.fleet.does(watching(name))

    def leads(self) -> bool:
        """Tell whether it does what is done once for all."""
        return self.fleet is None or self.fleet.does(LEAD)

    def may_send(self) -> bool:
        """Tell whether nobody else can have gone on with what was begun here."""
        return self.fleet is None or self.fleet.is_fresh

    def replicas(self, environments: Iterable[str]) -> Replicas | None:
        """Return who shares the environments, as this replica knows it; None where it is alone."""
        if self.fleet is None:
            return None
        members, holders = self.fleet.muster.members, self.fleet.muster.holders
        # No member has the number 0.
        by = {name: members.get(holders.get(watching(name), 0)) for name in environments}
        leader = members.get(holders.get(LEAD, 0))
        return Replicas(self.fleet.name, tuple(members.values()), by, leader=leader)

    def say(self, word: str) -> None:
        """Say a word to the other replicas; that it arrives is not relied on."""

        async def say() -> None:
            with suppress(StoreError):
                await self.store.say(word)

        if self.fleet:
            self._saying = asyncio.ensure_future(say())

    def stir(self) -> None:
        """See soon who does what: there is other work than before."""
        if self.fleet:
            self.fleet.stirred.set()

    async def leave(self) -> None:
        """Let the others have all of it at once."""
        if self.fleet:
            await self.fleet.leave()
