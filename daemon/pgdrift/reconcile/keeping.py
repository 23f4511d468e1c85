"""A plan, tried once more with rows in the tables: nothing may be lost but what it says it loses.

In comes a session in a scratch database that is as the target, with empty tables; out comes what
the rows say. A statement that rows stand against must have said so.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import asyncpg

from pgdrift.core.model import Snapshot
from pgdrift.core.plan.model import Plan, Rows, Way
from pgdrift.core.plan.rows import Contents, lossy, lost
from pgdrift.core.plan.shown import headline
from pgdrift.reconcile.running import run
from pgdrift.reconcile.samples import clear, contents, fill

_MOST_TRIES = 6
_MOST_SHOWN = 5


@dataclass(slots=True)
class _Trial:
    """What is known while a plan is tried: what there was, and what rows stood against."""

    session: asyncpg.Connection
    before: Contents
    stopped: list[str] = field(default_factory=list)


async def keeping(
    plan: Plan, sides: tuple[Snapshot, Snapshot], session: asyncpg.Connection, count: int
) -> tuple[Rows, str, str]:
    """Return what was tried with so many rows in each table, and why either way does not hold.

    `sides` are what is there before the way up, and after it.
    """
    filled = await fill(session, count)
    trial = _Trial(session, await contents(session))
    up, down = await _both(trial, plan, sides) if filled.rows else ("", "")
    return Rows(filled.tables, filled.rows, filled.unfilled, tuple(trial.stopped)), up, down


async def _both(trial: _Trial, plan: Plan, sides: tuple[Snapshot, Snapshot]) -> tuple[str, str]:
    """Return why either way does not hold; empty: it does, as far as it could be tried."""
    ended, why = await _passes(trial, plan.up, "up")
    if not ended:
        return why, ""
    told = lossy(plan.up, sides[0])
    after = await contents(trial.session, trial.before)
    if gone := list(lost(trial.before, after, told)):
        return _said(gone), ""
    ended, why = await _passes(trial, plan.down, "down")
    if not ended:
        return "", why
    gone = list(
        lost(trial.before, await contents(trial.session), told | lossy(plan.down, sides[1]))
    )
    return "", _said(gone) if gone else ""


async def _passes(trial: _Trial, way: Way, title: str) -> tuple[bool, str]:
    """Run a way. Return whether it came to its end, and why that speaks against the plan.

    Rows that stand against it, where it says so, are taken out of its way as long as nothing of
    it is done yet.
    """
    for _ in range(_MOST_TRIES):
        refusal = await run(trial.session, way.statements)
        if refusal is None:
            return True, ""
        step, number = refusal.statement.step, refusal.statement.number
        what = f"{number}, {headline(refusal.statement)}"
        if not step.fails:
            why = f"statement {what}, is refused where there are rows, and does not say so"
            return False, f"{why}: {refusal.said}"
        trial.stopped.append(
            f"the way {title} with rows of ours, which stand against {what}, where {step.fails}"
        )
        if step.alone or refusal.statement.transaction > 1:
            return False, ""
        await clear(trial.session, step.on)
        trial.before = _without_cleared(trial.before, await contents(trial.session))
    return False, ""


def _without_cleared(before: Contents, now: Contents) -> Contents:
    """Return what there was, but for what has been taken out of the way."""
    tables = {
        p: held for p, held in before.tables.items() if p not in now.tables or now.tables[p].rows
    }
    return replace(before, tables=tables)


def _said(gone: Sequence[str]) -> str:
    more = f"\n… and {len(gone) - _MOST_SHOWN} more" if len(gone) > _MOST_SHOWN else ""
    return (
        "with rows in it, not all is kept, and no statement says so:\n"
        + "\n".join(gone[:_MOST_SHOWN])
        + more
    )
