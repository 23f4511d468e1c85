"""The commands that look and answer: diff, check, snapshot. They keep nothing."""

from __future__ import annotations

import asyncio
import json
import sys
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import typer

from pgdrift.cli import exits, sides
from pgdrift.cli.options import Config, Format, FormatOption
from pgdrift.core import render, report, snapshot_file
from pgdrift.core.compare import Comparison, compare
from pgdrift.core.model import Snapshot, Standing
from pgdrift.core.normalise import Options, normalise
from pgdrift.errors import ConfigError

Pairs = Mapping[str, tuple[int, int]]
Unread = Mapping[str, tuple[str | None, str | None]]


@dataclass(frozen=True, slots=True)
class _Compared:
    """What two sides differ in, and what is not known: by kind, for A and for B.

    `not_compared` counts objects of kinds that are not compared, `unread` says why a kind that
    should be could not be read.
    """

    comparison: Comparison
    not_compared: Pairs
    unread: Unread


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
    """Compare two schemas. Exits 0 when equal, 1 on a difference, 2 when it could not see all."""
    options = Options(column_order=column_order)
    compared = asyncio.run(_diff(a, b, config, options))
    typer.echo(_comparison(compared, sides.title(a), sides.title(b), fmt))
    if compared.unread:
        return exits.UNKNOWN
    return exits.DRIFTED if compared.comparison.changes else exits.IN_SYNC


def snapshot(
    side: Annotated[str, typer.Argument(metavar="ENV", help="Environment or connection URL.")],
    output: Annotated[
        Path | None, typer.Option("--output", "-o", help="File to write; else standard output.")
    ] = None,
    config: Config = None,
) -> int:
    """Write a schema as a snapshot file: sorted, one attribute a line, made for git.

    Exits 2 when a kind of object could not be read; the file says which.
    """
    found = asyncio.run(sides.read_side(side, config)).snapshot
    text = snapshot_file.dump(found)
    if output is None:
        sys.stdout.write(text)
    else:
        _write(output, text)
    for words in sides.unread_words(found):
        typer.echo(f"warning: {words}", err=True)
    return exits.UNKNOWN if found.unread else exits.IN_SYNC


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


def _write(output: Path, text: str) -> None:
    try:
        output.write_text(text, encoding="utf-8")
    except OSError as error:
        msg = f"cannot write {output}: {error.strerror}"
        raise ConfigError(msg, reason="usage") from error


async def _diff(a: str, b: str, config: Path | None, options: Options) -> _Compared:
    before, after = await asyncio.gather(
        sides.read_side(a, config), sides.read_side(b, config), return_exceptions=True
    )
    if isinstance(before, BaseException):
        raise before
    if isinstance(after, BaseException):
        raise after
    return _Compared(
        compare(normalise(before.snapshot, options), normalise(after.snapshot, options)),
        _not_compared(before, after),
        _unread(before.snapshot, after.snapshot),
    )


def _not_compared(before: sides.Side, after: sides.Side) -> Pairs:
    """Return by kind how many objects each side has that the other could not be asked for."""
    counts = [
        Counter(o.kind for o in side.snapshot.objects if o.kind not in other.snapshot.kinds)
        + Counter(side.not_compared)
        for side, other in ((before, after), (after, before))
    ]
    return {kind: (counts[0][kind], counts[1][kind]) for kind in sorted(counts[0] | counts[1])}


def _unread(before: Snapshot, after: Snapshot) -> Unread:
    """Return by kind why each side could not be asked for it; None where it could."""
    kinds = sorted(before.unread.keys() | after.unread.keys())
    return {kind: (before.unread.get(kind), after.unread.get(kind)) for kind in kinds}


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


def _comparison(compared: _Compared, a: str, b: str, fmt: Format) -> str:
    if fmt is Format.JSON:
        return json.dumps(_json(compared), indent=2, ensure_ascii=False)
    changes = compared.comparison.changes
    markdown = fmt is Format.MARKDOWN
    name = render.code if markdown else render.one_line
    to_text = render.change_markdown if markdown else render.change_text
    head = [_headline(len(changes), name(a), name(b), whole=not compared.unread)]
    if compared.not_compared:
        head.append(f"not compared: {_counts(compared.not_compared)}")
    for kind, side, why in _reasons(compared.unread):
        head.append(f"not read in {side}: {name(kind.replace('_', ' '))}: {name(why)}")
    items = "\n".join(map(to_text, changes))
    # In Markdown one line feed is a space.
    heading = ("\n\n" if markdown else "\n").join(head)
    parts = [heading, items] if markdown else [items, heading]
    return "\n\n".join(p for p in parts if p)


def _json(compared: _Compared) -> dict[str, object]:
    return {
        "findings": [render.change_json(c) for c in compared.comparison.changes],
        "not_compared": {kind: list(pair) for kind, pair in compared.not_compared.items()},
        "unread": {kind: list(pair) for kind, pair in compared.unread.items()},
    }


def _headline(count: int, a: str, b: str, *, whole: bool) -> str:
    """Say how many differences there are; equal is only what was seen as a whole."""
    if count:
        return f"{count} {'difference' if count == 1 else 'differences'} from {a} to {b}"
    if whole:
        return f"{a} and {b} are equal"
    return f"unknown: no difference from {a} to {b} in what could be read"


def _reasons(unread: Unread) -> Iterator[tuple[str, str, str]]:
    for kind, reasons in unread.items():
        for side, why in zip("AB", reasons, strict=True):
            if why is not None:
                yield kind, side, why


def _counts(not_compared: Pairs) -> str:
    return ", ".join(
        f"{kind.replace('_', ' ')} ({a} in A, {b} in B)" for kind, (a, b) in not_compared.items()
    )
