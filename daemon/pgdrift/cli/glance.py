"""One look at everything, kept nowhere: what `check` prints.

The store, where there is one, lends what it knows (sync points, agreements) and gets nothing.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Mapping, Sequence
from contextlib import AsyncExitStack
from dataclasses import replace
from datetime import UTC, datetime

from pgdrift.app import source, upstream_of_file, watched
from pgdrift.core.book import Book
from pgdrift.core.look import Upstream, Watched, seen, unseen
from pgdrift.core.model import SYNC, Reading, Standing
from pgdrift.errors import SourceError
from pgdrift.log import redact
from pgdrift.retry import retry_source
from pgdrift.settings import Settings, is_snapshot_file
from pgdrift.sources.reading import read_once
from pgdrift.store import exists, open_store


async def glance(settings: Settings) -> Sequence[Standing]:
    """Return how all environments stand now, in the order of the configuration."""
    names = list(settings.environments)
    books = await _books(settings)
    readings = await _read_all([_read(settings, name, books[name]) for name in names])
    found = dict(zip(names, readings, strict=True))
    return [
        _conclude(
            watched(settings, name),
            books[name],
            found[name],
            _upstream(settings.environments[name].follows, found),
        )
        for name in names
    ]


async def glance_at(databases: Sequence[tuple[str, str]]) -> Sequence[Standing]:
    """Return how databases stand, each (name, DSN) against the one before it."""
    readings = await _read_all([read_once(dsn) for _, dsn in databases])
    found = dict(zip((name for name, _ in databases), readings, strict=True))
    before = [None, *(name for name, _ in databases)]
    return [
        _conclude(Watched(name, follows), Book(name), found[name], _upstream(follows, found))
        for (name, _), follows in zip(databases, before, strict=False)
    ]


async def _books(settings: Settings) -> Mapping[str, Book]:
    names = settings.environments
    async with AsyncExitStack() as stack:
        if not exists(settings.store.url):
            return {name: Book(name) for name in names}
        store = await stack.enter_async_context(open_store(settings.store.url))
        return {name: await store.load(name) for name in names}


async def _read(settings: Settings, name: str, book: Book) -> Reading:
    found = source(settings, name)
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


def _upstream(follows: str | None, found: Mapping[str, Reading | SourceError]) -> Upstream | None:
    if follows is None:
        return None
    if follows not in found and is_snapshot_file(follows):
        return upstream_of_file(follows)
    match found[follows]:
        case SourceError() as error:
            return Upstream(follows, None, reason=f"{follows} cannot be looked at: {_why(error)}")
        case reading:
            return Upstream(follows, reading.snapshot, reading.histories)


def _conclude(
    watched: Watched, book: Book, reading: Reading | SourceError, upstream: Upstream | None
) -> Standing:
    now = datetime.now(UTC)
    if isinstance(reading, SourceError):
        return unseen(watched, book, _why(reading), now).standing
    standing = seen(watched, book, reading, upstream, now).standing
    if book.expected is not None:
        return standing
    # Nothing was declared before: what would be taken as the sync point is no yardstick yet.
    others = tuple(a for a in standing.against if a.yardstick != SYNC)
    return replace(standing, against=others, sync_point=None)


def _why(error: SourceError) -> str:
    return redact(str(error.args[0]))
