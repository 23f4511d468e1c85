"""A plan, tried up and down on a scratch database that was made as the target is.

In come a session in an empty database and what reads it; out comes whether each way does what it
says, object by object, or why not. The target itself is never touched.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

import asyncpg

from pgdrift.core.alike.align import Settled
from pgdrift.core.alike.normalise import Options, normalise
from pgdrift.core.model import Change, ObjectId, Snapshot
from pgdrift.core.plan.likeness import left_over
from pgdrift.core.plan.model import LeftOut, Plan, Proof, Statement
from pgdrift.core.plan.parts import moving, parts_of
from pgdrift.core.plan.planning import way
from pgdrift.core.plan.unseen import beyond, open_only, without
from pgdrift.core.shown.render import change_text
from pgdrift.reconcile.keeping import keeping
from pgdrift.reconcile.running import Refusal, run

# What the way back must restore, names included. A column that is dropped comes back as the last,
# and an expression that is made anew of its text may be printed otherwise, as after a restore.
EXACTLY = Options(constraint_names=True, server_versions=True, inherited=True)
_MOST_SHOWN = 5


@dataclass(frozen=True, slots=True)
class Ground:
    """An empty database that a plan may be tried in; `read` gives what is in it."""

    session: asyncpg.Connection
    read: Callable[[], Awaitable[Snapshot]]


@dataclass(frozen=True, slots=True)
class Likeness:
    """What counts as equal to the source: options, and texts that a server called one meaning."""

    options: Options
    settled: Settled = frozenset()


@dataclass(frozen=True, slots=True)
class Trial:
    """What came of one trial: the proof, and the statement of either way that was refused."""

    proof: Proof
    up: Refusal | None = None
    down: Refusal | None = None


async def prove(
    plan: Plan,
    sides: tuple[Snapshot, Snapshot],
    ground: Ground,
    likeness: Likeness,
    *,
    rows: int = 0,
) -> Trial:
    """Return what comes of trying a plan. `sides` are target and source as they were read.

    `rows`: with so many rows of ours in each table it is tried once more; 0: in empty ones alone.
    """
    left, why, start = await rebuild(sides[0], ground, moving(*sides))
    unseen = beyond(left, *sides)
    version = ground.session.get_server_version()
    number = version.major * 10000 + version.minor
    proof = Proof(why, why, number, plan.binding, unseen)
    if why:
        return Trial(proof)
    plan = without(plan, unseen)
    refusal = await run(ground.session, plan.up.statements)
    if refusal:
        return Trial(replace(proof, up=_refused(refusal), down="never tried"), up=refusal)
    wanted = normalise(sides[1], likeness.options)
    excused = [*plan.up.by_hand, *unseen]
    found = await ground.read()
    differs = left_over(found, wanted, excused, likeness.options, likeness.settled, before=start)
    proof = replace(proof, up=differing(differs), down="")
    refusal = await run(ground.session, plan.down.statements)
    if refusal:
        return Trial(replace(proof, down=_refused(refusal)), down=refusal)
    end = await ground.read()
    back = left_over(end, normalise(start, EXACTLY), plan.down.by_hand, EXACTLY, before=found)
    proof = replace(proof, down=differing(back))
    # What the way back leaves by hand would stand in the way of another trial here.
    if rows and proof.holds and end.objects.keys() == start.objects.keys():
        held, up, down = await keeping(plan, sides, ground.session, rows)
        proof = replace(proof, rows=held, up=up, down=down)
    return Trial(proof)


async def rebuild(
    target: Snapshot, ground: Ground, moving: Collection[ObjectId] = ()
) -> tuple[Sequence[LeftOut], str, Snapshot]:
    """Make the database as the target is; what tables that move have from their wholes, by name.

    Return what it could not be given; why it is not as the target, empty when it is; and what is
    there.
    """
    refused: dict[ObjectId, str] = {}
    unfilled: set[ObjectId] = set()
    bare, sealed = open_only(target)
    exactly = normalise(bare, EXACTLY)
    wanted = parts_of(exactly, moving)
    version = ground.session.get_server_version().major
    empty = await ground.read()
    while True:
        made = way(normalise(empty, EXACTLY), wanted, major=version, refused=refused)
        refusal = await _all_or_nothing(ground.session, _without_data(made.statements, unfilled))
        if refusal is None or (i := refusal.statement.object) in refused:
            break
        if i.kind == "materialized_view" and i not in unfilled:
            unfilled.add(i)  # whoever owns what it reads may have no right to read all of that
        else:
            refused[i] = refusal.said
        empty = await ground.read()
    if refusal:
        return (), f"the target cannot be made on the scratch server: {_refused(refusal)}", empty
    found = await ground.read()
    excused = [*made.by_hand, *sealed]
    left = left_over(found, exactly, excused, replace(EXACTLY, server_versions=False))
    why = f"the scratch database is not as the target: {differing(left)}" if left else ""
    return excused, why, found


def _without_data(
    statements: Iterable[Statement], unfilled: Collection[ObjectId]
) -> list[Statement]:
    """Return statements that make materialized views of these without running their queries."""

    def is_one(s: Statement) -> bool:
        return s.object in unfilled and s.step.sql.startswith("CREATE MATERIALIZED VIEW")

    return [
        replace(s, step=replace(s.step, sql=f"{s.step.sql}\nWITH NO DATA")) if is_one(s) else s
        for s in statements
    ]


async def _all_or_nothing(
    session: asyncpg.Connection, statements: Sequence[Statement]
) -> Refusal | None:
    """Run all in one transaction if they can be, so that another try begins where this one did."""
    if any(s.step.alone or s.step.commits for s in statements):
        return await run(session, statements)
    return await run(session, [replace(s, transaction=1) for s in statements])


def _refused(refusal: Refusal) -> str:
    statement = refusal.statement
    return f"statement {statement.number} ({statement.object}) was refused: {refusal.said}"


def differing(changes: Sequence[Change]) -> str:
    """Say what differs, the first of it in full; empty for nothing."""
    if not changes:
        return ""
    more = f"\n… and {len(changes) - _MOST_SHOWN} more" if len(changes) > _MOST_SHOWN else ""
    return "what differs afterwards:\n" + "\n".join(map(change_text, changes[:_MOST_SHOWN])) + more


Refused = tuple[Mapping[ObjectId, str], Mapping[ObjectId, str]]


async def prove_what_holds(
    make: Callable[[Refused], Plan],
    try_it: Callable[[Plan], Awaitable[Trial]],
    *,
    most: int = 20,
) -> tuple[Plan, Trial]:
    """Return the plan that is left when what a server refuses is left by hand, and its trial."""
    up: dict[ObjectId, str] = {}
    down: dict[ObjectId, str] = {}
    while True:
        plan = make((up, down))
        trial = await try_it(plan)
        refusal, known = (trial.up, up) if trial.up else (trial.down, down)
        most -= 1
        if refusal is None or refusal.statement.object in known or most < 0:
            return replace(plan, proof=trial.proof), trial
        known[refusal.statement.object] = refusal.said.splitlines()[0]
