"""The configuration of a daemon that runs: which is in force, and whether its files read otherwise.

Asks the files instead of waiting for word of them: a mounted ConfigMap or Secret changes by a
symbolic link of a folder above, of which no notification for a file tells. Starts nothing.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from hashlib import blake2b
from pathlib import Path

from pgdrift import log
from pgdrift.errors import ConfigError
from pgdrift.settings import Settings, load
from pgdrift.web import Configured

logger = log.get_logger("reload")

# A mounted ConfigMap follows within a minute or so; this adds next to nothing to that.
POLL_SECONDS = 2.0
# What runs was built on these: a store is opened, and an address taken, once.
_FIXED = (("store", "url"), ("store", "url_file"), ("web", "listen"))

Contents = Mapping[Path, bytes]


@dataclass(slots=True)
class Configuration:
    """The settings in force, where they come from, and what became of the latest try to read them.

    `path` is None where variables alone configure.
    """

    path: Path | None
    settings: Settings = field(init=False)
    said: Configured = field(init=False)
    _read: Contents = field(default_factory=dict, init=False, repr=False)

    def __post_init__(self) -> None:
        """Read it. Raises ConfigError."""
        self._take(_contents([] if self.path is None else [self.path]), load(self.path))

    def reload(self) -> bool:
        """Take what the files say now; tell whether it could be taken. The old is kept if not."""
        read = _contents(self._files())
        try:
            settings = load(self.path)
            self._refuse_what_is_fixed(settings)
        except ConfigError as error:
            self._read = read  # and is not tried again before it is another
            self.said = Configured(self.said.read_at, str(error), _now())
            logger.error("app.reload_refused", error=str(error))  # noqa: TRY400  their fault
            return False
        self._take(read, settings)
        logger.info("app.reloaded", environments=list(settings.environments))
        return True

    def _take(self, read: Contents, settings: Settings) -> None:
        """Let these settings hold. What was read before them is what they were made of."""
        self.settings, self.said = settings, Configured(_now())
        self._read = {**_contents(self._files()), **read}
        log.configure(settings.log.level, settings.log.format)

    def _refuse_what_is_fixed(self, settings: Settings) -> None:
        for section, key in _FIXED:
            old, new = (getattr(getattr(s, section), key) for s in (self.settings, settings))
            if old != new:
                msg = f"{section}.{key} cannot change while the daemon runs"
                raise ConfigError(msg, reason="invalid", hint="restart the daemon to change it")

    async def watch(self, moved: Callable[[], None], rotated: Callable[[str], None]) -> None:
        """Call `moved` when there is something else to reload, and `rotated` with the name of each
        environment whose connection URL is another. Ends by being cancelled.
        """
        urls = self._urls()
        before = settled = await self._look(urls)
        while True:
            await asyncio.sleep(POLL_SECONDS)
            now = await self._look(urls)
            if now == before:  # whoever writes in place is given the time to end
                if any(now.get(f, b"") != self._read.get(f, b"") for f in self._files()):
                    moved()
                for name in (n for n, f in urls.items() if now[f] != settled[f]):
                    logger.info("app.secret_rotated", environment=name)
                    rotated(name)
                settled = now
            before = now

    async def _look(self, urls: Mapping[str, Path]) -> Contents:
        return await asyncio.to_thread(_contents, [*self._files(), *urls.values()])

    def _files(self) -> list[Path]:
        """Return the files that say how to watch."""
        named = (self.path, self.settings.compare.ignore_file, self.settings.alerts.owners_file)
        return [file for file in named if file is not None]

    def _urls(self) -> dict[str, Path]:
        """Return the files with connection URLs, by environment."""
        environments = self.settings.environments.items()
        return {name: e.dsn_file for name, e in environments if e.dsn_file is not None}


def _contents(files: Iterable[Path]) -> Contents:
    return {file: _content(file) for file in files}


def _content(file: Path) -> bytes:
    """Return a file's content as a hash; nothing of one that cannot be read."""
    try:
        return blake2b(file.read_bytes(), digest_size=16).digest()
    except (OSError, ValueError):
        return b""


def _now() -> datetime:
    return datetime.now(UTC)
