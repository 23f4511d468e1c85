"""One database among many of one server: read in turn, and not at all while nothing is committed.

Why an equal stamp means that a database is as it was read: the probe's text stands for the whole
cluster (see gate.py), it was taken before the reading began, and in between it is one session of
the server that was read. So nothing was committed there since before the reading.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from datetime import datetime

from pgdrift.core.book import Book
from pgdrift.core.model import Reading
from pgdrift.core.why.enacted import open_one
from pgdrift.errors import SourceError
from pgdrift.sources.ledger import read_before
from pgdrift.sources.reading import Source
from pgdrift.sources.servers import Server, Stamp

# After so many looks in a row that the probe answered for a database, it is asked itself: what
# leads to it may have changed, as a pooler's configuration.
_MOST = 30


@dataclass(slots=True)
class Guest:
    """A source, and the server that it shares with others.

    One answer of the probe stands for all looks that begin `within` so many seconds of it.
    """

    source: Source
    server: Server
    within: float = 1.0
    _stamp: Stamp | None = field(default=None, repr=False)
    _answered: int = 0

    @asynccontextmanager
    async def turn(self, patience: float) -> AsyncIterator[None]:
        """Have a turn at the server inside; afterwards there is no more than may be kept.

        Raises SourceError as `Server.turn` does.
        """
        async with self.server.turn(patience):
            self.server.take(id(self))
            try:
                yield
            finally:
                if self.server.share.keep:
                    self.server.keep(id(self), self.source.close)
                else:
                    await self.source.close()

    async def read(self, book: Book) -> Reading:
        """Return what there is now, as `Source.read`."""
        stamp, self._stamp = await self.server.stamp(self.within), None
        found = await self.source.read(book)
        if stamp and found.gate and await self._lives(stamp):
            self._stamp, self._answered = stamp, 0
        return found

    async def _lives(self, stamp: Stamp) -> bool:
        """Tell whether what was read is what the probe speaks of."""
        try:
            return await self.source.life() == stamp.life
        except SourceError:
            return False

    async def unmoved_since(self) -> datetime | None:
        """Return until when it is certain that nothing moved since the last reading, UTC.

        None where that is not known, or where it is time to read all the same.
        """
        if self._stamp is None or self._answered >= _MOST or self.source.rotated():
            return None
        now = await self.server.stamp(self.within)
        if now is None or (now.life, now.text) != (self._stamp.life, self._stamp.text):
            return None
        self._answered += 1
        return now.at

    async def unmoved(self, book: Book) -> tuple[datetime, Reading] | None:
        """Return what there is without asking the database, and when; None where it must be."""
        last = self.source.last
        if last is None or book.snapshot is None or last.gate != book.gate:
            return None
        # A lock is given back without a commit.
        in_flight = any(h.in_flight for h in last.histories)
        if in_flight or last.at_work or open_one(book.enacted) is not None:
            return None
        if (at := await self.unmoved_since()) is None:
            return None
        ledger = last.ledger and read_before(last.ledger)
        return at, replace(last, snapshot=book.snapshot, ledger=ledger)

    async def close(self) -> None:
        """Close the source."""
        self.server.take(id(self))
        await self.source.close()
