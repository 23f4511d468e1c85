"""The commands that ask the daemon's store what happened, and who did it. They ask no server."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Collection, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Annotated

import typer

from pgdrift.cli import exits, sides
from pgdrift.cli.options import Config, Format, FormatOption
from pgdrift.cli.when import kept_store
from pgdrift.core.model import Event, Snapshot
from pgdrift.core.parts import Part, parts
from pgdrift.core.shown import past
from pgdrift.core.shown.called import alike, called
from pgdrift.core.shown.render import code, one_line
from pgdrift.errors import ConfigError
from pgdrift.log import masked, redact

if TYPE_CHECKING:
    from pgdrift.settings import Settings
    from pgdrift.store import Store

Environment = Annotated[str, typer.Argument(metavar="ENV", help="The environment.")]
# Of the lines about one object, so many are looked through for who changed each part last.
_MOST_LINES = 10_000
# Names that are listed where a word means several objects.
_MOST_NAMES = 20


def log(
    environment: Environment,
    word: Annotated[
        str | None,
        typer.Argument(metavar="[OBJECT]", help="An object: public.t, table:public.t, t."),
    ] = None,
    since: Annotated[
        str | None, typer.Option("--since", help="Not before: 2h, 7d, or 2026-11-22T12:00, UTC.")
    ] = None,
    limit: Annotated[int, typer.Option("--limit", "-n", help="So many lines.", min=1)] = 50,
    fmt: FormatOption = Format.TEXT,
    config: Config = None,
) -> int:
    """Print what happened, and who did it.

    The latest first. With an object: what happened to it and to its parts. Asks the daemon's
    store, and no server.
    """
    begin = _moment(since) if since else None
    events = asyncio.run(_log(sides.settings(config), environment, word, begin, limit))
    typer.echo(_log_printed(environment, events, fmt))
    return exits.IN_SYNC


def blame(
    environment: Environment,
    word: Annotated[
        str, typer.Argument(metavar="OBJECT", help="An object: public.t, table:public.t, t.")
    ],
    fmt: FormatOption = Format.TEXT,
    config: Config = None,
) -> int:
    """Print who changed each part of an object last.

    When, with what, and how sure that is. The parts of a table are its columns, constraints,
    indexes, grants, … Asks the daemon's store, and no server.
    """
    found, since = asyncio.run(_blame(sides.settings(config), environment, word))
    typer.echo(_blame_printed(environment, found, since, fmt))
    return exits.IN_SYNC


@asynccontextmanager
async def opened(settings: Settings, environment: str) -> AsyncIterator[Store]:
    """Open the daemon's store. Raises ConfigError when it has nothing of this environment."""
    async with kept_store(settings) as store:
        known = await store.environments()
        if environment not in known:
            msg = f"nothing is kept of an environment {environment!r}"
            names = ", ".join(known) or "none"
            raise ConfigError(msg, reason="usage", hint=f"something is kept of: {names}")
        yield store


def the_object(word: str, keys: Collection[str], environment: str) -> str:
    """Return the key of the one object that a word means. Raises ConfigError for none, several."""
    found = called(word, keys)
    if len(found) == 1:
        return found[0]
    if found:
        more = f" and {len(found) - _MOST_NAMES} more" if len(found) > _MOST_NAMES else ""
        names = ", ".join(map(one_line, found[:_MOST_NAMES])) + more
        msg = f"{word!r} may mean {len(found)} objects of {environment}"
        raise ConfigError(msg, reason="usage", hint=f"name one of them: {names}")
    near = ", ".join(map(one_line, alike(word, keys)))
    hint = f"there is: {near}" if near else "write schema.name, or kind:schema.name"
    raise ConfigError(f"no object {word!r} is known of {environment}", reason="usage", hint=hint)


async def _log(
    settings: Settings,
    environment: str,
    word: str | None,
    since: datetime | None,
    limit: int,
) -> Sequence[Event]:
    async with opened(settings, environment) as store:
        about = None
        if word is not None:
            key, _ = await _find(store, environment, word)
            about = frozenset({key})
        return await store.timeline(environment, limit, since=since, about=about)


async def _blame(
    settings: Settings, environment: str, word: str
) -> tuple[Sequence[Part], datetime | None]:
    async with opened(settings, environment) as store:
        key, snapshot = await _find(store, environment, word)
        events = await store.timeline(environment, _MOST_LINES, about=frozenset({key}))
        return parts(key, snapshot, events), await store.known_since(environment)


async def _find(store: Store, environment: str, word: str) -> tuple[str, Snapshot | None]:
    """Return the key of what a word means, there now or once, and what is there now."""
    snapshot = (await store.load(environment)).snapshot
    now = {str(i) for i in snapshot.objects} if snapshot else set()
    if called(word, now):
        return the_object(word, now, environment), snapshot
    once = await store.subjects(environment)
    return the_object(word, now | once, environment), snapshot


def _moment(text: str) -> datetime:
    """Return the moment that `2h` (ago) or a date stands for. Raises ConfigError."""
    from pydantic import TypeAdapter, ValidationError

    from pgdrift.section import Duration

    try:
        at = datetime.fromisoformat(text)
        return at.replace(tzinfo=UTC) if at.tzinfo is None else at.astimezone(UTC)
    except ValueError:
        pass
    try:
        ago: timedelta = TypeAdapter(Duration).validate_python(text)
        return datetime.now(UTC) - ago
    except (ValidationError, OverflowError):
        msg = f"--since {text!r} is neither a time nor how long ago"
        hint = "write 2h, 7d, 2026-11-22 or 2026-11-22T12:00, which is UTC"
        raise ConfigError(msg, reason="usage", hint=hint) from None


def _log_printed(environment: str, events: Sequence[Event], fmt: Format) -> str:
    if fmt is Format.JSON:
        return _json({"environment": environment, "events": [past.event_json(e) for e in events]})
    if fmt is Format.MARKDOWN:
        lines = [f"## {code(environment)}", "", *map(past.event_markdown, events)]
        return redact("\n".join(lines))
    return redact("\n".join(map(past.event_text, events)) or "nothing happened as far as is kept")


def _blame_printed(
    environment: str, found: Sequence[Part], since: datetime | None, fmt: Format
) -> str:
    if fmt is Format.JSON:
        return _json(
            {
                "environment": environment,
                "known_since": since.isoformat() if since else None,
                "parts": [past.part_json(p) for p in found],
            }
        )
    if fmt is Format.MARKDOWN:
        lines = [f"## {code(environment)}", "", *(past.part_markdown(p, since) for p in found)]
        return redact("\n".join(lines))
    first, *rest = (past.part_text(p, since) for p in found)
    inner = (f"  {line}" for text in rest for line in text.splitlines())
    return redact("\n".join([first, *inner]))


def _json(value: object) -> str:
    return json.dumps(masked(value), indent=2, ensure_ascii=False)
