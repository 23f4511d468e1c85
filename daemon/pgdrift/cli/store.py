"""The commands about what pgdrift remembers: from a file to a server."""

from __future__ import annotations

import asyncio
from typing import Annotated
from urllib.parse import quote

import typer

from pgdrift.cli import exits, sides
from pgdrift.cli.options import Config

store = typer.Typer(help="What pgdrift remembers.", no_args_is_help=True, rich_markup_mode=None)


@store.callback()
def _group() -> None:
    """Keep `migrate` a word of its own, though it is the only one."""


@store.command()
def migrate(
    source: Annotated[
        str, typer.Argument(metavar="FROM", help="A SQLite store: its URL, or the file's path.")
    ],
    target: Annotated[
        str | None,
        typer.Argument(metavar="[TO]", help="An empty PostgreSQL store; else the configuration's."),
    ] = None,
    config: Config = None,
) -> int:
    """Move a SQLite store to a PostgreSQL server, all of it.

    FROM stays as it is. TO has to be empty, and nothing is in it unless all is. End the daemons of
    both first. A password is better in the file of store.url_file than in TO.
    """
    from pgdrift.store.moving import move

    url = source if "://" in source else f"sqlite:///{quote(source)}"
    moved = asyncio.run(move(url, target or sides.settings(config).store.read_url()))
    for table in sorted(moved, key=lambda t: t.table):
        typer.echo(f"{table.rows:>9,}  {table.table:<14} {table.digest}")
    typer.echo("all is there, and is what it was: give store.url or store.url_file to the daemons")
    return exits.IN_SYNC
