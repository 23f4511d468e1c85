"""What an environment was: the words `ENV@when` in, a kept snapshot out. Asks the store alone.

`when` is last-sync, sync:ID, last-look, expected (what is declared right, moved on by explained
changes), a time as ISO 8601 writes it (UTC where it names no zone), or -DURATION from now.
"""

from __future__ import annotations

import re
from collections.abc import AsyncIterator, Collection
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from pydantic import TypeAdapter, ValidationError

from pgdrift.core.model import Snapshot, SyncPoint
from pgdrift.core.shown.render import one_line
from pgdrift.errors import ConfigError

if TYPE_CHECKING:
    from pgdrift.settings import Settings
    from pgdrift.store import Store

LAST_SYNC, LAST_LOOK, EXPECTED = "last-sync", "last-look", "expected"
_POINT = re.compile(r"sync:(\d{1,18})")
_NO_URL = re.compile(
    r"@(last-sync|last-look|expected|sync:\d+|-\d[^@/:?]*|\d{4}-\d\d-\d\d[^@/?]*)\Z"
)
_GRAMMAR = "write @last-sync, @sync:ID, @2026-11-22T12:00Z, @-1h, @last-look or @expected"


@dataclass(frozen=True, slots=True)
class Address:
    """An environment at some time, as a command line names it."""

    environment: str
    when: str


@dataclass(frozen=True, slots=True)
class Kept:
    """A kept snapshot, and when the environment was seen or declared like this (UTC).

    `point` is the sync point that it is the content of, where it was asked for as such. `remark`
    says what cannot be told for sure; empty for nothing.
    """

    environment: str
    snapshot: Snapshot
    at: datetime
    point: SyncPoint | None = None
    remark: str = ""

    @property
    def words(self) -> str:
        """Say which it is, as `production of sync point 3, 2026-11-22 12:00:00 UTC`."""
        which = f" of sync point {self.point.id}," if self.point else " as seen"
        return f"{self.environment}{which} {self.at:%Y-%m-%d %H:%M:%S} UTC"


def kept_json(kept: Kept) -> dict[str, str | int | None]:
    """Return which snapshot it is as JSON; the time is ISO 8601, UTC."""
    return {
        "environment": kept.environment,
        "at": kept.at.isoformat(),
        "sync_point": kept.point.id if kept.point else None,
        "remark": kept.remark,
    }


def address(word: str, environments: Collection[str]) -> Address | None:
    """Return what a word addresses, or None for a word that is no `ENV@when`."""
    name, at, when = word.rpartition("@")
    return Address(name, when) if at and name in environments and word not in environments else None


def refuse_url(word: str) -> None:
    """Raise ConfigError for a connection URL with a time behind it: it has no store."""
    if found := _NO_URL.search(word):
        msg = f"a connection URL has no past to look {found[0]!r} up in: nothing is kept of it"
        hint = "name an environment of the configuration that `pgdrift serve` watches"
        raise ConfigError(msg, reason="usage", hint=hint)


@asynccontextmanager
async def kept_store(settings: Settings) -> AsyncIterator[Store]:
    """Open the store that the daemon keeps. Raises ConfigError when there is none yet."""
    from pgdrift.store import exists, open_store

    if not exists(settings.store.read_url()):
        msg = f"there is no store at {settings.store.url}: the daemon has not run here yet"
        raise ConfigError(msg, reason="usage", hint="start it with `pgdrift serve`")
    async with open_store(settings.store.read_url()) as store:
        yield store


async def read_past(settings: Settings, wanted: Address) -> Kept:
    """Return what is kept of an environment at an address.

    Raises ConfigError when the words mean nothing, or nothing is kept from then.
    """
    now = datetime.now(UTC)
    async with kept_store(settings) as store:
        if wanted.when == LAST_SYNC or _POINT.fullmatch(wanted.when):
            return await _declared(store, wanted)
        if wanted.when == EXPECTED:
            return await _expected(store, wanted.environment)
        at = now if wanted.when == LAST_LOOK else _time(wanted.when, now)
        return await _seen(store, wanted, at, now, settings.store.keep)


async def _declared(store: Store, wanted: Address) -> Kept:
    name, found = wanted.environment, _POINT.fullmatch(wanted.when)
    points = [d.point for d in await store.declarations(name) if found or not d.taken_back]
    if found:
        points = [p for p in points if p.id == int(found[1])]
    if not points:
        missing = f"sync point {found[1]} of {name}" if found else f"sync point of {name} yet"
        hint = f"`pgdrift sync list {name}` shows what was declared"
        raise ConfigError(f"there is no {missing}", reason="usage", hint=hint)
    point = points[0]
    return Kept(name, await store.declared(point.id or 0), point.at, point)


async def _expected(store: Store, name: str) -> Kept:
    book = await store.load(name, snapshots=True)
    if book.expected is None or book.seen_at is None:
        msg = f"nothing is expected of {name} yet: its first look declares what there is"
        raise ConfigError(msg, reason="usage", hint="`pgdrift serve` looks at it")
    return Kept(name, book.expected, book.seen_at)


async def _seen(
    store: Store, wanted: Address, at: datetime, now: datetime, keep: timedelta
) -> Kept:
    name = wanted.environment
    found = await store.seen_by(name, at)
    if found is None:
        first = await store.first_seen(name)
        kept = f"kept since {first:%Y-%m-%d %H:%M:%S} UTC" if first else "not looked at yet"
        msg = f"what {name} was at {at:%Y-%m-%d %H:%M:%S} UTC is not known: it is {kept}"
        raise ConfigError(msg, reason="usage", hint=f"a sync point stays: {name}@sync:ID")
    seen_at, snapshot = found
    last = (await store.load(name, snapshots=False)).seen_at
    remark = ""
    if last and last < at and wanted.when != LAST_LOOK:
        remark = f"{name} was last looked at {last:%Y-%m-%d %H:%M:%S} UTC, before that time"
    elif at < now - keep:
        remark = "that is longer ago than store.keep: what was seen since may be forgotten"
    return Kept(name, snapshot, seen_at, remark=remark)


def moment(text: str) -> datetime:
    """Return the time that ISO 8601 text names, UTC without a zone. Raises ConfigError."""
    try:
        at = datetime.fromisoformat(text)
    except ValueError:
        msg = f"{one_line(text)!r} names no time"
        raise ConfigError(msg, reason="usage", hint="write 2026-12-01T08:00Z") from None
    return at.replace(tzinfo=UTC) if at.tzinfo is None else at.astimezone(UTC)


def duration(text: str) -> timedelta:
    """Return how long text says, as `4h`. Raises ConfigError."""
    try:
        return _duration(text)
    except ValidationError:
        msg = f"{one_line(text)!r} is no duration"
        raise ConfigError(msg, reason="usage", hint="write 30m, 4h, 7d") from None


def _time(when: str, now: datetime) -> datetime:
    try:
        at = now - _duration(when[1:]) if when.startswith("-") else datetime.fromisoformat(when)
    except (ValueError, OverflowError, ValidationError):
        msg = f"{one_line(when)!r} names no time and no sync point"
        raise ConfigError(msg, reason="usage", hint=_GRAMMAR) from None
    at = at.replace(tzinfo=UTC) if at.tzinfo is None else at.astimezone(UTC)
    if at > now:
        msg = f"{at:%Y-%m-%d %H:%M:%S} UTC lies ahead: it is {now:%Y-%m-%d %H:%M:%S} UTC"
        raise ConfigError(msg, reason="usage", hint=_GRAMMAR)
    return at


def _duration(text: str) -> timedelta:
    from pgdrift.section import Duration

    found: timedelta = TypeAdapter(Duration).validate_python(text)
    return found
