"""A server that misbehaves in the middle of a look: a SourceError or the truth, and then the truth.

What was read before is gone on from only where it still holds.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from urllib.parse import urlsplit

import asyncpg
import pytest
import time_machine

from pgdrift.core.book import Book
from pgdrift.core.model import ObjectId, Reading
from pgdrift.errors import SourceError
from pgdrift.sources.embedded import EmbeddedServer
from pgdrift.sources.reading import Source, read_once
from tests.conftest import Execute, MakeDatabase
from tests.daemon.proxy import Proxy
from tests.daemon.restartable import Restartable
from tests.properties.ddl import SCENE
from tests.properties.same import KEY, assert_same, left_by

pytestmark = [pytest.mark.db, pytest.mark.timeout(600)]


_NEW = re.compile(r"view:public\.w\d+")


class Looks:
    """One look after another, each from where the last that succeeded ended."""

    def __init__(self, dsn: str) -> None:
        self.dsn = dsn
        self.source = Source(lambda: self.dsn)
        self.book = Book("", key=KEY)

    async def look(self) -> Reading:
        found = await self.source.read(self.book)
        self.book = left_by(found)
        return found

    async def right(self, depth: str) -> None:
        """Look, and hold it against all that there is."""
        found = await self.look()
        assert_same(found, await read_once(self.dsn, key=KEY))
        assert found.depth == depth


@asynccontextmanager
async def looks(dsn: str) -> AsyncIterator[Looks]:
    made = Looks(dsn)
    try:
        await made.look()
        yield made
    finally:
        await made.source.close()


@pytest.fixture
async def dsn(make_database: MakeDatabase) -> str:
    return await make_database(sql=SCENE)


async def test_a_session_ended_at_any_point_of_a_look_leaves_nothing_wrong(
    dsn: str, execute: Execute
) -> None:
    killer, ends = await asyncpg.connect(dsn), list[str]()
    sessions = (
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database()"
        " AND application_name = 'pgdrift'"
    )
    async with looks(dsn) as made:
        for number in range(6):
            await execute(dsn, f"ALTER TABLE public.t RENAME COLUMN ref TO ref{number}")
            looking = asyncio.create_task(made.look())
            await asyncio.sleep(0.02 * number)
            await killer.execute(sessions)
            try:
                await looking
                ends.append("read")
            except SourceError as error:
                ends.append(error.reason)
            await execute(dsn, f"ALTER TABLE public.t RENAME COLUMN ref{number} TO ref")
        await execute(dsn, "ALTER TABLE public.t RENAME COLUMN ref TO at_last")
        await made.right("incremental")
    await killer.close()
    assert set(ends) <= {"read", "interrupted"}
    assert "interrupted" in ends


async def test_a_connection_of_which_only_one_end_is_there_is_given_up_and_replaced(
    dsn: str, execute: Execute, proxy: Proxy, server: EmbeddedServer
) -> None:
    way = dsn.replace(f":{server.port}/", f":{await proxy.start(server.port)}/")
    assert urlsplit(way).port == proxy.port
    async with looks(way) as made:
        await execute(dsn, "ALTER TABLE public.t ADD COLUMN one int")
        await proxy.turn("silent")
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(1):
                await made.look()
        await proxy.turn("open")
        await made.right("incremental")


async def test_a_lock_that_is_kept_is_a_timeout_or_the_truth(dsn: str, execute: Execute) -> None:
    holder = await asyncpg.connect(dsn)
    async with looks(dsn) as made:
        # A view can only be printed once its table can be opened.
        await execute(dsn, "CREATE OR REPLACE VIEW public.v AS SELECT id, a, 1 AS called FROM t")
        await holder.execute("BEGIN; ALTER TABLE public.t RENAME COLUMN a TO b")
        with pytest.raises(SourceError) as caught:
            await made.look()
        assert caught.value.reason == "timeout"
        await holder.execute("COMMIT")
        await made.right("incremental")
    await holder.close()


async def _whole(made: Looks) -> Reading | None:
    """Look, unless something vanishes while it is read."""
    try:
        return await made.look()
    except SourceError as error:
        if error.reason != "interrupted":
            raise
        return None


async def test_a_storm_of_ddl_ends_in_the_truth(dsn: str) -> None:
    """Each reading that is given out is what it says it is: nothing moved around it."""

    seen = 0

    async def blow() -> None:
        session = await asyncpg.connect(dsn)
        for number in range(300):
            if seen and number >= 60:
                break
            await asyncio.sleep(number / 1000)  # whoever is slow sees something at last
            await session.execute(f"ALTER TABLE public.t ADD COLUMN c{number} int")
            await session.execute(f"CREATE VIEW w{number} AS SELECT c{number} FROM public.t")
            await session.execute(f"ALTER TABLE public.t RENAME COLUMN c{number} TO d{number}")
            if number % 4:  # some stay, so that whoever looks sees any
                await session.execute(f"DROP VIEW w{number}")
        await session.close()

    async with looks(dsn) as made:
        storm = asyncio.create_task(blow())
        while not storm.done():
            if (found := await _whole(made)) is None:
                continue
            there = found.snapshot.objects
            new = [o for i, o in there.items() if _NEW.fullmatch(str(i))]
            for view in new if found.gate else ():
                # The view's own column stays as it was called; that of the table does not.
                told = re.findall(r"[cd]\d+", str(view.attributes["definition"]))[0]
                assert ObjectId("column", ("public", "t", told)) in there, view
                seen += 1
        await storm
        assert seen
        found = await made.look()
        assert_same(found, await read_once(dsn, key=KEY))


async def test_what_a_clock_says_decides_nothing(dsn: str, execute: Execute) -> None:
    async with looks(dsn) as made:
        for days in (-400, 400):
            with time_machine.travel(datetime.now(UTC) + timedelta(days=days)):
                await execute(dsn, f"ALTER TABLE public.t ADD COLUMN n{days + 500} int")
                await made.right("incremental")
                assert (await made.look()).depth == "gate"


async def test_all_is_read_when_it_is_time_although_nothing_moved(dsn: str) -> None:
    for full_read, depth in ((0.0, "full"), (3600.0, "gate")):
        source = Source(lambda: dsn, full_read=full_read)
        found = await source.read(Book(""))
        again = await source.read(Book("", snapshot=found.snapshot, gate=found.gate))
        assert again.depth == depth
        await source.close()


async def test_all_is_read_after_a_restart(server: EmbeddedServer, execute: Execute) -> None:
    here = await asyncio.to_thread(Restartable.make, server)
    try:
        await execute(here.dsn, SCENE)
        async with looks(here.dsn) as made:
            for end in (here.stop, here.kill):
                await asyncio.to_thread(end)
                with pytest.raises(SourceError):
                    await made.look()
                await asyncio.to_thread(here.start)
                await made.right("full")
                await execute(here.dsn, f"ALTER TABLE public.t ADD COLUMN {end.__name__} int")
            await made.right("incremental")
    finally:
        await asyncio.to_thread(here.remove)
