"""The commands about what pgdrift installs in a database: ledger install, verify, …"""

from __future__ import annotations

import asyncio
import sys
from contextlib import nullcontext
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from pgdrift.cli import exits, sides
from pgdrift.cli.options import Config, user
from pgdrift.cli.place import Place, place_of, target_at, watcher
from pgdrift.core.compare import compare
from pgdrift.core.model import Reading, Snapshot, SyncPoint
from pgdrift.core.shown.render import one_line
from pgdrift.errors import ConfigError, SourceError

if TYPE_CHECKING:
    from pgdrift.core.book import Book
    from pgdrift.reconcile.install import Done
    from pgdrift.reconcile.scripts import Script
    from pgdrift.reconcile.writing import Target
    from pgdrift.settings import Settings
    from pgdrift.sources.connection import Connection

ledger = typer.Typer(
    help="Install a ledger, verify it, remove it.",
    no_args_is_help=True,
    rich_markup_mode=None,
)

_Environment = Annotated[
    str, typer.Argument(metavar="ENV", help="An environment, or a connection URL.")
]
_Dsn = Annotated[
    str | None,
    typer.Option("--dsn", help="Connection URL of a role with more rights, on the same database."),
]
_DsnFile = Annotated[Path | None, typer.Option("--dsn-file", help="File that holds such a URL.")]
_NotifyOnly = Annotated[
    bool,
    typer.Option("--notify-only", help="Not the ledger: two triggers that only send wake-ups."),
]
_DryRun = Annotated[
    bool, typer.Option("--dry-run", help="Do all of it, roll it back, and say what it did.")
]
_Yes = Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")]


@ledger.command("install")
def install_ledger(
    environment: _Environment,
    notify_only: _NotifyOnly = False,
    dry_run: _DryRun = False,
    reason: Annotated[
        str, typer.Option("--reason", help="Why: it is kept with the sync point.")
    ] = "the ledger was installed",
    actor: Annotated[
        str | None, typer.Option("--actor", help="Who does it; else the user of this shell.")
    ] = None,
    dsn: _Dsn = None,
    dsn_file: _DsnFile = None,
    config: Config = None,
) -> int:
    """Install the ledger in a database.

    That is pg_gitversion, in one transaction, which is committed only if all objects are on record
    and nothing else was changed. An environment gets a sync point with it. Exits 2 when it was not
    done, and then nothing was changed.
    """
    place = place_of(environment, dsn, dsn_file, config)
    lines = asyncio.run(_install(place, notify_only, dry_run, reason, actor))
    _print(lines)
    return exits.IN_SYNC


@ledger.command("verify")
def verify_ledger(
    environment: _Environment,
    notify_only: _NotifyOnly = False,
    dsn: _Dsn = None,
    dsn_file: _DsnFile = None,
    config: Config = None,
) -> int:
    """Say whether the ledger is as it should be.

    Whole, switched on, and knowing what the catalog knows. Changes nothing. Exits 0 when it is as
    it should be, 1 with what is wrong, 2 when there is none, or it cannot be looked at.
    """
    lines, good = asyncio.run(_verify(place_of(environment, dsn, dsn_file, config), notify_only))
    _print(lines)
    return exits.IN_SYNC if good else exits.DRIFTED


@ledger.command("upgrade")
def upgrade_ledger(
    environment: _Environment,
    notify_only: _NotifyOnly = False,
    dry_run: _DryRun = False,
    dsn: _Dsn = None,
    dsn_file: _DsnFile = None,
    config: Config = None,
) -> int:
    """Bring the ledger to this release's version.

    Its rows stay. Exits 2 when it was not done, and then nothing was changed.
    """
    place = place_of(environment, dsn, dsn_file, config)
    _print(asyncio.run(_upgrade(place, notify_only, dry_run)))
    return exits.IN_SYNC


@ledger.command("uninstall")
def uninstall_ledger(
    environment: _Environment,
    notify_only: _NotifyOnly = False,
    dry_run: _DryRun = False,
    yes: _Yes = False,
    keep_rows: Annotated[
        Path | None,
        typer.Option("--keep-rows", help="New file for all that is on record, as JSON lines."),
    ] = None,
    dsn: _Dsn = None,
    dsn_file: _DsnFile = None,
    config: Config = None,
) -> int:
    """Take the ledger out again.

    Nothing of it is left, and nothing else is touched. Asks first, unless --yes says so. Exits 2
    when it was not done, and then all is as it was.
    """
    place = place_of(environment, dsn, dsn_file, config)
    if not (yes or dry_run):
        _ask(place, notify_only, keep_rows)
    _print(asyncio.run(_uninstall(place, notify_only, dry_run, keep_rows)))
    return exits.IN_SYNC


def _print(lines: list[str]) -> None:
    for line in lines:
        typer.echo(one_line(line))


def _ask(place: Place, notify_only: bool, keep_rows: Path | None) -> None:
    what = "the wake-up triggers" if notify_only else "the ledger with all that it has on record"
    kept = "which --keep-rows FILE would keep"
    if notify_only or keep_rows is not None:
        kept = "" if notify_only else f"which {keep_rows} will hold"
    if not sys.stdin.isatty():
        hint = "say --yes, or --dry-run to see what would be done"
        raise ConfigError("nobody is here to be asked", reason="usage", hint=hint)
    asked = f"Remove {what} from {sides.title(place.dsn)}" + (f" ({kept})" if kept else "")
    typer.confirm(f"{one_line(asked)}?", abort=True)


async def _install(
    place: Place, notify_only: bool, dry_run: bool, reason: str, actor: str | None
) -> list[str]:
    from pgdrift.reconcile.install import install
    from pgdrift.reconcile.settle import settle

    script = _script(notify_only)
    settings = place.settings if script.records and not dry_run else None
    # A store that cannot be used is said before anything is done.
    key = await _key(settings) if settings else b""
    async with target_at(place, key) as target:
        reader = await watcher(place, target.session)
        done = await install(target, script, dry_run=dry_run, reason=reason, reader=reader)
        lines = [_installed(target, done, dry_run)]
        notes = [*done.notes, *(await settle(target) if script.records and not dry_run else ())]
    if settings:
        about = SyncPoint(str(place.name), datetime.now(UTC), reason, actor or user())
        lines.append(await _declare(settings, about, done.snapshot))
    elif script.records and place.name is None:
        lines.append("no sync point: what stands in no configuration has none")
    return lines + [f"note: {note}" for note in notes]


async def _verify(place: Place, notify_only: bool) -> tuple[list[str], bool]:
    from pgdrift.reconcile.verify import verify
    from pgdrift.sources.connection import reading

    async with target_at(place) as target:
        await watcher(place, target.session)
        async with reading(target.session):
            found = await verify(target, _script(notify_only))
    where = f"{found.script.name} {found.version} in {target.where}"
    if found.faults:
        return [f"{where} is not as it should be:", *(f"- {f}" for f in found.faults)], False
    return [f"{where} is as it should be" + _on_record(found.recorded)], True


async def _upgrade(place: Place, notify_only: bool, dry_run: bool) -> list[str]:
    from pgdrift.reconcile.install import upgrade

    script = _script(notify_only)
    async with target_at(place) as target:
        await watcher(place, target.session)
        done = await upgrade(target, script, dry_run=dry_run)
    if done.version == script.version:
        said = "is of this version already"
    else:
        said = f"{'would become' if dry_run else 'is now'} {script.version}"
    return [f"{script.name} {done.version} in {target.where} {said}{_on_record(done.recorded)}"]


async def _uninstall(
    place: Place, notify_only: bool, dry_run: bool, keep_rows: Path | None
) -> list[str]:
    from pgdrift.reconcile.install import uninstall
    from pgdrift.reconcile.rows import kept_in, write_rows

    script = _script(notify_only)
    keeps = keep_rows is not None and script.records and not dry_run
    with kept_in(keep_rows) if keep_rows and keeps else nullcontext() as file:

        async def keep(session: Connection) -> int:
            return 0 if file is None else await write_rows(session, script.schema, file)

        async with target_at(place) as target:
            await watcher(place, target.session)
            done = await uninstall(target, script, keep=keep, dry_run=dry_run)
    said = "would be removed from" if dry_run else "is removed from"
    lines = [f"{done.script.name} {done.version} {said} {target.where}, and nothing else"]
    return lines + ([f"{done.rows} rows are kept in {keep_rows}"] if keeps else [])


def _script(notify_only: bool) -> Script:
    from pgdrift.reconcile.scripts import LEDGER, NOTIFY

    return NOTIFY if notify_only else LEDGER


def _installed(target: Target, done: Done, dry_run: bool) -> str:
    said = "would be installed in" if dry_run else "is installed in"
    what = f"{done.script.name} {done.version} {said} {target.where}"
    return what + _on_record(done.recorded) + ("; rolled back, nothing was changed" * dry_run)


def _on_record(count: int) -> str:
    return f": {count} objects are on record, all that there are" if count else ""


async def _key(settings: Settings) -> bytes:
    from pgdrift.store import open_store

    async with open_store(settings.store.read_url()) as store:
        return store.key


async def _declare(settings: Settings, about: SyncPoint, snapshot: Snapshot) -> str:
    """Keep the sync point that goes with an installation, unless that would hide drift."""
    from pgdrift.store import open_store

    name = about.environment
    if words := "; ".join(sides.unread_words(snapshot)):
        return f"no sync point of {name}, for it was not seen as a whole: {words}"
    async with open_store(settings.store.read_url()) as store:
        book = await store.load(name, snapshots=True)
        if drifted := _drifted(book.expected, snapshot):
            return (
                f"no new sync point of {name}: {drifted} objects are not as the last one says;"
                f" look with `pgdrift status`, then `pgdrift sync {name}`"
            )
        seen = None if book.snapshot else await _seen(settings, book, snapshot)
        point = await store.declare(about, seen.snapshot if seen else snapshot, seen=seen)
    return f"sync point {point.id} of {name} at {point.at:%Y-%m-%d %H:%M:%S} UTC"


async def _seen(settings: Settings, book: Book, snapshot: Snapshot) -> Reading | None:
    """Return what the role that watches sees; None where that is not what was just proved.

    It holds where the ledger begins, so that the first look finds in it all that came after.
    """
    from pgdrift.parts.building import scratch_of, source
    from pgdrift.retry import retry_source

    async with scratch_of(settings) as scratch:
        found = source(settings, book.environment, scratch)
        try:
            reading = await retry_source(lambda: found.read(book))
        except SourceError:
            return None
        finally:
            await found.close()
    return None if compare(snapshot, reading.snapshot).changes else reading


def _drifted(expected: Snapshot | None, snapshot: Snapshot) -> int:
    """Return how many objects differ from what is declared right: none where nothing was yet."""
    return 0 if expected is None else len(compare(expected, snapshot).changes)
