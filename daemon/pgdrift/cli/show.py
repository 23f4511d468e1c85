"""The command that shows one object as it is kept, or as it was: `pgdrift show ENV@when OBJECT`."""

from __future__ import annotations

import asyncio
import json
from typing import Annotated

import typer

from pgdrift.cli import exits, sides, when
from pgdrift.cli.options import Config, Format, FormatOption
from pgdrift.cli.past import the_object
from pgdrift.core.model import Object
from pgdrift.core.shown import portrait
from pgdrift.core.shown.render import code, one_line

_Parts = tuple[tuple[int, Object], ...]


def show(
    side: Annotated[
        str,
        typer.Argument(
            metavar="ENV[@WHEN]",
            help="Environment as last seen, or at some time; also a connection URL or a file.",
        ),
    ],
    word: Annotated[
        str,
        typer.Argument(
            metavar="OBJECT",
            help="Its name, as `app.orders`, or with its kind, as `table:app.orders`.",
        ),
    ],
    fmt: FormatOption = Format.TEXT,
    config: Config = None,
) -> int:
    """Show what an object looks like, or looked like.

    With all that belongs to it. ENV is as the daemon last saw it; ENV@last-sync, ENV@sync:ID,
    ENV@2026-11-22T12:00Z and ENV@-1h are what it was. No server is asked but that of a URL.
    """
    found = asyncio.run(_read(side, sides.Sides(config)))
    title = found.kept.words if found.kept else sides.title(side)
    by_key = {str(i): i for i in found.snapshot.objects}
    i = by_key[the_object(word, by_key.keys(), title)]
    typer.echo(_text(portrait.portrait(found.snapshot, i), title, found.kept, fmt))
    if found.kept and found.kept.remark:
        typer.echo(f"warning: {one_line(found.kept.remark)}", err=True)
    return exits.IN_SYNC


async def _read(side: str, reader: sides.Sides) -> sides.Side:
    try:
        # An environment as such is shown as it is kept.
        known = reader.is_environment(side) and not reader.past(side)
        return await reader.read(f"{side}@{when.LAST_LOOK}" if known else side)
    finally:
        await reader.close()


def _text(parts: _Parts, title: str, kept: when.Kept | None, fmt: Format) -> str:
    if fmt is Format.JSON:
        objects = portrait.portrait_json(parts)
        answer = {"kept": kept and when.kept_json(kept), "objects": objects}
        return json.dumps(answer, indent=2, ensure_ascii=False)
    if fmt is Format.MARKDOWN:
        return "\n".join([f"## {code(title)}", "", portrait.portrait_markdown(parts)])
    return "\n".join([portrait.portrait_text(parts), "", one_line(title)])
