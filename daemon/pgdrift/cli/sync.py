"""The commands about sync points: declare one (`pgdrift sync ENV`), list, show, undo."""

from __future__ import annotations

import asyncio
import json
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated, Any

import typer

from pgdrift.cli import exits, sides, when
from pgdrift.cli.options import Config, Format, FormatOption, by_itself, user
from pgdrift.core.compare import compare
from pgdrift.core.model import SYNC, Against, Finding, How, Outcome, Reading, Snapshot, SyncPoint
from pgdrift.core.shown import declared
from pgdrift.core.shown.render import one_line
from pgdrift.core.syncpoint import Applied, Declaration, TakenBack
from pgdrift.errors import ConfigError, ReconcileError, SourceError

if TYPE_CHECKING:
    from pgdrift.core.book import Book
    from pgdrift.settings import Settings
    from pgdrift.store import Store

_SHOWN = 5


# `sync ENV` is `sync declare ENV`.
sync = typer.Typer(
    cls=by_itself("declare"),
    help="Declare what is right, list it, undo it.",
    no_args_is_help=True,
    rich_markup_mode=None,
)

_Environment = Annotated[str, typer.Argument(metavar="ENV", help="The environment.")]
_Actor = Annotated[
    str | None, typer.Option("--actor", help="Who says so; else the user of this shell.")
]


@sync.command()
def declare(
    environment: _Environment,
    reason: Annotated[
        str, typer.Option("--reason", help="Why it is right.")
    ] = "no reason was given",
    at: Annotated[
        str | None,
        typer.Option(
            "--at",
            metavar="MIGRATION",
            help="Not as it is now: as it was when this migration was applied (VERSION, or"
            " TOOL:VERSION).",
        ),
    ] = None,
    actor: _Actor = None,
    config: Config = None,
) -> int:
    """Declare an environment right as it is now.

    `pgdrift sync ENV` does it, without the word `declare`. This is a sync point, with its
    snapshot: what differs from it later is drift.
    """
    settings = _settings(config, environment)
    who = actor or user()
    if at is None:
        point = SyncPoint(environment, _now(), reason, who)
        _, said = asyncio.run(declare_present(settings, point))
    else:
        point = SyncPoint(environment, _now(), reason, who, how=How.AT_MIGRATION)
        said = asyncio.run(_declare_at(settings, point, at))
    typer.echo(said)
    return exits.IN_SYNC


@sync.command("list")
def list_(environment: _Environment, fmt: FormatOption = Format.TEXT, config: Config = None) -> int:
    """List all sync points, the latest first.

    A star marks the one that holds. Asks the store, and no server.
    """
    found = asyncio.run(_declarations(_settings(config, environment), environment))
    if fmt is Format.JSON:
        rows = [declared.declaration_json(d) for d in found]
        typer.echo(json.dumps({"sync_points": rows}, indent=2, ensure_ascii=False))
        return exits.IN_SYNC
    to_text = declared.list_markdown if fmt is Format.MARKDOWN else declared.list_text
    typer.echo(to_text(found) or _none(environment))
    return exits.IN_SYNC


@sync.command()
def show(
    environment: _Environment,
    id_: Annotated[
        int | None, typer.Argument(metavar="[ID]", help="Which; else the one that holds.")
    ] = None,
    fmt: FormatOption = Format.TEXT,
    config: Config = None,
) -> int:
    """Show all of one sync point.

    Who declared what, when and why, and which findings that settled. `pgdrift snapshot
    ENV@sync:ID` writes all of its content.
    """
    found, objects = asyncio.run(_show(_settings(config, environment), environment, id_))
    if fmt is Format.JSON:
        row = declared.declaration_json(found, objects)
        typer.echo(json.dumps(row, indent=2, ensure_ascii=False))
        return exits.IN_SYNC
    markdown = fmt is Format.MARKDOWN
    to_text = declared.declaration_markdown if markdown else declared.declaration_text
    typer.echo(to_text(found, objects))
    return exits.IN_SYNC


@sync.command()
def undo(
    environment: _Environment,
    reason: Annotated[str, typer.Option("--reason", help="Why it was not right.")],
    actor: _Actor = None,
    config: Config = None,
) -> int:
    """Take back the latest sync point.

    The one before it holds again. What that settled is found again. What was explained since
    stays explained.
    """
    by = TakenBack(_now(), actor or user(), reason)
    said = asyncio.run(_undo(_settings(config, environment), environment, by))
    typer.echo(said)
    return exits.IN_SYNC


def _settings(config: Any, environment: str) -> Settings:
    settings = sides.settings(config)
    if environment not in settings.environments:
        if sides.is_dsn(environment):
            msg = "a connection URL has no sync points: they are kept for environments"
        else:
            msg = f"there is no environment {environment!r}"
        known = ", ".join(settings.environments) or "none"
        raise ConfigError(msg, reason="usage", hint=f"configured are: {known}")
    return settings


def _now() -> datetime:
    return datetime.now(UTC)


def _none(environment: str) -> str:
    return f"no sync point of {environment} yet: its first look is the first"


def _when(at: datetime) -> str:
    return f"{at:%Y-%m-%d %H:%M:%S} UTC"


def _findings(count: int) -> str:
    return f"{count} finding{' is' if count == 1 else 's are'} settled by it"


async def _declarations(settings: Settings, name: str) -> tuple[Declaration, ...]:
    async with when.kept_store(settings) as store:
        return await store.declarations(name)


async def _show(settings: Settings, name: str, id_: int | None) -> tuple[Declaration, int]:
    async with when.kept_store(settings) as store:
        found = await store.declarations(name)
        holds = (d for d in found if d.taken_back is None)
        asked = next((d for d in found if d.point.id == id_) if id_ is not None else holds, None)
        if asked is None:
            msg = _none(name) if id_ is None else f"there is no sync point {id_} of {name}"
            hint = f"`pgdrift sync list {name}` shows what was declared"
            raise ConfigError(msg, reason="usage", hint=hint)
        return asked, len((await store.declared(asked.point.id or 0)).objects)


async def declare_present(
    settings: Settings, point: SyncPoint, judged: Snapshot | None = None
) -> tuple[SyncPoint, str]:
    """Declare right what an environment is now, by a look of its own; and say what that did.

    `judged` is what somebody knows to be right: anything beside it is not declared, and raises
    ReconcileError (moved).
    """
    from pgdrift.store import open_store

    name = point.environment
    async with open_store(settings.store.read_url()) as store:
        book = await store.load(name, snapshots=True)
    reading, own = await _look(settings, book)
    snapshot = reading.snapshot
    settled = own.findings if own else ()
    if words := "; ".join(sides.unread_words(snapshot)):
        msg = f"{name} cannot be declared right, for it was not seen as a whole: {words}"
        hint = "grant the right that is named, and declare it again"
        raise SourceError(msg, reason="permission", hint=hint)
    if judged is not None:
        _refuse_others(name, judged, snapshot, settled)
    if own and own.outcome is Outcome.UNKNOWN:
        typer.echo(f"warning: {one_line(own.reason)}", err=True)
    async with open_store(settings.store.read_url()) as store:
        kept = await store.declare(point, snapshot, settled, seen=reading)
    said = f"sync point {kept.id} of {name} at {_when(kept.at)}: "
    said += f"{len(snapshot.objects)} objects are expected from now on"
    return kept, said if book.expected is None else f"{said}; {_findings(len(settled))}"


def _refuse_others(
    name: str, judged: Snapshot, found: Snapshot, findings: tuple[Finding, ...]
) -> None:
    """Raise where there is what nobody judged: it moved since, or no plan is about its kind."""
    moved = [str(c.id) for c in compare(judged, found).changes]
    beside = [f.key for f in findings if f.change.id.kind not in judged.kinds]
    if names := [*moved, *beside]:
        more = f" and {len(names) - _SHOWN} more" if len(names) > _SHOWN else ""
        raise ReconcileError(
            f"{name} is not all as the plan left it: {', '.join(names[:_SHOWN])}{more}",
            reason="moved",
            hint=f"once all of it is right, `pgdrift sync {name}` declares it",
        )


async def _look(settings: Settings, book: Book) -> tuple[Reading, Against | None]:
    """Return what was read, and how that stands against what was declared before, if anything."""
    from pgdrift.cli.glance import conclude
    from pgdrift.parts.building import scratch_of, source, watched
    from pgdrift.retry import retry_source
    from pgdrift.sources.settle import Settlement

    name = book.environment
    async with scratch_of(settings) as scratch:
        found = source(settings, name, scratch)
        try:
            reading = await retry_source(lambda: found.read(book))
        finally:
            await found.close()
        standing = await conclude(watched(settings, name), book, reading, None, Settlement(scratch))
    own = next((a for a in standing.against if a.yardstick == SYNC), None)
    return reading, own


async def _declare_at(settings: Settings, point: SyncPoint, word: str) -> str:
    name = point.environment
    async with when.kept_store(settings) as store:
        row = await _applied(store, name, word)
        about = SyncPoint(
            name, point.at, point.reason, point.actor, how=point.how, migration=row.version
        )
        kept = await store.declare_at(about, row)
    which = one_line(f"{row.version} ({row.tool})")
    return (
        f"sync point {kept.point.id} of {name} at {_when(kept.point.at)}: what there was when"
        f" {which} was applied, seen {_when(row.at)}, is right; {_findings(len(kept.settled))}"
    )


async def _applied(store: Store, name: str, word: str) -> Applied:
    """Return the migration that a word names, of several times the last it was applied."""
    rows = await store.applied(name)
    found = [row for row in rows if row.is_called(word)]
    if len(tools := sorted({row.tool for row in found})) > 1:
        msg = f"{one_line(word)} is a migration of {' and of '.join(tools)} in {name}"
        raise ConfigError(msg, reason="usage", hint=f"write --at {tools[0]}:{one_line(word)}")
    if found:
        return found[0]
    known = ", ".join(one_line(f"{row.tool}:{row.version}") for row in rows[:_SHOWN])
    none = "no look saw any migration applied so far"
    hint = f"seen were, the latest first: {known}" if known else none
    raise ConfigError(await _unseen(store, name, word), reason="usage", hint=hint)


async def _unseen(store: Store, name: str, word: str) -> str:
    histories = (await store.load(name, snapshots=False)).histories
    rows = ((h.tool, m) for h in histories for m in h.migrations)
    there = any(word in (m.version, f"{tool}:{m.version}") and m.applied for tool, m in rows)
    why = "it was there at the first look, or that is forgotten" if there else "no look saw it"
    return f"what {name} was when {one_line(word)} was applied is not known: {why}"


async def _undo(settings: Settings, name: str, by: TakenBack) -> str:
    async with when.kept_store(settings) as store:
        found = await store.declarations(name)
        latest = next((d for d in found if d.taken_back is None), None)
        if latest is None or latest.point.id is None:
            hint = "`pgdrift sync` declares one"
            raise ConfigError(_none(name), reason="usage", hint=hint)
        return await _taken_back(store, latest, by)


async def take_back(settings: Settings, name: str, id_: int, by: TakenBack) -> str:
    """Take back a sync point; say what that did. Raises StoreError where it is not the latest."""
    async with when.kept_store(settings) as store:
        found = await store.declarations(name)
        declared = next((d for d in found if d.point.id == id_), None)
        if declared is None:
            return f"sync point {id_} of {name} is not kept any more"
        return await _taken_back(store, declared, by)


async def _taken_back(store: Store, latest: Declaration, by: TakenBack) -> str:
    name, id_ = latest.point.environment, latest.point.id
    holds = await store.undo(name, id_ or 0, by)
    count = len(latest.settled)
    back = f"{count} finding{' comes' if count == 1 else 's come'} back at the next look"
    return (
        f"sync point {id_} of {name} is undone; {holds.id} of {_when(holds.at)} holds"
        f" again ({one_line(holds.reason)}); {back}"
    )
