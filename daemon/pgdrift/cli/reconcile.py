"""The commands that run a plan: rehearse, apply, rollback."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from pgdrift.cli import exits, work
from pgdrift.cli.options import Config, user
from pgdrift.cli.place import place_of, watcher
from pgdrift.cli.running import Order, Say, carry, roll_back
from pgdrift.core.plan import shown
from pgdrift.core.printable import printable
from pgdrift.core.shown.render import change_text
from pgdrift.reconcile import planfile

if TYPE_CHECKING:
    from pgdrift.cli.place import Place
    from pgdrift.reconcile.rehearse import Rehearsal, Tried

_Plan = Annotated[Path, typer.Argument(metavar="PLAN", help="Folder that `pgdrift plan -o` wrote.")]
_On = Annotated[str, typer.Option("--on", help="Where: an environment, or a connection URL.")]
_Dsn = Annotated[
    str | None,
    typer.Option("--dsn", help="Connection URL of a role with more rights, on the same database."),
]
_DsnFile = Annotated[Path | None, typer.Option("--dsn-file", help="File that holds such a URL.")]
_Protected = Annotated[
    bool, typer.Option("--protected", help="Yes, although the environment is protected.")
]
_LockTimeout = Annotated[
    float,
    typer.Option("--lock-timeout", min=0.001, help="Seconds that a statement waits for a lock."),
]
_StatementTimeout = Annotated[
    float,
    typer.Option(
        "--statement-timeout", min=0.001, max=1e6, help="Seconds that a statement may take."
    ),
]
_Reason = Annotated[str, typer.Option("--reason", help="Why: it is kept in every record of it.")]
_Actor = Annotated[
    str | None, typer.Option("--actor", help="Who does it; else the user of this shell.")
]
_Approved = Annotated[
    list[str] | None,
    typer.Option("--approved-by", help="Who agreed to it; may be said several times."),
]
_Unproved = Annotated[
    str | None,
    typer.Option(
        "--unproved", metavar="FINGERPRINT", help="Run this plan although it is not proved."
    ),
]
_Resume = Annotated[
    bool, typer.Option("--resume", help="Go on where it stopped, or was cut off, before.")
]
_NoBackup = Annotated[
    bool,
    typer.Option("--no-backup", help="Rows that would be lost are kept elsewhere, or not needed."),
]
_NoSync = Annotated[bool, typer.Option("--no-sync", help="Declare no sync point when it is done.")]
_Tries = Annotated[
    int, typer.Option("--tries", min=1, help="How often a transaction is tried for want of a lock.")
]


def rehearse(
    folder: _Plan,
    on: _On,
    down: Annotated[
        bool, typer.Option("--down", help="The way back instead of the way there.")
    ] = False,
    protected: _Protected = False,
    lock_timeout: _LockTimeout = 2.0,
    statement_timeout: _StatementTimeout = 300.0,
    dsn: _Dsn = None,
    dsn_file: _DsnFile = None,
    config: Config = None,
) -> int:
    """Try a plan on the very database that it is for.

    All of it is rolled back. Says which locks were taken and how long they would be held, which
    rows and rights stand against it, and what would differ in the end. Locks are real while it
    lasts: others wait. What cannot run in a transaction is listed, and not run.

    Exits 0 when all went well, 1 when something was refused or would differ, and 2 when it could
    not be tried.
    """
    place = place_of(on, dsn, dsn_file, config)
    work.refuse_protected(place, allowed=protected)
    limits = work.Limits(lock_timeout, statement_timeout)
    found = asyncio.run(_rehearse(folder, place, limits, config, "down" if down else "up"))
    for line in _rehearsed(found):
        typer.echo(printable(line))
    return exits.IN_SYNC if found.good else exits.DRIFTED


def _runs(
    run: Callable[[Order, Say], Coroutine[object, object, None]], name: str, said: str
) -> Callable[..., int]:
    """Return the command that runs one way of a plan: both have the same options."""

    def command(
        folder: _Plan,
        on: _On,
        reason: _Reason,
        actor: _Actor = None,
        approved_by: _Approved = None,
        unproved: _Unproved = None,
        resume: _Resume = False,
        no_backup: _NoBackup = False,
        no_sync: _NoSync = False,
        protected: _Protected = False,
        lock_timeout: _LockTimeout = 2.0,
        statement_timeout: _StatementTimeout = 3600.0,
        tries: _Tries = 8,
        dsn: _Dsn = None,
        dsn_file: _DsnFile = None,
        config: Config = None,
    ) -> int:
        place = place_of(on, dsn, dsn_file, config)
        work.refuse_protected(place, allowed=protected)
        order = Order(
            place=place,
            folder=folder,
            config=config,
            limits=work.Limits(lock_timeout, statement_timeout),
            reason=reason,
            actor=actor or user(),
            approved_by=tuple(approved_by or ()),
            unproved=unproved,
            resume=resume,
            backs_up=not no_backup,
            syncs=not no_sync,
            tries=tries,
        )
        asyncio.run(run(order, _say))
        return exits.IN_SYNC

    command.__name__, command.__doc__ = name, said
    return command


apply = _runs(
    carry,
    "apply",
    """Run a plan on the database that it was made for.

    Refused where the schema is not the one that it was made of, or where it is not proved. Rows
    that would be lost are backed up first. Each transaction is written down in the plan's folder
    before and after it; what there is at the end is compared with the plan's source before the
    last one is committed. An environment gets a sync point with it, where all is as the plan
    says.

    Exits 2 when it is not done, or not all of it, and says which.
    """,
)
rollback = _runs(
    roll_back,
    "rollback",
    """Take back a plan that was applied, by its own way back.

    With the same care. Refused where the schema has moved on since, with what is other. It
    restores the schema; rows of what the plan dropped are in the backup that was made then.

    Exits 2 when it is not done, or not all of it, and says which.
    """,
)


def _say(line: str) -> None:
    typer.echo(printable(line), err=True)


async def _rehearse(
    folder: Path, place: Place, limits: work.Limits, config: Path | None, title: str
) -> Rehearsal:
    from pgdrift.reconcile.apply import refuse_moved
    from pgdrift.reconcile.rehearse import rehearse
    from pgdrift.reconcile.writing import hold
    from pgdrift.sources.connection import reading

    plan, of = planfile.read(folder)
    way = plan.up if title == "up" else plan.down
    equal = await work.likeness_once(config, plan, of)
    async with work.working(place, limits, "rehearse") as target:
        await watcher(place, target.session)
        if title == "up":
            async with reading(target.session):
                found = await target.read()
            refuse_moved(target.where, of[0], found, "nothing was tried")
        await hold(target)
        return await rehearse(target, way.statements, work.judge_of(plan, of, title, equal))


def _rehearsed(found: Rehearsal) -> list[str]:
    lines = [line for one in found.tried for line in _one(one)]
    lines += [line for c in found.differs for line in change_text(c).splitlines()]
    refused, skipped = (sum(bool(getattr(t, n)) for t in found.tried) for n in ("said", "skipped"))
    total = f"{len(found.tried)} tried, {refused} refused, {skipped} not run"
    if found.differs:
        total += f"; {len(found.differs)} objects would not be as the plan says"
    elif found.judged:
        total += "; what was run leads to what the plan says"
    return [*lines, f"{total}; rolled back, nothing was changed"]


def _one(one: Tried) -> list[str]:
    head = f"{one.statement.number}. {shown.headline(one.statement)}"
    if one.skipped:
        return [f"{head}: not run: {one.skipped}"]
    if one.said:
        return [f"{head}: refused after {one.seconds:.2f} s", *_indented(one.said)]
    locks = [f"   {t.mode} on {t.table}, held for {one.held:.2f} s" for t in sorted(one.taken)]
    return [f"{head}: {one.seconds:.2f} s", *locks]


def _indented(said: str) -> list[str]:
    return [f"   {line}" for line in said.splitlines()]
