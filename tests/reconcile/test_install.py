"""The ledger, installed in one transaction that proves itself, and taken out again."""

from __future__ import annotations

import asyncio
from pathlib import Path

import asyncpg
import pytest

from pgdrift.errors import ReconcileError
from pgdrift.reconcile.capture import capture
from pgdrift.reconcile.install import Done, install, uninstall
from pgdrift.reconcile.scripts import LEDGER, NOTIFY, Script
from pgdrift.reconcile.verify import verify
from pgdrift.sources.connection import reading
from pgdrift.sources.embedded import EmbeddedServer
from pgdrift.sources.reading import read_once
from tests.conftest import Execute, MakeDatabase, run_sql
from tests.majors import binaries
from tests.reconcile.places import target, traces

pytestmark = pytest.mark.db

HOSTILE = (Path(__file__).parent / "hostile.sql").read_text(encoding="utf-8")


async def refused(dsn: str, script: object = LEDGER) -> ReconcileError:
    async with target(dsn) as place:
        with pytest.raises(ReconcileError) as found:
            await install(place, script)  # type: ignore[arg-type]
    return found.value


async def faults(dsn: str) -> tuple[str, ...]:
    async with target(dsn) as place, reading(place.session):
        return (await verify(place, LEDGER)).faults


async def test_it_records_every_name_and_goes_without_a_trace(
    make_database: MakeDatabase, execute: Execute
) -> None:
    dsn = await make_database(sql=HOSTILE)
    before, seen = await traces(dsn), await read_once(dsn)
    async with target(dsn) as place:
        dry = await install(place, LEDGER, dry_run=True)
        assert await traces(dsn) == before
        done = await install(place, LEDGER)
    assert dry.recorded == done.recorded > 30
    again = await read_once(dsn)
    assert done.snapshot.root == again.snapshot.root == seen.snapshot.root
    assert again.not_compared == seen.not_compared
    assert again.ledger is not None
    assert (again.ledger.tracking, again.ledger.incomplete) == (True, None)
    assert await faults(dsn) == ()

    await execute(dsn, 'alter table parted add "new,.""é" int; alter table parted rename id to "}"')
    assert await faults(dsn) == ()
    await execute(dsn, 'alter table parted drop "new,.""é"; alter table parted rename "}" to id')
    assert (await refused(dsn)).reason == "occupied"
    async with target(dsn) as place:
        await uninstall(place, LEDGER)
    after = await traces(dsn)
    # A dropped column leaves a row of its own in pg_attribute: what we did above, not the ledger.
    rows = {line.split()[0]: line for line in before[1]}
    assert {line for line in after[1] if line != rows[line.split()[0]]} <= {
        line for line in after[1] if line.startswith("pg_attribute ")
    }
    assert (await read_once(dsn)).snapshot.root == seen.snapshot.root


async def test_what_it_cannot_capture_is_not_committed(
    make_database: MakeDatabase, monkeypatch: pytest.MonkeyPatch
) -> None:
    dsn = await make_database(sql="create table t (id int); create table u (id int)")
    before = await traces(dsn)
    forgets = "DELETE FROM gitversion.objects WHERE object_name = 't'"
    deaf = "ALTER EVENT TRIGGER gitversion_ddl_trigger DISABLE"
    meddles = "SET LOCAL session_replication_role = replica; DROP TABLE public.u"
    text = LEDGER.text
    for sabotage, word in (
        (forgets, "table public.t: not on record"),
        (deaf, "a statement that was tried is not on record"),
        (meddles, "would change table public.u"),
    ):
        monkeypatch.setattr(Script, "text", f"{text}\n{sabotage};")
        error = await refused(dsn)
        assert error.reason == "unproved"
        assert word in str(error)
        assert await traces(dsn) == before


async def test_another_ledger_is_named_and_left_alone(
    make_database: MakeDatabase, execute: Execute
) -> None:
    for sql, name in (
        ("create schema pggit; create table pggit.objects ()", "the schema pggit"),
        ("create schema gitversion", "the schema gitversion"),
        (
            (
                "create function f() returns event_trigger language plpgsql as 'begin end';"
                " create event trigger gitversion_ddl_trigger on ddl_command_end execute function f()"
            ),
            "the event trigger gitversion_ddl_trigger",
        ),
    ):
        dsn = await make_database(sql=sql)
        before = await traces(dsn)
        error = await refused(dsn)
        assert error.reason == "occupied"
        assert f"another ledger is there: {name};" in str(error)
        assert await traces(dsn) == before
    # Wake-ups stand beside any ledger but ours, which sends them itself.
    other = await make_database(sql="create schema pggit; create table pggit.objects ()")
    async with target(other) as place:
        await install(place, NOTIFY)


async def test_the_ledger_takes_the_place_of_the_wake_up_triggers(database: str) -> None:
    before = await traces(database)
    async with target(database) as place:
        await install(place, NOTIFY)
        done = await install(place, LEDGER)
        assert done.replaced
        assert (await refused(database, NOTIFY)).reason == "occupied"
        await uninstall(place, LEDGER)
    assert await traces(database) == before


async def test_of_two_at_once_one_wins_and_the_other_is_told(database: str) -> None:
    async with target(database) as one, target(database) as two:
        results = await asyncio.gather(
            install(one, LEDGER), install(two, LEDGER), return_exceptions=True
        )
        errors = [r for r in results if isinstance(r, ReconcileError)]
        assert [e.reason for e in errors] in (["busy"], ["occupied"])
        assert sum(isinstance(r, Done) for r in results) == 1
    assert await faults(database) == ()


async def test_an_install_that_is_cut_off_leaves_nothing(
    database: str, execute: Execute, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The server ends the session after the script has run, before it is committed."""
    await execute(database, "create table t (id int primary key)")
    before = await traces(database)

    async def cut(session: asyncpg.Connection, *others: object) -> object:
        found = await capture(session, *others)  # type: ignore[arg-type]
        await execute(database, f"select pg_terminate_backend({session.get_server_pid()})")
        return found

    monkeypatch.setattr("pgdrift.reconcile.install.capture", cut)
    error = await refused(database)
    assert error.reason == "interrupted"
    assert "nothing was changed" in str(error)
    assert await traces(database) == before
    monkeypatch.undo()
    async with target(database) as place:
        await install(place, LEDGER)


async def test_what_hangs_on_the_ledger_keeps_it(database: str, execute: Execute) -> None:
    async with target(database) as place:
        await install(place, LEDGER)
        await execute(
            database, "create view public.changes as select version from gitversion.objects"
        )
        with pytest.raises(ReconcileError, match=r"would go view public\.changes") as found:
            await uninstall(place, LEDGER)
        assert found.value.reason == "unproved"
        assert await faults(database) == ()


async def test_verify_says_what_is_not_as_it_was_made(database: str, execute: Execute) -> None:
    async with target(database) as place:
        await install(place, LEDGER)
    await execute(
        database,
        """create table seen (id int);
        alter event trigger gitversion_ddl_trigger disable;
        create table unseen (id int);
        create or replace function gitversion.on_drop() returns event_trigger language plpgsql
            as 'begin end';
        create function gitversion.planted() returns int language sql as 'select 1';
        revoke usage on schema gitversion from public;
        revoke execute on function gitversion.record_drops(text, text) from public;
        drop table seen""",
    )
    closed = "is not open to PUBLIC: not all that others do is recorded"
    assert await faults(database) == (
        "the event trigger gitversion_ddl_trigger is disabled",
        f"the schema gitversion {closed}",
        f"the function gitversion.record_drops(text,text) {closed}",
        "the function gitversion.on_drop was changed",
        "the function gitversion.planted is none of the script's",
        "table public.unseen: not on record",
        "table column public.unseen.id: not on record",
        "table public.seen: on record, and gone from the catalog",
        "table column public.seen.id: on record, and gone from the catalog",
    )


async def test_a_thousand_tables_are_all_on_record(database: str, execute: Execute) -> None:
    """It takes some seconds, and is the size that the ledger is promised for."""
    await execute(
        database,
        """do $$ begin for i in 1 .. 1000 loop execute format(
            'create table t%s (id int default 1, name text)',
            i); end loop; end $$""",
    )
    async with target(database) as place:
        done = await install(place, LEDGER)
        tables = await asyncpg.connect(database)
        try:
            count = await tables.fetchval(
                "select count(*) from gitversion.objects where object_type = 'TABLE' and is_active"
            )
        finally:
            await tables.close()
    assert count == 1000
    # Each with its columns.
    assert done.recorded >= 1000 * 3


@pytest.mark.skipif(
    binaries(13) is None, reason="the servers of other majors are not here: see `make servers`"
)
async def test_it_installs_and_goes_on_the_oldest_server(tmp_path: Path) -> None:
    """A server of its own: the suite's is of one major. Its start takes two seconds."""
    settings = {"fsync": "off", "full_page_writes": "off", "max_prepared_transactions": "5"}
    with await asyncio.to_thread(EmbeddedServer.start, settings, binaries=binaries(13)) as old:
        dsn = old.dsn()
        await run_sql(dsn, HOSTILE)
        before = await traces(dsn)
        async with target(dsn) as place:
            done = await install(place, LEDGER)
            assert "no wake-ups" in done.notes[0]
            await run_sql(dsn, "create table later (id int); drop table later")
            assert await faults(dsn) == ()
            # Nobody's two-phase commit is broken.
            await run_sql(dsn, "begin; create table later (); prepare transaction 'x'")
            await run_sql(dsn, "rollback prepared 'x'")
            await uninstall(place, LEDGER)
        assert await traces(dsn) == before
