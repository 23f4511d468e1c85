"""Discovery while the daemon runs: asks each section's server now and then, and says who moved.

In come sections, the store, and functions to call; a server that cannot be asked moves nobody.
Starts and stops nothing itself. Of replicas each asks, so that who watches what is gone knows it.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Collection, Mapping
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field, replace
from typing import TypeAlias

from pgdrift.core.found import Answer, Database, Moves, Roll, called, chosen
from pgdrift.errors import PgdriftError, StoreError
from pgdrift.log import get_logger, redact
from pgdrift.sections.discovering import DiscoverSettings
from pgdrift.settings import Settings
from pgdrift.sources.databases import USUAL, databases
from pgdrift.store import Store
from pgdrift.watch import first_of

log = get_logger("finding")

# However often a database cannot be found where it was, its server is not asked more often.
_AT_MOST = 5.0

Members: TypeAlias = Mapping[str, Database]


async def ask(of: DiscoverSettings, taken: frozenset[str]) -> Answer:
    """Return what a section finds now. Raises SourceError, and ConfigError for a DSN."""
    found = await databases(of.read_dsn(), of.query or USUAL, 2 * of.limit + 1)
    return chosen(map(of.called, found), of.wanted, taken)


async def found_now(settings: Settings) -> tuple[Settings, tuple[str, ...]]:
    """Return the settings with what is found now, and for people what was not. Never raises."""
    found: dict[str, tuple[Database, ...]] = {}
    notes: list[str] = []
    for section, of in settings.discover.items():
        try:
            answer = await ask(of, settings.taken())
        except PgdriftError as error:
            notes.append(f"discover.{section}: {redact(str(error.args[0]))}")
            continue
        found[section] = answer.databases
        notes += (f"discover.{section}: {note}" for note in answer.notes)
    return settings.with_found(found), tuple(notes)


@dataclass(slots=True)
class Finding:
    """Who is found, as the store has it; who leads keeps there who came.

    `leads` and `watches` tell what is this replica's. `moved` is called with what moved, once it is
    kept. `leave` gets those of this replica's who are gone, ends their watches, and gives those of
    whom that is kept. Inside `turn` a server may be asked to which a DSN leads.
    """

    settings: Settings
    store: Store
    leads: Callable[[], bool]
    watches: Callable[[str], bool]
    moved: Callable[[Moves], Awaitable[None]]
    leave: Callable[[Collection[str]], Awaitable[Collection[str]]]
    turn: Callable[[Callable[[], str]], AbstractAsyncContextManager[None]]
    rolls: dict[str, Roll] = field(default_factory=dict)
    said: dict[str, tuple[str, ...]] = field(default_factory=dict)
    _again: asyncio.Event = field(default_factory=asyncio.Event)
    _told: asyncio.Event = field(default_factory=asyncio.Event)
    _taking: asyncio.Lock = field(default_factory=asyncio.Lock)

    def begin(self, found: Mapping[str, Mapping[str, Database]]) -> None:
        """Take what the store knows of the sections that there are."""
        self.rolls = {s: Roll(self._own(found, s)) for s in self.settings.discover}

    def _own(self, found: Mapping[str, Mapping[str, Database]], section: str) -> Members:
        """Return whom a section has found, without who has an entry of its own by now."""
        own = self.settings.environments
        return {n: d for n, d in found.get(section, {}).items() if n not in own}

    def now(self) -> Settings:
        """Return the settings with all that is found."""
        return self.settings.with_found({s: r.members.values() for s, r in self.rolls.items()})

    def again(self) -> None:
        """Ask soon: one of those that were found cannot be looked at."""
        self._again.set()

    def told(self) -> None:
        """Take over soon what another replica has kept."""
        self._told.set()

    async def run(self, section: str) -> None:
        """Ask for one section, again and again. Ends by being cancelled."""
        of = self.settings.discover[section]
        while True:
            await self.once(section)
            await asyncio.sleep(min(_AT_MOST, of.every.total_seconds()))
            rest = of.every.total_seconds() - _AT_MOST
            if rest > 0:
                await first_of(self._again, seconds=rest)
            self._again.clear()

    async def follow(self) -> None:
        """Take over what other replicas keep, when they say so. Ends by being cancelled."""
        while True:
            await self._told.wait()
            self._told.clear()
            for section in self.settings.discover:
                await self._take(section, None)

    async def once(self, section: str) -> None:
        """Ask for one section, and keep and tell who moved."""
        try:
            of = self.settings.discover[section]
            async with self.turn(of.read_dsn):
                answer = await ask(of, self.settings.taken())
        except PgdriftError as error:
            self._say(section, f"cannot be asked: {redact(str(error.args[0]))}")
            answer = None
        await self._take(section, answer)

    async def _take(self, section: str, answer: Answer | None) -> None:
        async with self._taking:
            before = self.rolls.get(section, Roll())
            try:
                roll = Roll(self._own(await self.store.found(), section), before.missed)
                moves = self._called(section, roll, answer)
                members = dict(roll.members)
                if self.leads() and (new := {*moves.come, *moves.moved}):
                    found = {n: moves.roll.members[n] for n in new}
                    await self.store.keep_found(section, found)
                    members |= found
            except StoreError as error:
                log.error("finding.not_kept", reason=error.reason)  # noqa: TRY400
                return  # and is found again
            # Whoever watches one that is gone keeps that: until then it is somebody's to watch.
            gone = {*moves.gone, *(before.members.keys() - members.keys())}
            mine = {n for n in gone if self.watches(n)}
            left = {*(await self.leave(mine))} if mine else set()
            members |= {n: before.members[n] for n in mine - left}
            members = {n: d for n, d in members.items() if n not in left}
            missed = {**moves.roll.missed, **{n: roll.missed.get(n, 0) + 1 for n in moves.gone}}
            self.rolls[section] = Roll(members, {n: missed[n] for n in missed if n in members})
            await self._tell(section, before.members, members)

    def _called(self, section: str, roll: Roll, answer: Answer | None) -> Moves:
        if answer is None:
            return Moves(roll)
        moves = called(roll, self._without_others(section, answer))
        self._say(section, *answer.notes, *([moves.doubt] if moves.doubt else ()))
        return moves

    async def _tell(self, section: str, before: Members, now: Members) -> None:
        moves = Moves(
            self.rolls[section],
            tuple(n for n in now if n not in before),
            tuple(n for n in now if n in before and now[n] != before[n]),
            tuple(sorted(before.keys() - now.keys())),
        )
        if moves.come or moves.moved or moves.gone:
            log.info(
                "finding.moved",
                section=section,
                come=len(moves.come),
                moved=len(moves.moved),
                gone=len(moves.gone),
            )
            await self.moved(moves)

    def _without_others(self, section: str, answer: Answer) -> Answer:
        """Leave out what another section watches under the same name."""
        others = {n for s, r in self.rolls.items() if s != section for n in r.members}
        kept = tuple(d for d in answer.databases if d.name not in others)
        return replace(answer, databases=kept)

    def _say(self, section: str, *notes: str) -> None:
        """Say what is new of what people should know."""
        for note in notes:
            if note not in self.said.get(section, ()):
                log.warning("finding.note", section=section, note=note)
        self.said[section] = notes
