"""A real database that is looked at again and again, each look kept in a book as stores do."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from importlib.resources import files
from pathlib import Path

from pgdrift.core.book import Book
from pgdrift.core.look import Conclusion, Watched, seen
from pgdrift.core.model import LEDGER, SYNC, Against, Finding, SyncPoint
from pgdrift.sources.reading import Source
from tests.core.environment import keep

OWN = (files("pgdrift.reconcile") / "ledger" / "pg_gitversion--1.0.sql").read_text(encoding="utf-8")
CORE = (Path(__file__).parent / "sources" / "ledger_core.sql").read_text(encoding="utf-8")


@dataclass
class Database:
    """An environment whose looks are made one by one."""

    source: Source
    watched: Watched = field(default_factory=lambda: Watched("production"))
    book: Book = field(default_factory=lambda: Book("production"))
    last: Conclusion | None = None

    async def look(self) -> Conclusion:
        now = datetime.now(UTC)
        reading = await self.source.read(self.book)
        self.last = seen(self.watched, self.book, reading, None, now)
        self.book = keep(self.book, self.last.step)
        return self.last

    async def move(self, dsn: str) -> None:
        """Let the name of the environment lead to another database."""
        await self.source.close()
        self.source.dsn = lambda: dsn

    def sync(self) -> None:
        """Declare the present right."""
        assert self.book.sync_point
        number = (self.book.sync_point.id or 0) + 1
        point = SyncPoint("production", datetime.now(UTC), "right", "ann", number)
        self.book = replace(self.book, expected=self.book.snapshot, sync_point=point)

    def against(self, yardstick: str = SYNC) -> Against:
        assert self.last
        return next(a for a in self.last.standing.against if a.yardstick == yardstick)

    def findings(self, yardstick: str = SYNC) -> dict[str, Finding]:
        return {f.key: f for f in self.against(yardstick).findings}

    def bypassed(self) -> dict[str, str]:
        """Return the findings about the ledger by key, with what is said of it now."""
        found = self.findings(LEDGER)
        return {
            key: str(f.change.attributes["ledger"][1]) if "ledger" in f.change.attributes else ""
            for key, f in found.items()
        }

    def told(self) -> list[tuple[str, str]]:
        assert self.last
        return [(n.incident.against, n.reason.value) for n, _ in self.last.step.notices]


@asynccontextmanager
async def looks(dsn: str, **watched: object) -> AsyncIterator[Database]:
    """Give a database after its first look."""
    source = Source(lambda: dsn)
    found = Database(source, Watched("production", **watched))  # type: ignore[arg-type]
    try:
        await found.look()
        yield found
    finally:
        await found.source.close()
