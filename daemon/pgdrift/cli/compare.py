"""The commands that look and answer: diff, check, snapshot. They keep nothing."""

from __future__ import annotations

import asyncio
import json
import sys
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Annotated

import typer

from pgdrift.cli import exits, sides, when
from pgdrift.cli.options import Config, Format, FormatOption
from pgdrift.cli.when import Kept
from pgdrift.core import snapshot_file
from pgdrift.core.alerts.letters import Tray
from pgdrift.core.alike.align import align, unsettled
from pgdrift.core.alike.normalise import Options, normalise, without_kinds
from pgdrift.core.alike.retell import retold
from pgdrift.core.alike.spelling import marked
from pgdrift.core.compare import Comparison, apart_of, compare
from pgdrift.core.ignore import RuleStanding
from pgdrift.core.model import HistoryFinding, Snapshot, Standing
from pgdrift.core.renamed import with_renames
from pgdrift.core.shown import render, report
from pgdrift.core.shown.render import one_line
from pgdrift.core.why import migrations
from pgdrift.errors import ConfigError

_MIGRATIONS = 20

# What is counted, where its word alone does not say it.
_IN_WORDS = {"owner": "owners, which SQL files do not name"}

Pairs = Mapping[str, tuple[int, int]]
Unread = Mapping[str, tuple[str | None, str | None]]
_LeftOut = tuple[sides.Side, Mapping[str, int]]


@dataclass(frozen=True, slots=True)
class _Compared:
    """What two sides differ in, and what is not known: by kind, for A and for B.

    `not_compared` counts objects of kinds that are not compared, `unread` says why a kind that
    should be could not be read. `kept` says which snapshots of the past they are. `histories` is
    how B's migrations differ, with A upstream.
    """

    comparison: Comparison
    not_compared: Pairs
    unread: Unread
    kept: tuple[Kept | None, Kept | None]
    histories: tuple[HistoryFinding, ...] = ()


def diff(
    a: Annotated[
        str,
        typer.Argument(
            metavar="A",
            help="Environment, now or at some time (see below), connection URL, snapshot file, SQL"
            " file, or folder of SQL files.",
        ),
    ],
    b: Annotated[
        str, typer.Argument(metavar="B", help="The same; the answer tells what B has made of A.")
    ],
    fmt: FormatOption = Format.TEXT,
    column_order: Annotated[
        bool, typer.Option("--column-order", help="Count the order of columns as a difference.")
    ] = False,
    constraint_names: Annotated[
        bool, typer.Option("--constraint-names", help="Count names that PostgreSQL generated.")
    ] = False,
    spelling: Annotated[
        bool, typer.Option("--spelling", help="Count two spellings of one meaning.")
    ] = False,
    server_versions: Annotated[
        bool,
        typer.Option("--server-versions", help="Count what only another major tells differently."),
    ] = False,
    inherited: Annotated[
        bool,
        typer.Option("--inherited", help="Count what a partition or child has from its parent."),
    ] = False,
    cluster: Annotated[
        bool,
        typer.Option(
            "--cluster", help="Compare database and cluster as such, too: settings, roles."
        ),
    ] = False,
    config: Config = None,
) -> int:
    """Compare two schemas. Exits 0 when equal, 1 on a difference, 2 when it could not see all.

    What an environment was is kept in the daemon's store: ENV@last-sync, ENV@sync:ID,
    ENV@2026-11-22T12:00Z, ENV@-1h, ENV@last-look.

    SQL is loaded into a scratch server: one that pgdrift starts for itself, which needs the extra
    `demo` (in a checkout: pip install '.[demo]'), or the one of the setting scratch.dsn.
    """
    options = Options(
        column_order=column_order,
        constraint_names=constraint_names,
        spelling=spelling,
        server_versions=server_versions,
        inherited=inherited,
    )
    compared = asyncio.run(_diff(a, b, sides.Sides(config, cluster), options))
    typer.echo(_comparison(compared, *_titles(compared, a, b), fmt))
    for kept in filter(None, compared.kept):
        if kept.remark:
            typer.echo(f"warning: {one_line(kept.remark)}", err=True)
    if compared.unread:
        return exits.UNKNOWN
    return exits.DRIFTED if compared.comparison.changes else exits.IN_SYNC


def snapshot(
    side: Annotated[
        str,
        typer.Argument(
            metavar="SOURCE",
            help="Environment, also as ENV@when, connection URL, SQL file, or folder of SQL files.",
        ),
    ],
    output: Annotated[
        Path | None, typer.Option("--output", "-o", help="File to write; else standard output.")
    ] = None,
    cluster: Annotated[
        bool, typer.Option("--cluster", help="Write roles and tablespaces, too: the whole cluster.")
    ] = False,
    config: Config = None,
) -> int:
    """Write a schema as a snapshot file, made for git.

    It is sorted, one attribute a line. A file that only time and seals would change stays as it is.

    Exits 2 when a kind of object could not be read; the file says which.
    """
    read = asyncio.run(_read(side, sides.Sides(config, cluster)))
    found = read.snapshot
    text = snapshot_file.dump(found, read.not_compared)
    if output is None:
        sys.stdout.write(text)
    elif _holds(output, read):
        typer.echo(
            f"{output} stays as it is: nothing but its time and seals would change", err=True
        )
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
    standings, rules = asyncio.run(_check(databases or [], config))
    typer.echo(standings_text(standings, fmt, rules))
    return exits.of(*(o for s in standings for o in (s.outcome, *(a.outcome for a in s.against))))


def standings_text(
    standings: Sequence[Standing],
    fmt: Format,
    rules: Sequence[RuleStanding] = (),
    trays: Sequence[Tray] | None = None,
) -> str:
    """Return how environments, ignore rules and channels stand, as text, JSON or Markdown.

    No `trays`: nobody asked how the channels do.
    """
    if fmt is Format.JSON:
        answer = {
            "environments": [report.standing_json(s) for s in standings],
            "findings": [f for s in standings for f in report.findings_json(s)],
            "ignore_rules": [report.rule_json(r) for r in rules],
        }
        if trays is not None:
            answer["channels"] = [report.tray_json(t) for t in trays]
        return json.dumps(answer, indent=2, ensure_ascii=False)
    markdown = fmt is Format.MARKDOWN
    to_text = report.standing_markdown if markdown else report.standing_text
    notes = [
        report.rules_markdown(rules) if markdown else report.rules_text(rules),
        report.trays_markdown(trays or ()) if markdown else report.trays_text(trays or ()),
    ]
    return "\n\n".join([*map(to_text, standings), *filter(None, notes)])


def _titles(compared: _Compared, a: str, b: str) -> tuple[str, str]:
    first, second = compared.kept
    return first.words if first else sides.title(a), second.words if second else sides.title(b)


def _holds(output: Path, read: sides.Side) -> bool:
    """Tell whether a file says what would be written: in version control it is to keep still."""
    try:
        text = output.read_text(encoding="utf-8") if output.is_file() else ""
    except (OSError, ValueError):
        return False
    return snapshot_file.holds(text, read.snapshot, read.not_compared)


def _write(output: Path, text: str) -> None:
    try:
        output.write_text(text, encoding="utf-8")
    except OSError as error:
        msg = f"cannot write {output}: {error.strerror}"
        raise ConfigError(msg, reason="usage") from error


async def _read(side: str, reader: sides.Sides) -> sides.Side:
    try:
        return await reader.read(side)
    finally:
        await reader.close()


async def _diff(a: str, b: str, reader: sides.Sides, options: Options) -> _Compared:
    one = reader.are_one(a, b)
    try:
        await reader.prepare(a, b)
        before, after = await asyncio.gather(reader.read(a), reader.read(b), return_exceptions=True)
        if isinstance(before, BaseException):
            raise before
        if isinstance(after, BaseException):
            raise after
        options = reader.options(options, a, b)
        own = sides.own_kinds(cluster=reader.cluster or one)
        found = normalise(without_kinds(after.snapshot, own), options)
        told = normalise(retold(before.snapshot, before.names, after.names), options)
        answers = await reader.settle(unsettled(told, found, options))
    finally:
        await reader.close()
    wanted = align(told, found, options, answers.settled, same_host=one)
    comparison = compare(wanted, found)
    unlike = apart_of(told, found, own & before.snapshot.kinds & after.snapshot.kinds)
    changes = with_renames(comparison.changes, wanted, found, one_database=one)
    comparison = replace(comparison, changes=changes)
    if not options.spelling:
        changes = marked(comparison.changes, answers.different)
        comparison = replace(comparison, changes=changes)
    return _Compared(
        comparison,
        _not_compared(
            (before, told.left_out),
            (after, found.left_out),
            {"sealed_value": comparison.sealed, **unlike},
        ),
        _unread(before.snapshot, after.snapshot),
        (before.kept, after.kept),
        migrations.differing(after.histories, before.histories) or (),
    )


def _not_compared(before: _LeftOut, after: _LeftOut, both: Mapping[str, int]) -> Pairs:
    """Return by kind how many objects each side has that the other could not be asked for.

    By preset, how many of each side it left out. `both` counts for either side.
    """
    counts = [
        Counter(o.kind for o in side.snapshot.objects if o.kind not in other.snapshot.kinds)
        + Counter(side.not_compared)
        + Counter(left_out)
        + Counter(both)
        for (side, left_out), (other, _) in ((before, after), (after, before))
    ]
    return {kind: (counts[0][kind], counts[1][kind]) for kind in sorted(counts[0] | counts[1])}


def _unread(before: Snapshot, after: Snapshot) -> Unread:
    """Return by kind why each side could not be asked for it; None where it could."""
    kinds = sorted(before.unread.keys() | after.unread.keys())
    return {kind: (before.unread.get(kind), after.unread.get(kind)) for kind in kinds}


async def _check(
    databases: Sequence[str], config: Path | None
) -> tuple[Sequence[Standing], Sequence[RuleStanding]]:
    from pgdrift.cli.glance import glance, glance_at, rules_at_a_glance

    for word in databases:
        if not sides.is_dsn(word):
            msg = f"{word!r} is no connection URL"
            hint = "write postgresql://user@host/database, or use --config for environments"
            raise ConfigError(msg, reason="usage", hint=hint)
    if databases:
        return await glance_at([(sides.title(dsn), dsn) for dsn in databases]), ()
    settings = sides.settings(config, ask=True)
    if not settings.environments:
        msg = "there is nothing to check: no environment is configured"
        hint = "name a configuration with --config, or connection URLs in order of promotion"
        raise ConfigError(msg, reason="usage", hint=hint)
    standings = await glance(settings)
    return standings, rules_at_a_glance(settings, standings)


def _comparison(compared: _Compared, a: str, b: str, fmt: Format) -> str:
    if fmt is Format.JSON:
        return json.dumps(_json(compared), indent=2, ensure_ascii=False)
    changes = compared.comparison.changes
    markdown = fmt is Format.MARKDOWN
    name = render.code if markdown else render.one_line
    to_text = render.change_markdown if markdown else render.change_text
    head = [_headline(len(changes), name(a), name(b), whole=not compared.unread)]
    if twice := render.renames(changes):
        head[0] += f" ({twice} rename{'' if twice == 1 else 's'} counted twice)"
    if compared.not_compared:
        head.append(f"not compared: {_counts(compared.not_compared)}")
    for kind, side, why in _reasons(compared.unread):
        head.append(f"not read in {side}: {name(kind.replace('_', ' '))}: {name(why)}")
    if compared.histories:
        counts = ", ".join(f"{n} {word}" for word, n in migrations.counted(compared.histories))
        head.append(f"migrations of B, with A upstream: {counts}")
    head.extend(name(migrations.words(f)) for f in compared.histories[:_MIGRATIONS])
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
        "kept": [k and when.kept_json(k) for k in compared.kept],
        "histories": [migrations.as_json(f) for f in compared.histories],
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
        f"{_IN_WORDS.get(kind, kind.replace('_', ' '))} ({a} in A, {b} in B)"
        for kind, (a, b) in not_compared.items()
    )
