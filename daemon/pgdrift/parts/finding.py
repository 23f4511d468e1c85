"""Discovery while the daemon runs: asks each section's server now and then, and says who moved.

In come sections, what each had found, and functions to keep and to call; a server that cannot be
asked moves nobody. Starts and stops nothing itself.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field, replace

from pgdrift.core.found import Answer, Database, Moves, Roll, called, chosen
from pgdrift.errors import PgdriftError, StoreError
from pgdrift.log import get_logger, redact
from pgdrift.sections.discovering import DiscoverSettings
from pgdrift.settings import Settings
from pgdrift.sources.databases import USUAL, databases
from pgdrift.watch import first_of

log = get_logger("finding")

# However often a database cannot be found where it was, its server is not asked more often.
_AT_MOST = 5.0


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
    """Who is found. `moved` is called with each answer that moved anybody, once it is kept.

    Inside `turn` a server may be asked to which a DSN leads.
    """

    settings: Settings
    keep: Callable[[str, Mapping[str, Database]], Awaitable[None]]
    moved: Callable[[Moves], Awaitable[None]]
    turn: Callable[[Callable[[], str]], AbstractAsyncContextManager[None]]
    rolls: dict[str, Roll] = field(default_factory=dict)
    said: dict[str, tuple[str, ...]] = field(default_factory=dict)
    _again: asyncio.Event = field(default_factory=asyncio.Event)

    def begin(self, found: Mapping[str, Mapping[str, Database]]) -> None:
        """Take what the store knows of the sections that there are."""
        self.rolls = {s: Roll(found.get(s, {})) for s in self.settings.discover}

    def now(self) -> Settings:
        """Return the settings with all that is found."""
        return self.settings.with_found({s: r.members.values() for s, r in self.rolls.items()})

    def again(self) -> None:
        """Ask soon: one of those that were found cannot be looked at."""
        self._again.set()

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

    async def once(self, section: str) -> None:
        """Ask for one section, and keep and tell who moved."""
        try:
            of = self.settings.discover[section]
            async with self.turn(of.read_dsn):
                answer = await ask(of, self.settings.taken())
        except PgdriftError as error:
            self._say(section, f"cannot be asked: {redact(str(error.args[0]))}")
            return
        moves = called(self.rolls.get(section, Roll()), self._without_others(section, answer))
        self._say(section, *answer.notes, *([moves.doubt] if moves.doubt else ()))
        if moves.come or moves.moved or moves.gone:
            log.info(
                "finding.moved",
                section=section,
                come=len(moves.come),
                moved=len(moves.moved),
                gone=len(moves.gone),
            )
            try:
                await self.keep(section, moves.roll.members)
            except StoreError as error:
                log.error("finding.not_kept", reason=error.reason)  # noqa: TRY400
                return  # and is found again
        self.rolls[section] = moves.roll
        if moves.come or moves.moved or moves.gone:
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
