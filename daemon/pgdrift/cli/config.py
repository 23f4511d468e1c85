"""The commands about the configuration: check, show, schema."""

from __future__ import annotations

import json
import os

import typer
import yaml

from pgdrift.cli import exits, sides
from pgdrift.cli.options import Config

config = typer.Typer(help="The configuration.", no_args_is_help=True, rich_markup_mode=None)


@config.command("check")
def check_config(config: Config = None) -> int:
    """Say whether the configuration can be used: exits 0, or 3 with every fault and its line."""
    settings = sides.settings(config)
    for name, environment in settings.environments.items():
        # Not Path.exists, which raises where the way there may not be walked.
        if environment.dsn_file and not os.path.exists(environment.dsn_file):  # noqa: PTH110
            typer.echo(f"warning: {name}: dsn_file {environment.dsn_file} is not there now")
    count = len(settings.environments)
    typer.echo(f"good: {count} environments, {len(settings.alerts.channels)} channels")
    return exits.IN_SYNC


@config.command()
def show(config: Config = None) -> int:
    """Print the configuration as it is in force, defaults included and secrets masked."""
    data = json.loads(sides.settings(config).model_dump_json(by_alias=True, exclude_none=True))
    typer.echo(yaml.safe_dump(data, sort_keys=False, allow_unicode=True).rstrip())
    return exits.IN_SYNC


@config.command()
def schema() -> int:
    """Print the JSON Schema of the configuration, for editors and for CI."""
    from pgdrift.settings import Settings

    typer.echo(json.dumps(Settings.model_json_schema(by_alias=True), indent=2))
    return exits.IN_SYNC
