"""What is in a backup beside rows, and what no backup can hold: kept, or refused before anything."""

from __future__ import annotations

import subprocess

import pytest

from pgdrift.sources.embedded import EmbeddedServer
from tests.conftest import MakeDatabase, run_sql
from tests.reconcile.test_apply import Hands, hands, value

pytestmark = pytest.mark.db
__all__ = ["hands"]  # a fixture: pytest finds it by its name

A = """
create sequence counter start 7;
select setval('counter', 4000);
create type addr as (street text, zip text);
create table people (id int, homes addr[]);
insert into people values (1, array[row('a', '12345')::addr]);
create table t (a int);
insert into t values (1);
create materialized view seen as select a from t;
"""
B = """
create type addr as (street text);
create table people (id int, homes addr[]);
create table t (a int);
"""


async def test_where_sequences_stand_and_fields_of_types_come_back(
    make_database: MakeDatabase, server: EmbeddedServer, hands: Hands
) -> None:
    a, b = await make_database(sql=A), await make_database(sql=B)
    await hands.plan(a, b)
    await hands.apply(a)
    said = "\n".join(hands.said)
    assert "backed up: public.counter at 4000" in said
    assert "backed up: 1 rows of public.people" in said
    assert "not in a backup: drop materialized view public.seen" in said
    await hands.roll_back(a)
    (dump,) = hands.folder.glob("applied/backup-up-*.dump")
    await run_sql(a, "truncate people")
    command = [str(server.bin / "pg_restore"), "--data-only", "-d", a, str(dump)]
    subprocess.run(command, check=True, timeout=60)
    assert await value(a, "select nextval('counter')") == 4001
    assert await value(a, "select (homes[1]).zip from people") == "12345"


async def test_what_no_backup_can_hold_is_refused_unless_that_is_said(
    make_database: MakeDatabase, hands: Hands
) -> None:
    with_rows = "create table job (x int); alter extension citext add table job;"
    a = await make_database(sql="create extension citext;" + with_rows)
    await hands.plan(a, await make_database())
    error = await hands.refused(hands.apply(a))
    assert error.reason == "refused"
    assert "drop extension citext loses what tables of the extension hold" in str(error)
    assert await value(a, "select count(*) from pg_extension where extname = 'citext'") == 1
    await hands.apply(a, backs_up=False)
    assert any(line.startswith("not in a backup: drop extension") for line in hands.said)


async def test_where_no_row_is_lost_there_is_no_word_of_a_backup(
    make_database: MakeDatabase, hands: Hands
) -> None:
    foreign = (
        "create foreign data wrapper w; create server s foreign data wrapper w;"
        "create foreign table f (a int%s) server s;"
    )
    a = await make_database(sql="create extension citext;" + foreign % ", b int")
    await hands.plan(a, await make_database(sql=foreign % ""))
    await hands.apply(a)
    assert not any("backup" in line for line in hands.said)


async def test_what_was_written_since_it_stopped_is_backed_up_when_it_goes_on(
    make_database: MakeDatabase, hands: Hands
) -> None:
    a = await make_database(sql="create table legacy (id int); create table t (a int);")
    b = await make_database(sql="create table t (a int check (a > 0)); create index on t (a);")
    await run_sql(a, "insert into legacy values (1)")
    await hands.plan(a, b, online=True)
    await run_sql(a, "insert into t values (0)")
    assert (await hands.refused(hands.apply(a))).reason == "stopped"
    assert any("1 rows of public.legacy" in line for line in hands.said)
    await run_sql(a, "delete from t; insert into legacy values (2), (3)")
    await hands.apply(a, resume=True)
    assert any("3 rows of public.legacy" in line for line in hands.said), hands.said
    assert len(list(hands.folder.glob("applied/backup-up-*.dump"))) == 2
