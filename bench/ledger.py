"""What recording costs: the same DDL with the ledger and without, round by round."""

from __future__ import annotations

import asyncpg

from bench.stage import Stage
from bench.timing import Contest, Ratio, ratio, side_by_side
from pgdrift.reconcile.scripts import LEDGER

_STATEMENTS = (
    "CREATE TABLE {s}.t (id serial PRIMARY KEY, n text NOT NULL DEFAULT '', at timestamptz)",
    "ALTER TABLE {s}.t ADD COLUMN c numeric(8, 2)",
    "CREATE INDEX i ON {s}.t (n)",
    "CREATE VIEW {s}.v AS SELECT id, n FROM {s}.t",
    "CREATE FUNCTION {s}.f(int) RETURNS int LANGUAGE sql AS 'SELECT 1'",
    "COMMENT ON TABLE {s}.t IS 'x'",
    "GRANT SELECT ON {s}.t TO PUBLIC",
    "ALTER TABLE {s}.t RENAME COLUMN c TO d",
    "DROP VIEW {s}.v",
    "DROP TABLE {s}.t",
    "DROP FUNCTION {s}.f(int)",
)
_TIMES = 10


async def measure(stage: Stage, rounds: int) -> list[Ratio]:
    """Return what a migration's statements take with the ledger, as ratios to without.

    One session and one commit for each statement, as most migrations run. The ledger is in a copy
    of the database, so that both have the same schema.
    """
    async with stage.copy() as recorded:
        opened = [await asyncpg.connect(dsn) for dsn in (stage.dsn, recorded)]
        plain, watched = opened
        try:
            await watched.execute(LEDGER.text)
            await plain.execute("CREATE SCHEMA bench_ddl")
            await watched.execute("CREATE SCHEMA bench_ddl")
            contest: Contest = {"without": lambda: _run(plain), "with": lambda: _run(watched)}
            for warm in contest.values():
                await warm()
            times = await side_by_side(contest, rounds)
            await plain.execute("DROP SCHEMA bench_ddl")
        finally:
            for connection in opened:
                await connection.close()
    return [ratio("DDL with the ledger / without", times["with"], times["without"])]


async def _run(connection: asyncpg.Connection) -> None:
    for _ in range(_TIMES):
        for statement in _STATEMENTS:
            await connection.execute(statement.format(s="bench_ddl"))
