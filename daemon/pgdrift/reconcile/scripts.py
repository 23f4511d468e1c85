"""What can be installed in an environment: a script of ours, and the names that it makes."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.resources import files

CHANNEL = "pg_gitversion"
"""Where the triggers of both scripts say that the schema changes."""


@dataclass(frozen=True, slots=True)
class Script:
    """One script: all that it makes stands in `schema`, but for its two event triggers.

    `records` tells whether it keeps what it sees; the other one only wakes the watcher. `asks` is
    how wake-ups are asked for where they could break somebody's prepared transactions.
    """

    title: str
    name: str
    version: str
    schema: str
    path: str
    asks: str
    records: bool

    @property
    def absence(self) -> str:
        """Say that it is not there, in whole words."""
        return f"{self.title} {'is' if self.records else 'are'} not installed here"

    @property
    def command(self) -> str:
        """The command that installs it."""
        return "pgdrift ledger install" + ("" if self.records else " --notify-only")

    @property
    def triggers(self) -> tuple[str, str]:
        """The names of its event triggers: of all DDL, and of what a DDL dropped."""
        return f"{self.schema}_ddl_trigger", f"{self.schema}_drop_trigger"

    @property
    def text(self) -> str:
        """The SQL, as it stands in the package."""
        return files("pgdrift.reconcile").joinpath(self.path).read_text(encoding="utf-8")

    def way_from(self, version: str) -> tuple[str, ...]:
        """Return the scripts that lead from a version to this one, in order; none where none do.

        They are named as those of an extension: `name--1.0--1.1.sql`.
        """
        folder = files("pgdrift.reconcile").joinpath(self.path.rpartition("/")[0])
        steps = {
            (named[1], named[2]): entry.read_text(encoding="utf-8")
            for entry in folder.iterdir()
            if (named := re.fullmatch(rf"{self.name}--([\w.]+)--([\w.]+)\.sql", entry.name))
        }
        return way(steps, version, self.version)


def way(steps: Mapping[tuple[str, str], str], start: str, end: str) -> tuple[str, ...]:
    """Return the shortest chain of steps (from, to) between two versions; empty where none is."""
    reached: dict[str, tuple[str, ...]] = {start: ()}
    ahead = [start]
    for version in ahead:
        for (before, after), text in sorted(steps.items()):
            if before == version and after not in reached:
                reached[after] = (*reached[version], text)
                ahead.append(after)
    return reached.get(end, ())


LEDGER = Script(
    "the ledger",
    "pg_gitversion",
    "1.0",
    "gitversion",
    "ledger/pg_gitversion--1.0.sql",
    "UPDATE gitversion.config SET value = 'on' WHERE name = 'notify'",
    records=True,
)
NOTIFY = Script(
    "the wake-up triggers",
    "pgdrift_notify",
    "1.0",
    "pgdrift_notify",
    "notify.sql",
    "ALTER DATABASE … SET pgdrift.notify = on",
    records=False,
)
