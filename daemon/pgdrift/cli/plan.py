"""The commands that reconcile on paper: plan and prove. No environment is ever written to."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from pgdrift.cli import exits, sides
from pgdrift.cli.options import Config
from pgdrift.cli.weighing import weights_of
from pgdrift.core.alike.align import unsettled
from pgdrift.core.alike.normalise import Options, normalise
from pgdrift.core.alike.retell import retold
from pgdrift.core.model import Snapshot
from pgdrift.core.plan import shown
from pgdrift.core.plan.making import make_plan, planned
from pgdrift.core.plan.model import Plan
from pgdrift.core.plan.roles import roles
from pgdrift.core.printable import one_line, printable
from pgdrift.reconcile import planfile
from pgdrift.reconcile.prove import Ground, Likeness, Refused, Trial, prove_what_holds
from pgdrift.reconcile.prove import prove as try_out
from pgdrift.sources.ground import ground
from pgdrift.sources.scratch import Scratch

Sides = tuple[Snapshot, Snapshot]


class PlanFormat(StrEnum):
    """How a plan is printed."""

    TEXT = "text"
    SQL = "sql"
    JSON = "json"
    MARKDOWN = "markdown"


@dataclass(frozen=True, slots=True)
class _Made:
    """A plan, the sides it was made of, and why a kind of object could not be read."""

    plan: Plan
    of: Sides
    unread: tuple[str, ...]


def plan(
    target: Annotated[
        str,
        typer.Argument(
            metavar="TARGET",
            help="What is to be changed: environment, now or at some time, connection URL,"
            " snapshot file, SQL file, or folder of SQL files.",
        ),
    ],
    source: Annotated[
        str, typer.Argument(metavar="SOURCE", help="The same; what the target is to be as.")
    ],
    fmt: Annotated[
        PlanFormat, typer.Option("--format", "-f", help="How to print it; sql is the script alone.")
    ] = PlanFormat.TEXT,
    down: Annotated[
        bool, typer.Option("--down", help="Print the way back instead of the way there.")
    ] = False,
    output: Annotated[
        Path | None,
        typer.Option("--output", "-o", help="Folder to write the plan to, made for git."),
    ] = None,
    adopt: Annotated[
        bool,
        typer.Option("--adopt", help="The other direction: make SOURCE as TARGET is."),
    ] = False,
    online: Annotated[
        bool,
        typer.Option(
            "--online/--transactional",
            help="Use forms that let others write meanwhile, in several transactions.",
        ),
    ] = False,
    proved: Annotated[
        bool,
        typer.Option("--prove", help="Try it up and down on a scratch server, too."),
    ] = False,
    config: Config = None,
) -> int:
    """Plan how TARGET becomes as SOURCE, and again as it was.

    Changes nothing.

    Exits 0 when there is nothing to do, 1 when all of it is planned, 4 when part of it is left by
    hand, and 2 when a side could not be read as a whole or, with --prove, the proof does not hold.

    With --prove, what the scratch server refuses is left by hand, in the server's own words.
    """
    words = (source, target) if adopt else (target, source)
    made = asyncio.run(_plan(words, sides.Sides(config), online=online, proved=proved))
    if output is not None:
        planfile.write(output, made.plan, made.of)
        typer.echo(f"{output}: {one_line(shown.standing(made.plan))}", err=True)
    typer.echo(_told(made.plan, fmt, down=down), nl=False)
    for why in made.unread:
        typer.echo(f"warning: {why}", err=True)
    return _code(made, down=down, proved=proved)


def prove(
    folder: Annotated[
        Path, typer.Argument(metavar="PLAN", help="Folder that `pgdrift plan -o` wrote.")
    ],
    config: Config = None,
) -> int:
    """Try a plan up and down on a scratch server.

    What came of that is written into it.

    Exits 0 when both ways hold, 2 when one does not.
    """
    found, of = planfile.read(folder)
    trial = asyncio.run(_with_scratch(config, lambda scratch: _try(found, of, scratch, _lenient())))
    proof = replace(found, proof=trial.proof)
    planfile.write(folder, proof, of)
    typer.echo(printable(shown.standing(proof)))
    for left in trial.proof.unseen:
        typer.echo(f"not part of the proof: {one_line(shown.left_line(left))}")
    return exits.IN_SYNC if proof.proved else exits.UNKNOWN


def _told(plan: Plan, fmt: PlanFormat, *, down: bool) -> str:
    way, title = (plan.down, "down") if down else (plan.up, "up")
    if fmt is PlanFormat.SQL:
        return shown.script(plan, way, title)
    if fmt is PlanFormat.JSON:
        return json.dumps(shown.plan_json(plan), indent=2, ensure_ascii=False) + "\n"
    if fmt is PlanFormat.MARKDOWN:
        return shown.review(plan)
    return shown.text(plan, way) + "\n"


def _code(made: _Made, *, down: bool, proved: bool) -> int:
    way = made.plan.down if down else made.plan.up
    if made.unread or (proved and not made.plan.proved):
        return exits.UNKNOWN
    if way.by_hand:
        return exits.BY_HAND
    return exits.PLANNED if way.statements else exits.IN_SYNC


def _lenient() -> Likeness:
    return Likeness(Options())


async def _plan(
    words: tuple[str, str], reader: sides.Sides, *, online: bool, proved: bool
) -> _Made:
    try:
        await reader.prepare(*words)
        target, source = [await reader.read(word) for word in words]
        own = sides.own_kinds(cluster=False)
        of = (
            planned(target.snapshot, own),
            planned(retold(source.snapshot, source.names, target.names), own),
        )
        options = reader.options(Options(), *words)
        normal = [normalise(s, options) for s in of]
        answers = await reader.settle(unsettled(normal[1], normal[0], options))

        def make(refused: Refused = ({}, {})) -> Plan:
            titles = (sides.title(words[0]), sides.title(words[1]))
            return make_plan(of, titles, options, answers.settled, online=online, refused=refused)

        plan = make()
        if proved and (plan.up.statements or plan.down.statements):
            likeness = Likeness(options, answers.settled)
            plan, _ = await prove_what_holds(
                make, lambda p: _try(p, of, reader.scratch(), likeness)
            )
    finally:
        await reader.close()
    plan = replace(plan, weights=await weights_of(plan, words[0], reader))
    unread = (*sides.unread_words(target.snapshot), *sides.unread_words(source.snapshot))
    return _Made(plan, of, unread)


async def _try(plan: Plan, of: Sides, scratch: Scratch, likeness: Likeness) -> Trial:
    async with ground(scratch, roles(*of)) as empty:
        return await try_out(plan, of, Ground(empty.session, empty.read), likeness)


async def _with_scratch(config: Path | None, do: Callable[[Scratch], Awaitable[Trial]]) -> Trial:
    reader = sides.Sides(config)
    try:
        return await do(reader.scratch())
    finally:
        await reader.close()
