"""The commands around the daemon: serve, status, sync, demo."""

from __future__ import annotations

import asyncio
import getpass
import importlib
import os
from collections.abc import Callable
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated

import typer

from pgdrift.cli import exits, sides
from pgdrift.cli.compare import standings_text
from pgdrift.cli.options import Config, Format, FormatOption
from pgdrift.core.look import remembered
from pgdrift.core.model import Standing, SyncPoint
from pgdrift.errors import ConfigError, SourceError
from pgdrift.log import configure
from pgdrift.sources.reading import read_once

if TYPE_CHECKING:
    from pgdrift.settings import Settings


def serve(config: Config = None) -> int:
    """Watch all environments until SIGTERM or Ctrl-C; SIGHUP reads the configuration again."""
    from pgdrift.app import serve as watch

    configure()
    with asyncio.Runner(loop_factory=_loop_factory()) as runner:
        runner.run(watch(sides.config_path(config)))
    return exits.IN_SYNC


def status(fmt: FormatOption = Format.TEXT, config: Config = None) -> int:
    """Print how the daemon last saw the environments; asks its store, and no server."""
    standings = asyncio.run(_status(sides.settings(config)))
    typer.echo(standings_text(standings, fmt))
    return exits.IN_SYNC


def sync(
    environment: Annotated[str, typer.Argument(metavar="ENV", help="The environment.")],
    reason: Annotated[str, typer.Option("--reason", help="Why the present is right.")],
    actor: Annotated[
        str | None, typer.Option("--actor", help="Who says so; else the user of this shell.")
    ] = None,
    config: Config = None,
) -> int:
    """Declare that an environment is right as it is now: a sync point, with its snapshot."""
    who = actor or _user()
    point, count = asyncio.run(_sync(sides.settings(config), environment, reason, who))
    typer.echo(
        f"sync point {point.id} of {environment} at {point.at:%Y-%m-%d %H:%M:%S} UTC: "
        f"{count} objects are expected from now on"
    )
    return exits.IN_SYNC


def demo(
    port: Annotated[
        int, typer.Option(envvar="PGDRIFT_DEMO_PORT", help="Port of the page.", min=0, max=65535)
    ] = 8080,
    exit_after: Annotated[
        float | None,
        typer.Option(envvar="PGDRIFT_DEMO_EXIT_AFTER", help="End by itself after these seconds."),
    ] = None,
) -> int:
    """Show everything on this machine: databases of its own, drift, page, messages."""
    try:
        from pgdrift import demo as story  # the parts of an extra
    except ModuleNotFoundError as error:
        msg = f"the demo needs the package {error.name}"
        raise ConfigError(msg, reason="usage", hint="pip install 'pgdrift[demo]'") from error
    return story.run(port=port, exit_after=exit_after)


def _user() -> str:
    """Return who runs this; in a container that may be a number without a name."""
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        return f"uid {os.getuid()}"


def _loop_factory() -> Callable[[], asyncio.AbstractEventLoop] | None:
    """Return uvloop's where it is installed (it is not for Windows), else the default."""
    try:
        uvloop = importlib.import_module("uvloop")
    except ImportError:
        return None
    factory: Callable[[], asyncio.AbstractEventLoop] = uvloop.new_event_loop
    return factory


async def _status(settings: Settings) -> list[Standing]:
    from pgdrift.app import watched
    from pgdrift.store import exists, open_store

    if not exists(settings.store.url):
        msg = f"there is no store at {settings.store.url}: the daemon has not run here yet"
        raise ConfigError(msg, reason="usage", hint="start it with `pgdrift serve`")
    async with open_store(settings.store.url) as store:
        return [
            remembered(watched(settings, name), await store.load(name))
            for name in settings.environments
        ]


async def _sync(settings: Settings, name: str, reason: str, actor: str) -> tuple[SyncPoint, int]:
    from pgdrift.store import open_store

    if name not in settings.environments:
        known = ", ".join(settings.environments) or "none"
        msg = f"there is no environment {name!r}"
        raise ConfigError(msg, reason="usage", hint=f"configured are: {known}")
    environment = settings.environments[name]
    snapshot = (await read_once(environment.read_dsn(), ledger=environment.ledger)).snapshot
    if words := "; ".join(sides.unread_words(snapshot)):
        msg = f"{name} cannot be declared right, for it was not seen as a whole: {words}"
        hint = "grant the right that is named, and declare it again"
        raise SourceError(msg, reason="permission", hint=hint)
    async with open_store(settings.store.url) as store:
        point = await store.declare(SyncPoint(name, datetime.now(UTC), reason, actor), snapshot)
    return point, len(snapshot.objects)
