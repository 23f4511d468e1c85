"""The commands about the configuration: check, show, schema."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import typer
import yaml

from pgdrift.cli import exits, sides
from pgdrift.cli.options import Config
from pgdrift.core.alerts.explain import unheard
from pgdrift.core.model import REACH, SYNC
from pgdrift.errors import ConfigError
from pgdrift.sections.discovering import FoundSettings

if TYPE_CHECKING:
    from pgdrift.settings import Settings
    from pgdrift.sinks import Channel

config = typer.Typer(help="The configuration.", no_args_is_help=True, rich_markup_mode=None)


@config.command("check")
def check_config(config: Config = None) -> int:
    """Say whether the configuration can be used. Exits 3 with every fault and its line."""
    from pgdrift.parts.building import scratch_of
    from pgdrift.sources.files import is_snapshot

    settings = sides.settings(config, ask=True)
    if sides.config_path(config) is None and not (settings.environments or settings.discover):
        msg = "no configuration found; looked for ./pgdrift.yaml and for PGDRIFT_… variables"
        raise ConfigError(msg, reason="usage", hint="name a file with --config")
    for name, environment in settings.environments.items():
        follows = environment.follows if environment.follows not in settings.environments else None
        for key in ("dsn_file", "snapshot"):
            _warn_of_absent(f"{name}: {key}", getattr(environment, key))
        _warn_of_absent(f"{name}: follows", follows)
        if follows and not is_snapshot(follows) and (why := scratch_of(settings).missing()):
            typer.echo(f"warning: {name}: follows {follows}, and no scratch server now: {why}")
    _warn_of_channels(settings.alerts.channels)
    _warn_of_absent("scratch: dsn_file", settings.scratch.dsn_file)
    _warn_of_absent("store: url_file", settings.store.url_file)
    file = settings.compare.ignore_file
    if file and not os.path.exists(file):  # noqa: PTH110
        typer.echo(f"warning: compare.ignore_file {file} is not there now: it has no rules")
    _warn_of_absent("alerts.owners_file", settings.alerts.owners_file)
    _warn_of_what_nobody_hears(settings)
    count = len(settings.environments)
    channels = len(settings.alerts.channels)
    for section in settings.discover:
        _warn_of_absent(f"discover.{section}: dsn_file", settings.discover[section].dsn_file)
        group = settings.discover[section].group or section
        each = settings.environments.values()
        found = sum(isinstance(e, FoundSettings) and e.group == group for e in each)
        typer.echo(f"discover.{section}: {found} found now")
    typer.echo(
        f"good: {count} environment{'' if count == 1 else 's'},"
        f" {channels} channel{'' if channels == 1 else 's'}"
    )
    return exits.IN_SYNC


@config.command()
def show(config: Config = None) -> int:
    """Print the configuration as it is in force.

    Defaults are included, secrets are masked.
    """
    data = json.loads(
        sides.settings(config, ask=True).model_dump_json(by_alias=True, exclude_none=True)
    )
    typer.echo(yaml.safe_dump(data, sort_keys=False, allow_unicode=True).rstrip())
    return exits.IN_SYNC


@config.command()
def schema() -> int:
    """Print the configuration's JSON Schema. It is for editors and for CI."""
    from pgdrift.settings import Settings

    typer.echo(json.dumps(Settings.model_json_schema(by_alias=True), indent=2))
    return exits.IN_SYNC


def _warn_of_channels(channels: Mapping[str, Channel]) -> None:
    from pgdrift.sinks import missing

    for name, channel in channels.items():
        for key in type(channel).model_fields:
            if key.endswith("_file"):
                _warn_of_absent(f"alerts.channels.{name}: {key}", getattr(channel, key))
        if lacks := missing(channel):
            typer.echo(f"warning: alerts.channels.{name}: {lacks}")


def _warn_of_what_nobody_hears(settings: Settings) -> None:
    """Say what is grave and is told to nobody, where anybody is told anything."""
    from pgdrift import rules

    if not settings.alerts.channels:
        return
    routes, owners = rules.routes(settings), rules.owners(settings)
    for name, environment in settings.environments.items():
        yardsticks = [SYNC, REACH, *([environment.follows] if environment.follows else [])]
        for what in unheard(routes, name, yardsticks, owners, datetime.now(UTC)):
            typer.echo(f"warning: {name}: nobody hears of {what}")


def _warn_of_absent(what: str, path: str | Path | None) -> None:
    # Not Path.exists, which raises where the way there may not be walked.
    if path and not os.path.exists(path):  # noqa: PTH110
        typer.echo(f"warning: {what} {path} is not there now")
