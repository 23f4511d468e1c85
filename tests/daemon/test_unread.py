"""What a role may not read is unknown: never equal, never declared right."""

from __future__ import annotations

import asyncio
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from pgdrift.core import snapshot_file
from tests.conftest import Execute, MakeDatabase, MakeRole
from tests.daemon.house import House, pgdrift

pytestmark = pytest.mark.db

TABLE = "create table account (id int primary key)"
REVOKE = "revoke execute on function pg_catalog.pg_get_triggerdef(oid) from public"


@pytest.fixture
async def short_sighted(make_database: MakeDatabase, make_role: MakeRole, execute: Execute) -> str:
    """The DSN of a role that may not read triggers."""
    whole = await make_database(sql=TABLE)
    await execute(whole, REVOKE)
    return await make_role(whole)


async def test_diff_says_what_it_could_not_read_and_exits_2(
    short_sighted: str, make_database: MakeDatabase
) -> None:
    other, more = (
        await make_database(sql=TABLE),
        await make_database(sql=f"{TABLE}; create view v as select 1"),
    )
    one, both, differs, text, markdown = await asyncio.gather(
        pgdrift("diff", other, short_sighted, "-f", "json"),
        pgdrift("diff", short_sighted, short_sighted, "-f", "json"),
        pgdrift("diff", more, short_sighted),
        pgdrift("diff", other, short_sighted),
        pgdrift("diff", other, short_sighted, "-f", "markdown"),
    )
    assert {s.code for s in (one, both, differs, text, markdown)} == {2}
    before, after = one.json()["unread"]["trigger"]
    assert before is None
    assert "pg_get_triggerdef" in after
    assert None not in both.json()["unread"]["trigger"]
    assert "view public.v removed" in differs.out
    assert "1 difference" in differs.out
    for said in (differs, text, markdown):
        assert "are equal" not in said.out
        assert "not read in B: " in said.out
        assert "pg_get_triggerdef" in said.out
    assert "unknown: no difference" in text.out


async def test_a_snapshot_is_written_and_what_is_missing_is_said(
    short_sighted: str, tmp_path: Path
) -> None:
    file = tmp_path / "a.json"
    written, printed = await asyncio.gather(
        pgdrift("snapshot", short_sighted, "-o", file), pgdrift("snapshot", short_sighted)
    )
    for said in (written, printed):
        assert said.code == 2, said
        assert "trigger not read" in said.err
    for text in (file.read_text(encoding="utf-8"), printed.out):
        assert snapshot_file.parse(text).unread.keys() == {"trigger"}
    again = await pgdrift("diff", file, short_sighted)
    assert again.code == 2, again
    assert "not read in A: trigger" in again.out


async def test_what_nobody_saw_is_not_declared_right(house: House, short_sighted: str) -> None:
    house.watch("production", short_sighted)
    said = await house.pgdrift("sync", "production", "--reason", "all well")
    assert said.code == 2, said
    assert "trigger not read" in said.err
    assert "hint:" in said.err
    with closing(sqlite3.connect(f"file:{house.store}?mode=ro", uri=True)) as store:
        assert store.execute("select * from sync_point").fetchall() == []
