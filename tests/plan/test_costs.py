"""What a plan says of a statement, against what the server does: locks, rewrites, and rows."""

from __future__ import annotations

from collections.abc import Mapping

import asyncpg
import pytest

from pgdrift.core.alike.normalise import Options
from pgdrift.core.model import Snapshot
from pgdrift.core.plan.making import make_plan
from pgdrift.core.plan.model import Plan, Statement
from pgdrift.core.plan.step import Lock
from pgdrift.reconcile.running import SETTINGS
from tests.conftest import MakeDatabase
from tests.plan.proving import read

pytestmark = pytest.mark.db

_BASE = """
CREATE TABLE other (id int PRIMARY KEY, n int UNIQUE);
INSERT INTO other SELECT g, g FROM generate_series(1, 3) g;
CREATE FUNCTION f() RETURNS trigger LANGUAGE plpgsql AS 'begin return new; end';
"""
_ROWS = "INSERT INTO t (a, b, c) SELECT g, 'x' || g, g FROM generate_series(1, 3) g;"
_T = "CREATE TABLE t (a int, b varchar(9), c numeric(6,2));" + _ROWS

CASES: Mapping[str, tuple[str, str]] = {
    "new column": (_T, "ALTER TABLE t ADD d int DEFAULT 3;"),
    "new column, filled row by row": (_T, "ALTER TABLE t ADD d float DEFAULT random();"),
    "new generated column": (_T, "ALTER TABLE t ADD d int GENERATED ALWAYS AS (a + 1) STORED;"),
    "drop column": (_T, "ALTER TABLE t DROP c;"),
    "wider type": (_T, "ALTER TABLE t ALTER a TYPE bigint;"),
    "wider text": (_T, "ALTER TABLE t ALTER b TYPE varchar(20);"),
    "text": (_T, "ALTER TABLE t ALTER b TYPE text;"),
    "wider number": (_T, "ALTER TABLE t ALTER c TYPE numeric(9,2);"),
    "number with more behind the point": (_T, "ALTER TABLE t ALTER c TYPE numeric(9,3);"),
    "default": (_T, "ALTER TABLE t ALTER a SET DEFAULT 7;"),
    "not null": (_T, "ALTER TABLE t ALTER a SET NOT NULL;"),
    "statistics": (_T, "ALTER TABLE t ALTER a SET STATISTICS 7;"),
    "check": (_T, "ALTER TABLE t ADD CONSTRAINT positive CHECK (a > 0);"),
    "primary key": (
        _T + "ALTER TABLE t ALTER a SET NOT NULL;",
        "ALTER TABLE t ADD PRIMARY KEY (a);",
    ),
    "foreign key": (_T, "ALTER TABLE t ADD CONSTRAINT k FOREIGN KEY (a) REFERENCES other (id);"),
    "index": (_T, "CREATE INDEX i ON t (b);"),
    "trigger": (_T, "CREATE TRIGGER g BEFORE INSERT ON t FOR EACH ROW EXECUTE FUNCTION f();"),
    "policy": (_T, "CREATE POLICY p ON t USING (a > 0);"),
    "row security": (_T, "ALTER TABLE t ENABLE ROW LEVEL SECURITY;"),
    "unlogged": (_T, "ALTER TABLE t SET UNLOGGED;"),
    "options": (_T, "ALTER TABLE t SET (fillfactor = 70);"),
    "replica identity": (_T, "ALTER TABLE t REPLICA IDENTITY FULL;"),
    "rule": (_T, "CREATE RULE r AS ON DELETE TO t DO ALSO NOTHING;"),
    "extended statistics": (_T, "CREATE STATISTICS s ON a, c FROM t;"),
    "trigger switched off": (
        _T + "CREATE TRIGGER g BEFORE INSERT ON t FOR EACH ROW EXECUTE FUNCTION f();",
        "ALTER TABLE t DISABLE TRIGGER g;",
    ),
    "view over a column that changes": (
        _T + "CREATE VIEW v AS SELECT a, b FROM t;",
        "DROP VIEW v; ALTER TABLE t ALTER a TYPE bigint; CREATE VIEW v AS SELECT a, b FROM t;",
    ),
    "table": (_T, "CREATE TABLE u (id int);"),
}

_RANK = {lock.value.title().replace(" ", "") + "Lock": lock.rank for lock in Lock if lock}


@pytest.mark.parametrize("online", [False, True], ids=["transactional", "online"])
@pytest.mark.parametrize("case", CASES)
async def test_locks_and_rewrites_are_what_the_server_takes_and_does(
    case: str, online: bool, make_database: MakeDatabase
) -> None:
    before, change = CASES[case]
    target = await make_database(sql=_BASE + before)
    source = await make_database(sql=_BASE + before + change)
    sides = await read(target), await read(source)
    plan = make_plan(sides, ("a", "b"), Options(), online=online)
    assert plan.up.statements
    wrong = []
    for way in (plan.up, plan.down):
        wrong += await _wrong(target, way.statements)
    assert wrong == []


async def _wrong(dsn: str, statements: tuple[Statement, ...]) -> list[str]:
    session = await asyncpg.connect(dsn)
    try:
        for setting in SETTINGS:
            await session.execute(setting)
        return [said for s in statements if (said := await _watched(session, s))]
    finally:
        await session.close()


async def _watched(session: asyncpg.Connection, statement: Statement) -> str:
    step = statement.step
    if step.alone:
        await session.execute(step.sql)
        return ""
    tables = "relkind IN ('r', 'p') AND relnamespace = 'public'::regnamespace"
    nodes = "SELECT oid, relname::text, pg_relation_filenode(oid) FROM pg_class WHERE "
    were = {r[0]: r for r in await session.fetch(nodes + tables)}
    await session.execute("BEGIN")
    await session.execute(step.sql)
    rows = await session.fetch(
        "SELECT relation, mode FROM pg_locks WHERE pid = pg_backend_pid() AND locktype = 'relation'"
        " AND relation = ANY ($1)",
        list(were),
    )
    are = {r[0]: r[2] for r in await session.fetch(nodes + tables)}
    await session.execute("COMMIT")
    held: dict[str, int] = {}
    for oid, mode in rows:
        if rank := _RANK.get(mode, 0):
            held[were[oid][1]] = max(held.get(were[oid][1], 0), rank)
    said = {name.split(".")[-1] for name in step.on} & {r[1] for r in were.values()}
    expected = dict.fromkeys(said, step.lock.rank)
    rewritten = any(oid in are and are[oid] != r[2] for oid, r in were.items())
    if held != expected or rewritten != step.rewrites:
        return f"{step.sql}: held {held}, said {expected}; rewritten {rewritten}: {step.rewrites}"
    return ""


VALUES = {
    "smallint": "-32768 0 32767",
    "integer": "-2147483648 7 2147483647",
    "bigint": "-9223372036854775808 5 9223372036854775807",
    "numeric(6,2)": "-9999.99 0.01 1234.50",
    "numeric": "123456789012345678901234567890.123456789 -0.5 7",
    "real": "1.5 -0.25 3e30",
    "double precision": "0.1 1e300 -2.5",
    "text": "x 12 longer-than-nine-letters",
    "character varying(9)": "x 12 nine-nine",
    "boolean": "true false t",
    "date": "2020-02-29 1999-12-31 2026-01-01",
    "timestamp without time zone": "2020-02-29T12:34:56 1999-12-31T23:59:59 2026-01-01",
}
_NEW = [*VALUES, "numeric(9,2)", "numeric(5,1)", "character varying(20)", "character varying(3)"]


@pytest.mark.parametrize("old", VALUES)
async def test_a_type_change_that_is_called_harmless_keeps_every_value(
    old: str, make_database: MakeDatabase
) -> None:
    values = ", ".join(f"('{v}')" for v in VALUES[old].split())
    fill = f"CREATE TABLE t (v {old}); INSERT INTO t VALUES {values};"
    target = await make_database(sql=fill)
    before = await read(target)
    session = await asyncpg.connect(target)
    try:
        kept = await session.fetchval("SELECT array_agg(v::text ORDER BY v) FROM t")
        for new in (n for n in _NEW if n != old):
            plan = await _to(before, new, make_database)
            if any(s.step.loses for s in plan.up.statements):
                continue
            transaction = session.transaction()
            await transaction.start()
            try:
                for statement in plan.up.statements:
                    await session.execute(statement.step.sql)
                back = f"SELECT array_agg((v::{old})::text ORDER BY v::{old}) FROM public.t"
                assert await session.fetchval(back) == kept, (old, new)
            except asyncpg.PostgresError:
                # Refused is not lost; but it must have been said.
                assert any(s.step.fails for s in plan.up.statements), (old, new)
            finally:
                await transaction.rollback()
    finally:
        await session.close()


async def _to(before: Snapshot, new: str, make_database: MakeDatabase) -> Plan:
    source = await make_database(sql=f"CREATE TABLE t (v {new})")
    return make_plan((before, await read(source)), ("a", "b"), Options())
