"""What bypasses a ledger, on a real server: each fault is told, and ends when it is right again."""

from __future__ import annotations

import secrets
from collections.abc import AsyncIterator
from urllib.parse import urlsplit

import asyncpg
import pytest

from pgdrift.core.judge import Policy
from pgdrift.core.model import LEDGER, ChangeClass, Outcome, Severity
from tests.conftest import Execute, MakeDatabase, MakeRole
from tests.looks import CORE, OWN, Database, looks

pytestmark = pytest.mark.db

TABLES = "create table account (id int); create table invoice (id int);"
OFF = """
alter event trigger gitversion_drop_trigger disable;
alter event trigger gitversion_ddl_trigger disable;
"""
ON = OFF.replace("disable", "enable always")
DDL = "event trigger gitversion_ddl_trigger"
DROP = "event trigger gitversion_drop_trigger"


@pytest.fixture
async def dsn(make_database: MakeDatabase) -> str:
    return await make_database(sql=TABLES + OWN)


@pytest.fixture
async def production(dsn: str) -> AsyncIterator[Database]:
    async with looks(dsn, policy=Policy(protected=True)) as database:
        yield database


async def test_a_ledger_that_is_as_it_should_be_is_in_sync(
    dsn: str, production: Database, execute: Execute
) -> None:
    await execute(
        dsn, "create table more (); drop table invoice; grant select on account to public"
    )
    found = await production.look()
    assert production.against(LEDGER).outcome is Outcome.IN_SYNC
    assert found.standing.outcome is Outcome.DRIFTED, "recorded, and yet nobody meant it"


async def test_tracking_that_is_switched_off_is_told_until_it_is_on_again(
    dsn: str, production: Database, execute: Execute
) -> None:
    await execute(dsn, f"alter {DDL} disable; alter {DROP} enable replica")
    await production.look()
    assert production.bypassed() == {
        f'ledger_tracking:"{DDL}"': "disabled",
        f'ledger_tracking:"{DROP}"': "fires in replica sessions alone",
    }
    (finding, _) = production.against(LEDGER).findings
    assert (finding.cls, finding.severity) == (ChangeClass.SECURITY, Severity.CRITICAL)
    assert ("ledger", "first") in production.told()
    await execute(dsn, f"drop {DDL}; alter {DROP} enable")
    await production.look()
    assert production.bypassed() == {f'ledger_tracking:"{DDL}"': "is not there"}
    await execute(dsn, f"create {DDL} on ddl_command_end execute function gitversion.on_ddl()")
    await production.look()
    assert production.bypassed() == {}
    assert ("ledger", "resolved") in production.told()


async def test_sessions_that_are_set_to_be_replicas_are_told_where_triggers_do_not_always_fire(
    dsn: str, production: Database, execute: Execute, make_role: MakeRole
) -> None:
    await make_role(dsn, "sneaky")
    await execute(dsn, "alter role sneaky set session_replication_role = replica")
    await production.look()
    assert production.bypassed() == {}, "it always fires"
    await execute(dsn, f"alter {DDL} enable; alter {DROP} enable")
    await production.look()
    assert production.bypassed() == {
        'ledger_tracking:"session_replication_role of sneaky"': "replica"
    }


@pytest.mark.parametrize("shape", ["own", "core"])
async def test_what_changed_past_the_ledger_is_told_by_object_until_it_is_right(
    make_database: MakeDatabase, execute: Execute, shape: str
) -> None:
    dsn = await make_database(sql=TABLES + (OWN if shape == "own" else CORE))
    async with looks(dsn) as production:
        past = "begin; set session_replication_role = replica; {}; commit"
        if shape == "own":
            past = f"begin; {OFF} {{}}; {ON} commit"
        sneaked = "alter table account add sneaked int; alter table invoice add other int"
        await execute(dsn, past.format(sneaked))
        await execute(dsn, "create table openly (); alter table openly add a int")
        await production.look()
        keys = {f"unrecorded_column:public.{n}" for n in ("account.sneaked", "invoice.other")}
        assert production.bypassed().keys() == keys
        first = production.findings(LEDGER)["unrecorded_column:public.account.sneaked"].first_seen
        await execute(dsn, "create table more ()")
        await production.look()
        assert production.bypassed().keys() == keys, "it lasts"
        after = production.findings(LEDGER)["unrecorded_column:public.account.sneaked"].first_seen
        assert after == first
        # It is taken back; the other one is recorded after all, as it is then.
        await execute(dsn, past.format("alter table account drop sneaked"))
        await execute(dsn, "alter table invoice alter other set not null")
        await production.look()
        gone = {"unrecorded_column:public.account.sneaked"} if shape == "own" else set()
        assert production.bypassed().keys() - gone == set()


async def test_a_sync_point_declares_right_what_went_past_the_ledger(
    dsn: str, production: Database, execute: Execute
) -> None:
    await execute(dsn, f"begin; {OFF} create view v as select 1; {ON} commit")
    await production.look()
    assert production.bypassed().keys() == {"unrecorded_view:public.v"}
    production.sync()
    await production.look()
    assert production.bypassed() == {}
    assert ("ledger", "resolved") in production.told()


async def test_what_the_ledger_could_not_record_is_told_until_it_is_declared_right(
    dsn: str, production: Database, execute: Execute
) -> None:
    broken = "alter table gitversion.history add constraint full_up check (false) not valid"
    await execute(dsn, broken)
    await execute(dsn, "create table one (); drop table one; create table two ()")
    await execute(dsn, "alter table gitversion.history drop constraint full_up")
    await production.look()
    found = production.bypassed()
    assert found["ledger_failures:ledger"] == "3 statements were not: gitversion.failures"
    assert found.keys() == {"ledger_failures:ledger", "unrecorded_table:public.two"}
    finding = production.findings(LEDGER)["ledger_failures:ledger"]
    assert "could not record" in finding.reason
    await execute(dsn, "create table three ()")
    await production.look()
    assert production.bypassed() == found, "it lasts"
    production.sync()
    await production.look()
    assert production.bypassed() == {}


async def test_what_the_ledger_has_and_the_database_has_not_is_a_ghost(
    dsn: str, production: Database, execute: Execute
) -> None:
    await execute(dsn, 'create table "Odd.Name" (); create policy p on account')
    await execute(dsn, f'begin; {OFF} drop table "Odd.Name"; drop policy p on account; {ON} commit')
    await production.look()
    ghosts = {k for k in production.bypassed() if k.startswith("ghost_")}
    assert ghosts == {
        'ghost_table:public."Odd.Name"',
        "ghost_policy:public.account.p",
    }
    assert production.findings(LEDGER)[min(ghosts)].severity is Severity.CRITICAL
    await execute(dsn, 'create table "Odd.Name" (); create policy p on account')
    await production.look()
    assert not {k for k in production.bypassed() if k.startswith("ghost_")}


@pytest.mark.parametrize(
    "sql",
    ["delete from gitversion.history where id = (select min(id) from gitversion.history)",
     "update gitversion.history set created_by = 'innocent'"],
    ids=["rows are gone", "rows are edited"],
)  # fmt: skip
async def test_a_ledger_that_was_rewritten_is_told_and_explains_nothing_anew(
    dsn: str, production: Database, execute: Execute, sql: str
) -> None:
    await execute(dsn, "alter table account add a int")
    await execute(dsn, "alter table account add b int")
    await production.look()
    assert production.bypassed() == {}
    # So that the rows are older than what is still open.
    await execute(dsn, "create table later ()")
    await production.look()
    await execute(dsn, f"begin; {OFF} alter table account add sneaked int; {ON} {sql}; commit")
    await production.look()
    assert "fewer, or edited" in production.bypassed()["ledger_rows:ledger"]
    assert "unrecorded_column:public.account.sneaked" in production.bypassed()
    await production.look()
    assert "ledger_rows:ledger" in production.bypassed(), "it lasts"
    production.sync()
    await production.look()
    assert production.bypassed() == {}


async def test_a_ledger_that_was_installed_anew_is_told_and_invents_nothing(
    dsn: str, production: Database, execute: Execute
) -> None:
    gone = f"drop {DDL}; drop {DROP}; drop schema gitversion cascade;"
    await execute(dsn, "create table lost ();" + gone + OWN)
    await production.look()
    assert production.bypassed() == {"ledger_identity:ledger": "installed anew, or restored"}
    assert production.findings().keys() == {"table:public.lost"}, "nothing is missed"
    await execute(dsn, "create table seen ()")
    await production.look()
    assert production.bypassed().keys() == {"ledger_identity:ledger"}
    production.sync()
    await production.look()
    assert production.bypassed() == {}
    # And it may go for good: that is told as well.
    await execute(dsn, gone)
    await production.look()
    assert production.bypassed() == {"ledger_identity:ledger": "gone"}
    gone_for_good = production.findings(LEDGER)["ledger_identity:ledger"]
    assert gone_for_good.reason == "there is no ledger any more"


async def test_a_clone_is_told_as_another_ledger_and_its_past_is_not_told_again(
    dsn: str, production: Database, execute: Execute, make_database: MakeDatabase
) -> None:
    await execute(dsn, "create table before ()")
    await production.look()
    production.sync()
    await production.source.close()
    clone = await make_database(template=urlsplit(dsn).path.lstrip("/"))
    await production.move(clone)
    await production.look()
    assert production.bypassed() == {
        "ledger_identity:ledger": "of another database: restored or cloned"
    }
    assert production.findings() == {}
    await execute(clone, "alter table account add here int")
    await execute(dsn, "alter table account add there int")
    await production.look()
    assert production.findings().keys() == {"column:public.account.here"}
    (finding,) = production.against().findings
    assert finding.blame.who == "postgres"
    assert production.bypassed().keys() == {"ledger_identity:ledger"}


async def test_a_server_that_went_back_is_told(
    dsn: str, production: Database, execute: Execute
) -> None:
    from dataclasses import replace

    assert production.book.mark
    ahead = replace(production.book.mark, horizon=production.book.mark.horizon + 10**6)
    production.book = replace(production.book, mark=ahead)
    await execute(dsn, "create table t ()")
    await production.look()
    assert production.bypassed() == {
        "ledger_identity:ledger": "of an earlier time: the server went back"
    }
    assert production.findings().keys() == {"table:public.t"}


async def test_what_other_ledgers_are_known_to_forget_is_no_bypass(
    make_database: MakeDatabase, execute: Execute
) -> None:
    dsn = await make_database(sql=TABLES + CORE)
    async with looks(dsn) as production:
        await execute(
            dsn,
            """
            create table parent (id int) partition by range (id);
            create table child partition of parent for values from (1) to (2);
            create table t (id int); create view v as select id from t;
            create table "Quoted" (id int); create function f() returns int language sql as 'select 1';
            """,
        )
        await production.look()
        await execute(
            dsn,
            """
            alter table parent add added int; create table made as select 1 as one;
            alter table t rename to renamed; alter table renamed rename id to number;
            drop table "Quoted"; drop function f(); create type mood as enum ('a');
            comment on table account is 'x'; grant select on account to public;
            create policy p on account; create sequence s; create temp table gone ();
            """,
        )
        await production.look()
        assert production.bypassed() == {}


async def test_a_ledger_that_cannot_be_read_is_unknown_and_resolves_nothing(
    dsn: str, production: Database, execute: Execute
) -> None:
    await execute(dsn, f"alter {DDL} disable")
    await production.look()
    await execute(dsn, "alter table gitversion.history rename column created_by to creator")
    await production.look()
    standing = production.against(LEDGER)
    assert (standing.outcome, len(standing.findings)) == (Outcome.UNKNOWN, 1)
    assert production.told() == []


async def test_ddl_that_was_rolled_back_leaves_no_trace(dsn: str, production: Database) -> None:
    session = await asyncpg.connect(dsn)
    try:
        await session.execute("begin; alter table account add a int; drop table invoice; rollback")
    finally:
        await session.close()
    await production.look()
    assert production.bypassed() == {}
    assert production.findings() == {}


async def test_what_no_event_trigger_hears_of_is_no_bypass(
    dsn: str, production: Database, execute: Execute
) -> None:
    roles = [f"{name}_{secrets.token_hex(4)}" for name in ("old", "new")]
    old, new = roles
    try:
        await execute(dsn, f"create role {old}; create role {new}; create role {old}_reads")
        await execute(dsn, "create schema s; create table s.t (id serial); create extension hstore")
        await execute(dsn, f"alter schema s owner to {old}; alter table s.t owner to {old}")
        await execute(dsn, f"grant select on s.t to {old}_reads")
        await production.look()
        production.sync()
        await execute(dsn, f"reassign owned by {old} to {new}")
        await production.look()
        assert production.findings()["table:s.t"].change.attributes.keys() == {"owner"}
        assert production.bypassed() == {}
        # Nor what an extension takes and lets go of, which the ledger does hear of.
        await execute(dsn, "alter extension hstore add table s.t")
        await production.look()
        await execute(dsn, "alter extension hstore drop function hstore_hash(hstore)")
        await production.look()
        assert any("hstore_hash" in key for key in production.findings())
        assert production.bypassed() == {}
    finally:
        await production.source.close()
        await execute(dsn, "drop extension if exists hstore cascade")
        await execute(dsn, f"drop owned by {old}, {new}, {old}_reads cascade")
        await execute(dsn, f"drop role {old}, {new}, {old}_reads")
