"""A path in, what the file says of a schema out, read again only when the file has changed.

A snapshot file is parsed; a SQL file, or a folder of them, is loaded into the scratch server.
Both stand where a server could stand.
"""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass, field
from hashlib import blake2b
from pathlib import Path

from pgdrift.core import snapshot_file
from pgdrift.core.book import Book
from pgdrift.core.model import Reading
from pgdrift.errors import ConfigError, SourceError
from pgdrift.sources.scratch import Scratch
from pgdrift.sources.sqlfile import load
from pgdrift.sources.sqlfolder import SqlFiles, read_files

# What did not load is tried again after this, for the server may have changed instead.
_RETRY_SECONDS = 600.0


def is_snapshot(path: str) -> bool:
    """Tell whether a path is one of a snapshot file; any other is one of SQL."""
    return path.endswith(".json")


def is_file(word: str) -> bool:
    """Tell whether a word is the path of a file or folder by the look of it."""
    return (word.endswith((".json", ".sql")) or "/" in word) and "://" not in word


@dataclass(slots=True)
class FileSource:
    """A file that stands for a server; `close` is there as a server's is, and does nothing.

    `key` is that of the store with whose snapshots it is compared.
    """

    path: str
    scratch: Scratch
    key: bytes = field(default=b"", repr=False)
    _digest: str = field(default="", repr=False)
    _found: Reading | SourceError | None = field(default=None, repr=False)
    _tried_at: float = field(default=0.0, repr=False)
    _reading: asyncio.Lock = field(default_factory=asyncio.Lock, repr=False)

    async def read(self, book: Book | None = None) -> Reading:  # noqa: ARG002  as a server's
        """Return what the file says now; while it stays as it is, what it said before.

        Raises SourceError: unreadable, refused for SQL that does not load, or what the scratch
        server has against being asked.
        """
        # Several environments may follow one file: it is loaded once.
        async with self._reading:
            try:
                return await self._read()
            except ConfigError as error:
                # Unknown, as a server that cannot be reached: the file may be on its way.
                why, hint = str(error.args[0]), error.hint
                raise SourceError(why, reason="unreadable", hint=hint) from error

    async def close(self) -> None:
        """Do nothing."""

    async def _read(self) -> Reading:
        files: SqlFiles | str
        if is_snapshot(self.path):
            files = await asyncio.to_thread(read_text, Path(self.path))
            digest = blake2b(files.encode("utf-8", "surrogatepass"), digest_size=16).hexdigest()
        else:
            files = await asyncio.to_thread(read_files, Path(self.path))
            digest = files.digest
        if digest == self._digest and (found := self._known()):
            return found
        self._digest, self._found, self._tried_at = digest, None, time.monotonic()
        try:
            if isinstance(files, str):
                self._found = await asyncio.to_thread(parsed, self.path, files)
            else:
                self._found = await load(files, self.scratch, key=self.key)
        except SourceError as error:
            if error.reason == "refused":
                self._found = error
            raise
        return self._found

    def _known(self) -> Reading | None:
        """Return what the same file said before; raises what it failed with, if that is recent."""
        if isinstance(self._found, SourceError):
            if time.monotonic() - self._tried_at < _RETRY_SECONDS:
                raise self._found
            return None
        return self._found


def read_text(path: Path) -> str:
    """Return the text of a snapshot file. Raises ConfigError (unreadable)."""
    try:
        return path.read_text(encoding="utf-8")
    except OSError as error:
        msg = f"cannot read {path}: {error.strerror}"
        hint = "write one with `pgdrift snapshot`"
        raise ConfigError(msg, reason="unreadable", hint=hint) from error
    except ValueError as error:
        raise _no_snapshot(str(path), error) from error


def parsed(path: str, text: str) -> Reading:
    """Return what a snapshot file's text says. Raises ConfigError (unreadable) for no snapshot."""
    try:
        found, not_compared = snapshot_file.parse_file(text)
    except ValueError as error:
        raise _no_snapshot(path, error) from error
    taken = f"{found.taken_at:%Y-%m-%d %H:%M} UTC"
    unread = (f"{k.replace('_', ' ')} not read: {why}" for k, why in sorted(found.unread.items()))
    return Reading(
        snapshot=found,
        gate=found.root,
        not_compared=not_compared,
        notes=(f"as of {taken}, when the snapshot file was taken", *unread),
    )


def _no_snapshot(path: str, error: ValueError) -> ConfigError:
    return ConfigError(
        f"cannot use {path} as a snapshot: {error}",
        reason="unreadable",
        hint="write one with `pgdrift snapshot`; the name of a file of SQL ends in .sql",
    )
