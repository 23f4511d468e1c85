"""The command that makes ignore rules of what is found, for a file that the configuration names."""

from __future__ import annotations

import asyncio
import os
import stat
import tempfile
from collections.abc import Iterator, Sequence
from datetime import date, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
import yaml

from pgdrift.cli import exits, sides
from pgdrift.cli.options import Config
from pgdrift.core.ignore import Ignore, covering
from pgdrift.core.model import Change, Outcome, Standing
from pgdrift.core.shown.render import one_line
from pgdrift.errors import ConfigError

if TYPE_CHECKING:
    from pgdrift.settings import Settings


def ignore(
    reason: Annotated[str, typer.Option("--reason", help="Why what is there is right.")],
    environment: Annotated[
        str | None, typer.Argument(metavar="[ENV]", help="The environment; none: all of them.")
    ] = None,
    from_findings: Annotated[
        bool, typer.Option("--from-findings", help="Taken for granted: it need not be said.")
    ] = True,
    until: Annotated[
        datetime | None,
        typer.Option("--until", formats=["%Y-%m-%d"], help="The last day on which they hold."),
    ] = None,
    stdout: Annotated[
        bool, typer.Option("--stdout", help="Print the rules, and write no file.")
    ] = False,
    config: Config = None,
) -> int:
    """Make ignore rules of what is found now.

    They go to the file compare.ignore_file; without that setting they are printed. A rule for what
    changed names the attributes that did; what else changes later is told. The rules that are
    there stay as they are. Exits 2 when something could not be looked at.
    """
    _ = from_findings
    settings = sides.settings(config)
    _refuse(settings, environment, reason)
    standings = [s for s in asyncio.run(_look(settings)) if environment in (None, s.environment)]
    rules = covering(_findings(standings), reason, until and until.date())
    file = None if stdout else settings.compare.ignore_file
    if file is None:
        typer.echo(_yaml(rules).rstrip() if rules else "# nothing is found")
    else:
        typer.echo(_added(file, rules))
    unknown = [s for s in standings if s.outcome is Outcome.UNKNOWN]
    for standing in unknown:
        words = f"{standing.environment} is unknown: {standing.reason}"
        typer.echo(f"warning: {one_line(words)}", err=True)
    return exits.UNKNOWN if unknown else exits.IN_SYNC


def _refuse(settings: Settings, environment: str | None, reason: str) -> None:
    if not reason.strip():
        hint = "say in a few words why what is there is right"
        raise ConfigError("--reason is empty", reason="usage", hint=hint)
    if environment is not None and environment not in settings.environments:
        msg = f"there is no environment {environment!r}"
        known = ", ".join(settings.environments) or "none"
        raise ConfigError(msg, reason="usage", hint=f"configured are: {known}")


async def _look(settings: Settings) -> Sequence[Standing]:
    from pgdrift.cli.glance import glance

    return await glance(settings)


def _findings(standings: Sequence[Standing]) -> Iterator[tuple[str, Change]]:
    for standing in standings:
        for against in standing.against:
            yield from ((standing.environment, f.change) for f in against.findings)


def _added(path: Path, rules: Sequence[Ignore]) -> str:
    """Add rules to a file, and say so."""
    if not rules:
        return f"nothing is found: {path} stays as it is"
    try:
        before = path.read_text(encoding="utf-8") if path.exists() else ""
    except (OSError, ValueError) as error:
        msg = f"cannot read compare.ignore_file {path}: {error}"
        raise ConfigError(msg, reason="unreadable", hint="print the rules: --stdout") from error
    _replace(path, appended(before, rules, path))
    plural = "" if len(rules) == 1 else "s"
    return f"{len(rules)} rule{plural} added to {path}; a running daemon takes them on SIGHUP"


def appended(text: str, rules: Sequence[Ignore], path: Path) -> str:
    """Return the text of a file of rules with more of them behind, all else as it stands.

    Raises ConfigError when the text is no file of rules.
    """
    from pgdrift.sections.comparing import parse_ignore_file

    known = parse_ignore_file(text, path).ignore
    more = parse_ignore_file(_yaml(rules), path).ignore
    body = _yaml(rules).partition("\n")[2]
    for whole in (f"{text.rstrip()}\n{body}", _yaml(rules)):
        try:
            if parse_ignore_file(whole, path).ignore == (*known, *more):
                return whole
        except ConfigError:
            continue
    # Written in another way (in brackets, say): the rules stay, their layout does not.
    old = [r.model_dump(mode="json", exclude_defaults=True) for r in (*known, *more)]
    return yaml.safe_dump({"ignore": old}, sort_keys=False, allow_unicode=True)


def _yaml(rules: Sequence[Ignore]) -> str:
    return yaml.safe_dump(
        {"ignore": [dict(_fields(r)) for r in rules]}, sort_keys=False, allow_unicode=True
    )


def _fields(rule: Ignore) -> Iterator[tuple[str, str | list[str] | date]]:
    yield "object", rule.object
    if rule.attributes:
        yield "attributes", list(rule.attributes)
    if rule.environments:
        yield "environments", list(rule.environments)
    yield "reason", rule.reason
    if rule.until:
        yield "until", rule.until


def _replace(path: Path, text: str) -> None:
    """Write a file whole or not at all: a daemon may read it at any moment."""
    place, temporary = path.resolve(), ""
    try:
        mode = stat.S_IMODE(place.stat().st_mode) if place.exists() else 0o644
        handle, temporary = tempfile.mkstemp(dir=place.parent, prefix=f".{place.name}.")
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        os.chmod(temporary, mode)  # noqa: PTH101  the name came as text
        os.replace(temporary, place)  # noqa: PTH105
    except OSError as error:
        if temporary:
            Path(temporary).unlink(missing_ok=True)
        msg = f"cannot write compare.ignore_file {path}: {error.strerror}"
        hint = "print the rules, --stdout, and put them there yourself"
        raise ConfigError(msg, reason="unreadable", hint=hint) from error
