"""What one look reads of one environment: gate, catalog, ledger, histories, at one instant.

A Source keeps its connection from look to look, and reads no more than has moved. What is left
out is decided here: the ledger's own schemas.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Collection, Iterable, Iterator
from dataclasses import dataclass, field, replace
from typing import Literal

from pgdrift.core.book import Book
from pgdrift.core.model import Ledger, Reading, Snapshot
from pgdrift.core.why.enacted import open_one
from pgdrift.core.why.flight import judged_until
from pgdrift.errors import ConfigError
from pgdrift.log import get_logger
from pgdrift.retry import retry_source
from pgdrift.sources import gate
from pgdrift.sources.aside import Aside, read_aside
from pgdrift.sources.at_work import at_work
from pgdrift.sources.commits import commit_times
from pgdrift.sources.connection import Connection, close, connect, reading, translated
from pgdrift.sources.depths import Depths, Read
from pgdrift.sources.histories import read_histories
from pgdrift.sources.ledger import read_before, read_ledger
from pgdrift.sources.ledger_found import Found, find, ledger_schemas
from pgdrift.sources.life import LIFE, life_of

log = get_logger("sources.reading")

# A schema that changes during each of so many readings is taken as it was read last, and read
# again at the next look.
_TRIES = 3

Histories = Collection[str] | Literal["auto"]


@dataclass(slots=True)
class Source:
    """One environment's server. `dsn` is asked at each look, so that secrets can rotate.

    `cluster`: read what belongs to the whole cluster as well, as roles and tablespaces.
    `full_read`: after so many seconds all is read, also what did not move.
    """

    dsn: Callable[[], str]
    ledger: str = "auto"
    statements: bool = False
    histories: Histories = "auto"
    statement_timeout: float = 60.0
    cluster: bool = False
    full_read: float = 3600.0
    _session: Connection | None = None
    _led_by: str = field(default="", repr=False)
    _closing: set[asyncio.Task[None]] = field(default_factory=set, repr=False)
    _last: Reading | None = field(default=None, repr=False)
    _quick: str = ""
    # What this reading was told of it, where it asked for more than the quick gate.
    _life: str = ""
    _aside: Aside | None = field(default=None, repr=False)
    _depths: Depths = field(init=False, repr=False)

    def __post_init__(self) -> None:
        """Begin with nothing remembered."""
        self._depths = Depths(self.cluster, self.full_read)

    async def read(self, book: Book) -> Reading:
        """Return what there is now; what has not moved since the book comes back as it was.

        Raises SourceError when the server cannot be asked, ConfigError for a DSN that is none.
        """
        session, self._life = await self._connected(), ""
        try:
            return await self._read(session, book)
        except BaseException:
            # Cancelled or refused in the middle: what the session is still busy with is unknown.
            self._session = None
            self._leave(session)
            raise

    async def _connected(self) -> Connection:
        """Return the session, a new one where it is closed or the connection URL another."""
        session, self._session = self._session, None
        if session is not None and (session.is_closed() or self.rotated()):
            self._leave(session)
            session = None
        if session is None:
            self._led_by = self.dsn()
            session = await connect(self._led_by, statement_timeout=self.statement_timeout)
        self._session = session
        return session

    def rotated(self) -> bool:
        """Tell whether the connection URL is another than that of the last reading."""
        try:
            return self.dsn() != self._led_by
        except ConfigError:
            return False  # told as soon as a connection needs it

    async def life(self) -> str:
        """Return what tells this life of the server that was read; empty where nothing does."""
        if self._session is None:
            return ""
        return self._life or await life_of(self._session)

    @property
    def closed(self) -> bool:
        """Whether there is no connection now."""
        return self._session is None

    @property
    def last(self) -> Reading | None:
        """What was read last and may stand for the present, as long as nothing has moved."""
        return self._last

    async def close(self) -> None:
        """Close the connection, if there is one, and wait for those that were left."""
        if self._session is not None:
            self._leave(self._session)
            self._session = None
        await asyncio.gather(*self._closing)

    def _leave(self, session: Connection) -> None:
        """Close a session beside everything else: a silent server must not delay what is said."""
        closing = asyncio.create_task(close(session))
        self._closing.add(closing)
        closing.add_done_callback(self._closing.discard)

    async def _read(self, session: Connection, book: Book) -> Reading:
        # Only what this process read itself, and what was kept, may stand for the present.
        last = self._last if self._last and self._last.gate == book.gate else None
        tries = 0
        while True:
            tries += 1
            with translated(session.where):
                quick = await gate.quick(session)
            # A lock is given back without a commit, so whether one is held is asked again.
            locked = last is not None and (
                bool(last.at_work)
                or open_one(book.enacted) is not None
                or any(h.in_flight for h in last.histories)
            )
            still = quick == self._quick and not self._depths.due
            if last and book.snapshot and still and not locked:
                ledger = last.ledger and read_before(last.ledger)
                return replace(last, snapshot=book.snapshot, ledger=ledger, depth="gate")
            found, read = await self._read_at_one_instant(session, book, last)
            if read is None or await self._stands(session, quick, found.gate):
                self._quick, self._last = quick, found
                if read:
                    self._aside = read[1]
                    self._depths.keep(read[0])
                return found
            if tries == _TRIES:
                log.info("reading.schema_keeps_moving", database=found.snapshot.database)
                self._last = None
                self._depths.forget()
                return replace(found, gate="")

    async def _read_at_one_instant(
        self, session: Connection, book: Book, last: Reading | None
    ) -> tuple[Reading, tuple[Read, Aside] | None]:
        """Return what there is, and what was read of the catalog and beside it, if anything."""
        notes: list[str] = []
        async with reading(session):
            sums = await gate.sums(session, cluster=self.cluster)
            histories = await read_histories(session, wanted=self.histories, notes=notes)
            busy = await at_work(session)
            tables = [h.table for h in histories if not h.unread]
            ledgers = await find(session)
            ledger = await read_ledger(
                session,
                book.mark,
                prefer=self.ledger,
                histories=tables,
                statements=self.statements,
                among=ledgers,
            )
            self._life = await session.fetchval(LIFE)
            read = None
            if last and book.snapshot and self._unmoved(sums, book):
                found = replace(last, snapshot=book.snapshot, committed={}, depth="gate")
            else:
                found, read = await self._read_catalog(session, book, sums, ledgers)
        aside = read[1] if read else self._aside
        notes += _remarks(ledger, found.snapshot)
        notes += aside.unknown.notes if aside else ()
        told = replace(
            found,
            gate=sums.text,
            ledger=ledger,
            histories=histories,
            notes=tuple(notes),
            at_work=busy,
        )
        return told, read

    def _unmoved(self, sums: gate.Sums, book: Book) -> bool:
        depths = self._depths
        return sums.text == book.gate and depths.same_life(sums) and not depths.due

    async def _read_catalog(
        self, session: Connection, book: Book, sums: gate.Sums, ledgers: Iterable[Found]
    ) -> tuple[Reading, tuple[Read, Aside]]:
        own = await ledger_schemas(session, ledgers)
        read = await self._depths.read(session, book, sums, own)
        since = judged_until(book.against, book.seen_at)
        committed = await commit_times(session, book.snapshot, read.snapshot, since)
        aside = await read_aside(session, read.snapshot, own, self._aside, read.needed)
        found = Reading(
            read.snapshot,
            sums.text,
            not_compared={**aside.unknown.counts, **aside.uncovered},
            committed=committed,
            depth=read.depth,
        )
        return found, (read, aside)

    async def _stands(self, session: Connection, quick: str, text: str) -> bool:
        """Tell whether nothing moved: pg_get_*def functions see past a transaction's snapshot."""
        with translated(session.where):
            if await gate.quick(session) == quick:
                return True
        async with reading(session):
            return await gate.thorough(session, cluster=self.cluster) == text


async def read_once(
    dsn: str,
    *,
    ledger: str = "auto",
    histories: Histories = "auto",
    cluster: bool = False,
    key: bytes = b"",
) -> Reading:
    """Return one full reading of a database over a connection of its own.

    `key` is a store's, for what will be compared with what is kept there.
    Raises SourceError when the server cannot be asked, ConfigError for a DSN that is none.
    """
    source = Source(lambda: dsn, ledger=ledger, histories=histories, cluster=cluster)
    try:
        return await retry_source(lambda: source.read(Book("", key=key)))
    finally:
        await source.close()


def _remarks(ledger: Ledger | None, snapshot: Snapshot) -> Iterator[str]:
    """Say for people what could not be read, or cannot be relied on."""
    if ledger and ledger.incomplete:
        yield f"ledger {ledger.schema}: {ledger.incomplete}"
    elif ledger and not ledger.tracking:
        yield f"ledger {ledger.schema}: its event triggers are off"
    for kind, why in sorted(snapshot.unread.items()):
        yield f"{kind.replace('_', ' ')} not read: {why}"
