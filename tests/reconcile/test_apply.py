"""Plans run on real databases by the real command line: rehearsed, applied, taken back."""

from __future__ import annotations

import asyncio
import json
import os
import resource
import shutil
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import asyncpg
import pytest
import yaml

from tests.conftest import Execute, MakeDatabase, MakeRole, run_sql
from tests.daemon.house import Said, pgdrift

pytestmark = pytest.mark.db

A = """
create table account (id int primary key, owner varchar(20), note text);
create view owners as select id, owner from account;
grant select on owners to public;
insert into account select n, 'o' || n, 'n' || n from generate_series(1, 100) n;
"""
B = """
create table account (id bigint primary key, owner text not null, born date);
create index account_owner on account (owner);
create view owners as select id, owner from account;
grant select on owners to public;
create table log (at timestamptz not null default now(), what text);
"""


@asynccontextmanager
async def session(dsn: str) -> AsyncIterator[asyncpg.Connection]:
    opened = await asyncpg.connect(dsn)
    try:
        yield opened
    finally:
        await opened.close()


async def value(dsn: str, sql: str) -> Any:
    async with session(dsn) as opened:
        return await opened.fetchval(sql)


def objects(said: Said) -> Any:
    return json.loads(said.out)["objects"]


MakePlan = Callable[..., Awaitable[Path]]


@pytest.fixture
async def planned(tmp_path: Path) -> MakePlan:
    async def make(a: str, b: str, *more: str) -> Path:
        folder = tmp_path / "plans" / "1"
        made = await pgdrift("plan", a, b, "--prove", "-o", folder, *more)
        assert made.code == 1, made
        return folder

    return make


async def apply(folder: Path, dsn: str, *more: str | Path) -> Said:
    return await pgdrift("apply", folder, "--on", dsn, "--reason", "ticket 7", *more)


async def rollback(folder: Path, dsn: str, *more: str | Path) -> Said:
    return await pgdrift("rollback", folder, "--on", dsn, "--reason", "it was wrong", *more)


async def states(folder: Path) -> list[str]:
    said = await pgdrift("plans", folder, "--format", "json")
    (place,) = said.json()["plans"][0]["places"]
    return [s["state"] for s in place["statements"]]


async def test_a_plan_is_rehearsed_applied_and_taken_back(
    make_database: MakeDatabase, planned: MakePlan
) -> None:
    a, b = await make_database(sql=A), await make_database(sql=B)
    folder = await planned(a, b)
    before = objects(await pgdrift("snapshot", a))

    tried = await pgdrift("rehearse", folder, "--on", a)
    assert tried.code == 0, tried
    assert "ACCESS EXCLUSIVE on public.account, held for" in tried.out
    assert "rolled back, nothing was changed" in tried.out
    assert objects(await pgdrift("snapshot", a)) == before
    assert "never run" in (await pgdrift("plans", folder.parent)).out

    done = await apply(folder, a, "--actor", "ann", "--approved-by", "bob")
    assert done.code == 0, done
    assert "backed up: 100 rows of public.account, restored once" in done.err
    assert (await pgdrift("diff", a, b)).code == 0
    assert set(await states(folder)) == {"done"}
    assert await value(a, "select count(*) from account where owner = 'o' || id") == 100
    (began,) = [e for e in journal(folder) if e["event"] == "began"]
    assert (began["by"], began["approved_by"], began["reason"]) == ("ann", ["bob"], "ticket 7")

    again = await apply(folder, a)
    assert again.code == 2
    assert "was applied there already" in again.err

    back = await rollback(folder, a)
    assert back.code == 0, back
    assert objects(await pgdrift("snapshot", a)) == before
    assert (await rollback(folder, a)).code == 2


def journal(folder: Path) -> list[dict[str, Any]]:
    (file,) = (folder / "applied").glob("*.jsonl")
    return [json.loads(line) for line in file.read_text().splitlines()]
