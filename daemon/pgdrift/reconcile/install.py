"""Installs what a script makes and takes it out again, each in one transaction that proves itself.

In come a target and a script, out comes what was done. The proof: the catalog, as pgdrift reads
it, is the same before and after. Who asked, and what is declared right then, is the caller's.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass

import asyncpg

from pgdrift.core.compare import compare
from pgdrift.core.model import Snapshot
from pgdrift.core.names import quote_ident
from pgdrift.core.shown.render import label
from pgdrift.errors import ReconcileError
from pgdrift.reconcile.capture import capture, differences
from pgdrift.reconcile.scripts import LEDGER, NOTIFY, Script
from pgdrift.reconcile.survey import Ground, survey
from pgdrift.reconcile.writing import Target, attempt

# So many of what would change along are named.
_NAMED = 5

_PROBE = "pgdrift_probe_8d0b2f51"

BASELINE = "baseline"
"""The version of the migration with which a ledger begins."""

# All but the text of statements, in which there may be secrets, where it is kept at all.
_GRANTS = """
GRANT USAGE ON SCHEMA gitversion TO {role};
GRANT SELECT ON gitversion.objects, gitversion.dependencies, gitversion.migrations,
    gitversion.migration_changes, gitversion.failures, gitversion.config TO {role};
GRANT SELECT (xmin, id, object_id, change_type, change_severity, old_version, new_version,
    change_description, created_at, created_by, login_role, application_name, client_address,
    transaction_id, command_tag, object_kind, object_identity, address_names, address_args,
    recorded_at, old_name, came_along) ON gitversion.history TO {role};
"""

Keep = Callable[[asyncpg.Connection], Awaitable[int]]
"""What writes the rows of a ledger elsewhere before it goes, and says how many they were."""


@dataclass(frozen=True, slots=True)
class Done:
    """What was done; of a dry run what would have been.

    `snapshot` is what the environment holds besides. `recorded` are on record;
    `rows` were kept elsewhere; `replaced` are
    wake-up triggers that gave way to the ledger. `notes` are for people.
    """

    script: Script
    version: str
    snapshot: Snapshot
    recorded: int = 0
    rows: int = 0
    replaced: bool = False
    notes: tuple[str, ...] = ()


async def install(
    target: Target,
    script: Script,
    *,
    dry_run: bool = False,
    reason: str = "",
    reader: str | None = None,
) -> Done:
    """Install a script. Raises ReconcileError, and leaves nothing, where it cannot or must not.

    A ledger begins with a migration `baseline` of this reason; `reader` is a role that is given
    the right to read it, but not the text of statements.
    """

    async def do() -> Done:
        ground = await survey(target.session)
        _refuse(target, ground, script)
        before = await target.read()
        replaced = script is LEDGER and ground.version_of(NOTIFY) is not None
        if replaced:
            await _take_out(target.session, ground, NOTIFY)
        await _run(target, ground, script)
        after = await target.read()
        _prove(target, before, after, f"installing {script.title} would change")
        recorded = 0
        if script.records:
            recorded = await _captured(target, script, after)
            await _begin(target.session, reason, reader)
        notes = tuple(_notes(ground, script))
        return Done(script, script.version, after, recorded, replaced=replaced, notes=notes)

    return await attempt(target, do, dry_run=dry_run)


async def uninstall(
    target: Target, script: Script, *, keep: Keep | None = None, dry_run: bool = False
) -> Done:
    """Take out what a script made; `keep` is given the rows before. Raises ReconcileError."""

    async def do() -> Done:
        ground = await survey(target.session)
        version = ground.version_of(script)
        if version is None:
            raise absent(target, ground, script)
        before = await target.read()
        rows = await keep(target.session) if keep else 0
        await _take_out(target.session, ground, script)
        after = await target.read()
        _prove(target, before, after, f"{script.title} cannot go alone: with it would go")
        return Done(script, version, after, rows=rows)

    return await attempt(target, do, dry_run=dry_run)


async def upgrade(target: Target, script: Script, *, dry_run: bool = False) -> Done:
    """Bring what is installed to the version of the script, keeping its rows.

    Raises ReconcileError, and changes nothing, where there is no way or it does not hold.
    """

    async def do() -> Done:
        ground = await survey(target.session)
        version = ground.version_of(script)
        if version is None:
            raise absent(target, ground, script)
        before = await target.read()
        await _update(target, ground, script, version)
        after = await target.read()
        _prove(target, before, after, f"upgrading {script.title} would change")
        reached = (await survey(target.session)).version_of(script)
        if reached != script.version:
            raise _no_way(target, script, str(reached))
        recorded = await _captured(target, script, after) if script.records else 0
        return Done(script, version, after, recorded)

    return await attempt(target, do, dry_run=dry_run)


async def _update(target: Target, ground: Ground, script: Script, version: str) -> None:
    if version == script.version:
        return
    if ground.as_extension(script):
        to = script.version.replace("'", "''")
        await target.session.execute(f"ALTER EXTENSION {script.name} UPDATE TO '{to}'")
        return
    steps = script.way_from(version)
    if not steps:
        raise _no_way(target, script, version)
    for text in steps:
        await target.session.execute(text)


def _no_way(target: Target, script: Script, version: str) -> ReconcileError:
    return ReconcileError(
        f"{target.where}: there is no way from {script.name} {version} to {script.version};"
        " nothing was changed",
        reason="refused",
        hint="upgrade pgdrift, if it is the older of the two; else take it out, keeping the rows"
        " with --keep-rows, and install it anew",
    )


def absent(target: Target, ground: Ground, script: Script) -> ReconcileError:
    """Return what is said where a script of ours is not installed."""
    others = ", ".join(ground.strangers())
    also = f"; what is there is none of ours: {others}" if others else ""
    return ReconcileError(
        f"{target.where}: {script.absence}{also}",
        reason="absent",
        hint=f"`{script.command}` installs {'it' if script.records else 'them'}",
    )


def _refuse(target: Target, ground: Ground, script: Script) -> None:
    where = target.where
    if ground.standby:
        raise ReconcileError(
            f"{where} is a standby, where nothing can be written",
            reason="refused",
            hint="name its primary with --dsn: what is installed there comes here by itself",
        )
    if version := ground.version_of(script):
        raise ReconcileError(
            f"{where}: {script.name} {version} is there already",
            reason="occupied",
            hint="`pgdrift ledger verify` tells whether it is as it should be",
        )
    if not script.records and ground.version_of(LEDGER):
        raise ReconcileError(
            f"{where}: the ledger is there, which sends the same wake-ups itself",
            reason="occupied",
            hint="nothing has to be installed",
        )
    if not ground.plpgsql:
        raise ReconcileError(
            f"{where}: the language plpgsql is not here, in which {script.title} is written",
            reason="absent",
            hint="CREATE EXTENSION plpgsql",
        )
    # Wake-ups do no harm to another's ledger, which has none.
    others = [o for o in ground.strangers() if script.records or script.schema in o]
    if others:
        raise ReconcileError(
            f"{where}: another ledger is there: {', '.join(others)}; two would record each other",
            reason="occupied",
            hint="pgdrift reads it as it is; or take it out first, with its own means",
        )


async def _run(target: Target, ground: Ground, script: Script) -> None:
    try:
        await target.session.execute(script.text)
    except asyncpg.InsufficientPrivilegeError as error:
        raise _no_right(target, ground, str(error).splitlines()[0]) from error


def _no_right(target: Target, ground: Ground, said: str) -> ReconcileError:
    database = quote_ident(ground.database)
    if not ground.may_create:
        missing = f"the role {quote_ident(ground.role)} may not create a schema in {database}"
        grant = (
            "give another role's DSN with --dsn-file, a superuser's where you have one: the role"
            " that watches should not have this right. Else"
            f" GRANT CREATE ON DATABASE {database} TO {quote_ident(ground.role)}"
        )
    elif "event trigger" in said:
        missing = f"the role {quote_ident(ground.role)} may not create event triggers: {said}"
        grant = "PostgreSQL lets superusers do that; " + (
            "; ".join(ground.managed) or "give a superuser's DSN with --dsn or --dsn-file"
        )
    else:
        missing, grant = said, "give the DSN of a role that has it with --dsn or --dsn-file"
    return ReconcileError(
        f"{target.where}: {missing}; nothing was changed", reason="permission", hint=grant
    )


async def _take_out(session: asyncpg.Connection, ground: Ground, script: Script) -> None:
    for trigger in ground.triggers_of(script):
        if trigger.schema == script.schema:
            await session.execute(f"DROP EVENT TRIGGER {quote_ident(trigger.name)}")
    if ground.as_extension(script):
        await session.execute(f"DROP EXTENSION {quote_ident(script.name)} CASCADE")
        return
    # What hangs on it goes along: that nothing did is proved afterwards, or all is rolled back.
    await session.execute(f"DROP SCHEMA {quote_ident(script.schema)} CASCADE")


def _prove(target: Target, before: Snapshot, after: Snapshot, words: str) -> None:
    """Raise ReconcileError (unproved) where anything is not as it was."""
    if before.root == after.root:
        return
    changes = compare(before, after).changes
    named = ", ".join(label(c) for c in changes[:_NAMED])
    more = f" and {len(changes) - _NAMED} more" if len(changes) > _NAMED else ""
    raise ReconcileError(
        f"{target.where}: {words} {named}{more}; nothing was changed",
        reason="unproved",
        hint="if it was somebody else at the same moment, try again; else take away first"
        " what stands in the way",
    )


async def _captured(target: Target, script: Script, snapshot: Snapshot) -> int:
    """Return how many objects are on record. Raises ReconcileError where any is missing."""
    found = await capture(target.session, snapshot, script.schema)
    faults = list(differences(found))
    if not faults and not await _records(target.session, script):
        faults = ["a statement that was tried is not on record"]
    if faults:
        raise ReconcileError(
            f"{target.where}: the ledger would not be complete: {'; '.join(faults)};"
            " nothing was changed",
            reason="unproved",
            hint="try again; if it stays so, please report it",
        )
    return found.recorded


async def _records(session: asyncpg.Connection, script: Script) -> bool:
    """Tell whether the ledger sees what is done now: something is, and undone again."""
    count = f"SELECT count(*) FROM {script.schema}.history"
    await session.execute("SAVEPOINT probe")
    before = await session.fetchval(count)
    # In a schema of its own, for there may be no other.
    await session.execute(f"CREATE SCHEMA {_PROBE}; DROP SCHEMA {_PROBE}")
    after = await session.fetchval(count)
    await session.execute("ROLLBACK TO SAVEPOINT probe")
    return bool(after >= before + 2)


async def _begin(session: asyncpg.Connection, reason: str, reader: str | None) -> None:
    """Write the baseline down, under one name everywhere: it is missing in no environment then."""
    await session.execute("SET LOCAL client_min_messages = warning")
    await session.fetch("SELECT gitversion.generate_migration($1, $2)", BASELINE, reason)
    await session.fetch("SELECT gitversion.apply_migration($1)", BASELINE)
    if reader is not None:
        await session.execute(_GRANTS.format(role=quote_ident(reader)))


def _notes(ground: Ground, script: Script) -> Iterator[str]:
    if not ground.fires:
        yield "event_triggers is off on this server: until it is on, nothing is seen"
    if ground.prepared:
        yield (
            "this server allows prepared transactions, which a NOTIFY would break: no wake-ups"
            f" are sent unless you ask, with {script.asks}; the timer finds all"
        )
