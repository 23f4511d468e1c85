"""The ritual by hand, steps 3 and 5 and the emergency: plan, reconcile, look, and take it back."""

from __future__ import annotations

import subprocess
from pathlib import Path

import asyncpg
import pytest
import yaml

from pgdrift.sources.embedded import EmbeddedServer
from tests.conftest import MakeDatabase
from tests.daemon.house import Said, pgdrift
from tests.guide.test_ledger_steps import SHOP

pytestmark = pytest.mark.db

DEVELOPMENT = """
create table users (id int primary key, email text not null unique);
create table orders (id int primary key, user_id int references users, status text, total numeric);
create view open_orders as select id from orders where status = 'open';
create type mood as enum ('sad', 'ok');
create function greet() returns text language sql as $$ select 'hello' $$;
"""
ROWS = "insert into users values (1, 'a@example.org'); insert into orders values (1, 1, 'open')"


# The table as the ritual has it, word for word: who filled it by hand still has it.
THEIRS = """
CREATE TABLE reconciliation_plan (
    id SERIAL PRIMARY KEY,
    environment TEXT NOT NULL CHECK (environment IN ('production', 'development', 'both')),
    object_type TEXT NOT NULL,
    object_name TEXT NOT NULL,
    action_needed TEXT NOT NULL,
    sql_command TEXT,
    priority INTEGER DEFAULT 1000,
    status TEXT DEFAULT 'pending',
    notes TEXT
);
"""
HOSTILE = """
create table "a'; drop table users; --" (id int, "\\" text default '\\''; commit; --');
create view "It's" as select 'it''s \\ $$ :x' as "\\gset";
comment on view "It's" is 'line one
\\i reconcile_down.sql';
"""
_ROWS = """select environment, object_type, object_name, action_needed, sql_command, status, notes
    from notes.reconciliation_plan order by priority, id"""


@pytest.mark.parametrize("begin", ["", THEIRS], ids=["a new table", "the table that was there"])
async def test_step_3_the_plan_as_the_table_that_was_filled_by_hand(
    begin: str, make_database: MakeDatabase, server: EmbeddedServer, tmp_path: Path
) -> None:
    production = await make_database(sql=SHOP + "create table legacy (id int);")
    development = await make_database(sql=DEVELOPMENT + HOSTILE)
    analysis = await make_database(sql="create schema notes; set search_path = notes;" + begin)
    config = tmp_path / "pgdrift.yaml"
    environments = {"production": {"dsn": production}, "development": {"dsn": development}}
    config.write_text(yaml.safe_dump({"environments": environments}))

    made = await pgdrift("plan", "production", "development", "-f", "table-sql", "-c", config)
    assert made.code == 1, made
    notes, psql = await asyncpg.connect(analysis), await asyncpg.connect(production)
    try:
        # Whatever a session says of backslashes, and twice over: it adds rows, and makes no second.
        await notes.execute("set search_path = notes; set standard_conforming_strings = off")
        await notes.execute(made.out)
        rows = [dict(r) for r in await notes.fetch(_ROWS)]
        assert {r["environment"] for r in rows} == {"production"}
        assert {r["status"] for r in rows} == {"pending"}
        told = {(r["object_type"], r["object_name"], r["action_needed"]) for r in rows}
        assert ("TABLE", "public.legacy", "drop table") in told
        assert ("COLUMN", "public.orders.total", "new column") in told
        (drop,) = [r for r in rows if r["action_needed"] == "drop table"]
        assert "loses" in drop["notes"]
        # In the order of their priority they do what the ritual wanted: the two are one.
        await psql.execute("set search_path = ''; set check_function_bodies = off")
        for row in rows:
            await psql.execute(row["sql_command"])
        left = await pgdrift("plan", "production", "development", "-c", config)
        assert (left.code, "nothing to do" in left.out) == (0, True), left
        assert await psql.fetchval("select count(*) from public.users") == 0, "and it is there"
    finally:
        await psql.close()
        await notes.close()


async def test_step_5_and_the_emergency_rollback(
    make_database: MakeDatabase, server: EmbeddedServer, tmp_path: Path
) -> None:
    production = await make_database(sql=SHOP + "create table legacy (id int, x text);" + ROWS)
    development = await make_database(sql=DEVELOPMENT)
    config, plan = tmp_path / "pgdrift.yaml", tmp_path / "plans" / "reconcile"
    environments = {"production": {"dsn": production}, "development": {"dsn": development}}
    store = f"sqlite:///{tmp_path}/store.db"
    settings = {
        "environments": environments,
        "scratch": {"dsn": server.dsn()},
        "store": {"url": store},
    }
    config.write_text(yaml.safe_dump(settings))

    async def run(*words: str | Path) -> Said:
        said = await pgdrift(*words, "-c", config)
        assert "Traceback" not in said.err, said.err
        return said

    psql = await asyncpg.connect(production)
    try:
        await psql.execute("insert into legacy values (1, 'kept for years')")
        # Step 4 was done: the ledger is there.
        assert (await run("ledger", "install", "production")).code == 0
        # "Generate": both scripts, reviewed by category, from what differs and not from a history.
        made = await run("plan", "production", "development", "--prove", "-o", plan)
        assert made.code == 1, made
        review = (plan / "review.md").read_text()
        assert "| drop index | 1 |" in review
        assert "| new column | 1 |" in review
        # "Apply safely": tried there first, what would be lost is kept, and it has a row.
        assert (await run("rehearse", plan, "--on", "production")).code == 0
        applied = await run("apply", plan, "--on", "production", "--reason", "ticket 7")
        assert applied.code == 0, applied
        assert "backed up: 1 rows of public.legacy" in applied.err
        assert "sync point 2 of production" in applied.err
        assert await psql.fetchval("select count(*) from orders where total is null") == 1
        row = await psql.fetchrow(
            "select * from gitversion.migrations where version ~ '^reconcile_'"
        )
        assert (row["up_script"], row["down_script"]) == (
            (plan / "up.sql").read_text(),
            (plan / "down.sql").read_text(),
        )
        assert (await run("check")).code == 0

        # The emergency: the way back, the rows, and what the ledger says of both.
        back = await run("rollback", plan, "--on", "production", "--reason", "reports are slow")
        assert back.code == 0, back
        (dump,) = plan.glob("applied/backup-up-*.dump")
        command = [str(server.bin / "pg_restore"), "--data-only", "-d", production, str(dump)]
        subprocess.run([*command, "-t", "legacy"], check=True, timeout=120)
        assert await psql.fetchval("select x from legacy") == "kept for years"
        recent = await psql.fetch("select * from gitversion.get_recent_changes(50)")
        assert any("legacy" in str(dict(change)) for change in recent)
        assert (await run("check")).code == 0
        again = await run("plan", "production", "development")
        assert again.code == 1, again
    finally:
        await psql.close()
