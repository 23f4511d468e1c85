"""The words of a command line that name a schema: an environment, a connection URL, a file."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from pgdrift.core import snapshot_file
from pgdrift.core.model import Reading, Snapshot
from pgdrift.core.render import one_line
from pgdrift.errors import ConfigError
from pgdrift.sources.connection import describe
from pgdrift.sources.reading import read_once

if TYPE_CHECKING:
    from pgdrift.settings import Settings

_KEY_VALUE = re.compile(r"\s*(host|hostaddr|port|dbname|user|service)\s*=")
_DEFAULT = Path("pgdrift.yaml")


@dataclass(frozen=True, slots=True)
class Side:
    """One side of a comparison; `not_compared` counts its objects of kinds that are not read."""

    snapshot: Snapshot
    not_compared: Mapping[str, int] = field(default_factory=dict)


def config_path(config: Path | None) -> Path | None:
    """Return `--config`, or ./pgdrift.yaml where there is one, or None: variables alone."""
    return _DEFAULT if config is None and _DEFAULT.exists() else config


def settings(config: Path | None) -> Settings:
    """Return the checked settings. Raises ConfigError."""
    from pgdrift.settings import load

    return load(config_path(config))


def is_dsn(side: str) -> bool:
    """Tell whether a word is a connection URL, or `host=… dbname=…`."""
    return "://" in side or _KEY_VALUE.match(side) is not None


def title(side: str) -> str:
    """Return a word as it may be printed: a connection URL without its secrets."""
    return describe(side) if is_dsn(side) else side


async def read_side(side: str, config: Path | None) -> Side:
    """Return what a word names.

    Raises ConfigError when it names nothing, SourceError when a server cannot be asked.
    """
    if is_dsn(side):
        return _of(await read_once(side))
    if _is_file(side):
        return Side(read_file(Path(side)))
    known = settings(config).environments
    if side not in known:
        msg = f"{side!r} is no connection URL, no snapshot file, and no environment"
        names = f"environments: {', '.join(known)}" if known else "there is no configuration"
        hint = f"write postgresql://user@host/database; {names}"
        raise ConfigError(msg, reason="usage", hint=hint)
    return _of(await read_once(known[side].read_dsn(), ledger=known[side].ledger))


def unread_words(snapshot: Snapshot) -> Iterator[str]:
    """Say of each kind that could not be read why; empty for a whole snapshot."""
    for kind, why in sorted(snapshot.unread.items()):
        yield one_line(f"{kind.replace('_', ' ')} not read: {why}")


def _of(reading: Reading) -> Side:
    return Side(reading.snapshot, reading.not_compared)


def _is_file(side: str) -> bool:
    # Not Path.is_file, which raises for a word that is too long for a name.
    return side.endswith(".json") or os.path.isfile(side)  # noqa: PTH113


def read_file(path: Path) -> Snapshot:
    """Return the snapshot in a file. Raises ConfigError when it holds none."""
    try:
        return snapshot_file.parse(path.read_text(encoding="utf-8"))
    except OSError as error:
        msg = f"cannot read {path}: {error.strerror}"
        hint = "write one with `pgdrift snapshot`"
        raise ConfigError(msg, reason="unreadable", hint=hint) from error
    except ValueError as error:
        hint = "write one with `pgdrift snapshot`; SQL files are not read yet"
        msg = f"cannot use {path} as a snapshot: {error}"
        raise ConfigError(msg, reason="unreadable", hint=hint) from error
