"""One look at everything, kept nowhere: what `check` prints.

The store, where there is one, lends what it knows (sync points, agreements) and gets nothing.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Mapping, Sequence
from contextlib import AsyncExitStack, nullcontext
from dataclasses import replace
from datetime import UTC, datetime

from pgdrift import rules
from pgdrift.core.book import Book
from pgdrift.core.ignore import RuleStanding
from pgdrift.core.look import Upstream, Watched, questions, seen, unseen
from pgdrift.core.model import SYNC, Reading, Standing
from pgdrift.errors import SourceError
from pgdrift.log import redact
from pgdrift.parts.building import scratch_of, servers_of, source, upstream_of_file, watched
from pgdrift.retry import retry_source
from pgdrift.settings import Settings
from pgdrift.sources.files import FileSource
from pgdrift.sources.reading import read_once
from pgdrift.sources.scratch import Scratch
from pgdrift.sources.servers import Servers
from pgdrift.sources.settle import Settlement
from pgdrift.store import exists, open_store


async def glance(settings: Settings) -> Sequence[Standing]:
    """Return how all environments stand now, in the order of the configuration."""
    names = list(settings.environments)
    books = await _books(settings)
    async with scratch_of(settings) as scratch:
        servers = servers_of(settings)
        readings = await _read_all([_read(settings, n, books[n], scratch, servers) for n in names])
        found = dict(zip(names, readings, strict=True))
        files = await _files(settings, scratch, next((b.key for b in books.values()), b""))
        settlement = Settlement(scratch)
        return [
            await conclude(
                watched(settings, name),
                books[name],
                found[name],
                files.get(follows) or _upstream(follows, found),
                settlement,
            )
            for name in names
            for follows in [settings.environments[name].follows or ""]
        ]


def rules_at_a_glance(
    settings: Settings, standings: Sequence[Standing]
) -> tuple[RuleStanding, ...]:
    """Return how the ignore rules stand by these standings alone."""
    by_name = {s.environment: s for s in standings}
    return rules.standings_of_rules(settings, by_name, (), datetime.now(UTC).date())


async def glance_at(databases: Sequence[tuple[str, str]]) -> Sequence[Standing]:
    """Return how databases stand, each (name, DSN) against the one before it."""
    readings = await _read_all([read_once(dsn) for _, dsn in databases])
    found = dict(zip((name for name, _ in databases), readings, strict=True))
    before = ["", *(name for name, _ in databases)]
    async with Scratch() as scratch:
        settlement = Settlement(scratch)
        return [
            await conclude(
                Watched(name, follows or None),
                Book(name),
                found[name],
                _upstream(follows, found),
                settlement,
            )
            for (name, _), follows in zip(databases, before, strict=False)
        ]


async def _books(settings: Settings) -> Mapping[str, Book]:
    names = settings.environments
    async with AsyncExitStack() as stack:
        if not exists(settings.store.read_url()):
            return {name: Book(name) for name in names}
        store = await stack.enter_async_context(open_store(settings.store.read_url()))
        return {name: await store.load(name) for name in names}


async def _files(settings: Settings, scratch: Scratch, key: bytes) -> Mapping[str, Upstream]:
    """Return the files and folders that environments follow."""
    followed = {e.follows for e in settings.environments.values() if e.follows}
    paths = sorted(followed - settings.environments.keys())
    read = await asyncio.gather(*(upstream_of_file(FileSource(p, scratch, key)) for p in paths))
    return dict(zip(paths, read, strict=True))


async def _read(
    settings: Settings, name: str, book: Book, scratch: Scratch, servers: Servers
) -> Reading:
    found = source(settings, name, scratch)
    seconds = settings.timeout(name).total_seconds()
    turn = nullcontext() if isinstance(found, FileSource) else servers.of(found.dsn).turn(seconds)
    async with turn:
        try:
            return await retry_source(lambda: found.read(book))
        finally:
            await found.close()


async def _read_all(
    readings: Sequence[Awaitable[Reading]],
) -> Sequence[Reading | SourceError]:
    found: list[Reading | SourceError] = []
    for result in await asyncio.gather(*readings, return_exceptions=True):
        if isinstance(result, BaseException) and not isinstance(result, SourceError):
            raise result
        found.append(result)
    return found


def _upstream(follows: str, found: Mapping[str, Reading | SourceError]) -> Upstream | None:
    if not follows:
        return None
    match found[follows]:
        case SourceError() as error:
            return Upstream(follows, None, reason=f"{follows} cannot be looked at: {_why(error)}")
        case reading:
            return Upstream(follows, reading.snapshot, reading.histories)


async def conclude(
    watched: Watched,
    book: Book,
    reading: Reading | SourceError,
    upstream: Upstream | None,
    settlement: Settlement,
) -> Standing:
    """Return how an environment stands by a reading, or as it cannot be read. Keeps nothing."""
    now = datetime.now(UTC)
    if isinstance(reading, SourceError):
        return unseen(watched, book, _why(reading), now).standing
    answers = await settlement.settle(questions(watched, book, reading, upstream, now))
    standing = seen(watched, book, reading, upstream, now, answers).standing
    if book.expected is not None:
        return standing
    # Nothing was declared before: what would be taken as the sync point is no yardstick yet.
    others = tuple(a for a in standing.against if a.yardstick != SYNC)
    return replace(standing, against=others, sync_point=None)


def _why(error: SourceError) -> str:
    return redact(str(error.args[0]))
