"""The commands by which people answer: acknowledge, silence, accept, take back; and the incidents.

They write to the store that the daemon keeps; it heeds them at once.
"""

from __future__ import annotations

import asyncio
import json
from dataclasses import replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated

import typer

from pgdrift.cli import exits, sides, when
from pgdrift.cli.options import Config, Format, FormatOption, user
from pgdrift.configfile import did_you_mean
from pgdrift.core.alerts.marks import Mark, Matcher, Order, Verb
from pgdrift.core.ignore import matches
from pgdrift.core.model import ChangeClass, Direction, Severity
from pgdrift.core.shown import marked
from pgdrift.core.shown.render import one_line
from pgdrift.errors import ConfigError

if TYPE_CHECKING:
    from pgdrift.settings import Settings

Reason = Annotated[str, typer.Option("--reason", help="Why; people read it.")]
For = Annotated[str | None, typer.Option("--for", help="For how long, as 4h or 7d.")]
Until = Annotated[
    str | None, typer.Option("--until", help="Until when, as 2026-12-01T08:00; UTC without a zone.")
]
By = Annotated[str | None, typer.Option("--by", help="Who says so; else the user of this shell.")]
_Incident = Annotated[str, typer.Argument(metavar="INCIDENT", help="Its id, or how the id begins.")]


def ack(
    incident: _Incident,
    reason: Reason = "somebody is on it",
    for_: For = None,
    until: Until = None,
    by: By = None,
    config: Config = None,
) -> int:
    """Take an incident on: it is not repeated any more.

    What is new or worse is told all the same; what becomes worse ends it.
    """
    return _say(Order(Verb.ACK, by or user(), reason, _end(for_, until), incident), config)


def silence(
    environment: Annotated[
        str, typer.Argument(metavar="ENV", help="Glob over environments; or an incident's id.")
    ],
    object_: Annotated[
        str, typer.Argument(metavar="OBJECT", help="Glob over kind:name, as index:public.tmp_*.")
    ] = "*",
    cls: Annotated[
        list[ChangeClass] | None, typer.Option("--class", help="What touches this alone.")
    ] = None,
    severity: Annotated[
        list[Severity] | None, typer.Option("--severity", help="What is so grave alone.")
    ] = None,
    direction: Annotated[
        list[Direction] | None, typer.Option("--direction", help="Where these moved alone.")
    ] = None,
    reason: Reason = "no reason was given",
    for_: For = None,
    until: Until = None,
    by: By = None,
    config: Config = None,
) -> int:
    """Be told nothing of what matches, for a time.

    4 hours, where none is given. It stays drift, in metrics and on the page; what was told is
    told to be over when it is.
    """
    end = _end(for_, until) or _end("4h", None)
    settings = sides.settings(config)
    given = tuple(cls or ()), tuple(severity or ()), tuple(direction or ())
    matcher = Matcher(environment, object_, *given)
    bare = matcher == Matcher(environment)
    incident = asyncio.run(_incident(settings, environment)) if bare else None
    order = Order(Verb.SILENCE, by or user(), reason, end, incident)
    if incident is None:
        _watched(settings, environment)
    return _say(order if incident else replace(order, matcher=matcher), config)


def accept(
    where: Annotated[
        str, typer.Argument(metavar="ENV|INCIDENT", help="The environment, or an incident's id.")
    ],
    findings: Annotated[
        list[str] | None,
        typer.Argument(metavar="FINDING", help="As kind:name; none: all of the incident."),
    ] = None,
    reason: Reason = "no reason was given",
    for_: For = None,
    until: Until = None,
    by: By = None,
    config: Config = None,
) -> int:
    """Call findings right, until the object changes again."""
    keys, end = tuple(findings or ()), _end(for_, until)
    if where in sides.settings(config).environments:
        order = Order(Verb.ACCEPT, by or user(), reason, end, None, keys, environment=where)
    else:
        order = Order(Verb.ACCEPT, by or user(), reason, end, where, keys)
    return _say(order, config)


def unsilence(
    mark: Annotated[
        int, typer.Argument(metavar="NUMBER", help="As `pgdrift incidents` shows it.", min=1)
    ],
    reason: Reason = "it is not needed any more",
    by: By = None,
    config: Config = None,
) -> int:
    """End a silence, an acknowledgement or an acceptance."""
    return _say(Order(Verb.END, by or user(), reason, mark=mark), config)


def incidents(
    environment: Annotated[
        str | None, typer.Argument(metavar="ENV", help="Of this one; none: of all.")
    ] = None,
    all_: Annotated[bool, typer.Option("--all", help="Those that are over as well.")] = False,
    fmt: FormatOption = Format.TEXT,
    config: Config = None,
) -> int:
    """List the incidents that are not over, and what people said."""
    typer.echo(asyncio.run(_list(sides.settings(config), environment, fmt, over=all_)))
    return exits.IN_SYNC


def _say(order: Order, config: Config) -> int:
    mark = asyncio.run(_mark(sides.settings(config), order))
    typer.echo(marked.mark_text(mark))
    return exits.IN_SYNC


async def _mark(settings: Settings, order: Order) -> Mark:
    async with when.kept_store(settings) as store:
        return await store.mark(order, datetime.now(UTC))


def _watched(settings: Settings, glob: str) -> None:
    """Warn of a silence that is for no environment today: what it was meant for is told."""
    known = settings.environments
    if not any(matches(name, glob) for name in known):
        near = did_you_mean(glob, known)
        words = f"no environment that is watched is called {one_line(glob)!r}{near}"
        typer.echo(f"warning: {words}", err=True)


async def _incident(settings: Settings, word: str) -> str | None:
    """Return the id of the one open incident that a word names; None where it names none."""
    if word in settings.environments or "*" in word:
        return None
    async with when.kept_store(settings) as store:
        found = [i.id for i in await store.incidents() if i.id.startswith(word)]
    return found[0] if len(found) == 1 else None


async def _list(settings: Settings, environment: str | None, fmt: Format, *, over: bool) -> str:
    now = datetime.now(UTC)
    async with when.kept_store(settings) as store:
        if environment is not None and environment not in await store.environments():
            known = ", ".join(await store.environments()) or "none"
            msg = f"nothing is kept of an environment {environment!r}"
            raise ConfigError(msg, reason="usage", hint=f"there are: {known}")
        found = await store.incidents(environment, open_only=not over, limit=200)
        said = await store.marks(environment, holding_at=None if over else now)
    if fmt is Format.JSON:
        return json.dumps(marked.incidents_json(found, said, now), indent=2)
    shown = marked.incidents_markdown if fmt is Format.MARKDOWN else marked.incidents_text
    return shown(found, said, now)


def _end(for_: str | None, until: str | None) -> datetime | None:
    """Return when something ends, UTC; None when nothing is said of it."""
    if for_ and until:
        msg = "--for and --until are both given"
        raise ConfigError(msg, reason="usage", hint="give one")
    if for_:
        return datetime.now(UTC) + when.duration(for_)
    return when.moment(until) if until else None
