"""The commands about plans that are there: list, show, export, keep, make for an incident."""

from __future__ import annotations

import asyncio
import json
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from pgdrift.cli import exits, keeping, sides
from pgdrift.cli.options import Config, Format, FormatOption, by_itself, user
from pgdrift.cli.plan import PlanFormat, planned_for, told
from pgdrift.cli.when import EXPECTED, LAST_LOOK, kept_store
from pgdrift.core.alerts.facts import about
from pgdrift.core.model import SYNC
from pgdrift.core.plan import record, shown
from pgdrift.core.plan.kept import KeptPlan, plan_id
from pgdrift.core.plan.listed import lines, standing
from pgdrift.core.printable import one_line
from pgdrift.errors import ConfigError
from pgdrift.log import redact

if TYPE_CHECKING:
    from pgdrift.core.alerts.incident import Incident
    from pgdrift.core.why.enacted import Enactment
    from pgdrift.settings import Settings
    from pgdrift.store import Store

_USUAL = Path("plans")


# `plans` and `plans FOLDER` list.
plans = typer.Typer(
    cls=by_itself("list"),
    help="List plans; show and export those that are kept.",
    rich_markup_mode=None,
)

_Id = Annotated[
    str,
    typer.Argument(metavar="ID", help="A kept plan, by the beginning of its id; or an incident."),
]


@plans.command("list")
def list_(
    folder: Annotated[
        Path | None, typer.Argument(metavar="[FOLDER]", help="A plan, or a folder of plans.")
    ] = None,
    fmt: FormatOption = Format.TEXT,
    config: Config = None,
) -> int:
    """Show plans, and what became of each statement.

    `pgdrift plans` does it, without the word `list`: those in the daemon's store, where there is
    one, and those in the folder `plans`; `pgdrift plans FOLDER` those of that folder alone. Read
    from what `apply` and `rollback` wrote down; no server is asked. What is in doubt, `apply
    --resume` finds out.
    """
    kept = asyncio.run(_kept(config)) if folder is None else []
    found = [] if folder is None and not _USUAL.is_dir() else _plans_in(folder or _USUAL)
    rows = [*kept, *map(_in_folder, found)]
    if fmt is Format.JSON:
        typer.echo(json.dumps({"plans": rows}, indent=2, ensure_ascii=False))
        return exits.IN_SYNC
    for row in rows:
        for line in lines(row):
            typer.echo(redact(one_line(line)))
    if not rows:
        typer.echo(f"no plans in {one_line(str(folder or _USUAL))}")
    return exits.IN_SYNC


@plans.command()
def show(
    id_: _Id,
    fmt: Annotated[
        PlanFormat, typer.Option("--format", "-f", help="How to print it, as `pgdrift plan` does.")
    ] = PlanFormat.TEXT,
    down: Annotated[
        bool, typer.Option("--down", help="Print the way back instead of the way there.")
    ] = False,
    config: Config = None,
) -> int:
    """Print a plan that is kept.

    With --format table-sql each row has the status that its statement has now.
    """
    kept, enacted, _ = asyncio.run(_named(sides.settings(config), id_))
    way = "down" if down else "up"
    runs = [record.latest(e.entries) for e in enacted]
    run = next((r for r in runs if r and r.way == way), None)
    states = record.states(kept.plan.down if down else kept.plan.up, run)
    typer.echo(told(kept.plan, fmt, down=down, states=states), nl=False)
    return exits.IN_SYNC


@plans.command()
def export(
    id_: _Id,
    to: Annotated[
        Path | None, typer.Option("--to", help="Folder to write it to; else plans/ID.")
    ] = None,
    config: Config = None,
) -> int:
    """Write a plan that is kept as its folder.

    Byte for byte as it was: to read, to commit, to prove, rehearse and apply.
    """
    from pgdrift.reconcile import planfile

    kept, _, files = asyncio.run(_named(sides.settings(config), id_))
    folder = to or _USUAL / kept.id
    if (folder / planfile.PLAN).exists() and plan_id(planfile.read(folder)[0]) != kept.id:
        raise ConfigError(
            f"{folder} holds another plan", reason="usage", hint="name another folder with --to"
        )
    planfile.put(folder, files)
    typer.echo(f"{folder}: {one_line(shown.standing(kept.plan))}", err=True)
    return exits.IN_SYNC


@plans.command()
def keep(
    folder: Annotated[
        Path, typer.Argument(metavar="PLAN", help="Folder that `pgdrift plan -o` wrote.")
    ],
    config: Config = None,
) -> int:
    """Keep a plan of a folder in the daemon's store.

    In place of the one of its name, as after `pgdrift prove`.
    """
    from pgdrift.reconcile import planfile

    plan, of = planfile.read(folder)
    typer.echo(asyncio.run(keeping.keep(config, plan, of)))
    return exits.IN_SYNC


@plans.command("make")
def make_(
    incident: Annotated[str, typer.Argument(metavar="INCIDENT", help="Id of an open incident.")],
    proved: Annotated[
        bool, typer.Option("--prove", help="Try it up and down on a scratch server, too.")
    ] = False,
    actor: Annotated[
        str | None, typer.Option("--actor", help="Who makes it; else the user of this shell.")
    ] = None,
    config: Config = None,
) -> int:
    """Make and keep the plan for an incident.

    Of what the daemon saw last, so no environment is asked: against the upstream it leads to what
    that was then, against the own sync point to what is expected. What the incident does not tell,
    because a rule leaves it out or somebody accepted it, stays as it is, and is listed. The daemon
    does it by itself, unless `defaults.plans` is off. Exits as `pgdrift plan` does.
    """
    said, code = asyncio.run(_make(config, incident, proved=proved, by=actor or user()))
    typer.echo(said)
    return code


async def _make(config: Path | None, incident_id: str, *, proved: bool, by: str) -> tuple[str, int]:
    settings = sides.settings(config)
    async with kept_store(settings) as store:
        incident = await _incident(store, incident_id)
    # What a rule leaves out of the incident, or somebody accepted, is not to be undone.
    found = [f.change for f in incident.findings]
    plan, of, code = await planned_for(_words(settings, incident), config, found, proved=proved)
    if not plan.up.statements and not plan.up.by_hand:
        return "nothing to do", code
    # What it is called is what it is to be run on, and not when that was seen.
    source = f"{incident.environment}@{EXPECTED}" if incident.against == SYNC else incident.against
    source += ", in part" if plan.aside else ""
    plan = replace(
        plan,
        target=replace(plan.target, name=incident.environment),
        source=replace(plan.source, name=source),
    )
    async with kept_store(settings) as store:
        said = await keeping.keep_in(
            store, plan, of, by, incident=incident.id, about=about(incident.findings)
        )
    return said, code


async def _incident(store: Store, id_: str) -> Incident:
    found = [i for i in await store.incidents() if id_ and i.id.startswith(id_)]
    if len(found) == 1:
        return found[0]
    hint = "`pgdrift incidents` lists those that are open"
    raise ConfigError(f"there is no open incident {id_!r}", reason="usage", hint=hint)


def _words(settings: Settings, incident: Incident) -> tuple[str, str]:
    """Return what is to be changed, and what it is to be as, as `pgdrift plan` takes them."""
    name, against = incident.environment, incident.against
    of = settings.environments.get(name)
    if of is None or against not in {SYNC, of.follows}:
        msg = f"no plan mends an incident of {name} against {against}"
        hint = "a plan is made against the own sync point, or what an environment follows"
        raise ConfigError(msg, reason="usage", hint=hint)
    if against == SYNC:
        return f"{name}@{LAST_LOOK}", f"{name}@{EXPECTED}"
    source = f"{against}@{LAST_LOOK}" if against in settings.environments else against
    return f"{name}@{LAST_LOOK}", source


async def _kept(config: Path | None) -> list[dict[str, object]]:
    from pgdrift.store import exists, open_store

    url = sides.settings(config).store.read_url()
    if not exists(url):
        return []
    async with open_store(url) as store:
        found = await store.plans()
        enacted = await store.enactments(*(k.id for k in found))
    return [standing(k.plan, _runs(k, enacted), kept=k) for k in found]


def _runs(kept: KeptPlan, enacted: tuple[Enactment, ...]) -> list[tuple[str, record.Run | None]]:
    """Return how far it is on each environment where it was run."""
    latest: dict[str, record.Run | None] = {}
    for e in enacted:
        if e.plan == kept.id and e.environment not in latest:
            latest[e.environment] = record.latest(e.entries)
    return list(latest.items())


async def _named(
    settings: Settings, id_: str
) -> tuple[KeptPlan, tuple[Enactment, ...], dict[str, bytes]]:
    async with kept_store(settings) as store:
        kept = await store.plan(id_)
        if kept is None:
            hint = "`pgdrift plans` lists them; `pgdrift plan … --keep` keeps one"
            raise ConfigError(f"no plan {id_!r} is kept", reason="usage", hint=hint)
        return kept, await store.enactments(kept.id), dict(await store.plan_files(kept.id))


def _plans_in(folder: Path) -> list[Path]:
    from pgdrift.reconcile import planfile

    if (folder / planfile.PLAN).is_file():
        return [folder]
    if not folder.is_dir():
        raise ConfigError(
            f"there is no folder {folder}", reason="usage", hint="name a plan, or a folder of plans"
        )
    return sorted(p.parent for p in folder.glob(f"*/{planfile.PLAN}"))


def _in_folder(folder: Path) -> dict[str, object]:
    from pgdrift.reconcile import planfile
    from pgdrift.reconcile.journal import journals

    plan, _ = planfile.read(folder)
    return standing(plan, [(j.name, j.run()) for j in journals(folder)], folder=str(folder))
