"""Every kind of DDL, one statement at a time: what the ledger says of it, object by object."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import asyncpg
import pytest

from tests.ledger.conftest import session

pytestmark = pytest.mark.db

_TOLD = """
SELECT h.change_type || ' ' || h.object_kind || ' ' || h.object_identity
    || coalesce(' (was ' || h.old_name || ')', '')
FROM gitversion.history h WHERE h.id > $1 ORDER BY h.id
"""


@dataclass(frozen=True, slots=True)
class Row:
    """One block of ddl.txt."""

    name: str
    before: str
    statement: str
    told: tuple[str, ...]

    def on(self, major: int) -> list[str]:
        """Return what is told on a major."""
        return [t.removesuffix("  [18]") for t in self.told if major >= 18 or "[18]" not in t]


def _rows() -> list[Row]:
    text = Path(__file__).with_name("ddl.txt").read_text(encoding="utf-8")
    rows = []
    for block in text.split("## ")[1:]:
        head, statement = block.split("\n> ", 1)
        name, _, before = head.partition("\n")
        done, *told = statement.strip().split("\n")
        rows.append(Row(name, before, done, tuple(told)))
    return rows


ROWS = _rows()

UNSEEN = {"reassign owned"}
"""For what PostgreSQL runs no event trigger, although the schema changes."""


async def told(writer: asyncpg.Connection, last: int = 0) -> list[str]:
    """Return what the ledger says since a row, and that nothing went wrong."""
    assert await writer.fetch("SELECT sqlstate, step FROM gitversion.failures") == []
    return [row[0] for row in await writer.fetch(_TOLD, last)]


async def last(writer: asyncpg.Connection) -> int:
    """Return the last row of history."""
    found: int = await writer.fetchval("SELECT coalesce(max(id), 0) FROM gitversion.history")
    return found


async def test_every_statement_is_told_by_object(ledger: str) -> None:
    async with session(ledger) as writer:
        major = writer.get_server_version().major
        wrong = {}
        for row in ROWS:
            await writer.execute(f"begin; {row.before}")
            then = await last(writer)
            await writer.execute(row.statement)
            if (found := await told(writer, then)) != row.on(major):
                wrong[row.name] = found
            # What is active is what the catalog holds, as it is, no more and no less.
            was = await _active(writer)
            await writer.execute("SELECT gitversion.capture()")
            if row.name not in UNSEEN and (now := await _active(writer)) != was:
                wrong[f"{row.name}: left"] = [str(set(was) ^ set(now))]
            await writer.execute("rollback")
        assert wrong == {}


async def _active(writer: asyncpg.Connection) -> list[tuple[object, ...]]:
    rows = await writer.fetch(
        "SELECT o.object_type, o.full_name, o.object_identity, p.full_name,"
        " o.metadata - '{columns,oid}'::text[]"
        " FROM gitversion.objects o LEFT JOIN gitversion.objects p ON p.id = o.parent_id"
        " WHERE o.is_active ORDER BY 1, 2"
    )
    return [tuple(row) for row in rows]


def test_the_matrix_names_what_a_ledger_must_see() -> None:
    assert len(ROWS) >= 150
    assert len({row.name for row in ROWS}) == len(ROWS)
