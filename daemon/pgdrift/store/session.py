"""One replica's session with the store: its membership, what it holds, and its writes.

Each is a lock of this one session of the server, and what the replica keeps as holder is written
through it, too: whoever can write so still holds, and when the session ends, however it does, so
do its locks. A session that is silent for longer than its lease is ended by the server; or, where
its last word was half of a statement, for which servers wait without end, by whoever musters next.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Collection, Mapping
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import bindparam, text
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine
from sqlalchemy.types import Text

from pgdrift import __version__
from pgdrift.core.duties import Muster
from pgdrift.errors import StoreError
from pgdrift.store import tables
from pgdrift.store.failures import Fenced
from pgdrift.store.postgres import translated

# A replica that has nothing else to say says this often in a lease that it is there.
BEATS = 4


def _oid(table: str) -> str:
    # The number of a table of this very store: two stores in one database share no lock.
    return f"CAST(CAST('{table}' AS regclass) AS oid)"


_SET = text("SELECT set_config(:name, :value, false)")
_NAMES = bindparam("names", type_=ARRAY(Text))
_LOCKS = """
SELECT classid, objid::int AS number, pid FROM pg_catalog.pg_locks
WHERE locktype = 'advisory' AND granted AND objsubid = 2
  AND database = (SELECT oid FROM pg_catalog.pg_database WHERE datname = current_database())
"""
_MUSTER = text(f"""
WITH locks AS MATERIALIZED ({_LOCKS})
SELECT m.id, m.name, d.name AS duty
FROM locks AS alive JOIN member AS m ON m.id = alive.number AND alive.classid = {_oid("member")}
LEFT JOIN locks AS held ON held.pid = alive.pid AND held.classid = {_oid("duty")}
LEFT JOIN duty AS d ON d.id = held.number
ORDER BY m.id
""")
# No timeout of the server's counts between the parts of one statement: who is stopped there, once
# it was parsed and before it is run, would hold what it holds for as long as it is stopped.
_END_HALF_SAID = text(f"""
SELECT pg_terminate_backend(a.pid) FROM pg_catalog.pg_stat_activity AS a
WHERE a.state = 'active' AND a.wait_event = 'ClientRead' AND a.usename = current_user
  AND clock_timestamp() - a.state_change > make_interval(secs => :lease)
  AND a.pid IN (SELECT pid FROM ({_LOCKS}) AS l
    WHERE classid IN ({_oid("member")}, {_oid("duty")}, {_oid("environment")}))
""")
_ENTER = text(f"SELECT pg_advisory_lock({_oid('member')}::int, :id)")
_BURY = text(
    "DELETE FROM member WHERE id NOT IN"
    f" (SELECT number FROM ({_LOCKS}) AS l WHERE classid = {_oid('member')})"
)
_NAME = text(
    "INSERT INTO duty (name) SELECT unnest(:names) ON CONFLICT (name) DO NOTHING"
).bindparams(_NAMES)
# Materialised: a condition that locks must be asked of these rows alone.
_TAKE = text(
    "WITH wanted AS MATERIALIZED (SELECT id, name FROM duty WHERE name = ANY(:names) ORDER BY id)"
    f" SELECT name FROM wanted WHERE pg_try_advisory_lock({_oid('duty')}::int, id)"
).bindparams(_NAMES)
_GIVE = text(
    "WITH given AS MATERIALIZED (SELECT id FROM duty WHERE name = ANY(:names))"
    f" SELECT count(pg_advisory_unlock({_oid('duty')}::int, id)) FROM given"
).bindparams(_NAMES)
_NOTIFY = text(f"SELECT pg_notify('pgdrift_' || {_oid('duty')}::text, :word)")
_CHANNEL = text(f"SELECT 'pgdrift_' || {_oid('duty')}::text, pg_backend_pid()")


@dataclass(slots=True)
class Session:
    """Made by `join`. `held` are the duties that this session holds locks for."""

    path: str
    lease: float
    _c: AsyncConnection
    id: int = 0
    driver: Any = None
    held: set[str] = field(default_factory=set)
    lost: asyncio.Event = field(default_factory=asyncio.Event)
    # When the last word that the server answered was sent.
    proven_at: float = field(default_factory=time.monotonic)
    _turn: asyncio.Lock = field(default_factory=asyncio.Lock)
    _giving: set[str] = field(default_factory=set)
    _hear: Callable[[str], None] = field(default=lambda _: None)

    @property
    def fresh(self) -> bool:
        """Whether the server cannot have ended the session for silence, as far as can be known."""
        return not self.lost.is_set() and time.monotonic() - self.proven_at < self.lease

    @asynccontextmanager
    async def writing(self, duty: str) -> AsyncIterator[AsyncConnection]:
        """Open a transaction as the holder of a duty. Raises Fenced when that is another's."""
        async with self.speaking() as c:
            if duty not in self.held:
                raise Fenced(duty)
            yield c

    async def muster(self) -> Muster:
        """Return who is there and holds what; the server hears that this one is, too."""
        async with self.speaking() as c:
            # Without a word for a lease, the server has ended it: to wait longer is of no use.
            limit = asyncio.get_running_loop().call_later(self.lease, self._hang_up)
            try:
                await c.execute(_END_HALF_SAID, {"lease": self.lease})
                rows = (await c.execute(_MUSTER)).all()
            finally:
                limit.cancel()
        members = {row.id: row.name for row in rows}
        if self.id not in members:
            self.lost.set()
            raise Fenced("the membership")
        holders = {row.duty: row.id for row in rows if row.duty is not None}
        # The server's word, whatever became of ours: what was taken or not given up by a call that
        # was cut short nobody else can take.
        self.held |= {duty for duty, id_ in holders.items() if id_ == self.id} - self._giving
        return Muster(members, holders)

    async def take(self, duties: Collection[str]) -> frozenset[str]:
        """Take those of these duties that nobody holds; return which those were."""
        wanted = {"names": sorted(set(duties) - self.held)}
        if not wanted["names"]:
            return frozenset()
        async with self.speaking() as c:
            await c.execute(_NAME, wanted)
        async with self.speaking() as c:
            taken = frozenset((await c.execute(_TAKE, wanted)).scalars())
            self.held |= taken
        return taken

    async def give(self, duties: Collection[str]) -> None:
        """Let others take these duties. What is done under them has to have ended."""
        given = self.held & set(duties)
        if given:
            self.held -= given
            self._giving |= given
            try:
                async with self.speaking() as c:
                    await c.execute(_GIVE, {"names": sorted(given)})
                    await notify(c, "given")
            finally:
                self._giving -= given

    async def listen(self, hear: Callable[[str], None]) -> None:
        """Call this with what other members say, from now on; what is lost is no harm."""
        self._hear = hear
        async with self.speaking() as c:
            channel, pid = (await c.execute(_CHANNEL)).one()
            if pid != self.driver.get_server_pid():
                raise StoreError(
                    f"the store {self.path} is behind a pooler that lends sessions",
                    reason="pooler",
                    hint="give store.url the server's own address, or a pool_mode of session",
                )
            await self.driver.add_listener(channel, lambda *said: self._hear(str(said[-1])))

    async def leave(self) -> None:
        """End the session, and with it all that it holds. Never raises StoreError."""
        self.held.clear()
        self.lost.set()
        if not self._c.closed:
            with suppress(StoreError), translated(self.path):
                await self._c.invalidate()
                await self._c.close()

    def _is_over(self) -> bool:
        return self._c.closed or self._c.invalidated

    def _hang_up(self) -> None:
        self.end()
        self.driver.terminate()

    def end(self) -> None:
        """Know that the session has ended, and all that it held with it."""
        self.lost.set()
        self._hear("lost")

    @asynccontextmanager
    async def speaking(self) -> AsyncIterator[AsyncConnection]:
        """Open a transaction on this one session; one that ends ill may have ended the session."""
        async with self._turn:
            if self.lost.is_set() or self._is_over():
                # It would be opened anew, as another session that holds nothing.
                raise Fenced("the session with the store")
            began = time.monotonic()
            try:
                with translated(self.path):
                    async with self._c.begin():
                        yield self._c
            except BaseException as error:
                cut_off = isinstance(error, StoreError) and error.reason == "unreachable"
                if cut_off or self._is_over():
                    self.end()
                raise
            self.proven_at = began


async def notify(c: AsyncConnection, word: str) -> None:
    """Say a word to all members as soon as this transaction is kept."""
    await c.execute(_NOTIFY, {"word": word[:7000]})


async def join(
    engine: AsyncEngine, path: str, name: str, lease: float, *, counts: bool = True
) -> Session:
    """Enter as a member of this name; `lease` is how many seconds of silence the server takes.

    One that does not count gets no share of what there is to do. Raises StoreError.
    """
    with translated(path):
        c = await engine.connect()
    session = Session(path, lease, c)
    try:
        async with session.speaking():
            for setting, value in _leased(lease).items():
                await c.execute(_SET, {"name": setting, "value": value})
            session.driver = (await c.get_raw_connection()).driver_connection
            session.driver.add_termination_listener(lambda _: session.end())
        if counts:
            session.id = await _enter(session, name)
    except BaseException:
        await session.leave()
        raise
    return session


async def _enter(session: Session, name: str) -> int:
    """Become a member and return its number, which is kept and locked at once, or not at all."""
    async with session.speaking() as c:
        await c.execute(_BURY)
        row = {"name": name, "version": __version__, "joined_at": datetime.now(UTC)}
        made = await c.execute(tables.member.insert().values(row).returning(tables.member.c.id))
        number: int = made.scalar_one()
        await c.execute(_ENTER, {"id": number})
        await notify(c, "joined")
    return number


def _leased(lease: float) -> Mapping[str, str]:
    """Return what lets the server end a session that says nothing: a lock must not outlive it."""
    milliseconds, seconds = str(round(lease * 1000)), str(max(1, round(lease / 4)))
    return {
        "application_name": "pgdrift replica",
        "idle_session_timeout": milliseconds,
        "idle_in_transaction_session_timeout": milliseconds,
        "tcp_user_timeout": milliseconds,
        "tcp_keepalives_idle": seconds,
        "tcp_keepalives_interval": seconds,
        "tcp_keepalives_count": "3",
    }
