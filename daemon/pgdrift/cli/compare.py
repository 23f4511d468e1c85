"""The commands that look and answer: diff, check, snapshot. They keep nothing."""

from __future__ import annotations

import asyncio
import json
import sys
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated

import typer

from pgdrift.cli import exits, sides
from pgdrift.cli.options import Config, Format, FormatOption
from pgdrift.core import render, report, snapshot_file
from pgdrift.core.compare import Comparison, compare
from pgdrift.core.model import Standing
from pgdrift.core.normalise import Options, normalise
from pgdrift.errors import ConfigError

Pairs = Mapping[str, tuple[int, int]]


def diff(
    a: Annotated[
        str, typer.Argument(metavar="A", help="Environment, connection URL, or snapshot file.")
    ],
    b: Annotated[
        str, typer.Argument(metavar="B", help="The same; the answer tells what B has made of A.")
    ],
    fmt: FormatOption = Format.TEXT,
    column_order: Annotated[
        bool, typer.Option("--column-order", help="Count the order of columns as a difference.")
    ] = False,
    config: Config = None,
) -> int:
    """Compare two schemas. Exits 0 when equal, 1 on a difference, 2 when it could not look."""
    options = Options(column_order=column_order)
    comparison, not_compared = asyncio.run(_diff(a, b, config, options))
    typer.echo(_comparison(comparison, not_compared, sides.title(a), sides.title(b), fmt))
    return exits.DRIFTED if comparison.changes else exits.IN_SYNC


def snapshot(
    side: Annotated[str, typer.Argument(metavar="ENV", help="Environment or connection URL.")],
    output: Annotated[
        Path | None, typer.Option("--output", "-o", help="File to write; else standard output.")
    ] = None,
    config: Config = None,
) -> int:
    """Write a schema as a snapshot file: sorted, one attribute a line, made for git."""
    text = snapshot_file.dump(asyncio.run(sides.read_side(side, config)).snapshot)
    if output is None:
        sys.stdout.write(text)
        return exits.IN_SYNC
    try:
        output.write_text(text, encoding="utf-8")
    except OSError as error:
        msg = f"cannot write {output}: {error.strerror}"
        raise ConfigError(msg, reason="usage") from error
    return exits.IN_SYNC


def check(
    databases: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="DATABASE",
            help="Connection URLs in the order of promotion; none: all environments configured.",
        ),
    ] = None,
    fmt: FormatOption = Format.TEXT,
    config: Config = None,
) -> int:
    """Look once at everything. Exits 0 in sync, 1 on drift, 2 when something is unknown."""
    standings = asyncio.run(_check(databases or [], config))
    typer.echo(standings_text(standings, fmt))
    return exits.of(*(o for s in standings for o in (s.outcome, *(a.outcome for a in s.against))))


def standings_text(standings: Sequence[Standing], fmt: Format) -> str:
    """Return how environments stand, as text, JSON or Markdown."""
    if fmt is Format.JSON:
        answer = {
            "environments": [report.standing_json(s) for s in standings],
            "findings": [f for s in standings for f in report.findings_json(s)],
        }
        return json.dumps(answer, indent=2, ensure_ascii=False)
    to_text = report.standing_markdown if fmt is Format.MARKDOWN else report.standing_text
    return "\n\n".join(map(to_text, standings))


async def _diff(a: str, b: str, config: Path | None, options: Options) -> tuple[Comparison, Pairs]:
    before, after = await asyncio.gather(
        sides.read_side(a, config), sides.read_side(b, config), return_exceptions=True
    )
    if isinstance(before, BaseException):
        raise before
    if isinstance(after, BaseException):
        raise after
    comparison = compare(normalise(before.snapshot, options), normalise(after.snapshot, options))
    return comparison, _not_compared(before, after)


def _not_compared(before: sides.Side, after: sides.Side) -> Pairs:
    """Return by kind how many objects each side has that the other could not be asked for."""
    counts = [
        Counter(o.kind for o in side.snapshot.objects if o.kind not in other.snapshot.kinds)
        + Counter(side.not_compared)
        for side, other in ((before, after), (after, before))
    ]
    return {kind: (counts[0][kind], counts[1][kind]) for kind in sorted(counts[0] | counts[1])}


async def _check(databases: Sequence[str], config: Path | None) -> Sequence[Standing]:
    from pgdrift.cli.glance import glance, glance_at

    for word in databases:
        if not sides.is_dsn(word):
            msg = f"{word!r} is no connection URL"
            hint = "write postgresql://user@host/database, or use --config for environments"
            raise ConfigError(msg, reason="usage", hint=hint)
    if databases:
        return await glance_at([(sides.title(dsn), dsn) for dsn in databases])
    settings = sides.settings(config)
    if not settings.environments:
        msg = "there is nothing to check: no environment is configured"
        hint = "name a configuration with --config, or connection URLs in order of promotion"
        raise ConfigError(msg, reason="usage", hint=hint)
    return await glance(settings)


def _comparison(comparison: Comparison, not_compared: Pairs, a: str, b: str, fmt: Format) -> str:
    if fmt is Format.JSON:
        answer = {
            "findings": [render.change_json(c) for c in comparison.changes],
            "not_compared": {kind: list(counts) for kind, counts in not_compared.items()},
        }
        return json.dumps(answer, indent=2, ensure_ascii=False)
    markdown = fmt is Format.MARKDOWN
    name = render.code if markdown else render.one_line
    to_text = render.change_markdown if markdown else render.change_text
    count = len(comparison.changes)
    head = f"{count} {'difference' if count == 1 else 'differences'} from {name(a)} to {name(b)}"
    if not count:
        head = f"{name(a)} and {name(b)} are equal"
    if not_compared:
        head += f"\nnot compared: {_counts(not_compared)}"
    items = "\n".join(map(to_text, comparison.changes))
    parts = [head, items] if markdown else [items, head]
    return "\n\n".join(p for p in parts if p)


def _counts(not_compared: Pairs) -> str:
    return ", ".join(
        f"{kind.replace('_', ' ')} ({a} in A, {b} in B)" for kind, (a, b) in not_compared.items()
    )
