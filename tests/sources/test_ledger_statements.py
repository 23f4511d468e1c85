"""What was run: read from a ledger only where that is asked for, and never with its literals."""

from __future__ import annotations

from pathlib import Path

import pytest

from pgdrift.core.why.blame import blame_line, of_entry
from pgdrift.sources.connection import connection, reading
from pgdrift.sources.ledger import read_ledger
from tests.conftest import Execute

pytestmark = pytest.mark.db

LEDGER = (Path(__file__).with_name("ledger_core.sql")).read_text(encoding="utf-8")
SECRET = "hunter2"


async def test_a_recorded_statement_is_told_without_its_literals_and_only_if_asked_for(
    database: str, execute: Execute
) -> None:
    await execute(database, LEDGER)
    async with connection(database) as session:
        async with reading(session):
            first = await read_ledger(session, None)
        assert first
        await execute(database, f"create table t (id int, key text default '{SECRET}')")
        async with reading(session):
            silent = await read_ledger(session, first.mark)
            asked = await read_ledger(session, first.mark, statements=True)
    assert silent
    assert asked
    assert {e.statement for e in silent.entries} == {None}
    assert {e.statement for e in asked.entries} == {"create table t (id int, key text default '…')"}
    assert SECRET not in repr(asked)
    assert blame_line(of_entry(asked.entries[0])).endswith("key text default '…')")
