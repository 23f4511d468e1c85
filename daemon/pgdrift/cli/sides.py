"""The words of a command line that name a schema: an environment, a connection URL, a file."""

from __future__ import annotations

import asyncio
import os
import re
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, fields, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer

from pgdrift.cli.when import Address, Kept, address, kept_store, read_past, refuse_url
from pgdrift.core.alike.normalise import Options
from pgdrift.core.alike.retell import Names
from pgdrift.core.alike.spelling import UNANSWERED, Answers, Dispute
from pgdrift.core.model import History, Reading, Snapshot
from pgdrift.core.shown.render import one_line
from pgdrift.errors import ConfigError
from pgdrift.sources.connection import describe
from pgdrift.sources.files import is_file, is_snapshot, parsed, read_text
from pgdrift.sources.reading import read_once
from pgdrift.sources.scratch import Scratch
from pgdrift.sources.sqlfile import load
from pgdrift.sources.sqlfolder import read_files

if TYPE_CHECKING:
    from pgdrift.sections.environments import EnvironmentSettings
    from pgdrift.settings import Settings

_KEY_VALUE = re.compile(r"\s*(host|hostaddr|port|dbname|user|service)\s*=")
_DEFAULT = Path("pgdrift.yaml")


@dataclass(frozen=True, slots=True)
class Side:
    """One side of a comparison; `not_compared` counts its objects of kinds that are not read.

    `names` are what its roles and schemas are called, as the configuration says. `kept` says which
    snapshot of the past it is, where it is one.
    """

    snapshot: Snapshot
    not_compared: Mapping[str, int] = field(default_factory=dict)
    names: Names = field(default_factory=Names)
    kept: Kept | None = None
    histories: tuple[History, ...] = ()


def config_path(config: Path | None) -> Path | None:
    """Return `--config`, or ./pgdrift.yaml where there is one, or None: variables alone."""
    return _DEFAULT if config is None and _DEFAULT.exists() else config


def settings(config: Path | None, *, ask: bool = False) -> Settings:
    """Return the checked settings. Raises ConfigError.

    What is discovered is in them: as servers say now where `ask`, else as the store knows it.
    """
    from pgdrift.settings import load

    loaded = load(config_path(config))
    return _with_found(loaded, ask=ask) if loaded.discover else loaded


def _with_found(loaded: Settings, *, ask: bool) -> Settings:
    from pgdrift.parts.finding import found_now
    from pgdrift.store import exists, open_store

    async def found() -> tuple[Settings, tuple[str, ...]]:
        if not ask and exists(loaded.store.url):
            async with open_store(loaded.store.url) as store:
                known = await store.found()
            if known:
                return loaded.with_found({s: d.values() for s, d in known.items()}), ()
        return await found_now(loaded)

    # In a thread: some commands ask for the settings while they run.
    with ThreadPoolExecutor(1) as thread:
        made, notes = thread.submit(asyncio.run, found()).result()
    for note in notes:
        typer.echo(f"warning: {note}", err=True)
    return made


def own_kinds(*, cluster: bool) -> frozenset[str]:
    """Return the kinds that two databases are not compared by, unless all is asked for."""
    from pgdrift.parts.building import own_kinds

    return own_kinds(cluster=cluster)


def is_dsn(side: str) -> bool:
    """Tell whether a word is a connection URL, or `host=… dbname=…`."""
    return "://" in side or _KEY_VALUE.match(side) is not None


def title(side: str) -> str:
    """Return a word as it may be printed: a connection URL without its secrets."""
    return describe(side) if is_dsn(side) else side


@dataclass(slots=True)
class Sides:
    """What reads the words of one command; all SQL files share one scratch server.

    `cluster` asks databases for what belongs to the whole cluster as well. `key` is the store's,
    where one side is kept there: what secrets are sealed with, so that they can be compared.
    """

    config: Path | None
    cluster: bool = False
    key: bytes = b""
    _scratch: Scratch | None = None
    _proving: Scratch | None = None

    async def read(self, side: str) -> Side:
        """Return what a word names.

        Raises ConfigError when it names nothing, SourceError when a server cannot be asked or
        does not take what a file holds.
        """
        if is_dsn(side):
            refuse_url(side)
            return _of(await read_once(side, cluster=self.cluster, key=self.key))
        past = self.past(side)
        if not past and (is_file(side) or (side not in self._environments() and _exists(side))):
            return _of(await self._read_path(side))
        from pgdrift import rules

        if past:
            kept = await read_past(settings(self.config), past)
            names = rules.names(settings(self.config), past.environment)
            return Side(kept.snapshot, names=names, kept=kept)
        reading = await self._read_environment(side)
        return replace(_of(reading), names=rules.names(settings(self.config), side))

    async def prepare(self, *words: str) -> None:
        """Make ready to read these words together: what is kept is sealed with its store's key."""
        if any(map(self.past, words)):
            async with kept_store(settings(self.config)) as store:
                self.key = store.key

    def past(self, word: str) -> Address | None:
        """Return the environment and time that a word addresses; None for all other words."""
        if is_dsn(word) or is_file(word) or "@" not in word:
            return None
        return address(word, self._environments())

    def are_one(self, *words: str) -> bool:
        """Tell whether words name one environment, now or at some time."""
        past = [self.past(word) for word in words]
        names = {p.environment if p else w for p, w in zip(past, words, strict=True)}
        return any(past) and len(names) == 1

    async def settle(self, disputes: Sequence[Dispute]) -> Answers:
        """Return what the scratch server says of texts that may be spellings of one meaning."""
        if not disputes:
            return UNANSWERED
        from pgdrift.sources.settle import Settlement

        try:
            server = self.scratch()
        except ConfigError:
            # Connection URLs need no configuration, and so none that is good.
            return UNANSWERED
        return await Settlement(server).settle(disputes)

    def options(self, asked: Options, *words: str) -> Options:
        """Return the options asked for, and those of the configuration where a word is of it."""
        from pgdrift import rules
        from pgdrift.sections.comparing import CompareSettings

        if not any(map(self.is_environment, words)):
            return replace(asked, presets=rules.options(CompareSettings()).presets)
        configured = rules.options(settings(self.config).compare)
        on = [f.name for f in fields(asked) if getattr(asked, f.name) is True]
        switched_on: dict[str, Any] = dict.fromkeys(on, True)
        return replace(configured, **switched_on)

    async def close(self) -> None:
        """Stop the scratch servers, if any were started."""
        for scratch in filter(None, (self._scratch, self._proving)):
            await scratch.close()

    async def _read_path(self, side: str) -> Reading:
        if is_snapshot(side):
            return parsed(side, read_text(Path(side)))
        # Read once: it may be a pipe.
        files = read_files(Path(side))
        if len(files.files) == 1 and files.files[0].text.lstrip().startswith("{"):
            return parsed(side, files.files[0].text)
        return await load(files, self.scratch())

    async def _read_environment(self, side: str) -> Reading:
        from pgdrift.core.book import Book
        from pgdrift.parts.building import source
        from pgdrift.retry import retry_source

        known = self._environments()
        if side not in known:
            msg = f"{side!r} is no connection URL, no file or folder, and no environment"
            names = f"environments: {', '.join(known)}" if known else "there is no configuration"
            hint = f"write postgresql://user@host/database; {names}"
            raise ConfigError(msg, reason="usage", hint=hint)
        reads = source(settings(self.config), side, self.scratch(), cluster=self.cluster)
        try:
            return await retry_source(lambda: reads.read(Book(side, key=self.key)))
        finally:
            await reads.close()

    def is_environment(self, word: str) -> bool:
        """Tell whether a word names an environment, now or at some time."""
        if self.past(word):
            return True
        return not is_dsn(word) and not is_file(word) and word in self._environments()

    def _environments(self) -> Mapping[str, EnvironmentSettings]:
        return settings(self.config).environments

    def scratch(self) -> Scratch:
        """Return the scratch server of this command; nothing is started yet."""
        if self._scratch is None:
            from pgdrift.parts.building import scratch_of

            self._scratch = scratch_of(settings(self.config))
        return self._scratch

    def scratch_like(self, server_version: int) -> Scratch:
        """Return a scratch server of this version's major, where there is one; else the usual."""
        if self._proving is None:
            from pgdrift.parts.building import scratch_of

            self._proving = scratch_of(settings(self.config), server_version // 10000)
        return self._proving if self._proving.binaries else self.scratch()


def unread_words(snapshot: Snapshot) -> Iterator[str]:
    """Say of each kind that could not be read why; empty for a whole snapshot."""
    for kind, why in sorted(snapshot.unread.items()):
        yield one_line(f"{kind.replace('_', ' ')} not read: {why}")


def _of(reading: Reading) -> Side:
    return Side(reading.snapshot, reading.not_compared, histories=reading.histories)


def _exists(side: str) -> bool:
    # Not Path.exists, which raises for a word that is too long for a name.
    return os.path.exists(side)  # noqa: PTH110
