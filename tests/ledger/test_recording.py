"""Who did it and with what, and that recording it never stands in the way of doing it."""

from __future__ import annotations

import asyncio
import json

import asyncpg
import pytest

from pgdrift.sources.embedded import EmbeddedServer
from tests.ledger.conftest import session
from tests.ledger.test_ddl import told

pytestmark = pytest.mark.db

_ROLES = """
create role ledger_dev login password 'x';
create role ledger_owner;
grant ledger_owner to ledger_dev;
grant create on schema public to ledger_owner;
create schema dev authorization ledger_dev;
"""
_NO_ROLES = """
reassign owned by ledger_dev, ledger_owner to postgres;
drop owned by ledger_dev, ledger_owner;
drop role ledger_dev; drop role ledger_owner;
"""


async def test_a_role_without_rights_is_recorded_with_all_that_is_known_of_it(
    major: EmbeddedServer, made: str
) -> None:
    async with session(made) as writer:
        await writer.execute(_ROLES)
        try:
            dsn = major.dsn("fresh", "ledger_dev", "x")
            async with session(dsn, application_name="psql 'x") as dev:
                with pytest.raises(asyncpg.InsufficientPrivilegeError):
                    await dev.execute("select * from gitversion.history")
                await dev.execute(
                    "create table dev.t (id int primary key); alter table dev.t add c text;"
                    "create function dev.f() returns int language sql as 'select 1';"
                    "grant select on dev.t to public; comment on table dev.t is 'x';"
                    "create view dev.v as select * from dev.t; drop table dev.t cascade;"
                )
                await dev.execute("set role ledger_owner; create table public.owned ()")
            rows = await writer.fetch(
                "SELECT created_by, login_role, application_name, client_address, command_tag,"
                " transaction_id, clock_timestamp() - recorded_at < '1 hour' AS timely, sql_executed"
                " FROM gitversion.history WHERE application_name <> '' ORDER BY id"
            )
            assert {row[0] for row in rows[:-1]} == {"ledger_dev"}
            assert (rows[-1][0], rows[-1][4]) == ("ledger_owner", "CREATE TABLE")
            assert len({row[5] for row in rows}) == 2
            known = {(row[1], row[2], row[3], row[6], row[7]) for row in rows}
            assert known == {("ledger_dev", "psql 'x", "127.0.0.1", True, None)}
            assert len(await told(writer)) > len(rows) > 9
        finally:
            await writer.execute(_NO_ROLES)


async def test_no_text_of_a_statement_is_kept_unless_asked(made: str) -> None:
    secret = "create function f() returns text language sql as 'select ''hush'''"
    async with session(made) as writer:
        await writer.execute(f"select 'password'; {secret.replace(' f()', ' g()')}")
        await writer.execute(
            "create foreign data wrapper w options (password 'hush1');"
            "create server s foreign data wrapper w options (password 'hush2');"
            "create user mapping for current_user server s options (password 'hush3');"
            "alter server s options (set password 'hush4');"
            "create foreign table ft (a int options (password 'hush5')) server s"
            " options (password 'hush6');"
            "create subscription s connection 'host=localhost password=hush7' publication p"
            " with (connect = false)"
        )
        kept = await writer.fetchval(
            "SELECT string_agg(h::text, '') || (SELECT string_agg(o::text, '')"
            " FROM gitversion.objects o) FROM gitversion.history h"
        )
        assert [f"hush{n}" for n in range(1, 8) if f"hush{n}" in kept] == []
        assert "'password'" not in kept
        await writer.execute("UPDATE gitversion.config SET value = 'on' WHERE name = 'keep_sql'")
        await writer.execute(secret)
        text = await writer.fetchval("SELECT sql_executed FROM gitversion.history ORDER BY id DESC")
        assert text == secret
        await writer.execute("alter subscription s set (slot_name = none); drop subscription s")


async def test_a_commit_gives_a_small_hint_and_a_rollback_none(made: str) -> None:
    heard: asyncio.Queue[str] = asyncio.Queue()
    async with session(made) as ear, session(made, application_name="psql") as writer:
        await ear.add_listener("pg_gitversion", lambda *told: heard.put_nowait(str(told[3])))
        await writer.execute("UPDATE gitversion.config SET value = 'on' WHERE name = 'notify'")
        await writer.execute("begin; create table gone (); rollback; create temporary table t ()")
        await writer.execute("create table t1 (id int primary key)")
        hint = json.loads(await asyncio.wait_for(heard.get(), 120))
        assert hint == {
            "v": 1,
            "tag": "CREATE TABLE",
            "objects": ["table public.t1", "index public.t1_pkey"],
            "more": 0,
            "by": "postgres",
            "application": "psql",
        }
        long = 'é"' * 20
        await writer.execute(
            "create schema s "
            + " ".join(
                'create table "{}" ()'.format(f"{n}{long}".replace('"', '""')) for n in range(40)
            )
        )
        payload = await asyncio.wait_for(heard.get(), 120)
        hint = json.loads(payload)
        assert len(payload.encode()) < 2000
        assert len(hint["objects"]) + hint["more"] == 41
        await writer.execute("UPDATE gitversion.config SET value = 'off' WHERE name = 'notify'")
        await writer.execute("create table silent ()")
        await writer.execute("notify pg_gitversion, 'last'")
        assert await asyncio.wait_for(heard.get(), 120) == "last"


async def test_whatever_is_wrong_with_the_ledger_the_statement_is_done(made: str) -> None:
    async with session(made) as writer:
        warned: list[str] = []
        writer.add_log_listener(lambda _, message: warned.append(message.message))
        await writer.execute("alter table gitversion.history rename to elsewhere")
        await writer.execute("create table t (id int); alter table t add c text; drop table t")
        assert len(warned) == 3
        assert all("could not record" in w for w in warned)
        await writer.execute("alter table gitversion.elsewhere rename to history")
        failed = await writer.fetch("SELECT command_tag, sqlstate, step FROM gitversion.failures")
        assert [row[0] for row in failed] == ["CREATE TABLE", "ALTER TABLE", "DROP TABLE"]
        assert {row[1] for row in failed} == {"42P01"}
        assert all("gitversion._write" in row[2] for row in failed)
        # Not even where the warning is all that is left of it.
        await writer.execute("alter schema gitversion rename to away; create table u ()")
        await writer.execute("alter schema away rename to gitversion; create table w ()")
        assert "CREATE table public.w" in [r[0] for r in await writer.fetch(_LAST)]


_LAST = """
SELECT change_type || ' ' || object_identity FROM (
    SELECT change_type, object_kind || ' ' || object_identity AS object_identity
    FROM gitversion.history ORDER BY id DESC LIMIT 3
) h
"""


async def test_no_kind_of_session_or_transaction_is_broken(made: str) -> None:
    async with session(made) as writer:
        prepared = await writer.fetchval("SHOW max_prepared_transactions") != "0"
        if prepared:  # NOTIFY would forbid it
            await writer.execute("begin; create table two (id int); prepare transaction 'two'")
            await writer.execute("commit prepared 'two'")
        await writer.execute("set session_replication_role = replica; create table replica ()")
        await writer.execute("reset session_replication_role")
        await writer.execute("begin isolation level serializable; create table serial (); commit")
        await writer.execute("set quote_all_identifiers = on; create table quoted (id int)")
        await writer.execute("set search_path = ''; create index i on public.quoted (id)")
        await writer.execute("drop index public.i; set quote_all_identifiers = off")
        await writer.execute("create index concurrently i on public.quoted (id)")
        await writer.execute("do $$ begin execute 'create table public.within ()'; end $$")
        expected = [
            *(["CREATE table public.two"] if prepared else []),
            "CREATE table public.replica",
            "CREATE table public.serial",
            "CREATE table public.quoted",
            "CREATE index public.i",
            "DROP index public.i",
            "CREATE index public.i",
            "CREATE table public.within",
        ]
        assert await told(writer) == expected


async def test_what_is_temporary_hides_nothing_and_what_hides_it_fools_nobody(made: str) -> None:
    async with session(made) as writer:
        await writer.execute(
            "create temporary table objects (id int); create temporary table history (id int);"
            "create domain pg_temp.text as int; create domain pg_temp.jsonb as int;"
            "create function public.format(text, variadic text[]) returns text language sql"
            " as 'select null::text';"
            "create table t (id int)"
        )
        assert (await told(writer))[-1] == "CREATE table public.t"


async def test_concurrent_statements_on_one_table_do_not_wait_for_each_other(made: str) -> None:
    async with session(made) as one, session(made) as two:
        await one.execute("create table t (a int, b int)")
        await two.execute("set lock_timeout = '20s'")
        await one.execute("begin; create index i on t (a)")
        await two.execute("create index j on t (b)")
        await one.execute("commit")
        assert sorted(await told(one))[:2] == ["CREATE index public.i", "CREATE index public.j"]


async def test_nobody_writes_history_by_calling_what_records(
    major: EmbeddedServer, made: str
) -> None:
    async with session(made) as writer:
        await writer.execute(_ROLES)
        try:
            async with session(major.dsn("fresh", "ledger_dev", "x")) as dev:
                for call in (
                    "record_commands('bob', 'CREATE TABLE')",
                    "record_drops('bob', 'DROP TABLE')",
                    "record_failure('CREATE TABLE', 'x', 'y')",
                    "_touch(1259, 1259, 0, 'named', 'x', 'bob', now())",
                    "capture()",
                    "generate_migration()",
                ):
                    with pytest.raises(asyncpg.PostgresError):
                        await dev.execute(f"select gitversion.{call}")
            assert await writer.fetchval("SELECT count(*) FROM gitversion.failures") == 0
            assert "bob" not in str(await writer.fetch("SELECT created_by FROM gitversion.history"))
        finally:
            await writer.execute(_NO_ROLES)


_SHELL = """
create type box2 ;
create function box2_in(cstring) returns box2 language internal immutable strict as 'int4in';
create function box2_out(box2) returns cstring language internal immutable strict as 'int4out';
create type box2 (input = box2_in, output = box2_out, internallength = 4, passedbyvalue);
create function box2_eq(box2, box2) returns boolean language internal immutable strict as 'int4eq';
create operator ~= (leftarg = box2, rightarg = box2, function = box2_eq, commutator = ~=);
create aggregate box2_last(box2) (sfunc = box2_eq2, stype = box2);
"""


async def test_types_that_begin_as_a_shell_are_recorded(made: str) -> None:
    eq2 = "create function box2_eq2(box2, box2) returns box2 language sql as 'select $2';"
    async with session(made) as writer:
        await writer.execute(_SHELL.replace("create aggregate", f"{eq2} create aggregate"))
        found = await told(writer)
        assert found[0] == "CREATE type public.box2"
        assert "ALTER type public.box2" in found
        assert {f.split("(")[0] for f in found if "function" in f} >= {
            "CREATE function public.box2_in",
            "CREATE function public.box2_out",
        }
        assert found[-1].startswith("CREATE aggregate public.box2_last")
        await writer.execute("drop type box2 cascade")
        gone = await told(writer)
        assert gone[-1] == "DROP type public.box2"
        assert "DROP function public.box2_in(pg_catalog.cstring)" in gone
