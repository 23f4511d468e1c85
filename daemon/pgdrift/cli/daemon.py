"""The commands around the daemon: serve, status, demo."""

from __future__ import annotations

import asyncio
import importlib
import json
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Annotated

import typer

from pgdrift.cli import exits, sides, when
from pgdrift.cli.compare import standings_text
from pgdrift.cli.options import Config, Format, FormatOption
from pgdrift.core.alerts.letters import Tray
from pgdrift.core.model import CHANNELS, Standing
from pgdrift.core.standing import remembered
from pgdrift.errors import WITH_DEMO, ConfigError
from pgdrift.log import configure

if TYPE_CHECKING:
    from pgdrift.settings import Settings


def serve(config: Config = None) -> int:
    """Watch all environments. Ends on SIGTERM or Ctrl-C.

    SIGHUP reads the configuration again.
    """
    from pgdrift.app import serve as watch

    configure()
    with asyncio.Runner(loop_factory=_loop_factory()) as runner:
        runner.run(watch(sides.config_path(config)))
    return exits.IN_SYNC


def status(fmt: FormatOption = Format.TEXT, config: Config = None) -> int:
    """Print how all stood at the last look, and the channels. Asks its store, and no server."""
    from pgdrift.cli.glance import rules_at_a_glance

    settings = sides.settings(config)
    standings, trays = asyncio.run(_status(settings))
    typer.echo(standings_text(standings, fmt, rules_at_a_glance(settings, standings), trays))
    return exits.IN_SYNC


def variants(fmt: FormatOption = Format.TEXT, config: Config = None) -> int:
    """Print which environments of a group are alike. Asks its store.

    Groups are those that `discover` found, and those that share a `group`.
    """
    from pgdrift.core.shown.variants import group_json, group_text
    from pgdrift.core.variants import groups

    settings = sides.settings(config)
    standings, _ = asyncio.run(_status(settings))
    found = groups(standings)
    if fmt is Format.JSON:
        body = {"groups": [group_json(g) for g in found]}
        typer.echo(json.dumps(body, indent=2, ensure_ascii=False))
    else:
        nobody = "no environment is in a group: set `group`, or let `discover` find them"
        typer.echo("\n\n".join(map(group_text, found)) or nobody)
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
    """Show everything on this machine.

    Databases of its own, drift, page, messages.
    """
    try:
        from pgdrift import demo as story  # the parts of an extra
    except ModuleNotFoundError as error:
        msg = f"the demo needs the package {error.name}"
        raise ConfigError(msg, reason="usage", hint=WITH_DEMO) from error
    return story.run(port=port, exit_after=exit_after)


def _loop_factory() -> Callable[[], asyncio.AbstractEventLoop] | None:
    """Return uvloop's where it is installed (it is not for Windows), else the default."""
    try:
        uvloop = importlib.import_module("uvloop")
    except ImportError:
        return None
    factory: Callable[[], asyncio.AbstractEventLoop] = uvloop.new_event_loop
    return factory


async def _status(settings: Settings) -> tuple[Sequence[Standing], Sequence[Tray]]:
    from pgdrift.parts.building import watched

    async with when.kept_store(settings) as store:
        standings = [
            remembered(watched(settings, name), await store.load(name))
            for name in settings.environments
        ]
        dead = {i.against: i.opened_at for i in await store.incidents(CHANNELS)}
        trays = [replace(t, dead_since=dead.get(t.channel)) for t in await store.trays()]
        return standings, trays
