"""Explained or not, on a real server: a migration answers for its own, whoever else is at work."""

from __future__ import annotations

from collections.abc import AsyncIterator

import asyncpg
import pytest

from pgdrift.core.model import Confidence, Origin, Outcome
from tests.conftest import Execute, MakeDatabase, MakeRole
from tests.looks import CORE, OWN, Database, looks

pytestmark = pytest.mark.db

FLYWAY = """
create table flyway_schema_history (
    installed_rank int primary key, version varchar(50), description varchar(200), type varchar(20),
    script varchar(1000), checksum int, installed_by varchar(100),
    installed_on timestamp default now(), execution_time int, success boolean
);
insert into flyway_schema_history values (1, '1', 'init', 'SQL', 'V1.sql', 1, 'u', now(), 1, true);
"""
TABLES = "create table account (id int); create table invoice (id int);"
ROW = "insert into flyway_schema_history values ({0}, '{0}', 'm', 'SQL', 'V', 1, 'postgres', now(), 1, true)"
HOTFIX = "column:public.account.hotfix"


@pytest.fixture
async def dsn(make_database: MakeDatabase) -> str:
    return await make_database(sql=TABLES + FLYWAY + OWN)


@pytest.fixture
async def production(dsn: str) -> AsyncIterator[Database]:
    async with looks(dsn) as database:
        yield database


async def migrate(execute: Execute, dsn: str, version: int, sql: str) -> None:
    await execute(dsn, f"begin; {sql}; {ROW.format(version)}; commit")


async def by_hand(dsn: str, *statements: str) -> None:
    hand = await asyncpg.connect(dsn, server_settings={"application_name": "psql"})
    try:
        for sql in statements:
            await hand.execute(sql)
    finally:
        await hand.close()


async def test_a_migration_s_own_changes_are_expected_and_it_is_known_who_made_them(
    dsn: str, production: Database, execute: Execute
) -> None:
    await migrate(execute, dsn, 2, "alter table account add planned int; create view v as select 1")
    found = await production.look()
    assert found.standing.outcome is Outcome.IN_SYNC
    assert found.changed == {Origin.MIGRATION: 2}
    assert production.bypassed() == {}


@pytest.mark.parametrize("hotfix_first", [True, False], ids=["before", "after"])
async def test_a_hotfix_in_the_interval_of_a_migration_is_not_laundered(
    dsn: str, production: Database, execute: Execute, hotfix_first: bool
) -> None:
    planned = "alter table account add planned int; create table made ()"
    if hotfix_first:
        await by_hand(dsn, "alter table account add hotfix int")
    await migrate(execute, dsn, 2, planned)
    if not hotfix_first:
        await by_hand(dsn, "alter table account add hotfix int")
    await production.look()
    assert [*production.findings()] == [HOTFIX]
    finding = production.findings()[HOTFIX]
    assert finding.origin is Origin.TRACKED
    assert (finding.blame.application, finding.blame.confidence) == ("psql", Confidence.EXACT)
    # Nor by the next migration, on the same table.
    await migrate(execute, dsn, 3, "alter table account add more int")
    await production.look()
    assert [*production.findings()] == [HOTFIX]


async def test_a_tool_that_writes_its_row_in_a_transaction_of_its_own_is_known_by_its_client(
    dsn: str, production: Database, execute: Execute, make_role: MakeRole
) -> None:
    deploy = await make_role(dsn, "deploy", options="superuser")
    await by_hand(dsn, "alter table account add hotfix int")
    await execute(deploy, "alter table invoice add a int")
    await execute(deploy, "alter table invoice add b int")
    await execute(deploy, ROW.format(2).replace("postgres", "deploy"))
    await production.look()
    assert [*production.findings()] == [HOTFIX]


async def test_what_is_done_to_one_object_by_both_is_not_the_migration_s_alone(
    dsn: str, production: Database, execute: Execute
) -> None:
    await migrate(execute, dsn, 2, "alter table account enable row level security")
    await by_hand(dsn, "alter table account disable row level security")
    await by_hand(dsn, "alter table account force row level security")
    await production.look()
    assert [*production.findings()] == ["table:public.account"]


async def test_a_policy_that_was_dropped_past_the_ledger_is_no_migration_s(
    dsn: str, production: Database, execute: Execute
) -> None:
    await execute(dsn, "create policy p on account")
    await production.look()
    production.sync()
    await migrate(execute, dsn, 2, "alter table account add planned int")
    await by_hand(
        dsn,
        "alter event trigger gitversion_drop_trigger disable;"
        "alter event trigger gitversion_ddl_trigger disable; drop policy p on account;"
        "alter event trigger gitversion_ddl_trigger enable always;"
        "alter event trigger gitversion_drop_trigger enable always",
    )
    await production.look()
    gone = production.findings()["policy:public.account.p"]
    assert gone.origin is Origin.UNTRACKED
    assert "column:public.account.planned" not in production.findings()
    assert "unrecorded_policy:public.account.p" in production.bypassed()


async def test_what_moves_with_a_rename_is_the_migration_s_too(
    dsn: str, production: Database, execute: Execute
) -> None:
    await execute(
        dsn,
        """
        create type mood as enum ('a'); create schema s;
        create table s.t (id int primary key, m mood default 'a', check (id > 0));
        create view s.v as select id, m from s.t; create index i on s.t (m);
        create policy p on s.t using (id > 1);
        create function s.f(mood) returns int language sql as 'select 1';
        grant select on s.t to public;
        """,
    )
    await production.look()
    production.sync()
    await migrate(
        execute,
        dsn,
        2,
        """
        alter table s.t rename column id to number; alter type mood rename to feeling;
        alter table s.t rename to renamed; alter schema s rename to sales;
        alter table sales.renamed owner to pg_monitor; revoke select on sales.renamed from public;
        """,
    )
    await production.look()
    assert production.findings() == {}
    assert production.bypassed() == {}


async def test_without_identities_a_window_explains_what_no_entry_names(
    make_database: MakeDatabase, execute: Execute
) -> None:
    dsn = await make_database(sql=TABLES + FLYWAY + CORE)
    async with looks(dsn) as production:
        await migrate(execute, dsn, 2, "create policy p on account; alter table account add a int")
        await by_hand(dsn, "alter table invoice add hotfix int")
        await production.look()
        # Who it was is known of what the ledger names, and so is that it was another transaction.
        assert [*production.findings()] == ["column:public.invoice.hotfix"]
        await migrate(execute, dsn, 3, "alter table account add b int")
        await production.look()
        assert [*production.findings()] == ["column:public.invoice.hotfix"]


async def test_what_commits_late_is_told_once_and_is_neither_missed_nor_invented(
    dsn: str, production: Database, execute: Execute
) -> None:
    late = await asyncpg.connect(dsn, server_settings={"application_name": "psql"})
    try:
        await late.execute(
            "set timezone to 'Asia/Tokyo'; begin; alter table account add hotfix int"
        )
        await migrate(execute, dsn, 2, "alter table invoice add planned int")
        await production.look()
        assert production.findings() == {}
        await late.execute("commit")
    finally:
        await late.close()
    await production.look()
    assert [*production.findings()] == [HOTFIX]
    blame = production.findings()[HOTFIX].blame
    assert (blame.application, blame.who) == ("psql", "postgres")
    assert blame.at
    assert blame.until
    assert blame.at < blame.until, "whatever the zone of the session"
    assert production.bypassed() == {}
    await production.look()
    assert [*production.findings()] == [HOTFIX]
    assert production.told() == []


PRISMA = """
create table _prisma_migrations (
    id varchar(36) primary key, checksum varchar(64) not null, finished_at timestamptz,
    migration_name varchar(255) not null, logs text, rolled_back_at timestamptz,
    started_at timestamptz not null default now(), applied_steps_count int not null default 0
);
"""


async def test_what_a_migration_does_in_several_transactions_waits_for_its_end(
    make_database: MakeDatabase, execute: Execute
) -> None:
    dsn = await make_database(sql=TABLES + PRISMA + OWN)
    async with looks(dsn) as production:
        begin = "insert into _prisma_migrations (id, checksum, migration_name) values ('{0}', 'c', '{0}')"
        await execute(dsn, begin.format("1"))
        await execute(dsn, "alter table account add a int")
        found = await production.look()
        assert found.standing.outcome is Outcome.UNKNOWN
        assert "a migration is in flight (prisma" in found.standing.reason
        await execute(dsn, "alter table account add b int")
        await production.look()
        assert production.findings() == {}
        await execute(dsn, "update _prisma_migrations set finished_at = now()")
        found = await production.look()
        assert found.standing.outcome is Outcome.IN_SYNC
        assert found.changed == {Origin.MIGRATION: 2}
        # And one that breaks half-way.
        await execute(dsn, begin.format("2"))
        await execute(dsn, "alter table account add c int")
        await production.look()
        await execute(
            dsn, "update _prisma_migrations set logs = 'no', rolled_back_at = now() where id = '2'"
        )
        await production.look()
        (finding,) = production.against().findings
        assert finding.key == "column:public.account.c"
        assert finding.reason.startswith("did not converge")


async def test_who_repairs_a_history_launders_no_hotfix(
    make_database: MakeDatabase, execute: Execute
) -> None:
    """`flyway repair` writes checksums anew, and a newer Liquibase those of all rows."""
    dsn = await make_database(sql=TABLES + FLYWAY)
    async with looks(dsn) as production:
        await execute(dsn, "alter table account add hotfix int")
        await execute(dsn, "update flyway_schema_history set checksum = 99")
        await production.look()
        assert {key: f.origin for key, f in production.findings().items()} == {
            HOTFIX: Origin.UNTRACKED
        }
