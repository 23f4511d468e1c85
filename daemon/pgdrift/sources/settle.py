"""Disputes over spelling in, what a scratch server says of them out.

Both texts are made into the object, in a transaction that is rolled back, and read back as the
object's kind is read, over and over until what is printed stays. Whatever goes wrong leaves a
dispute as it is: that is a difference, and no error of anybody's.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Iterable, Iterator, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from datetime import datetime
from typing import NamedTuple, TypeAlias, TypeVar

import asyncpg

from pgdrift.core.alike.spelling import Answers, Dispute, Spelt, columns, same_meaning
from pgdrift.core.digest import content_digest
from pgdrift.core.kind import Attribute
from pgdrift.core.kind import Kind as KindOfObject
from pgdrift.core.kinds import KINDS
from pgdrift.core.model import Object
from pgdrift.core.texts.respell import Ground, OddTextError, extensions, makes, world
from pgdrift.errors import ConfigError, SourceError
from pgdrift.log import get_logger
from pgdrift.sources.connection import Connection
from pgdrift.sources.query import query
from pgdrift.sources.scratch import Scratch

log = get_logger("sources.settle")

_KINDS = {kind.name: kind for kind in KINDS}
# A text that is not printed alike after so many rounds never will be.
_ROUNDS = 4
_MOST_ANSWERS = 20_000
_STATEMENT_SECONDS = 5.0
# After the scratch server failed, it is left alone for so long.
_REST_SECONDS = 300.0

_World: TypeAlias = tuple[str, ...]
K = TypeVar("K")
V = TypeVar("V")


class _Asked(NamedTuple):
    """One dispute as it is put to the server: the object as the second side has it."""

    dispute: Dispute
    found: Object
    world: _World
    key: str


@dataclass(slots=True)
class Settlement:
    """What a scratch server was asked so far. The same dispute is never put to it twice.

    `seconds` is what one round of questions may take; what is left is asked the next time.
    """

    scratch: Scratch
    seconds: float = 15.0
    _answers: dict[str, bool | None] = field(default_factory=dict, repr=False)
    _quick: dict[tuple[Spelt, datetime, datetime], str] = field(default_factory=dict, repr=False)
    _alone: asyncio.Lock = field(default_factory=asyncio.Lock, repr=False)
    _not_before: float = 0.0

    async def settle(self, disputes: Iterable[Dispute]) -> Answers:
        """Return which of the disputes are one meaning, and which are not. Never raises."""
        asked = list(disputes)
        if not asked or self.scratch.missing():
            return Answers()
        async with self._alone:
            new = list(_unique(a for a in self._put(asked) if a.key not in self._answers))
            if new and time.monotonic() >= self._not_before:
                await self._ask(new)
        return self._told(asked)

    def _put(self, disputes: Sequence[Dispute]) -> Iterator[_Asked]:
        """Give the disputes to which no answer is known at sight, each with its world."""
        grounds: dict[tuple[int, int], Ground] = {}
        for d in disputes:
            if self._quick.get(_sight(d)) in self._answers:
                continue
            ground = grounds.setdefault((id(d.side), id(d.to)), Ground(d.side, d.to))
            found = d.to.objects.get(d.spelt.object)
            if found is None:
                continue
            needed = world(ground, d.spelt.object)
            known = {"texts": sorted((d.spelt.one, d.spelt.other)), "world": list(needed)}
            i = d.spelt.object
            key = content_digest(i.kind, (*i.path, d.spelt.attribute), i.args, known)
            self._quick[_sight(d)] = key
            yield _Asked(d, found, needed, key)
        _trim(self._quick)

    async def _ask(self, new: Sequence[_Asked]) -> None:
        try:
            async with (
                asyncio.timeout(self.seconds),
                self.scratch.connection(statement_timeout=_STATEMENT_SECONDS) as session,
            ):
                major = session.get_server_version().major
                for asked in new:
                    self._answers[asked.key] = await _settled(session, asked, major)
        except (SourceError, ConfigError, TimeoutError, OSError, asyncpg.PostgresError) as error:
            # What was answered stands. A server that cannot be had is not asked at each look.
            log.debug("settle.given_up", error=str(error), asked=len(new))
            if not isinstance(error, TimeoutError):
                self._not_before = time.monotonic() + _REST_SECONDS
        _trim(self._answers)

    def _told(self, disputes: Sequence[Dispute]) -> Answers:
        equal: set[Spelt] = set()
        different: set[Spelt] = set()
        for d in disputes:
            answer = self._answers.get(self._quick.get(_sight(d), ""))
            if answer is not None:
                both = {d.spelt, d.spelt._replace(one=d.spelt.other, other=d.spelt.one)}
                (equal if answer else different).update(both)
        return Answers(frozenset(equal), frozenset(different))


async def _settled(session: Connection, asked: _Asked, major: int) -> bool | None:
    """Tell whether the server calls both texts one; None when it cannot make the object of them.

    The second try has the extensions, which may take a while to make.
    """
    spelt, found = asked.dispute.spelt, asked.found
    kind = _KINDS[found.id.kind]
    template = next((a for a in kind.attributes_on(major) if a.name == spelt.attribute), None)
    if template is None or not template.respell:
        return None
    ground = Ground(asked.dispute.side, asked.dispute.to)
    for more in ((), extensions(ground)):
        async with _rolled_back(session):
            await _prepare(session)
            await _build(session, (*more, *asked.world))
            texts = [
                await _printed(session, kind, template, found, text, major)
                for text in (spelt.one, spelt.other)
            ]
        if None not in texts:
            other = asked.dispute.side.objects.get(spelt.object, found)
            of = (other.attributes, found.attributes)
            known = columns(asked.dispute.side, asked.dispute.to, found)
            return same_meaning(found.id.kind, spelt.attribute, texts[0], texts[1], of, known)
    log.debug("settle.cannot_be_made", object=str(found.id), attribute=spelt.attribute)
    return None


async def _prepare(session: Connection) -> None:
    """Print as a look reads, whatever a pooler made of the session; bodies of stubs are empty."""
    settings = {**session.settings, "check_function_bodies": "off"}
    await session.fetch(
        "SELECT pg_catalog.set_config(($1::text[])[n], ($2::text[])[n], true)"
        " FROM pg_catalog.generate_subscripts($1::text[], 1) n",
        list(settings),
        list(settings.values()),
    )


async def _build(session: Connection, statements: Iterable[str]) -> None:
    """Make what can be made: one thing may need another that comes later."""
    waiting = list(statements)
    while waiting:
        failed = [s for s in waiting if not await _runs(session, s)]
        if len(failed) == len(waiting):
            return
        waiting = failed


async def _printed(
    session: Connection, kind: KindOfObject, of: Attribute, found: Object, text: str, major: int
) -> str | None:
    """Return what a text is printed as in the end; None when it cannot be made, or never rests."""
    for _ in range(_ROUNDS):
        said = await _once(session, kind, of, found, text, major)
        if said is None or said == text:
            return said
        text = said
    return None


async def _once(
    session: Connection, kind: KindOfObject, of: Attribute, found: Object, text: str, major: int
) -> str | None:
    try:
        statements = makes(of.respell, found, text)
    except OddTextError:
        return None
    read = (
        f'SELECT q."{of.name}" FROM ({query(kind, major)}) AS q(path, args)'
        " WHERE q.path = $2::text[] AND q.args = $3"
    )
    try:
        async with _rolled_back(session):
            for statement in statements:
                # Prepared, so that it is one statement whatever the text holds.
                await session.fetch(statement)
            said = await session.fetchval(read, [], list(found.id.path), found.id.args)
    except asyncpg.PostgresError:
        return None
    return said if isinstance(said, str) else None


async def _runs(session: Connection, statement: str) -> bool:
    try:
        async with session.transaction():
            await session.fetch(statement)
    except asyncpg.PostgresError:
        return False
    return True


@asynccontextmanager
async def _rolled_back(session: Connection) -> AsyncIterator[None]:
    transaction = session.transaction()
    await transaction.start()
    try:
        yield
    finally:
        # Cancelled in the middle, the session may refuse it; then it goes with its transaction.
        with suppress(asyncpg.InterfaceError):
            await transaction.rollback()


def _sight(d: Dispute) -> tuple[Spelt, datetime, datetime]:
    """What tells a dispute at sight: no schema moves and keeps the time at which it was read."""
    return d.spelt, d.side.taken_at, d.to.taken_at


def _unique(asked: Iterable[_Asked]) -> Iterator[_Asked]:
    yield from {a.key: a for a in asked}.values()


def _trim(kept: dict[K, V]) -> None:
    """Forget what was known longest, once there is too much of it."""
    for old in list(kept)[: max(0, len(kept) - _MOST_ANSWERS)]:
        del kept[old]
