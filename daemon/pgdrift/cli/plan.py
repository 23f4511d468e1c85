"""The commands that reconcile on paper: plan and prove. No environment is ever written to."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from pgdrift.cli import exits, keeping, sides, work
from pgdrift.cli.options import Config
from pgdrift.cli.weighing import weights_of
from pgdrift.core.alike.align import unsettled
from pgdrift.core.alike.normalise import Options, normalise
from pgdrift.core.alike.retell import retold
from pgdrift.core.alike.spelling import Answers
from pgdrift.core.model import Change, Snapshot
from pgdrift.core.plan import shown
from pgdrift.core.plan.as_table import table
from pgdrift.core.plan.choosing import Chosen, UnknownWordError, choose, choose_found
from pgdrift.core.plan.making import make_plan, planned
from pgdrift.core.plan.model import LeftOut, Plan
from pgdrift.core.plan.record import State
from pgdrift.core.plan.roles import roles
from pgdrift.core.printable import one_line, printable
from pgdrift.errors import ConfigError
from pgdrift.reconcile import planfile
from pgdrift.reconcile.prove import Ground, Likeness, Refused, Trial, prove_what_holds
from pgdrift.reconcile.prove import prove as try_out
from pgdrift.sources.ground import ground
from pgdrift.sources.scratch import Scratch

Sides = tuple[Snapshot, Snapshot]
NO_STATES: Mapping[int, State] = {}
ROWS = 4
Rows = Annotated[
    int,
    typer.Option(
        "--rows",
        min=0,
        max=1000,
        help="Try it with so many rows of ours in each table, too; 0: in empty ones alone.",
    ),
]


class PlanFormat(StrEnum):
    """How a plan is printed."""

    TEXT = "text"
    SQL = "sql"
    JSON = "json"
    MARKDOWN = "markdown"
    TABLE = "table-sql"


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
        PlanFormat,
        typer.Option(
            "--format",
            "-f",
            help="How to print it; sql is the script alone, table-sql fills reconciliation_plan.",
        ),
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
    findings: Annotated[
        list[str] | None,
        typer.Option(
            "--findings",
            metavar="OBJECT",
            help="Reconcile only this, and what it needs: a name, a key (kind:name) or a glob over"
            " keys; may be said several times. What stays different is listed.",
        ),
    ] = None,
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
    keep: Annotated[
        bool, typer.Option("--keep", help="Keep it in the daemon's store, too: `pgdrift plans`.")
    ] = False,
    rows: Rows = ROWS,
    config: Config = None,
) -> int:
    """Plan how TARGET becomes as SOURCE, and again as it was.

    Changes nothing.

    Exits 0 when there is nothing to do, 1 when all of it is planned, 4 when part of it is left by
    hand, and 2 when a side could not be read as a whole or, with --prove, the proof does not hold.

    With --prove, what the scratch server refuses is left by hand, in the server's own words.
    """
    words = (source, target) if adopt else (target, source)
    made = asyncio.run(
        _plan(
            words,
            sides.Sides(config),
            online=online,
            proved=proved,
            rows=rows,
            findings=tuple(findings or ()),
        )
    )
    if output is not None:
        planfile.write(output, made.plan, made.of)
        typer.echo(f"{output}: {one_line(shown.standing(made.plan))}", err=True)
    if keep:
        typer.echo(asyncio.run(keeping.keep(config, made.plan, made.of)), err=True)
    typer.echo(told(made.plan, fmt, down=down), nl=False)
    for why in made.unread:
        typer.echo(f"warning: {why}", err=True)
    return _code(made, down=down, proved=proved)


def prove(
    folder: Annotated[
        Path, typer.Argument(metavar="PLAN", help="Folder that `pgdrift plan -o` wrote.")
    ],
    rows: Rows = ROWS,
    config: Config = None,
) -> int:
    """Try a plan up and down on a scratch server.

    What came of that is written into it.

    Exits 0 when both ways hold, 2 when one does not.
    """
    found, of = planfile.read(folder)
    trial = asyncio.run(_again(found, of, config, rows))
    proof = replace(found, proof=trial.proof)
    planfile.write(folder, proof, of)
    typer.echo(printable(shown.standing(proof)))
    for line in shown.unproved_lines(trial.proof):
        typer.echo(f"not part of the proof: {one_line(line)}")
    return exits.IN_SYNC if proof.proved else exits.UNKNOWN


def told(
    plan: Plan, fmt: PlanFormat, *, down: bool, states: Mapping[int, State] = NO_STATES
) -> str:
    """Return a plan as it is printed. `states` is what became of each statement of that way."""
    way, title = (plan.down, "down") if down else (plan.up, "up")
    if fmt is PlanFormat.SQL:
        return shown.script(plan, way, title)
    if fmt is PlanFormat.JSON:
        return json.dumps(shown.plan_json(plan), indent=2, ensure_ascii=False) + "\n"
    if fmt is PlanFormat.TABLE:
        return table(plan, way, states)
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


async def planned_for(
    words: tuple[str, str], config: Path | None, found: Sequence[Change], *, proved: bool
) -> tuple[Plan, Sides, int]:
    """Return the plan that makes what the first word names as the second, in what was found.

    With what it was made of, and the exit code that says what it is.
    """
    made = await _plan(words, sides.Sides(config), online=False, proved=proved, found=found)
    return made.plan, made.of, _code(made, down=False, proved=proved)


async def _plan(
    words: tuple[str, str],
    reader: sides.Sides,
    *,
    online: bool,
    proved: bool,
    rows: int = 0,
    findings: Sequence[str] = (),
    found: Sequence[Change] | None = None,
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

        titles = (sides.title(words[0]), sides.title(words[1]))
        aside: tuple[LeftOut, ...] = ()
        chosen = _chosen(of, findings, options, answers) if findings else None
        if found is not None:
            chosen = choose_found(of, found, options, answers.settled)
        if chosen and (findings or chosen.aside):
            of, aside = (of[0], chosen.source), chosen.aside
            titles = (titles[0], f"{titles[1]}, in part")

        def make(refused: Refused = ({}, {})) -> Plan:
            plan = make_plan(of, titles, options, answers.settled, online=online, refused=refused)
            return replace(plan, aside=aside)

        plan = make()
        if proved and (plan.up.statements or plan.down.statements):
            likeness = Likeness(options, answers.settled)
            plan, _ = await prove_what_holds(
                make,
                lambda p: _try(p, of, reader.scratch_like(of[0].server_version), likeness, rows),
            )
    finally:
        await reader.close()
    plan = replace(plan, weights=await weights_of(plan, words[0], reader))
    unread = (*sides.unread_words(target.snapshot), *sides.unread_words(source.snapshot))
    return _Made(plan, of, unread)


def _chosen(of: Sides, words: Sequence[str], options: Options, answers: Answers) -> Chosen:
    try:
        chosen = choose(of, words, options, answers.settled)
    except UnknownWordError as error:
        hint = "`pgdrift diff TARGET SOURCE` lists what differs"
        raise ConfigError(str(error), reason="usage", hint=hint) from error
    for i in chosen.drawn:
        typer.echo(f"drawn in, for what was chosen needs it: {one_line(str(i))}", err=True)
    return chosen


async def _try(plan: Plan, of: Sides, scratch: Scratch, likeness: Likeness, rows: int) -> Trial:
    async with ground(scratch, roles(*of)) as empty:
        return await try_out(plan, of, Ground(empty.session, empty.read), likeness, rows=rows)


async def _again(plan: Plan, of: Sides, config: Path | None, rows: int) -> Trial:
    """Try a plan as it was made: what counted as a difference then counts now."""
    reader = sides.Sides(config)
    try:
        likeness = await work.likeness(reader, plan, of)
        scratch = reader.scratch_like(of[0].server_version)
        return await _try(plan, of, scratch, likeness, rows)
    finally:
        await reader.close()
