"""How much of the catalog one look reads: nothing, what moved, or all. Sums in, a snapshot out.

All is read at the start, on any doubt, and every so often, whatever the gate says.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, field
from random import uniform
from time import monotonic
from typing import Literal, NamedTuple

from pgdrift.core.book import Book
from pgdrift.core.model import Snapshot
from pgdrift.sources.catalog import read_with_register
from pgdrift.sources.connection import Connection
from pgdrift.sources.gate import Sums
from pgdrift.sources.incremental import Seen, read_again
from pgdrift.sources.needed import Needed


class Read(NamedTuple):
    """What was read, how it can be gone on from, and how much of the catalog that took.

    `needed` is what was asked, where not all was read.
    """

    snapshot: Snapshot
    seen: Seen
    depth: Literal["incremental", "full"]
    needed: Needed | None = None


@dataclass(slots=True)
class Depths:
    """What is remembered of one environment's last reading.

    `full_read`: after so many seconds all is read, also what did not move.
    """

    cluster: bool
    full_read: float
    _seen: Seen | None = field(default=None, repr=False)
    _life: int | None = None
    _full_at: float = 0.0

    @property
    def due(self) -> bool:
        """Whether all is to be read, although nothing may have moved."""
        return monotonic() >= self._full_at

    def same_life(self, sums: Sums) -> bool:
        """Tell whether it is the server of the last reading, not started again since."""
        return sums.life == self._life

    async def read(self, session: Connection, book: Book, sums: Sums, own: Collection[str]) -> Read:
        """Return what there is, read in the transaction that the caller opened under these sums.

        `own` are schemas to leave out. Raises SourceError.
        """
        seen = self._seen
        if seen and book.snapshot and seen.key == book.key and not self.due:
            again = await read_again(session, seen, sums, own=own, cluster=self.cluster)
            if again:
                seen, needed = again
                return Read(seen.snapshot, seen, "incremental", needed)
        snapshot, register, there = await read_with_register(
            session, exclude_schemas=own, cluster=self.cluster, key=book.key
        )
        if book.snapshot:
            # It is held beside that one, and mostly the same.
            snapshot = snapshot.sharing(book.snapshot)
        seen = Seen(snapshot, register.held(), there, sums, frozenset(own), book.key)
        return Read(snapshot, seen, "full")

    def keep(self, read: Read) -> None:
        """Take what was read for what there was: nothing moved meanwhile."""
        if read.depth == "full":
            # Many that began at once are not to read all at once for ever.
            self._full_at = monotonic() + self.full_read * uniform(0.8, 1.0)  # noqa: S311  no secret
        self._life = read.seen.sums.life
        self._seen = None if read.snapshot.unread else read.seen

    def forget(self) -> None:
        """Read all at the next look."""
        self._seen, self._life = None, None
