"""Readings of real ledgers, written by real concurrent sessions."""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import asyncpg
import pytest

from pgdrift.core.model import Ledger, LedgerMark
from pgdrift.sources.connection import Connection, connection, reading
from pgdrift.sources.ledger import read_ledger
from pgdrift.sources.ledger_found import ledger_schemas

pytestmark = pytest.mark.db

CORE = (Path(__file__).with_name("ledger_core.sql")).read_text(encoding="utf-8")
LEDGERS = Path(__file__).parent.parent / "ledgers"
SHAPES = {
    "gitversion": ("gitversion", "core", CORE),
    "pggit": ("pggit", "core", CORE.replace("gitversion", "pggit")),
    "ext": ("pggit", "ext", (LEDGERS / "ext.sql").read_text(encoding="utf-8")),
    "new": ("pggit", "new", (LEDGERS / "new.sql").read_text(encoding="utf-8")),
}

MakeDatabase = Callable[..., Awaitable[str]]
MakeRole = Callable[..., Awaitable[str]]


@asynccontextmanager
async def session(dsn: str) -> AsyncIterator[asyncpg.Connection]:
    writer = await asyncpg.connect(dsn)
    try:
        yield writer
    finally:
        await writer.close()


async def look(reader: Connection, since: LedgerMark | None, prefer: str = "auto") -> Ledger | None:
    async with reading(reader):
        return await read_ledger(reader, since, prefer=prefer)


async def read(reader: Connection, since: LedgerMark | None, prefer: str = "auto") -> Ledger:
    ledger = await look(reader, since, prefer)
    assert ledger
    return ledger


def mark(ledger: Ledger) -> LedgerMark:
    assert ledger.mark
    return ledger.mark


async def told(reader: Connection, ledger: Ledger) -> tuple[Ledger, list[str]]:
    """Read on from a ledger; return the new one and `CHANGE name` of what it tells."""
    then = await read(reader, ledger.mark)
    assert then.incomplete is None
    return then, [f"{e.change_type} {e.object_name}" for e in then.entries]


@pytest.fixture
async def dsn(make_database: MakeDatabase) -> str:
    return await make_database(sql=CORE)


@pytest.fixture
async def reader(dsn: str) -> AsyncIterator[Connection]:
    async with connection(dsn) as opened:
        yield opened


@pytest.fixture
async def baseline(reader: Connection) -> Ledger:
    return await read(reader, None)


@pytest.mark.parametrize("name", SHAPES)
async def test_every_shape_is_known_and_tells_what_was_done(
    make_database: MakeDatabase, name: str
) -> None:
    schema, shape, sql = SHAPES[name]
    dsn = await make_database(sql=sql)
    async with connection(dsn) as reader, session(dsn) as writer:
        await writer.execute("create table before_us (id int)")
        ledger = await read(reader, None)
        assert (schema, shape, True, None) == (
            ledger.schema,
            ledger.shape,
            ledger.tracking,
            ledger.incomplete,
        )
        assert ledger.entries == ()
        await writer.execute("create table t (id int); create index i on t (id)")
        await writer.execute("alter table t add column c text")
        await writer.execute("drop index i")
        ledger, entries = await told(reader, ledger)
        prefix = "public." if shape == "ext" else ""
        expected = [f"CREATE {prefix}t", f"CREATE {prefix}i", f"ALTER {prefix}t"]
        assert entries == (expected if shape == "ext" else [*expected, "DROP i"])
        first = ledger.entries[0]
        assert (first.object_type, first.schema_name, first.who) == ("TABLE", "public", "postgres")
        assert first.at
        assert (await told(reader, ledger))[1] == []
        async with reading(reader):
            own = await ledger_schemas(reader)
        assert own == (("pggit", "pggit_work") if shape == "new" else (schema,))


async def test_a_transaction_that_commits_late_is_told_once_when_it_has_committed(
    dsn: str, reader: Connection, baseline: Ledger
) -> None:
    async with session(dsn) as slow, session(dsn) as quick:
        await slow.execute("begin; create table slow ()")
        await quick.execute("create table quick ()")
        ledger, entries = await told(reader, baseline)
        assert entries == ["CREATE quick"]
        await quick.execute("create table quicker ()")
        ledger, entries = await told(reader, ledger)
        assert entries == ["CREATE quicker"]
        passed = ledger.entries[0].id
        ledger, entries = await told(reader, ledger)
        assert entries == []
        await slow.execute("commit")
        ledger, entries = await told(reader, ledger)
        assert entries == ["CREATE slow"]
        assert ledger.entries[0].id < passed
        assert (await told(reader, ledger))[1] == []


async def test_the_first_reading_tells_nothing_and_loses_nothing_that_is_still_open(
    dsn: str, reader: Connection
) -> None:
    async with session(dsn) as slow, session(dsn) as quick:
        await slow.execute("begin; create table slow ()")
        await quick.execute("create table quick ()")
        ledger = await read(reader, None)
        assert ledger.entries == ()
        await slow.execute("commit")
        assert (await told(reader, ledger))[1] == ["CREATE slow"]


async def test_ids_may_become_visible_in_any_order_and_have_gaps(
    dsn: str, reader: Connection, baseline: Ledger
) -> None:
    async with session(dsn) as one, session(dsn) as two, session(dsn) as three:
        await one.execute("begin; create table one ()")
        await two.execute("begin; create table two ()")
        await three.execute("begin; create table three ()")
        ledger = baseline
        for writer, end, expected in (
            (three, "commit", ["CREATE three"]),
            (two, "rollback", []),
            (one, "commit", ["CREATE one"]),
        ):
            await writer.execute(end)
            ledger, entries = await told(reader, ledger)
            assert entries == expected
        await three.execute("create table four ()")
        ledger, entries = await told(reader, ledger)
        assert entries == ["CREATE four"]


async def test_subtransactions_are_told_with_their_parent_and_not_before(
    dsn: str, reader: Connection, baseline: Ledger
) -> None:
    async with session(dsn) as writer, session(dsn) as other:
        # The first id is given to the subtransaction's parent only when the former needs one.
        await writer.execute("begin; savepoint a; create table a (); savepoint b")
        await other.execute("create table other ()")
        await writer.execute("create table b (); rollback to b; savepoint c; create table c ()")
        ledger, entries = await told(reader, baseline)
        assert entries == ["CREATE other"]
        await writer.execute("release a")
        ledger, entries = await told(reader, ledger)
        assert entries == []
        # More subtransactions than a session lists in shared memory.
        await writer.execute(
            """
            do $$ begin for n in 1..80 loop
                begin execute format('create table many_%s ()', n); exception when others then end;
            end loop; end $$
            """
        )
        await other.execute("create table another ()")
        ledger, entries = await told(reader, ledger)
        assert entries == ["CREATE another"]
        await writer.execute("commit")
        ledger, entries = await told(reader, ledger)
        assert entries == ["CREATE a", "CREATE c", *(f"CREATE many_{n}" for n in range(1, 81))]
        assert (await told(reader, ledger))[1] == []


async def test_the_time_zone_of_the_writer_does_not_matter(
    dsn: str, reader: Connection, baseline: Ledger
) -> None:
    async with session(dsn) as east, session(dsn) as west:
        await east.execute("set timezone to 'Pacific/Kiritimati'")
        await west.execute("set timezone to 'America/Los_Angeles'")
        await east.execute("create table east ()")
        await west.execute("create table west ()")
        ledger, entries = await told(reader, baseline)
        assert entries == ["CREATE east", "CREATE west"]
        assert str(ledger.entries[0].at) > str(ledger.entries[1].at)
        await west.execute("drop table west")
        await east.execute("drop table east")
        assert (await told(reader, ledger))[1] == ["DROP west", "DROP east"]


async def test_under_any_interleaving_every_entry_is_told_exactly_once(
    dsn: str, reader: Connection, baseline: Ledger
) -> None:
    chance = random.Random(7)

    async def write(number: int) -> None:
        async with session(dsn) as writer:
            for n in range(12):
                name = f"w{number}_{n}"
                await writer.execute(f"begin; create table {name} ()")
                await asyncio.sleep(chance.random() * 0.01)
                await writer.execute(f"savepoint s; create table {name}_s ()")
                if chance.random() < 0.4:
                    await writer.execute("rollback to s")
                await asyncio.sleep(chance.random() * 0.01)
                await writer.execute("rollback" if chance.random() < 0.3 else "commit")

    writers = [asyncio.create_task(write(n)) for n in range(4)]
    ledger, ids = baseline, []
    while not all(w.done() for w in writers):
        ledger, _ = await told(reader, ledger)
        ids += [e.id for e in ledger.entries]
        await asyncio.sleep(0)
    await asyncio.gather(*writers)
    ledger, _ = await told(reader, ledger)
    ids += [e.id for e in ledger.entries]
    written = await reader.fetch("select id from gitversion.history order by id")
    assert sorted(ids) == [row["id"] for row in written]
    assert len(ids) > 20


@pytest.mark.parametrize(
    ("ddl", "expected"),
    [
        ('create table "Or.der" ()', 'public "Or.der"'),
        ('create table "a""b" ()', 'public "a""b"'),
        ('create table "🐘" ()', 'public "🐘"'),
        ('create schema "My.S"; create table "My.S".t ()', 'My.S "My.S".t'),
        ('create schema s2; create table s2."select" ()', 's2 "select"'),
    ],
)
async def test_names_come_as_they_are_stored(
    dsn: str, reader: Connection, baseline: Ledger, ddl: str, expected: str
) -> None:
    async with session(dsn) as writer:
        await writer.execute(ddl)
    ledger, _ = await told(reader, baseline)
    assert [expected] == [f"{e.schema_name} {e.object_name}" for e in ledger.entries]


async def test_a_function_comes_by_its_oid(dsn: str, reader: Connection, baseline: Ledger) -> None:
    async with session(dsn) as writer:
        await writer.execute("create function f(int) returns int language sql as 'select 1'")
        oid = await writer.fetchval("select 'f(int)'::regprocedure::oid")
    assert [f"CREATE {oid}"] == (await told(reader, baseline))[1]


async def test_whoever_did_it_is_named(
    dsn: str, reader: Connection, baseline: Ledger, make_role: MakeRole
) -> None:
    role = await make_role(dsn, "Ann O'Nym")
    async with session(dsn) as admin:
        await admin.execute('grant create on schema public to "Ann O\'Nym"')
    async with session(role) as writer:
        await writer.execute("create table hers ()")
    ledger, entries = await told(reader, baseline)
    assert (entries, ledger.entries[0].who) == (["CREATE hers"], "Ann O'Nym")


@pytest.mark.parametrize("state", ["disable", "enable replica"])
async def test_a_switched_off_trigger_is_not_tracking(
    dsn: str, reader: Connection, baseline: Ledger, state: str
) -> None:
    async with session(dsn) as writer:
        await writer.execute(f"alter event trigger gitversion_drop_trigger {state}")
        ledger, _ = await told(reader, baseline)
        assert not ledger.tracking
        await writer.execute("alter event trigger gitversion_drop_trigger enable always")
        ledger, _ = await told(reader, baseline)
        assert ledger.tracking
        await writer.execute("drop event trigger gitversion_ddl_trigger")
        ledger, _ = await told(reader, baseline)
        assert not ledger.tracking


async def test_a_ledger_that_was_installed_anew_starts_from_a_baseline(
    dsn: str, reader: Connection, baseline: Ledger
) -> None:
    async with session(dsn) as writer:
        await writer.execute("create table lost ()")
        await writer.execute("drop event trigger gitversion_ddl_trigger")
        await writer.execute("drop event trigger gitversion_drop_trigger")
        await writer.execute("drop schema gitversion cascade")
        await writer.execute(CORE)
        await writer.execute("create table unseen ()")
        ledger, entries = await told(reader, baseline)
        assert entries == []
        assert mark(ledger).identity != mark(baseline).identity
        await writer.execute("create table seen ()")
        assert (await told(reader, ledger))[1] == ["CREATE seen"]


async def test_a_server_that_went_back_in_time_starts_from_a_baseline(
    dsn: str, reader: Connection, baseline: Ledger
) -> None:
    later = LedgerMark(mark(baseline).identity, mark(baseline).horizon + 10**6, frozenset({1}))
    async with session(dsn) as writer:
        await writer.execute("create table t ()")
    ledger = await read(reader, later)
    assert ledger.entries == ()
    assert mark(ledger).horizon < later.horizon


async def test_maintenance_of_the_history_tells_nothing_again(
    dsn: str, reader: Connection, baseline: Ledger
) -> None:
    async with session(dsn) as writer, session(dsn) as running:
        await running.execute("begin; select pg_current_xact_id()")
        await writer.execute("create table t ()")
        ledger, _ = await told(reader, baseline)
        assert {e.id for e in ledger.entries} == mark(ledger).seen
        for command in ("analyze", "vacuum freeze", "vacuum full"):
            await writer.execute(f"{command} gitversion.history")
            ledger, entries = await told(reader, ledger)
            assert entries == []
        await running.execute("commit")
        await writer.execute("vacuum freeze gitversion.history")
        ledger, entries = await told(reader, ledger)
        assert (entries, mark(ledger).seen) == ([], frozenset())


async def test_without_a_ledger_there_is_none(database: str) -> None:
    async with connection(database) as reader:
        assert await look(reader, None) is None
        named = await read(reader, None, "pggit")
        assert "no table pggit.history" in str(named.incomplete)
        assert await look(reader, None, "none") is None


async def test_a_schema_that_only_has_the_name_is_nobody_s_ledger(
    make_database: MakeDatabase,
) -> None:
    dsn = await make_database(
        sql="""
        create schema gitversion; create table gitversion.history (id int, note text);
        create schema pggit_tools; create table pggit_tools.t ();
        """
    )
    async with connection(dsn) as reader:
        assert await look(reader, None) is None
        async with reading(reader):
            assert await ledger_schemas(reader) == ()


@pytest.mark.parametrize(
    ("sql", "reason"),
    [
        ("create schema gitversion", "no table gitversion.history"),
        (CORE + "drop table gitversion.history", "no table gitversion.history"),
        (
            CORE + "alter table gitversion.history drop column created_by",
            "gitversion.history has no column created_by",
        ),
        (CORE + "drop table gitversion.objects cascade", "no table gitversion.objects"),
        (
            CORE + "alter table gitversion.objects rename object_name to name",
            "gitversion.objects has no column object_name",
        ),
    ],
)
async def test_a_half_installed_ledger_says_what_is_missing_and_harms_nothing(
    make_database: MakeDatabase, sql: str, reason: str
) -> None:
    dsn = await make_database(sql=sql)
    async with connection(dsn) as reader, reading(reader):
        since = LedgerMark("1/2/3", 4, frozenset({5}))
        ledger = await read_ledger(reader, since)
        assert ledger
        assert reason in str(ledger.incomplete)
        assert ledger.mark is since
        assert await reader.fetchval("select 1") == 1


async def test_a_role_that_may_only_connect_is_told_what_to_grant(
    dsn: str, reader: Connection, baseline: Ledger, make_role: MakeRole
) -> None:
    role = await make_role(dsn, "watcher")
    async with session(dsn) as admin, connection(role) as watcher:
        await admin.execute("revoke usage on schema gitversion from public")
        for grant, reason in (
            ("usage on schema gitversion", "no right to use the schema gitversion"),
            ("select on gitversion.objects", "no right to read gitversion.history"),
            ("select on gitversion.history", "no right to read gitversion.history"),
        ):
            async with reading(watcher):
                ledger = await read_ledger(watcher, baseline.mark)
                assert ledger
                assert reason in str(ledger.incomplete)
                assert "GRANT USAGE ON SCHEMA gitversion" in str(ledger.incomplete)
                assert ledger.mark == baseline.mark
                assert await watcher.fetchval("select 1") == 1
                assert await ledger_schemas(watcher) == ("gitversion",)
            await admin.execute(f"grant {grant} to watcher")
        await admin.execute("create table t ()")
        _, entries = await told(watcher, baseline)
        assert entries == ["CREATE t"]


async def test_the_columns_that_are_needed_are_enough(
    dsn: str, baseline: Ledger, make_role: MakeRole
) -> None:
    role = await make_role(dsn, "frugal")
    async with session(dsn) as admin, connection(role) as watcher:
        await admin.execute(
            """
            grant select (id, object_id, change_type, created_at, created_by, xmin)
                on gitversion.history to frugal;
            grant select (id, object_type, schema_name, object_name) on gitversion.objects to frugal;
            create table t ();
            """
        )
        assert (await told(watcher, baseline))[1] == ["CREATE t"]


async def test_a_locked_ledger_loses_nothing(dsn: str, baseline: Ledger) -> None:
    async with session(dsn) as writer, connection(dsn, lock_timeout=0.05) as reader:
        await writer.execute("create table t ()")
        await writer.execute("begin; lock table gitversion.history in access exclusive mode")
        async with reading(reader):
            ledger = await read_ledger(reader, baseline.mark)
            assert ledger
            assert "could not be read" in str(ledger.incomplete)
            assert await reader.fetchval("select 1") == 1
        await writer.execute("commit")
        assert (await told(reader, ledger))[1] == ["CREATE t"]


async def test_row_level_security_that_hides_rows_is_said(dsn: str, make_role: MakeRole) -> None:
    role = await make_role(dsn, "filtered")
    async with session(dsn) as admin, connection(role) as watcher:
        await admin.execute("grant select on all tables in schema gitversion to filtered")
        await admin.execute("alter table gitversion.history enable row level security")
        ledger = await read(watcher, None)
        assert "row-level security" in str(ledger.incomplete)


async def test_of_two_ledgers_the_one_that_can_be_read_and_tracks_is_read(
    make_database: MakeDatabase,
) -> None:
    dsn = await make_database(sql=CORE)
    async with session(dsn) as admin, connection(dsn) as reader:
        await admin.execute(SHAPES["new"][2])
        assert (await read(reader, None)).schema == "gitversion"
        assert (await read(reader, None, "pggit")).schema == "pggit"
        await admin.execute("alter event trigger gitversion_ddl_trigger disable")
        assert (await read(reader, None)).schema == "pggit"
        async with reading(reader):
            assert await ledger_schemas(reader) == ("gitversion", "pggit", "pggit_work")
