"""Forms that let others write meanwhile, carried out on a real database with rows in it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Any

import pytest

from pgdrift.cli import work
from pgdrift.cli.audit import Audit
from pgdrift.cli.place import place_of
from pgdrift.core.compare import compare
from pgdrift.core.model import ObjectId, Snapshot
from pgdrift.errors import ReconcileError
from pgdrift.reconcile import apply as apply_module
from pgdrift.reconcile import planfile
from pgdrift.sources.embedded import EmbeddedServer
from tests.conftest import MakeDatabase, run_sql
from tests.daemon.house import until
from tests.reconcile.test_apply import Hands, hands, held, seen, session, told_alike, value

pytestmark = pytest.mark.db
__all__ = ["hands"]  # a fixture: pytest finds it by its name

BEFORE = """
create type mood as enum ('sad', 'ok');
create table owner (id int primary key);
create table account (id int, code varchar(9), note text, of int, feels mood);
insert into owner select n from generate_series(1, 100) n;
insert into account select n, 'c' || n, 'n' || n, n, 'ok' from generate_series(1, 100) n;
"""
AFTER = """
create type mood as enum ('sad', 'ok', 'glad');
create table owner (id int primary key);
create table account (id int primary key, code varchar(20) not null, note text, of int,
    feels mood, level int not null default 3, constraint coded unique (code) include (note),
    constraint owned foreign key (of) references owner, constraint noted check (note <> ''));
create index account_of on account (of);
"""
# What each of them must be done by, and in which order its parts come.
FORMS: Mapping[str, tuple[str, ...]] = {
    "a new label": ("ALTER TYPE public.mood ADD VALUE 'glad'",),
    "a wider text": ("ALTER COLUMN code TYPE character varying(20)",),
    "not null": (
        "IS NOT NULL) NOT VALID",
        "VALIDATE CONSTRAINT",
        "SET NOT NULL",
        "DROP CONSTRAINT",
    ),
    "a constant default": ("ADD COLUMN level integer DEFAULT 3 NOT NULL",),
    "an index": ("CREATE INDEX CONCURRENTLY account_of",),
    "a unique key": ("CREATE UNIQUE INDEX CONCURRENTLY coded", "UNIQUE USING INDEX coded"),
    "a primary key": (
        "CREATE UNIQUE INDEX CONCURRENTLY account_pkey",
        "PRIMARY KEY USING INDEX account_pkey",
    ),
    "a foreign key": ("ADD CONSTRAINT owned FOREIGN KEY", "VALIDATE CONSTRAINT owned"),
    "a check": ("ADD CONSTRAINT noted CHECK", "VALIDATE CONSTRAINT noted"),
}


async def test_each_form_is_used_applied_beside_writers_and_taken_back(
    make_database: MakeDatabase, hands: Hands, server: EmbeddedServer
) -> None:
    a, b = await make_database(sql=BEFORE), await make_database(sql=AFTER)
    before, after = await seen(a), await seen(b)
    node = await value(a, "select pg_relation_filenode('account')")
    await hands.plan(a, b, online=True)
    way = planfile.read(hands.folder)[0].up.statements
    said = [s.step.sql for s in way]
    for name, parts in FORMS.items():
        places = [next((n for n, sql in enumerate(said) if part in sql), -1) for part in parts]
        assert -1 not in places, (name, said)
        assert places == sorted(places), name
    assert not any(s.step.rewrites for s in way)
    assert not [s.number for s in way if s.step.scans and s.step.lock.rank >= _KEEPS_WRITERS_OUT]

    await hands.apply(a)
    assert not told_alike(await seen(a), after)
    assert await value(a, "select pg_relation_filenode('account')") == node
    assert await value(a, "select count(*) from account where level = 3") == 100
    async with session(a) as opened:
        assert not await opened.fetch("select from pg_index where not indisvalid")
        assert not await opened.fetch("select from pg_constraint where not convalidated")
    await hands.roll_back(a)
    # A label that was added cannot be taken; a type is made anew for that.
    assert not compare(before, await seen(a)).changes


_KEEPS_WRITERS_OUT = 2  # SHARE, and what is stronger


async def test_a_key_that_rows_forbid_leaves_no_index_by_half_and_can_be_gone_on_with(
    make_database: MakeDatabase, hands: Hands
) -> None:
    a = await make_database(sql=BEFORE)
    b = await make_database(sql=BEFORE + "alter table account add constraint coded unique (code)")
    after = await seen(b)
    await hands.plan(a, b, online=True)
    await run_sql(a, "insert into account values (101, 'c1', 'n', 1, 'ok')")
    before = await seen(a)
    error = await hands.refused(hands.apply(a))
    assert "Key (code)=(c1) is duplicated" in str(error)
    assert hands.states == ["failed", "pending"]
    assert not compare(before, await seen(a)).changes
    await run_sql(a, "delete from account where id = 101")
    await hands.apply(a, resume=True)
    assert hands.states == ["done", "done"]
    assert not told_alike(await seen(a), after)


async def test_an_index_that_a_killed_server_process_left_by_half_is_built_anew_on_resume(
    make_database: MakeDatabase, hands: Hands
) -> None:
    a = await make_database(sql=BEFORE)
    b = await make_database(sql=BEFORE + "alter table account add constraint coded unique (code)")
    after = await seen(b)
    await hands.plan(a, b, online=True)
    async with session(a) as writer:
        transaction = writer.transaction()
        await transaction.start()
        await writer.execute("insert into account values (102, 'x', 'n', 1, 'ok')")
        patient = work.Limits(120.0, 600.0)
        running = asyncio.create_task(hands.apply(a, limits=patient))
        half = "select count(*) from pg_index where indexrelid = to_regclass('coded')"
        await until(lambda: value(a, half), "the index is not begun")
        ends = """select pg_terminate_backend(pid) from pg_stat_activity
            where query like 'CREATE UNIQUE INDEX CONCURRENTLY%' and datname = current_database()"""
        await value(a, ends)
        error = await hands.refused(running)
        await transaction.rollback()
    assert error.reason == "in_doubt"
    assert await value(
        a, "select not indisvalid from pg_index where indexrelid = 'coded'::regclass"
    )
    await _until_free(hands, a)
    assert set(hands.states) == {"done"}
    assert not told_alike(await seen(a), after)


INDEXED = BEFORE + "create index account_of on account (of);"
_IS_VALID = "select indisvalid from pg_index where indexrelid = to_regclass('account_of')"


@asynccontextmanager
async def writing(a: str) -> AsyncIterator[None]:
    """Give a transaction that has written to the table, and stays open."""
    async with session(a) as opened:
        transaction = opened.transaction()
        await transaction.start()
        await opened.execute("insert into account values (102, 'x', 'n', 1, 'ok')")
        yield
        await transaction.rollback()


@pytest.mark.parametrize(
    ("here", "there", "left"),
    [(INDEXED, BEFORE, None), (BEFORE, INDEXED, True)],
    ids=["drop", "create"],
)
async def test_an_index_waits_for_others_as_long_as_they_take(
    make_database: MakeDatabase, hands: Hands, here: str, there: str, left: bool | None
) -> None:
    a, b = await make_database(sql=here), await make_database(sql=there)
    await hands.plan(a, b, online=True)
    short = work.Limits(0.2, 60.0)
    async with writing(a):
        running = asyncio.create_task(hands.apply(a, limits=short))
        await until(lambda: _is_half(a), "the index is not begun")
        await asyncio.sleep(4 * short.lock)
    await running
    assert hands.states == ["done"]
    assert await value(a, _IS_VALID) is left


async def _is_half(a: str) -> bool:
    return await value(a, _IS_VALID) is False


@pytest.mark.parametrize("ended", ["terminate", "cancel"])
async def test_a_drop_that_was_left_by_half_is_dropped_on_resume(
    make_database: MakeDatabase, hands: Hands, ended: str
) -> None:
    a, b = await make_database(sql=INDEXED), await make_database(sql=BEFORE)
    after = await seen(b)
    await hands.plan(a, b, online=True)
    async with writing(a):
        running = asyncio.create_task(hands.apply(a, limits=work.Limits(0.2, 60.0)))
        await until(lambda: _is_half(a), "the drop is not begun")
        ends = f"""select count(pg_{ended}_backend(pid)) from pg_stat_activity
            where query like 'DROP INDEX CONCURRENTLY%' and datname = current_database()"""
        # Who is cancelled tries once more, and is cancelled again.
        await until(lambda: _ends(a, ends, running), "it goes on")
        error = await hands.refused(running)
        assert error.reason == "in_doubt"
        assert ("it was refused: canceling" in str(error)) is (ended == "cancel")
        assert await _is_half(a)
    assert hands.states == ["in doubt"]
    await _until_free(hands, a)
    assert hands.states == ["done"]
    assert not told_alike(await seen(a), after)


async def _ends(a: str, sql: str, running: asyncio.Task[None]) -> bool:
    await value(a, sql)
    return running.done()


async def test_the_half_of_an_index_that_is_anothers_is_left_to_them(
    make_database: MakeDatabase, hands: Hands, monkeypatch: pytest.MonkeyPatch
) -> None:
    a, b = await make_database(sql=BEFORE), await make_database(sql=INDEXED)
    await hands.plan(a, b, online=True)
    run_one = apply_module._run

    async def too_late(work_: Any, statement: Any) -> None:
        invalid = "update pg_index set indisvalid = false where indexrelid = 'account_of'::regclass"
        await run_sql(a, f"create index account_of on account (code); {invalid}")
        await run_one(work_, statement)

    monkeypatch.setattr(apply_module, "_run", too_late)
    error = await hands.refused(hands.apply(a))
    assert 'relation "account_of" already exists' in str(error)
    assert hands.states == ["failed"]
    assert await _is_half(a)


async def test_who_cannot_look_at_what_stands_alone_says_that_nobody_knows(
    make_database: MakeDatabase, hands: Hands, monkeypatch: pytest.MonkeyPatch
) -> None:
    a, b = await make_database(sql=BEFORE), await make_database(sql=INDEXED)
    await hands.plan(a, b, online=True)
    run_one, entered = apply_module._run, list[Any]()

    async def then_the_catalog_is_locked(work_: Any, statement: Any) -> None:
        await run_one(work_, statement)
        entered.append(held(a, "pg_catalog.pg_description", "access exclusive"))
        await entered[0].__aenter__()

    monkeypatch.setattr(apply_module, "_run", then_the_catalog_is_locked)
    error = await hands.refused(hands.apply(a))
    await entered[0].__aexit__(None, None, None)
    monkeypatch.setattr(apply_module, "_run", run_one)
    assert (error.reason, "statement 1" in str(error)) == ("in_doubt", True)
    assert hands.states == ["in doubt"]
    assert await value(a, _IS_VALID)
    await _until_free(hands, a)
    assert hands.states == ["done"]


async def test_what_others_change_beside_an_index_is_theirs_and_stops_the_plan(
    make_database: MakeDatabase, hands: Hands, monkeypatch: pytest.MonkeyPatch
) -> None:
    secured = "alter table owner enable row level security;"
    a = await make_database(sql=BEFORE + secured)
    b = await make_database(sql=INDEXED + secured)
    after = await seen(b)
    await hands.plan(a, b, online=True)
    told, told_of = Audit.left, list[Snapshot]()

    async def left(self: Audit, found: Snapshot, journal: Any) -> None:
        told_of.append(found)
        await told(self, found, journal)

    monkeypatch.setattr(Audit, "left", left)
    async with writing(a):
        running = asyncio.create_task(hands.apply(a))
        await until(lambda: _is_half(a), "the index is not begun")
        await run_sql(a, "alter table owner disable row level security")
    error = await hands.refused(running)
    assert error.reason == "moved"
    assert "table public.owner" in str(error)
    assert "done: statements 1; not done: none" in str(error)
    assert hands.states == ["done"]
    # The index is the plan's, and the switch is not.
    (snapshot,) = told_of
    assert snapshot.objects[ObjectId("table", ("public", "owner"))].attributes["row_security"]
    assert ObjectId("index", ("public", "account_of")) in snapshot.objects
    error = await hands.refused(hands.apply(a, resume=True))
    assert "table public.owner" in str(error)
    await run_sql(a, secured)
    await hands.apply(a, resume=True)
    assert not told_alike(await seen(a), after)


async def test_what_others_change_while_an_index_is_ended_is_not_kept_as_the_plans(
    make_database: MakeDatabase, hands: Hands
) -> None:
    a, b = await make_database(sql=INDEXED), await make_database(sql=BEFORE)
    await hands.plan(a, b, online=True)
    async with writing(a):
        running = asyncio.create_task(hands.apply(a))
        await until(lambda: _is_half(a), "the drop is not begun")
        ends = """select pg_terminate_backend(pid) from pg_stat_activity
            where query like 'DROP INDEX CONCURRENTLY%' and datname = current_database()"""
        await value(a, ends)
        assert (await hands.refused(running)).reason == "in_doubt"
    await run_sql(a, "create table surprise ()")
    with pytest.raises(ReconcileError, match=r"table public\.surprise"):
        await _until_free(hands, a)
    assert hands.states == ["done"]
    kept = work.journal_of(hands.folder, place_of(a, None, None, hands.config)).kept("up", 1)
    assert kept
    assert ObjectId("table", ("public", "surprise")) not in kept.objects


async def _until_free(hands: Hands, a: str) -> None:
    from tests.reconcile.test_apply import _once_free

    await _once_free(lambda: hands.apply(a, resume=True))


async def test_what_cannot_be_built_beside_writers_says_so(
    make_database: MakeDatabase, hands: Hands
) -> None:
    a = await make_database(sql=BEFORE)
    excludes = "alter table account add constraint apart exclude using btree (id with =)"
    b = await make_database(sql=BEFORE + excludes)
    await hands.plan(a, b, online=True)
    (statement,) = planfile.read(hands.folder)[0].up.statements
    assert statement.step.note == "cannot be built beside writers"
    await hands.apply(a)


async def test_who_writes_is_kept_out_by_no_statement_for_longer_than_a_moment(
    make_database: MakeDatabase, hands: Hands, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Between any two statements of different transactions a row can be written."""
    a, b = await make_database(sql=BEFORE), await make_database(sql=AFTER)
    await hands.plan(a, b, online=True)
    done, written = apply_module._is_done, list[int]()
    waiting: list[asyncio.Task[Any]] = []

    async def write(number: int) -> None:
        sql = f"insert into account (id, code, note, of) values ({1000 + number}, 'w{number}', 'n', 1)"
        await run_sql(a, sql)
        written.append(number)

    def then(work_: Any, *more: Any) -> None:
        done(work_, *more)
        waiting.append(asyncio.ensure_future(write(len(work_.done))))

    monkeypatch.setattr(apply_module, "_is_done", then)
    await hands.apply(a)
    await asyncio.gather(*waiting)
    count = planfile.read(hands.folder)[0].up.statements[-1].transaction
    assert len(written) == count
    assert await value(a, "select count(*) from account") == 100 + count
