"""What the tests of plans share: databases that stay as they are, and plans tried in one of them."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass
from typing import Any

import asyncpg

from pgdrift.core.alike.normalise import Options, normalise, without_kinds
from pgdrift.core.model import Change, ObjectId, Snapshot
from pgdrift.core.plan.likeness import left_over
from pgdrift.core.plan.making import make_plan
from pgdrift.core.plan.model import LeftOut, Plan, Way
from pgdrift.parts.building import own_kinds
from pgdrift.reconcile.prove import EXACTLY, Refused
from pgdrift.reconcile.running import Refusal, run
from pgdrift.sources.catalog import snapshot
from pgdrift.sources.connection import connection

# Secrets are sealed with it, so that two readings of one are equal.
KEY = b"plans"
_MOST_REFUSED = 8
_USUAL = Options()


async def read(dsn: str) -> Snapshot:
    """Return what plans are made of: all but what belongs to the database as such."""
    async with connection(dsn) as session:
        return without_kinds(await snapshot(session, key=KEY), own_kinds(cluster=False))


async def run_way(dsn: str, way: Way) -> Refusal | None:
    session = await asyncpg.connect(dsn)
    try:
        return await run(session, way.statements)
    finally:
        await session.close()


@dataclass(frozen=True, slots=True)
class Tried:
    """A plan that was run up and down in a real database, and what differed after each way."""

    plan: Plan
    up: tuple[Change, ...]
    down: tuple[Change, ...]
    judged: tuple[Any, Any] = (None, None)

    @property
    def left(self) -> dict[str, list[str]]:
        """What was left by hand on each way, as an expectation says it."""
        ways = {"up": self.plan.up.by_hand, "down": self.plan.down.by_hand}
        return {way: sorted(map(line, left)) for way, left in ways.items() if left}


def line(left: LeftOut) -> str:
    names = f" [{', '.join(left.attributes)}]" if left.attributes else ""
    return f"{left.object}{names}: {left.why}"


async def tried(
    dsn: str,
    sides: tuple[Snapshot, Snapshot],
    *,
    options: Options = _USUAL,
    online: bool = False,
    judge: Callable[[], Awaitable[Any]] | None = None,
) -> Tried:
    """Run a plan up and down in the database that is the target; `judge` is asked after each way.

    What the server refuses is left by hand, as `pgdrift plan --prove` does; what is wrong without
    being refused is not excused.
    """
    up: dict[ObjectId, str] = {}
    down: dict[ObjectId, str] = {}
    before = await read(dsn)
    while True:
        assert len(up) + len(down) <= _MOST_REFUSED, (up, down)
        plan = _made(sides, options, (up, down), online=online)
        refusal = await run_way(dsn, plan.up)
        if refusal is None:
            break
        assert refusal.statement.object not in up, refusal
        up[refusal.statement.object] = refusal.said.splitlines()[0]
        assert (await read(dsn)).root == before.root, "a refused way left something behind"
    reached, there = await read(dsn), await judge() if judge else None
    after_up = left_over(reached, normalise(sides[1], options), plan.up.by_hand, options)
    while (refusal := await run_way(dsn, plan.down)) is not None:
        assert refusal.statement.object not in down, refusal
        down[refusal.statement.object] = refusal.said.splitlines()[0]
        plan = _made(sides, options, (up, down), online=online)
    back, here = await read(dsn), await judge() if judge else None
    after_down = left_over(back, normalise(before, EXACTLY), plan.down.by_hand, EXACTLY)
    return Tried(plan, after_up, after_down, (there, here))


def _made(
    sides: tuple[Snapshot, Snapshot], options: Options, refused: Refused, *, online: bool
) -> Plan:
    names = ("target", "source")
    return make_plan(sides, names, options, online=online, refused=refused)


def told(changes: Iterable[Change]) -> list[str]:
    return [f"{c.change} {c.id} {sorted(c.attributes)}" for c in changes]
