"""What is done to one database by a plan, written down before and after each transaction.

In come events and snapshots, out comes what was written, also after a crash in the middle. A line
is on the disk before its writer goes on. Knows nothing of servers.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from pgdrift.core import snapshot_file
from pgdrift.core.model import Snapshot
from pgdrift.core.plan.record import Entry, Run, latest
from pgdrift.errors import ConfigError, ReconcileError

FOLDER = "applied"


@dataclass(frozen=True, slots=True)
class Journal:
    """The record of one plan at one place, in the plan's folder."""

    folder: Path
    name: str

    @classmethod
    def of(cls, plan: Path, place: str) -> Journal:
        """Return the record of a plan at an environment, or `host:port/database`."""
        digest = hashlib.sha256(place.encode()).hexdigest()[:8]
        return cls(plan / FOLDER, f"{re.sub(r'[^A-Za-z0-9.-]+', '_', place)[:60]}-{digest}")

    @property
    def path(self) -> Path:
        """The file with one event a line."""
        return self.folder / f"{self.name}.jsonl"

    def entries(self) -> list[Entry]:
        """Return all that was written down; a line that a crash cut off never was.

        Raises ConfigError where the file cannot be read, or was edited.
        """
        try:
            text = self.path.read_bytes().decode("utf-8")
        except FileNotFoundError:
            return []
        except (OSError, ValueError) as error:
            raise _unreadable(self.path, error) from error
        lines = text.split("\n")[:-1]
        try:
            found = [json.loads(line) for line in lines]
        except ValueError as error:
            raise _unreadable(self.path, error) from error
        return [entry for entry in found if isinstance(entry, dict)]

    def run(self) -> Run | None:
        """Return the last run."""
        return latest(self.entries())

    def write(self, event: str, **more: object) -> None:
        """Write an event down, with when it was. Raises ReconcileError where that cannot be."""
        row = {"event": event, "at": datetime.now(UTC).isoformat(timespec="milliseconds"), **more}
        line = json.dumps(row, ensure_ascii=False) + "\n"
        with _written(self.path):
            self.folder.mkdir(parents=True, exist_ok=True)
            _drop_what_was_cut_off(self.path)
            with self.path.open("ab") as file:
                file.write(line.encode("utf-8", "backslashreplace"))
                file.flush()
                os.fsync(file.fileno())
            _sync_folder(self.folder)

    def keep(self, way: str, number: int, found: Snapshot) -> None:
        """Keep what there is after so many transactions of a way; what is two older may go."""
        path = self._state(way, number)
        beside = path.with_suffix(".new")
        with _written(path):
            self.folder.mkdir(parents=True, exist_ok=True)
            with beside.open("wb") as file:
                file.write(snapshot_file.dump(found).encode("utf-8"))
                file.flush()
                os.fsync(file.fileno())
            beside.replace(path)
            _sync_folder(self.folder)
        with suppress(OSError):
            for older in self.folder.glob(f"{self.name}.{way}.*.json") if number == 0 else ():
                if older != path:
                    older.unlink(missing_ok=True)
            self._state(way, number - 2).unlink(missing_ok=True)

    def kept(self, way: str, number: int) -> Snapshot | None:
        """Return what there was then, None where it is not kept."""
        try:
            text = self._state(way, number).read_bytes().decode("utf-8")
            return snapshot_file.parse(text)
        except FileNotFoundError:
            return None
        except (OSError, ValueError) as error:
            raise _unreadable(self._state(way, number), error) from error

    def _state(self, way: str, number: int) -> Path:
        return self.folder / f"{self.name}.{way}.{number}.json"


def journals(plan: Path) -> list[Journal]:
    """Return the records of all places where a plan was run."""
    found = sorted((plan / FOLDER).glob("*.jsonl"))
    return [Journal(p.parent, p.name.removesuffix(".jsonl")) for p in found]


def _drop_what_was_cut_off(path: Path) -> None:
    if path.exists():
        data = path.read_bytes()
        if data and not data.endswith(b"\n"):
            os.truncate(path, data.rfind(b"\n") + 1)


def _sync_folder(folder: Path) -> None:
    """Put a new name on the disk, where a folder can be asked to."""
    with suppress(OSError):
        handle = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)


@contextmanager
def _written(path: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise ReconcileError(
            f"what is done cannot be written down in {path}: {error.strerror}",
            reason="interrupted",
            hint="make room, or give the right to write there, and go on with --resume",
        ) from error


def _unreadable(path: Path, error: Exception) -> ConfigError:
    return ConfigError(
        f"{path} cannot be read: {error}",
        reason="unreadable",
        hint="it says what was done; take it out of the version control as it was",
    )
