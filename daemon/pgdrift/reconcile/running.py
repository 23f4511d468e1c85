"""The statements of a way, run one after another in a session; or the one that was refused."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import groupby

import asyncpg

from pgdrift.core.plan.model import Statement

# Names in a plan are qualified, and bodies of functions may name what comes later.
SETTINGS = (
    "SELECT pg_catalog.set_config('search_path', '', false)",
    "SET check_function_bodies = off",
    "SET client_min_messages = warning",
)


@dataclass(frozen=True, slots=True)
class Refusal:
    """The statement that a server refused, and its words."""

    statement: Statement
    said: str


async def run(session: asyncpg.Connection, statements: Sequence[Statement]) -> Refusal | None:
    """Run all statements, each transaction as a whole; return what was refused, None for nothing.

    What was in the transaction of a refused statement is undone, what was in those before stands.
    """
    for setting in SETTINGS:
        await session.execute(setting)
    for _, together in groupby(statements, key=lambda s: s.transaction):
        if refusal := await _run_together(session, list(together)):
            return refusal
    return None


async def _run_together(
    session: asyncpg.Connection, statements: Sequence[Statement]
) -> Refusal | None:
    alone = any(s.step.alone for s in statements)
    if not alone:
        await session.execute("BEGIN")
    for statement in statements:
        try:
            await session.execute(statement.step.sql)
        except asyncpg.PostgresError as error:
            if not alone:
                await session.execute("ROLLBACK")
            return Refusal(statement, str(error))
    if not alone:
        await session.execute("COMMIT")
    return None
