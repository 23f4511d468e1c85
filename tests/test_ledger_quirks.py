"""Every quirk that a ledger is known to have, and the tests that a reader survives it.

The quirks have numbers, from 1 to 22. The last test here fails when one of them has no test.
"""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from pathlib import Path

import asyncpg
import pytest

from pgdrift.core.model import LEDGER, Origin, Outcome
from pgdrift.sources.connection import connection, reading
from pgdrift.sources.ledger import read_ledger
from tests.conftest import Execute, MakeDatabase
from tests.looks import CORE, Database, looks

pytestmark = pytest.mark.db

HERE = Path(__file__).parent
TABLES = "create table account (id int, name varchar(10)); create view v as select 1 as one;"

QUIRKS = {
    1: ["test_ledger: a_transaction_that_commits_late_is_told_once_when_it_has_committed",
        "test_judgement: what_commits_late_is_told_once_and_is_neither_missed_nor_invented"],
    2: ["test_ledger: ids_may_become_visible_in_any_order_and_have_gaps",
        "test_ledger: under_any_interleaving_every_entry_is_told_exactly_once"],
    3: ["test_ledger: the_time_zone_of_the_writer_does_not_matter"],
    4: ["test_ledger_quirks: statements_of_one_transaction_come_in_their_order"],
    5: ["test_ledger: a_ledger_that_was_installed_anew_starts_from_a_baseline",
        "test_ledger: a_server_that_went_back_in_time_starts_from_a_baseline",
        "test_bypass: a_clone_is_told_as_another_ledger_and_its_past_is_not_told_again",
        "test_bypass: a_ledger_that_was_rewritten_is_told_and_explains_nothing_anew"],
    6: ["test_ledger_quirks: a_restored_ledger_invents_nothing_whatever_numbers_it_holds"],
    7: ["test_ledger_quirks: what_was_made_again_and_is_said_to_be_gone_is_there"],
    8: ["test_bypass: what_other_ledgers_are_known_to_forget_is_no_bypass",
        "core/test_history: an_entry_on_what_was_renamed_explains_the_old_name_too"],
    9: ["test_ledger_quirks: rows_of_columns_and_thin_metadata_tell_nothing_about_the_catalog"],
    10: ["test_ledger_quirks: rows_of_columns_and_thin_metadata_tell_nothing_about_the_catalog"],
    11: ["test_ledger_quirks: a_statement_that_changes_nothing_is_counted_and_is_no_change"],
    12: ["test_ledger: the_columns_that_are_needed_are_enough"],
    13: ["test_ledger_quirks: what_was_there_before_the_ledger_is_no_drift_and_is_known_once_altered",
         "test_ledger: every_shape_is_known_and_tells_what_was_done"],
    14: ["test_ledger: names_come_as_they_are_stored",
         "core/test_history: an_entry_names_an_object_as_the_ledger_quotes_it"],
    15: ["test_ledger_quirks: what_is_gone_and_still_active_by_habit_of_the_ledger_is_no_ghost"],
    16: ["test_ledger_quirks: what_is_gone_and_still_active_by_habit_of_the_ledger_is_no_ghost"],
    17: ["test_bypass: what_other_ledgers_are_known_to_forget_is_no_bypass"],
    18: ["test_ledger: a_switched_off_trigger_is_not_tracking",
         "test_bypass: what_changed_past_the_ledger_is_told_by_object_until_it_is_right",
         "test_bypass: tracking_that_is_switched_off_is_told_until_it_is_on_again"],
    19: ["test_judgement: a_policy_that_was_dropped_past_the_ledger_is_no_migration_s",
         "test_bypass: a_ledger_that_is_as_it_should_be_is_in_sync"],
    20: ["test_bypass: ddl_that_was_rolled_back_leaves_no_trace"],
    21: ["test_ledger_quirks: a_reading_takes_no_lock_that_stands_in_the_way_of_ddl"],
    22: ["test_ledger_quirks: rows_with_holes_and_forged_rows_break_nothing",
         "test_bypass: a_ledger_that_was_rewritten_is_told_and_explains_nothing_anew"],
}  # fmt: skip


def shape(name: str) -> str:
    return (HERE / "ledgers" / f"{name}.sql").read_text(encoding="utf-8")


@pytest.fixture
async def dsn(make_database: MakeDatabase) -> str:
    return await make_database(sql=TABLES + CORE)


@pytest.fixture
async def production(dsn: str) -> AsyncIterator[Database]:
    async with looks(dsn) as database:
        yield database


async def test_statements_of_one_transaction_come_in_their_order(
    dsn: str, execute: Execute
) -> None:
    async with connection(dsn) as reader:
        async with reading(reader):
            first = await read_ledger(reader, None)
        assert first
        await execute(dsn, "begin; create table b (); create table a (); drop table b; commit")
        async with reading(reader):
            then = await read_ledger(reader, first.mark)
    assert then
    told = [f"{e.change_type} {e.object_name}" for e in then.entries]
    assert told == ["CREATE b", "CREATE a", "DROP b"]
    assert len({e.at for e in then.entries}) == 1


async def test_a_restored_ledger_invents_nothing_whatever_numbers_it_holds(
    dsn: str, production: Database, execute: Execute, make_database: MakeDatabase
) -> None:
    await execute(dsn, "create table t (id int); alter table t rename to renamed")
    await execute(dsn, "create function f() returns int language sql as 'select 1'")
    await production.look()
    production.sync()
    made = (
        "create table renamed (id int); create function f() returns int language sql as 'select 1';"
    )
    empty = await make_database(sql=TABLES + made + CORE)
    full = await make_database(sql=TABLES + made + CORE)
    source, target = await asyncpg.connect(dsn), await asyncpg.connect(full)
    try:
        await target.execute("truncate gitversion.objects, gitversion.history cascade")
        for table in ("objects", "history"):
            rows = await source.fetch(f"select * from gitversion.{table} order by id")
            names = [n for n, _ in rows[0].items() if n != "full_name"]
            places = ", ".join(f"${n + 1}" for n in range(len(names)))
            insert = f"insert into gitversion.{table} ({', '.join(names)}) values ({places})"
            await target.executemany(insert, [[r[n] for n in names] for r in rows])
    finally:
        await source.close()
        await target.close()
    for restored in (empty, full):
        await production.move(restored)
        await production.look()
        assert production.bypassed() == {
            "ledger_identity:ledger": "of another database: restored or cloned"
        }
        assert production.findings() == {}


async def test_what_was_made_again_and_is_said_to_be_gone_is_there(
    dsn: str, production: Database, execute: Execute
) -> None:
    await execute(dsn, "create table t (); drop table t; create table t (id int)")
    await execute(dsn, "update gitversion.objects set is_active = false where object_name = 't'")
    await production.look()
    assert production.findings().keys() == {"table:public.t"}
    assert production.bypassed() == {}
    # Its next drop is not recorded, as ledgers of that kind do.
    await execute(dsn, "begin; set session_replication_role = replica; drop table t; commit")
    await production.look()
    assert production.findings() == {}
    assert production.bypassed() == {}


async def test_rows_of_columns_and_thin_metadata_tell_nothing_about_the_catalog(
    dsn: str, production: Database, execute: Execute
) -> None:
    await execute(dsn, "create table t (a int, b int)")
    await production.look()
    production.sync()
    await execute(dsn, "alter table t drop b; alter table account alter name type varchar(20)")
    await production.look()
    found = production.findings()
    assert found.keys() == {"column:public.t.b", "column:public.account.name"}
    assert {f.origin for f in found.values()} == {Origin.TRACKED}
    assert production.bypassed() == {}


async def test_a_statement_that_changes_nothing_is_counted_and_is_no_change(
    dsn: str, production: Database, execute: Execute
) -> None:
    await execute(dsn, "create or replace view v as select 1 as one")
    found = await production.look()
    assert (found.standing.outcome, found.changed) == (Outcome.IN_SYNC, {})


async def test_what_was_there_before_the_ledger_is_no_drift_and_is_known_once_altered(
    dsn: str, production: Database, execute: Execute
) -> None:
    assert production.findings() == {}
    assert production.bypassed() == {}
    assert production.book.snapshot
    assert not {i for i in production.book.snapshot.objects if "gitversion" in i.path}
    await execute(dsn, "alter table account add a int")
    await production.look()
    (finding,) = production.against().findings
    assert (finding.key, finding.origin) == ("column:public.account.a", Origin.TRACKED)


@pytest.mark.parametrize("name", ["ext", "new"])
async def test_what_is_gone_and_still_active_by_habit_of_the_ledger_is_no_ghost(
    make_database: MakeDatabase, execute: Execute, name: str
) -> None:
    dsn = await make_database(sql=TABLES + shape(name))
    async with looks(dsn) as production:
        await execute(dsn, "create table t (id int); create index i on t (id)")
        if name == "new":
            await execute(
                dsn,
                "insert into pggit.objects (object_type, schema_name, object_name, branch_name,"
                " is_active) values ('TABLE', 'public', 't', 'feature', true)",
            )
        await production.look()
        assert production.bypassed() == {}
        await execute(dsn, "drop table t")
        await production.look()
        assert production.bypassed() == {}
        assert production.against(LEDGER).outcome is Outcome.IN_SYNC


async def test_a_reading_takes_no_lock_that_stands_in_the_way_of_ddl(
    dsn: str, execute: Execute
) -> None:
    async with connection(dsn) as reader, reading(reader):
        first = await read_ledger(reader, None)
        assert first
        await read_ledger(reader, first.mark)
        held = await reader.fetch(
            "select distinct mode from pg_locks where pid = pg_backend_pid() and relation > 0"
        )
        assert [row["mode"] for row in held] == ["AccessShareLock"]
        await execute(dsn, "set lock_timeout = '2s'; create table beside (); drop table beside")


async def test_rows_with_holes_and_forged_rows_break_nothing(
    dsn: str, production: Database, execute: Execute
) -> None:
    await execute(
        dsn,
        """
        create table t ();
        update gitversion.objects set is_active = null, updated_at = null, metadata = null;
        alter table gitversion.history alter created_by drop not null;
        insert into gitversion.objects (object_type, schema_name, object_name)
        values ('FUNCTION', '', repeat('9', 5000)), ('TABLE', '', ''), ('TABLE', '"', '"x');
        insert into gitversion.history (object_id, change_type, change_severity, created_at, created_by)
        select id, 'RENAME', 'PATCH', null, null from gitversion.objects;
        """,
    )
    await production.look()
    assert production.findings().keys() == {"table:public.t"}
    await execute(dsn, "delete from gitversion.objects where schema_name in ('', '\"')")
    await production.look()
    assert "ledger_rows:ledger" in production.bypassed()


def test_every_quirk_has_a_test() -> None:
    assert set(QUIRKS) == set(range(1, 23))
    folders = {"test_ledger": "sources/test_ledger"}
    for tests in QUIRKS.values():
        for test in tests:
            module, name = test.split(": ")
            text = (HERE / f"{folders.get(module, module)}.py").read_text(encoding="utf-8")
            assert re.search(rf"^(async )?def test_{name}\(", text, re.MULTILINE), test
