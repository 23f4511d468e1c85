"""The commands about telling: try a channel, ask where something would be told, hold a drill."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated, NamedTuple

import typer

from pgdrift.cli import exits, sides
from pgdrift.cli.options import Config
from pgdrift.core.alerts import drill as drills
from pgdrift.core.alerts.explain import Answer, explain, supposed
from pgdrift.core.alerts.route import Subject
from pgdrift.core.judge import judge
from pgdrift.core.model import REACH, SYNC, ChangeClass, Direction, Finding, Severity
from pgdrift.core.shown.called import called
from pgdrift.core.shown.render import one_line
from pgdrift.errors import ConfigError, SinkError
from pgdrift.log import redact

if TYPE_CHECKING:
    from pgdrift.settings import Settings

alerts = typer.Typer(help="Who is told, and how.", no_args_is_help=True, rich_markup_mode=None)

_PATIENCE = 60.0  # seconds that a drill waits for a running daemon


@alerts.command("test")
def try_out(
    channel: Annotated[str, typer.Argument(help="The channel's name in the configuration.")],
    config: Config = None,
) -> int:
    """Tell a channel that this is a test, and say what became of it.

    It is told as a drill, in one try and with no daemon. Exits 2 when it did not arrive.
    """
    settings = sides.settings(config)
    _known(settings, [channel])
    return asyncio.run(_directly(settings, [channel], whole=False))


@alerts.command()
def route(
    environment: Annotated[str, typer.Argument(metavar="ENV", help="The environment.")],
    finding: Annotated[
        str | None,
        typer.Argument(help="A finding, as table:public.t; none: that ENV cannot be looked at."),
    ] = None,
    severity: Annotated[
        Severity | None, typer.Option("--severity", help="Suppose it so grave.")
    ] = None,
    cls: Annotated[
        ChangeClass | None, typer.Option("--class", help="Suppose it touches this.")
    ] = None,
    direction: Annotated[
        Direction | None, typer.Option("--direction", help="Suppose who moved.")
    ] = None,
    against: Annotated[
        str | None, typer.Option("--against", help="Suppose against what it stands.")
    ] = None,
    explained: Annotated[
        bool, typer.Option("--explain", help="Say of every route why, or why not.")
    ] = False,
    config: Config = None,
) -> int:
    """Say where a finding is told: by which route, and to whom.

    A finding that the store knows is taken as it was found, against each yardstick; any other is
    supposed, and is as grave as it would be. Exits 1 when nobody hears of it.
    """
    from pgdrift import rules

    settings = sides.settings(config)
    if environment not in settings.environments:
        known = ", ".join(settings.environments) or "none"
        msg = f"there is no environment {environment!r}"
        raise ConfigError(msg, reason="usage", hint=f"known are {known}")
    routes, owners = rules.routes(settings), rules.owners(settings)
    heard = True
    asked = _Asked(environment, finding, severity, cls, direction, against)
    for stands, found in _subjects(settings, asked):
        grave = found.severity if found else severity or _grave(settings, environment)
        of = owners.of(found.key) if found else ()
        answers = explain(routes, Subject(environment, stands, grave, found, of), owners)
        what = f"{found.key} ({grave}, {found.cls}, {found.direction})" if found else str(grave)
        typer.echo(f"{one_line(what)} in {environment} against {stands}:")
        if of:
            typer.echo(f"  owned by {one_line(', '.join(of))}")
        heard = _tell_of(answers, explained=explained) and heard
    return exits.IN_SYNC if heard else exits.DRIFTED


def _tell_of(answers: tuple[Answer, ...], *, explained: bool) -> bool:
    """Print what the routes say; tell whether anybody hears of it."""
    to = [name for a in answers for name in a.to]
    for a in answers if explained else ():
        words = a.why_not or f"→ {', '.join(a.to)}" + ("" if a.decided else ", and on (continue)")
        typer.echo(f"  route {a.number}: {one_line(words)}")
    typer.echo(f"  told to {', '.join(dict.fromkeys(to))}" if to else "  told to nobody")
    return bool(to)


class _Asked(NamedTuple):
    """What the command line asks about."""

    environment: str
    finding: str | None
    severity: Severity | None
    cls: ChangeClass | None
    direction: Direction | None
    against: str | None


def _grave(settings: Settings, environment: str) -> Severity:
    """Return how grave it is that an environment cannot be looked at."""
    protected = settings.environments[environment].protected
    return Severity.CRITICAL if protected else Severity.WARNING


def _subjects(settings: Settings, asked: _Asked) -> list[tuple[str, Finding | None]]:
    """Return what is asked about, by yardstick: found, supposed, or the environment as such."""
    supposing = (asked.severity, asked.cls, asked.direction) != (None, None, None)
    if asked.finding is None and (asked.cls, asked.direction) == (None, None):
        return [(asked.against or REACH, None)]
    if asked.finding is not None and not supposing:
        known = asyncio.run(_findings(settings, asked.environment))
        known = [(y, f) for y, f in known if asked.against in (None, y)]
        keys = called(asked.finding, [f.key for _, f in known])
        found: list[tuple[str, Finding | None]] = [(y, f) for y, f in known if f.key in keys]
        if found:
            return found
    made = _supposed(settings, asked)
    follows = settings.environments[asked.environment].follows
    yardstick = SYNC if made.direction is Direction.CHANGED or follows is None else follows
    return [(asked.against or yardstick, made)]


def _supposed(settings: Settings, asked: _Asked) -> Finding:
    """Return a finding that nobody found, judged as it would be but for what is asked."""
    from pgdrift.parts.building import watched

    now, moved = datetime.now(UTC), asked.direction or Direction.CHANGED
    severity, cls = asked.severity or Severity.WARNING, asked.cls or ChangeClass.STRUCTURE
    made = supposed(asked.finding or "", severity, cls, moved, now)
    policy = replace(watched(settings, asked.environment).policy, ignore=())
    (judged,) = judge([made.change], lambda _: moved, {}, {}, policy, now)
    return replace(judged, severity=asked.severity or judged.severity, cls=asked.cls or judged.cls)


async def _findings(settings: Settings, environment: str) -> list[tuple[str, Finding]]:
    from pgdrift.store import exists, open_store

    if not exists(settings.store.read_url()):
        return []
    async with open_store(settings.store.read_url()) as store:
        book = await store.load(environment, snapshots=False)
    return [(a.yardstick, f) for a in book.against for f in a.findings]


def drill(
    channels: Annotated[
        list[str] | None, typer.Option("--channel", help="Only through this one; may be repeated.")
    ] = None,
    config: Config = None,
) -> int:
    """Tell every channel something made up, and then its end.

    It is marked as a drill and is nobody's incident. With a store it goes the whole way through
    the outbox: a daemon that runs delivers it. Exits 2 when something did not arrive.
    """
    from pgdrift.store import exists

    settings = sides.settings(config)
    names = channels or list(settings.alerts.channels)
    _known(settings, names)
    if exists(settings.store.read_url()):
        return asyncio.run(_through_the_outbox(settings, names))
    return asyncio.run(_directly(settings, names, whole=True))


def _known(settings: Settings, names: list[str]) -> None:
    from pgdrift.configfile import did_you_mean

    if not names:
        msg = "there are no channels to tell"
        raise ConfigError(msg, reason="usage", hint="name some under alerts.channels")
    for name in names:
        if name not in settings.alerts.channels:
            near = did_you_mean(name, settings.alerts.channels)
            msg = f"there is no channel {name!r}{near}"
            hint = f"known are {', '.join(settings.alerts.channels) or 'none'}"
            raise ConfigError(msg, reason="usage", hint=hint)


async def _directly(settings: Settings, names: list[str], *, whole: bool) -> int:
    """Tell in one try, through nothing but the channels."""
    from pgdrift.core.alerts.incident import Delivery
    from pgdrift.sinks import deliver

    code = exits.IN_SYNC
    for name in names:
        first = drills.opened(datetime.now(UTC))
        thread = None
        for notice in (first, drills.ended(first, datetime.now(UTC))) if whole else (first,):
            sent = Delivery(f"{notice.id}-{name}", name, notice, thread=thread)
            try:
                channel = settings.alerts.channels[name]
                thread = await deliver(channel, sent, link=settings.web.public_url)
            except SinkError as error:
                typer.echo(f"{name}: did not arrive: {redact(str(error))}")
                code = exits.UNKNOWN
                break
        else:
            typer.echo(f"{name}: arrived")
    return code


async def _through_the_outbox(settings: Settings, names: list[str]) -> int:
    """Put it where every notice is put, and wait until it was told, or tell it ourselves."""
    from pgdrift.cli.drilling import outcome_of

    first = drills.opened(datetime.now(UTC))
    became = await outcome_of(settings, first, names, _PATIENCE)
    for name, why in became.items():
        typer.echo(f"{name}: did not arrive: {why}" if why else f"{name}: arrived")
    return exits.UNKNOWN if any(became.values()) else exits.IN_SYNC
