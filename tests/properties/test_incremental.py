"""What moved, read alone, is the same as all of it: random DDL, several sessions, any end.

PGDRIFT_HUNT=<examples> hunts for longer, each time elsewhere.
"""

from __future__ import annotations

import asyncio
import os
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import asyncpg
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pgdrift.core.book import Book
from pgdrift.errors import SourceError
from pgdrift.sources.embedded import EmbeddedServer
from pgdrift.sources.reading import read_once
from tests.conftest import SETTINGS, MakeDatabase
from tests.properties.ddl import SCENE, Statement, statements
from tests.properties.same import KEY, assert_same, exactly, followed, left_by

pytestmark = [pytest.mark.db, pytest.mark.timeout(3600)]

_HUNT = int(os.environ.get("PGDRIFT_HUNT", "0"))
_budget = settings(
    max_examples=_HUNT or 4,
    deadline=None,
    derandomize=not _HUNT,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture],
)
# What a second session does to the transaction that it has open, or opens.
ENDS = (
    "BEGIN",
    "COMMIT",
    "COMMIT",
    "ROLLBACK",
    "SAVEPOINT a",
    "ROLLBACK TO SAVEPOINT a",
    "PREPARE TRANSACTION '{name}'",
    "COMMIT PREPARED '{name}'",
    "ROLLBACK PREPARED '{name}'",
)
depths = Counter[str]()


@pytest.fixture(autouse=True, scope="module")
def _exactly() -> Iterator[None]:
    with exactly():
        yield


def steps() -> st.SearchStrategy[tuple[int, Statement | str]]:
    """Draw which of two sessions does what; only the second has transactions of its own."""
    return st.one_of(
        st.tuples(st.integers(0, 1), statements()),
        st.tuples(st.just(1), st.sampled_from(ENDS)),
    )


@pytest.fixture(scope="module")
def server() -> Iterator[EmbeddedServer]:
    """One that prepares transactions, as no other of ours: where that can be, nobody is notified."""
    given_ = os.environ.get("PGDRIFT_TEST_PG_BIN")
    more = {"max_prepared_transactions": "20"}
    with EmbeddedServer.start(
        SETTINGS | more, binaries=Path(given_) if given_ else None
    ) as running:
        yield running


@_budget
@given(drawn=st.lists(st.lists(steps(), min_size=1, max_size=3), min_size=8, max_size=12))
async def test_what_moved_read_alone_is_the_same_as_all_of_it(
    make_database: MakeDatabase, drawn: list[list[tuple[int, Statement | str]]]
) -> None:
    dsn = await make_database(sql=SCENE)
    sessions = [await asyncpg.connect(dsn, statement_cache_size=0) for _ in range(2)]
    name = urlsplit(dsn).path.lstrip("/")
    source, book, ran = followed(dsn), Book("", key=KEY), list[str]()
    try:
        for session in sessions:
            await session.execute("SET lock_timeout = 100")
        for batch in [[], *drawn]:
            for who, what in batch:
                ran.append(f"{who}: {await _did(sessions[who], what, name)}")
            try:
                found = await source.read(book)
                whole = await read_once(dsn, key=KEY)
            except SourceError as error:
                # The other session holds a lock on what has to be opened to be printed.
                if error.reason != "timeout":
                    raise
                continue
            depths[found.depth] += 1
            try:
                assert_same(found, whole)
            except AssertionError as error:
                error.add_note("\n".join(ran))
                raise
            book = left_by(found)
    finally:
        await source.close()
        for session in sessions:
            session.terminate()
        await _forget_prepared(dsn)


async def _did(session: asyncpg.Connection, what: Statement | str, name: str) -> str:
    """Run a statement, whatever becomes of it, and return it with that."""
    try:
        sql = what.format(name=name) if isinstance(what, str) else await what.aimed(session)
        if sql is None:
            return "nothing to aim at"
        async with asyncio.timeout(60):
            await session.execute(sql)
    except asyncpg.PostgresError as error:
        return f"{what} -- {error}"
    return sql


async def _forget_prepared(dsn: str) -> None:
    session = await asyncpg.connect(dsn)
    gids = "SELECT gid FROM pg_prepared_xacts WHERE database = current_database()"
    for (gid,) in await session.fetch(gids):
        await session.execute(f"ROLLBACK PREPARED '{gid}'")
    await session.close()


def test_some_of_it_was_read_alone() -> None:
    """Or else nothing was proved: what falls back to a full reading always agrees with one."""
    assert depths["incremental"] > depths["full"] > 0 or not depths
