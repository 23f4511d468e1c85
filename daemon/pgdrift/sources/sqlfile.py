"""SQL files in, what there is in the database that they make out: loaded, and read as any other.

A file is run as it is written, statement by statement: it is code, as a migration is. What a
server refuses ends the load; half a schema is never compared with anything.
"""

from __future__ import annotations

import asyncio
import re
from collections import Counter
from collections.abc import AsyncIterator, Collection, Iterator, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, replace

import asyncpg

from pgdrift.core.kinds import KINDS, of_database
from pgdrift.core.model import ChangeClass, Object, Reading
from pgdrift.core.names import quote_ident
from pgdrift.errors import SourceError
from pgdrift.log import get_logger
from pgdrift.sources.connection import translated
from pgdrift.sources.dsn import describe, to_url
from pgdrift.sources.reading import read_once
from pgdrift.sources.scratch import ROLE, Scratch, administration
from pgdrift.sources.sqlfolder import SqlFile, SqlFiles
from pgdrift.sources.sqlscreen import Screen, refusal
from pgdrift.sources.statements import PsqlLine, Statement

log = get_logger("sources.sqlfile")

# What takes longer hangs: a dump of ten thousand tables takes a minute or two.
LOAD_SECONDS = 600.0

# Bodies may name what a later file makes; pg_dump asks for the same.
_SETTINGS = {
    "application_name": "pgdrift",
    "check_function_bodies": "off",
    "client_min_messages": "error",
}
_MISSING_ROLE = re.compile(r'role "(.+)" does not exist', re.DOTALL)
# The first OID that is given to what users make.
_FIRST_OID = 16384
_SECURITY = frozenset(k.name for k in KINDS if k.cls is ChangeClass.SECURITY)


@dataclass(frozen=True, slots=True)
class _Made:
    """What a load had to choose: its role, and the extensions that got their default version.

    `aside` counts statements that were left out because they are about databases as such.
    """

    role: str
    by_default: Collection[str]
    aside: int


async def load(files: SqlFiles, scratch: Scratch, *, key: bytes = b"") -> Reading:
    """Return what there is after loading the files into an empty database.

    What the files do not say, and the scratch server had to choose, is as if not read: who owns
    what was given to nobody, and the version of an extension for which none was named. `key` is
    a store's, for what will be compared with what is kept there.

    Raises ConfigError where there is no scratch server, SourceError (refused) for what a file
    holds, with its line, and for another reason where the server cannot be asked.
    """
    # All is split and looked through before anything is run.
    screen = Screen(scratch.own)
    parts = [(file, list(screen.parts(file))) for file in files.files]
    try:
        async with asyncio.timeout(LOAD_SECONDS), roles_apart(scratch), scratch.database() as dsn:
            role, by_default = await _run(dsn, parts, scratch)
            reading = await read_once(dsn, ledger="none", key=key)
    except TimeoutError as error:
        raise SourceError(
            f"{files.path} took longer than {LOAD_SECONDS:g} s to load and was given up",
            reason="timeout",
            hint="see which of its statements takes so long, or follow a snapshot file",
        ) from error
    return _as_said(reading, files, _Made(role, by_default, screen.aside))


async def _run(
    dsn: str, files: Sequence[tuple[SqlFile, Sequence[Statement | PsqlLine]]], scratch: Scratch
) -> tuple[str, Collection[str]]:
    """Run all statements; return as whom, and the extensions that have their default version."""
    where = describe(dsn)
    with translated(where, connecting=True):
        session = await asyncpg.connect(to_url(dsn), server_settings=_SETTINGS, timeout=10.0)
    try:
        with translated(where):
            role = await session.fetchval("SELECT session_user::text")
            for file, parts in files:
                await _run_file(session, file, parts, scratch)
            await session.execute("DISCARD ALL")
            rows = await session.fetch(
                "SELECT name::text FROM pg_catalog.pg_available_extensions"
                " WHERE installed_version = default_version"
            )
    finally:
        with suppress(OSError, TimeoutError, asyncpg.PostgresError, asyncpg.InterfaceError):
            await session.close(timeout=2.0)
        session.terminate()
    return role, {row[0] for row in rows}


async def _run_file(
    session: asyncpg.Connection,
    file: SqlFile,
    parts: Sequence[Statement | PsqlLine],
    scratch: Scratch,
) -> None:
    """Run one file in a session as fresh as if it were the only one."""
    await session.execute("DISCARD ALL")
    made: set[str] = set()
    began = at = 0
    while at < len(parts):
        part = parts[at]
        if not session.is_in_transaction():
            began = at
        try:
            await session.execute("DISCARD ALL" if isinstance(part, PsqlLine) else part.sql)
        except asyncpg.PostgresError as error:
            if _of_the_server(error):
                raise
            if _sets_what_is_unknown(part, error) and not session.is_in_transaction():
                at += 1
                continue
            role = _missing_role(error) if scratch.own else ""
            if not role or role in made:
                raise refusal(file, part, error, own=scratch.own) from error
            if session.is_in_transaction():
                await session.execute("ROLLBACK")
            await _make_role(scratch, role)
            made.add(role)
            at = began  # a transaction is lost as a whole
        else:
            at += 1
    if session.is_in_transaction():
        raise SourceError(
            f"{file.name}:{parts[began].line}: the transaction that begins here is never ended",
            reason="refused",
            hint="add COMMIT; or is the file cut?",
        )


def _of_the_server(error: asyncpg.PostgresError) -> bool:
    """Tell whether an error is the server's own, and no word on the statement."""
    state = error.sqlstate or ""
    return state[:2] in {"08", "53"} or state in {"57P01", "57P02", "57P03"}


def _sets_what_is_unknown(part: Statement | PsqlLine, error: asyncpg.PostgresError) -> bool:
    """Tell whether a dump sets a timeout that is younger than this server; that makes nothing."""
    return (
        isinstance(part, Statement)
        and part.words[:1] == ("set",)
        and (any(word.endswith("_timeout") for word in part.words) and error.sqlstate == "42704")
    )


def _missing_role(error: asyncpg.PostgresError) -> str:
    """Return the name of the role that a statement lacks; empty when it lacks none."""
    found = _MISSING_ROLE.search(str(error)) if error.sqlstate in {"42704", "22023"} else None
    return found[1] if found else ""


async def _make_role(scratch: Scratch, name: str) -> None:
    """Make a role, as a superuser: only such a one may own some kinds of object."""
    async with administration(await scratch.server()) as session:
        await session.execute(f"CREATE ROLE {quote_ident(name)} SUPERUSER")


@asynccontextmanager
async def roles_apart(scratch: Scratch) -> AsyncIterator[None]:
    """On a server of our own, let each load meet no roles but its own, and leave none."""
    if not scratch.own:
        yield
        return
    async with scratch.alone:
        try:
            yield
        finally:
            await asyncio.shield(_drop_roles(scratch))


async def _drop_roles(scratch: Scratch) -> None:
    try:
        async with administration(await scratch.server()) as session:
            rows = await session.fetch(
                "SELECT rolname::text FROM pg_catalog.pg_roles WHERE oid >= $1 AND rolname <> $2",
                _FIRST_OID,
                ROLE,
            )
            for role in (quote_ident(row[0]) for row in rows):
                await session.execute(f"DROP OWNED BY {role}; DROP ROLE {role}")
    except SourceError as error:
        # A new server has none.
        log.info("sqlfile.roles_stay", error=str(error))
        await scratch.close()


def _as_said(reading: Reading, files: SqlFiles, made: _Made) -> Reading:
    """Return the reading without what the files do not say, which is counted."""
    snapshot, unsaid = reading.snapshot, Counter[str](reading.not_compared)
    objects = {}
    of_databases = of_database()
    for i, found in snapshot.objects.items():
        if i.kind in of_databases:
            continue
        if i.kind in _SECURITY and made.role in i.path:
            unsaid[i.kind] += 1  # what the loading role granted itself, or will grant
            continue
        objects[i] = said = _without_choices(found, made)
        unsaid["owner"] += "owner" in found.attributes and "owner" not in said.attributes
    depends = tuple(d for d in snapshot.dependencies if d[0] in objects and d[1] in objects)
    return replace(
        reading,
        snapshot=replace(
            snapshot,
            objects=objects,
            kinds=snapshot.kinds - of_databases,
            dependencies=depends,
            database=_database(files),
        ),
        gate=files.digest,
        # Rows of a dump are left out: an empty history says nothing.
        histories=tuple(h for h in reading.histories if h.migrations),
        not_compared={kind: count for kind, count in unsaid.items() if count},
        notes=(*reading.notes, *_notes(files, made)),
    )


def _without_choices(found: Object, made: _Made) -> Object:
    unsaid = {"owner"} if found.attributes.get("owner") == made.role else set()
    if found.id.kind == "extension" and found.id.path[-1] in made.by_default:
        unsaid.add("version")
    if not unsaid & found.attributes.keys():
        return found
    kept = {name: value for name, value in found.attributes.items() if name not in unsaid}
    return replace(found, attributes=kept)


def _database(files: SqlFiles) -> str:
    return files.path.rstrip("/").rpartition("/")[2]


def _notes(files: SqlFiles, made: _Made) -> Iterator[str]:
    if files.left_out:
        yield f"not loaded from {files.path}: {len(files.left_out)} files, as {files.left_out[0]}"
    if made.aside:
        yield f"not run from {files.path}: {made.aside} statements about a database as such"
