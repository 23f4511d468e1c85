"""The ritual by hand, steps 4 and 6, with our ledger: each statement runs, and its answer is right."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from importlib.resources import files
from pathlib import Path
from typing import Any

import asyncpg
import pytest
import yaml

from pgdrift.reconcile.install import install, uninstall
from pgdrift.reconcile.scripts import LEDGER
from pgdrift.reconcile.verify import verify
from pgdrift.sources.connection import reading
from pgdrift.sources.embedded import EmbeddedServer
from tests.conftest import MakeDatabase, run_sql
from tests.daemon.house import pgdrift
from tests.reconcile.places import target, traces

pytestmark = pytest.mark.db

SHOP = """
create table users (id int primary key, email varchar(50) not null unique);
create table orders (id int primary key, user_id int references users, status text);
create index idx_orders_status on orders (status);
create view open_orders as select id from orders where status = 'open';
create type mood as enum ('sad', 'ok');
create function greet() returns text language sql as $$ select 'hello' $$;
"""

# Tables with their columns, keys with their indexes; from 18 on NOT NULL is a constraint, too.
CAPTURED = {
    "TABLE": 2,
    "COLUMN": 6,
    "CONSTRAINT": 7,
    "INDEX": 4,
    "VIEW": 1,
    "TYPE": 1,
    "FUNCTION": 1,
    "SCHEMA": 1,
    "EXTENSION": 1,
}

COUNT_ACTIVE = "select count(*) as tracked_objects from gitversion.objects where is_active = true"
BY_TYPE = """
select object_type::text, count(*) from gitversion.objects
where is_active = true group by object_type
"""
BASELINE = """
select gitversion.generate_migration(
    $1 || to_char(current_date, 'YYYYMMDD'), 'baseline before reconciliation')
"""
# The view that the ritual makes for itself, and the count that its cron job alarms by.
OWN_VIEW = """
create view schema_sync_status as
with tracked as (
    select object_type, full_name, version, updated_at from gitversion.objects
    where is_active = true and schema_name = 'public'
), last_sync as (
    select max(applied_at) as last_sync_time from gitversion.migrations
    where version like '%reconcile%' and applied_at is not null
)
select t.object_type, t.full_name, t.version, t.updated_at,
    case when t.updated_at > s.last_sync_time then 'NEEDS SYNC' else 'SYNCED' end as sync_status
from tracked t cross join last_sync s
order by sync_status desc, t.updated_at desc
"""
CHANGES = """
select count(*) from gitversion.objects where updated_at > (
    select coalesce(max(created_at), '1900-01-01'::timestamp) from gitversion.migrations
    where version like '%sync%')
"""


@asynccontextmanager
async def session(dsn: str) -> AsyncIterator[asyncpg.Connection]:
    opened = await asyncpg.connect(dsn)
    try:
        yield opened
    finally:
        await opened.close()


@pytest.fixture(scope="module")
def with_extension() -> Iterator[EmbeddedServer]:
    """A server that finds the extension's two files, as an administrator would have put them.

    It is of major 18, which can be told of another folder; it starts in two seconds.
    """
    with EmbeddedServer.start({"fsync": "off", "autovacuum": "off"}) as running:
        folder = running.folder("extension")
        for file in files("pgdrift.reconcile").joinpath("ledger").iterdir():
            copied = folder / file.name
            copied.write_bytes(file.read_bytes())
            copied.chmod(0o644)
        folder.chmod(0o755)
        yield running


async def database(server: EmbeddedServer, name: str) -> str:
    await run_sql(server.dsn(), f"create database {name} template template0")
    path = f"$system:{server.root}"
    await run_sql(
        server.dsn(name), f"alter database {name} set extension_control_path = '{path}'; {SHOP}"
    )
    return server.dsn(name)


@pytest.fixture
async def installed(make_database: MakeDatabase) -> str:
    """A shop in which the command installed the ledger."""
    dsn = await make_database(sql=SHOP)
    async with target(dsn) as place:
        await install(place, LEDGER)
    return dsn


async def test_step_4_create_extension_captures_what_is_there_and_takes_a_baseline(
    with_extension: EmbeddedServer,
) -> None:
    dsn = await database(with_extension, "development")
    before = await traces(dsn)
    async with session(dsn) as psql:
        await psql.execute("create extension pg_gitversion")
        # Not the ledger's own functions and views: the shop's objects, each of them.
        assert await psql.fetchval(COUNT_ACTIVE) == sum(CAPTURED.values())
        assert dict(await psql.fetch(BY_TYPE)) == CAPTURED
        version = await psql.fetchval(BASELINE, "dev_baseline_")
        row = await psql.fetchrow("select * from gitversion.migrations where version = $1", version)
        assert row["description"] == "baseline before reconciliation"
    # The command knows the extension for what it is, and can take it out again.
    async with target(dsn) as place:
        async with reading(place.session):
            found = await verify(place, LEDGER)
        assert (found.version, found.faults) == ("1.0", ())
        await uninstall(place, LEDGER)
    assert await traces(dsn) == before


async def test_step_4_in_one_transaction_it_is_all_or_nothing_and_an_error_is_told(
    with_extension: EmbeddedServer,
) -> None:
    dsn = await database(with_extension, "production")
    async with session(dsn) as psql:
        await psql.execute("begin; create extension pg_gitversion")
        assert tuple(
            await psql.fetchrow(
                "select extname, extversion from pg_extension where extname = 'pg_gitversion'"
            )
        ) == ("pg_gitversion", "1.0")
        assert dict(await psql.fetch(BY_TYPE)) == CAPTURED
        await psql.execute("rollback")
        assert await psql.fetchval("select to_regnamespace('gitversion')") is None
        await psql.execute("begin; create extension pg_gitversion; commit")
        await psql.fetchval(BASELINE, "prod_baseline_")
        kept = await psql.fetchval("select count(*) from gitversion.migrations")
        assert kept == 1
    # By hand an error makes COMMIT a silent ROLLBACK; the command says what it did not do.
    said = await pgdrift("ledger", "install", dsn)
    assert said.code == 2
    assert "pg_gitversion 1.0 is there already" in said.err


async def by_name(psql: asyncpg.Connection, view: str) -> dict[str, str]:
    rows = await psql.fetch(f"select full_name, sync_status from {view}")
    return {row["full_name"]: row["sync_status"] for row in rows}


async def test_step_6_the_view_made_by_hand_tells_what_changed_since_the_reconciliation(
    installed: str,
) -> None:
    async with session(installed) as psql:
        await psql.execute(OWN_VIEW)
        await psql.fetchval("select gitversion.generate_migration('reconcile_prod_to_dev', 'sync')")
        await psql.execute("select gitversion.apply_migration('reconcile_prod_to_dev')")
        assert set((await by_name(psql, "schema_sync_status")).values()) == {"SYNCED"}
        await psql.execute("alter table users add last_login timestamp")
        status = await by_name(psql, "schema_sync_status")
        assert status["public.users"] == "NEEDS SYNC"
        assert status["public.orders"] == "SYNCED"


async def test_step_6_the_ledger_s_own_view_puts_first_what_needs_it_and_shows_drops(
    installed: str,
) -> None:
    view = "gitversion.schema_sync_status"
    async with session(installed) as psql:
        # The install is the baseline: nothing has to be synced after it, and no view is drift.
        assert set((await by_name(psql, view)).values()) == {"SYNCED"}
        await psql.execute("drop function greet(); alter table orders rename status to state")
        rows = await psql.fetch(f"select full_name, sync_status, last_change::text from {view}")
        needs = [row for row in rows if row["sync_status"] == "NEEDS SYNC"]
        assert rows[: len(needs)] == needs
        told = {row["full_name"]: row["last_change"] for row in needs}
        assert told["public.greet()"] == "DROP"
        assert "public.orders.state" in told
        # What has `sync` somewhere in its name declares nothing; the reconciliation does.
        await psql.fetchval("select gitversion.generate_migration('async_jobs')")
        assert "NEEDS SYNC" in (await by_name(psql, view)).values()
        await psql.execute("alter table users add one int")
        await psql.fetchval("select gitversion.generate_migration('reconcile_prod_to_dev')")
        assert set((await by_name(psql, view)).values()) == {"SYNCED"}


@pytest.mark.parametrize(
    "change",
    [
        "alter type mood add value 'happy'",
        "drop function greet()",
        "alter table users rename email to mail",
        "grant select on users to public",
        "create materialized view m as select 1 as one",
        "comment on table users is 'people'",
    ],
)
async def test_step_6_the_count_is_silent_at_rest_and_hears_every_change(
    installed: str, change: str
) -> None:
    async with session(installed) as psql:
        await psql.fetchval("select gitversion.generate_migration('sync_1')")
        assert await psql.fetchval(CHANGES) == 0
        await psql.execute("create temporary table mine (id int primary key); drop table mine")
        assert await psql.fetchval(CHANGES) == 0
        await psql.execute(change)
        assert await psql.fetchval(CHANGES) > 0


async def test_step_6_what_runs_from_cron_says_by_its_exit_code_what_it_found(
    installed: str, tmp_path: Path
) -> None:
    """Three processes, one after another: the cron job is `pgdrift check`."""
    environments: dict[str, Any] = {"production": {"dsn": installed}}
    store = {"url": f"sqlite:///{tmp_path}/store.db"}
    here = tmp_path / "pgdrift.yaml"
    here.write_text(yaml.safe_dump({"environments": environments, "store": store}))
    declared = await pgdrift("sync", "production", "--reason", "reconciled", "-c", here)
    assert declared.code == 0, declared
    assert (await pgdrift("check", "-c", here)).code == 0
    await run_sql(installed, "alter type mood add value 'happy'")
    assert (await pgdrift("check", "-c", here)).code == 1
    environments["production"] = {"dsn": "postgresql://nobody@127.0.0.1:1/none"}
    here.write_text(yaml.safe_dump({"environments": environments, "store": store}))
    assert (await pgdrift("check", "-c", here)).code == 2
