"""The wake-up triggers alone: what they say, that they stay out of everybody's way, and go."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import asyncpg
import pytest

from pgdrift.errors import ReconcileError
from pgdrift.reconcile.install import install, uninstall
from pgdrift.reconcile.scripts import CHANNEL, NOTIFY
from pgdrift.sources.connection import connection, reading
from pgdrift.sources.reading import read_once
from tests.conftest import Execute, MakeDatabase, MakeRole
from tests.reconcile.places import target, traces

pytestmark = pytest.mark.db

HOSTILE = "a\"; drop schema public; --\n'é"


class Ear:
    """Someone who listens."""

    def __init__(self) -> None:
        self.heard: asyncio.Queue[dict[str, Any]] = asyncio.Queue()
        self.longest = 0

    def hear(self, _: object, __: int, channel: str, payload: object) -> None:
        self.longest = max(self.longest, len(str(payload).encode()))
        self.heard.put_nowait(json.loads(str(payload)))

    async def next(self) -> dict[str, Any]:
        return await asyncio.wait_for(self.heard.get(), 120)


@asynccontextmanager
async def listening(dsn: str) -> AsyncIterator[Ear]:
    session = await asyncpg.connect(dsn)
    ear = Ear()
    await session.add_listener(CHANNEL, ear.hear)
    try:
        yield ear
    finally:
        await session.close()


@pytest.fixture
async def woken(database: str) -> str:
    async with target(database) as place:
        await install(place, NOTIFY)
    return database


async def test_a_commit_is_told_by_name_and_a_rollback_is_not(woken: str, execute: Execute) -> None:
    async with listening(woken) as ear:
        await execute(woken, "begin; create table never (); rollback")
        await execute(woken, "set application_name = 'psql'; create table t (id int primary key)")
        first = await ear.next()
        assert first == {
            "v": 1,
            "tag": "CREATE TABLE",
            "objects": ["index public.t_pkey", "table public.t"],
            "more": 0,
            "by": "postgres",
            "application": "psql",
        }
        await execute(woken, "alter table t drop column id")
        said = [await ear.next(), await ear.next()]
        assert {o for s in said for o in s["objects"]} >= {"table column public.t.id"}
        await execute(woken, "drop table t")
        assert (await ear.next())["objects"] == ["table public.t"]
        await execute(woken, "create table u (); grant select on u to public")
        assert (await ear.next())["tag"] == "CREATE TABLE"
        assert (await ear.next())["tag"] == "GRANT"
        assert ear.heard.empty()


async def test_hints_are_small_whatever_the_names(woken: str, execute: Execute) -> None:
    long = "é" * 30
    many = ";".join(f'create index "{i}{long}" on t (id)' for i in range(9))
    name = HOSTILE.replace('"', '""')
    async with listening(woken) as ear:
        await execute(woken, f'create table "{name}" ()')
        assert (await ear.next())["objects"] == [f'table public."{name}"']
        columns = ", ".join(f'"{i}{long}" int unique' for i in range(40))
        await execute(woken, f"create table wide ({columns})")
        told = await ear.next()
        assert told["more"] > 0
        assert len(told["objects"]) + told["more"] == 41
        await execute(woken, f"create table t (id int); {many}")
        for _ in range(10):
            await ear.next()
        assert ear.longest < 2000


async def test_nobody_s_ddl_fails_for_it_and_temporary_objects_are_nobody_s_business(
    woken: str, execute: Execute, make_role: MakeRole
) -> None:
    await execute(woken, "create schema s")
    role = await make_role(woken)
    await execute(woken, f"grant create on schema s to {role.split('//')[1].split(':')[0]}")
    async with listening(woken) as ear:
        await execute(role, "create temporary table t (id int primary key); drop table t")
        await execute(role, "create table s.mine ()")
        told = await ear.next()
        assert told["objects"] == ["table s.mine"]
        assert told["by"].startswith("r_")
        await execute(woken, "set session_replication_role = replica; create table s.replayed ()")
        assert (await ear.next())["objects"] == ["table s.replayed"]
        await execute(woken, "set pgdrift.notify = off; create table s.silent ()")
        await execute(woken, "create extension if not exists plpgsql; create table s.last ()")
        assert (await ear.next())["objects"] == ["table s.last"]


async def test_the_watcher_does_not_see_them_and_they_leave_no_trace(
    database: str, execute: Execute
) -> None:
    await execute(database, "create table t (id int); create view v as select id from t")
    before, seen = await traces(database), await read_once(database)
    async with target(database) as place:
        dry = await install(place, NOTIFY, dry_run=True)
        assert await traces(database) == before
        done = await install(place, NOTIFY)
        again = await read_once(database)
        assert dry.snapshot.root == done.snapshot.root == again.snapshot.root == seen.snapshot.root
        assert again.not_compared == seen.not_compared
        assert (await traces(database))[0] != before[0]
        with pytest.raises(ReconcileError, match="there already") as refused:
            await install(place, NOTIFY)
        assert refused.value.reason == "occupied"
        await uninstall(place, NOTIFY, dry_run=True)
        assert (await traces(database))[0] != before[0]
        await uninstall(place, NOTIFY)
    assert await traces(database) == before


async def test_a_missing_right_is_named(
    make_database: MakeDatabase, make_role: MakeRole, execute: Execute
) -> None:
    dsn = await make_database("Odd-Name")
    role = await make_role(dsn, 'r"ole')
    async with target(role) as place:
        with pytest.raises(ReconcileError) as refused:
            await install(place, NOTIFY)
    assert refused.value.reason == "permission"
    assert 'GRANT CREATE ON DATABASE "Odd-Name" TO "r""ole"' in refused.value.hint
    await execute(dsn, 'grant create on database "Odd-Name" to "r""ole"')
    async with target(role) as place:
        with pytest.raises(ReconcileError, match="may not create event triggers") as refused:
            await install(place, NOTIFY)
    assert "superuser" in refused.value.hint
    async with connection(dsn) as session, reading(session):
        left = await session.fetchval("select count(*) from pg_namespace where nspname ~ 'pgdrift'")
    assert left == 0
