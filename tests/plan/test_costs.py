"""What a plan says of a statement, against what the server does: locks, rewrites, scans, and rows.

All cases are in one database, each in a schema of its own; so are the scenarios that can be. A
place in the code where a statement is made, and which no case comes by, is a fault by itself.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator, Mapping
from dataclasses import dataclass

import asyncpg
import pytest

from pgdrift.core.alike.normalise import Options
from pgdrift.core.model import ObjectId, Snapshot
from pgdrift.core.plan.making import make_plan
from pgdrift.core.plan.model import Way
from pgdrift.reconcile.running import SETTINGS
from pgdrift.sources.embedded import EmbeddedServer
from tests.conftest import MakeDatabase, run_sql
from tests.plan import sites
from tests.plan.cost_cases import APART, CASES, UNREACHED
from tests.plan.proving import read
from tests.plan.watching import relations, watched
from tests.scenario import SCENARIOS, fits

pytestmark = pytest.mark.db

SPACE = "costs_elsewhere"


@dataclass(frozen=True, slots=True)
class Case:
    """What is there, and what is to be there, in a schema of its own."""

    name: str
    before: str
    after: str


def _cases(major: int) -> Iterator[Case]:
    for name, (since, before, change) in CASES.items():
        if major >= since:
            yield Case(name, before, before + change.replace("{space}", SPACE))
    for folder in SCENARIOS:
        if fits(folder, major) and folder.name not in APART:
            both = ((folder / name).read_text(encoding="utf-8") for name in ("a.sql", "b.sql"))
            yield Case(folder.name, *both)


@pytest.fixture
async def space(server: EmbeddedServer) -> AsyncIterator[None]:
    """Give a tablespace, which goes when the databases are gone that have something in it."""
    if server.major < 15:  # older ones need a folder for one
        yield
        return
    session = await asyncpg.connect(server.dsn())
    try:
        await session.execute("SET allow_in_place_tablespaces = on")
        await session.execute(f"CREATE TABLESPACE {SPACE} LOCATION ''")
    finally:
        await session.close()
    yield
    await run_sql(server.dsn(), f"DROP TABLESPACE {SPACE}")


# Some thousand statements, one by one: on a machine that is shared, that takes its time.
@pytest.mark.timeout(1800)
async def test_locks_rewrites_and_scans_are_what_the_server_takes_and_does(
    space: None,
    make_database: MakeDatabase,
    server: EmbeddedServer,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    waiting = list(_cases(server.major))
    seen: set[str] = set()
    wrong: list[str] = []
    with sites.told_apart(monkeypatch) as made:
        while waiting:
            one, other = await make_database(), await make_database()
            left = await _loaded(one, other, waiting)
            assert len(left) < len(waiting), [c.name for c in left]
            waiting = left
            sides = await read(one), await read(other)
            for online in (False, True):
                plan = make_plan(sides, ("a", "b"), Options(), online=online)
                for way in (plan.up, plan.down):
                    wrong += await _wrong(one, way, made, seen, exactly=server.major == 18)
                sides = await read(one), sides[1]
    assert wrong == []
    if server.major == 18:
        assert sites.ALL - seen == set(UNREACHED)


async def _loaded(one: str, other: str, cases: list[Case]) -> list[Case]:
    """Load what can be together; return the cases whose names are taken."""
    left = []
    here, there = await asyncpg.connect(one), await asyncpg.connect(other)
    try:
        for number, case in enumerate(cases):
            ours = f"BEGIN; CREATE SCHEMA c{number}; SET LOCAL search_path = c{number}; "
            try:
                await here.execute(ours + case.before)
                await there.execute(ours + case.after)
            except asyncpg.PostgresError:
                left.append(case)
                for session in (here, there):
                    await session.execute("ROLLBACK")
            else:
                for session in (here, there):
                    await session.execute("COMMIT")
    finally:
        await here.close()
        await there.close()
    return left


async def _wrong(
    dsn: str, way: Way, made: Mapping[int, set[str]], seen: set[str], *, exactly: bool
) -> list[str]:
    """Return what is wrong; where a newer major costs more than this one, a plan says that."""
    session = await asyncpg.connect(dsn)
    found, refused = list[str](), set[ObjectId]()
    try:
        for setting in SETTINGS:
            await session.execute(setting)
        there = await relations(session)
        for statement in way.statements:
            outcome = await watched(session, dsn, statement, there)
            if outcome.refused:
                refused.add(statement.object)
            if statement.object in refused:
                continue  # what is refused costs nothing; other tests say what may be
            seen |= made[id(statement.step)]
            wrong = outcome.wrong if exactly else outcome.unsaid
            found += [f"{statement.step.sql}: {said}" for said in wrong]
    finally:
        await session.close()
    return found


VALUES = {
    "smallint": "-32768 0 32767",
    "integer": "-2147483648 7 2147483647",
    "bigint": "-9223372036854775808 5 9223372036854775807",
    "numeric(6,2)": "-9999.99 0.01 1234.50",
    "numeric": "123456789012345678901234567890.123456789 -0.5 7",
    "real": "1.5 -0.25 3e30",
    "double precision": "0.1 1e300 -2.5",
    "text": "x 12 longer-than-nine-letters",
    "character varying(9)": "x 12 nine-nine",
    "boolean": "true false t",
    "date": "2020-02-29 1999-12-31 2026-01-01",
    "timestamp without time zone": "2020-02-29T12:34:56 1999-12-31T23:59:59 2026-01-01",
}
_NEW = [*VALUES, "numeric(9,2)", "numeric(5,1)", "character varying(20)", "character varying(3)"]


@pytest.fixture(scope="module")
def wanted() -> dict[str, Snapshot]:
    """By type, a table whose one column is of it: as often as it is wanted, it is read once."""
    return {}


@pytest.mark.parametrize("old", VALUES)
async def test_a_type_change_that_is_called_harmless_keeps_every_value(
    old: str, make_database: MakeDatabase, wanted: dict[str, Snapshot]
) -> None:
    values = ", ".join(f"('{v}')" for v in VALUES[old].split())
    fill = f"CREATE TABLE t (v {old}); INSERT INTO t VALUES {values};"
    target = await make_database(sql=fill)
    before = await read(target)
    session = await asyncpg.connect(target)
    try:
        kept = await session.fetchval("SELECT array_agg(v::text ORDER BY v) FROM t")
        for new in (n for n in _NEW if n != old):
            if new not in wanted:
                wanted[new] = await read(await make_database(sql=f"CREATE TABLE t (v {new})"))
            plan = make_plan((before, wanted[new]), ("a", "b"), Options())
            if any(s.step.loses for s in plan.up.statements):
                continue
            transaction = session.transaction()
            await transaction.start()
            try:
                for statement in plan.up.statements:
                    await session.execute(statement.step.sql)
                back = f"SELECT array_agg((v::{old})::text ORDER BY v::{old}) FROM public.t"
                assert await session.fetchval(back) == kept, (old, new)
            except asyncpg.PostgresError:
                # Refused is not lost; but it must have been said.
                assert any(s.step.fails for s in plan.up.statements), (old, new)
            finally:
                await transaction.rollback()
    finally:
        await session.close()
