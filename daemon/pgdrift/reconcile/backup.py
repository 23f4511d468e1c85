"""What a plan puts at risk, as one archive of pg_dump, which was restored once: rows of tables, and
where sequences stand.

In come a target and names, out comes a file whose rows were counted on both sides. Rows that are
written after it was made are not in it.
"""

from __future__ import annotations

import asyncio
import os
import re
import shutil
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote, unquote, urlsplit, urlunsplit

import asyncpg

from pgdrift.core.model import Snapshot
from pgdrift.core.plan.model import Statement
from pgdrift.errors import ReconcileError
from pgdrift.log import redact
from pgdrift.reconcile.prove import Ground, rebuild
from pgdrift.reconcile.writing import Target, told

BIN_VARIABLE = "PGDRIFT_PG_BIN"
_VERSION = re.compile(r"\(PostgreSQL\) (\d+)")

_KEPT = """
WITH RECURSIVE below (oid) AS (
    SELECT c.oid FROM pg_catalog.unnest($1::text[]) AS n (name)
    JOIN pg_catalog.pg_class c ON c.oid = pg_catalog.to_regclass(n.name)
    UNION
    SELECT h.inhrelid FROM below b JOIN pg_catalog.pg_inherits h ON h.inhparent = b.oid
)
SELECT c.oid::pg_catalog.regclass::text, c.relkind = 'S'
FROM below b JOIN pg_catalog.pg_class c USING (oid) WHERE c.relkind IN ('r', 'p', 'S') ORDER BY 1
"""
# pg_dump leaves out what an extension's tables hold, or most of it.
_HAS_TABLES = """
SELECT EXISTS (
    SELECT FROM pg_catalog.pg_depend d
    JOIN pg_catalog.pg_extension e ON e.oid = d.refobjid
    JOIN pg_catalog.pg_class c ON c.oid = d.objid
    WHERE d.refclassid = 'pg_catalog.pg_extension'::pg_catalog.regclass AND d.deptype = 'e'
        AND d.classid = 'pg_catalog.pg_class'::pg_catalog.regclass
        AND c.relkind IN ('r', 'p') AND e.extname = $1
)
"""
# What is not there has nothing to lose, and a foreign table's rows stay where they are.
_IS_THERE = """
SELECT EXISTS (
    SELECT FROM pg_catalog.unnest($1::text[]) AS n (name)
    JOIN pg_catalog.pg_class c ON c.oid = pg_catalog.to_regclass(n.name) WHERE c.relkind <> 'f'
)
"""
# It is made of what is there still.
_MADE_ANEW = "materialized_view"


@dataclass(frozen=True, slots=True)
class Kept:
    """A table or sequence, as SQL names it."""

    name: str
    is_sequence: bool

    @property
    def measure(self) -> str:
        """The query for how much it holds: how many rows, or where it stands."""
        return f"SELECT {'last_value' if self.is_sequence else 'count(*)'} FROM ONLY {self.name}"

    def holds(self, much: int) -> str:
        """Say how much it holds."""
        return f"{self.name} at {much}" if self.is_sequence else f"{much} rows of {self.name}"


@dataclass(frozen=True, slots=True)
class Risk:
    """What a plan puts at risk: what can be backed up, and statements that lose what cannot."""

    kept: tuple[Kept, ...]
    beyond: tuple[Statement, ...]


@dataclass(frozen=True, slots=True)
class Programs:
    """pg_dump and pg_restore of one major."""

    dump: Path
    restore: Path


async def at_risk(session: asyncpg.Connection, statements: Sequence[Statement]) -> Risk:
    """Return of what statements lose something that no way back restores, with all below that."""
    found, beyond = dict[str, Kept](), list[Statement]()
    for s in statements:
        if not s.step.loses:
            continue
        kept = [Kept(*row) for row in await session.fetch(_KEPT, list(s.step.on))]
        found |= {k.name: k for k in kept}
        if not kept and await _holds(session, s):
            beyond.append(s)
    return Risk(tuple(found[name] for name in sorted(found)), tuple(beyond))


async def _holds(session: asyncpg.Connection, statement: Statement) -> bool:
    """Tell whether there is anything to lose of what no archive can have."""
    if statement.object.kind == "extension":
        return bool(await session.fetchval(_HAS_TABLES, statement.object.path[-1]))
    on = statement.step.on
    return not on or bool(await session.fetchval(_IS_THERE, list(on)))


def unkept(risk: Risk, where: str) -> None:
    """Raise ReconcileError (refused) for what would be lost and is in no backup of ours."""
    for s in risk.beyond:
        if s.object.kind != _MADE_ANEW:
            raise ReconcileError(
                f"{where}: {s.action} {s.object.name} loses {s.step.loses}, and no backup of ours"
                " can hold that; nothing was changed by this command",
                reason="refused",
                hint="say --no-backup, when it is kept elsewhere or not needed",
            )


async def programs(major: int, own: Path | None = None) -> Programs:
    """Return pg_dump and pg_restore that read a server of this major; `own` is looked in first.

    Raises ReconcileError (absent) where there are none.
    """
    for folder in _folders(own):
        dump, restore = folder / "pg_dump", folder / "pg_restore"
        if dump.is_file() and restore.is_file() and await _major(dump) >= major:
            return Programs(dump, restore)
    raise ReconcileError(
        f"rows would be lost, and there is no pg_dump of PostgreSQL {major} or newer to keep them",
        reason="absent",
        hint=f"install PostgreSQL's client programs, or name their folder in {BIN_VARIABLE}; or"
        " say --no-backup, when they are kept elsewhere",
    )


def _folders(own: Path | None) -> Iterator[Path]:
    given, found = os.environ.get(BIN_VARIABLE), shutil.which("pg_dump")
    if given:
        yield Path(given)
    if own:
        yield own
    if found:
        yield Path(found).parent


async def _major(program: Path) -> int:
    code, out = await _run(program, "--version")
    found = _VERSION.search(out)
    return int(found[1]) if code == 0 and found else 0


async def back_up(
    target: Target, dsn: str, kept: Sequence[Kept], file: Path, with_: Programs
) -> Mapping[Kept, int]:
    """Write the archive; return how much of each is in it. Raises ReconcileError."""
    session = target.session
    with told(target.where):
        await session.execute("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY")
        try:
            counts = {k: await session.fetchval(k.measure) for k in kept}
            instant = await session.fetchval("SELECT pg_catalog.pg_export_snapshot()")
            await _dump(dsn, [k.name for k in kept], file, with_, instant)
        finally:
            with suppress(OSError, asyncpg.PostgresError, asyncpg.InterfaceError):
                await session.execute("ROLLBACK")
    return counts


async def _dump(dsn: str, tables: Sequence[str], file: Path, with_: Programs, instant: str) -> None:
    url, secret = _without_password(dsn)
    # Each name is quoted part by part already, or needs no quotes, and then is no pattern either.
    named = [f"--table={name}" for name in tables]
    how = ["--format=custom", f"--snapshot={instant}", "--no-password", f"--dbname={url}", *named]
    beside = file.with_suffix(".part")
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        code, said = await _run(with_.dump, *how, f"--file={beside}", secret=secret)
        if code == 0:
            _on_disk(beside)
            beside.replace(file)
            return
    except OSError as error:
        code, said = 1, str(error)
    forget(beside)
    raise ReconcileError(
        f"the rows of {', '.join(tables)} could not be backed up: {_first(said)}; nothing was"
        " changed by this command",
        reason="refused",
        hint="make room and give the right to read them; or say --no-backup, when they are kept"
        " elsewhere",
    )


def forget(file: Path) -> None:
    """Remove an archive that is not to be relied on."""
    with suppress(OSError):
        file.unlink(missing_ok=True)


def _on_disk(file: Path) -> None:
    with file.open("rb") as handle:
        os.fsync(handle.fileno())


async def restored(
    file: Path,
    counts: Mapping[Kept, int],
    of: Snapshot,
    ground: tuple[Ground, str],
    with_: Programs,
) -> None:
    """Restore an archive in an empty database made as the target is, and count its rows there.

    `ground` is that database, and its connection URL. Raises ReconcileError where they differ.
    """
    _, why, _ = await rebuild(of, ground[0])
    if why:
        raise _untested(file, why)
    url, secret = _without_password(ground[1])
    how = ["--data-only", "--disable-triggers", "--exit-on-error", "--no-password"]
    code, said = await _run(with_.restore, *how, f"--dbname={url}", str(file), secret=secret)
    if code:
        raise _untested(file, _first(said))
    for kept, much in counts.items():
        there = await ground[0].session.fetchval(kept.measure)
        if there != much:
            raise _untested(file, f"it has {kept.holds(there)}, and the target {kept.holds(much)}")


def _untested(file: Path, why: str) -> ReconcileError:
    return ReconcileError(
        f"the backup {file} could not be restored on the scratch server: {why}; nothing was"
        " changed by this command",
        reason="unproved",
        hint="name a scratch server that can hold the target (scratch.dsn); or say --no-backup,"
        " when the rows are kept elsewhere",
    )


def _without_password(dsn: str) -> tuple[str, str]:
    """Return a URL that may stand among a program's arguments, and the password, of a URL."""
    parts = urlsplit(dsn)
    user, _, hosts = parts.netloc.rpartition("@")
    name, _, password = user.partition(":")
    netloc = f"{name}@{hosts}" if user else hosts
    query = "&".join(p for p in parts.query.split("&") if not p.startswith("password="))
    inside = [p.removeprefix("password=") for p in parts.query.split("&") if p not in query]
    return urlunsplit(parts._replace(netloc=netloc, query=query)), unquote(
        password or quote("".join(inside[:1]), safe="%")
    )


async def _run(program: Path, *arguments: str, secret: str = "") -> tuple[int, str]:
    """Run a program to its end; return its code and all that it said."""
    environment = dict(os.environ) | ({"PGPASSWORD": secret} if secret else {})
    process = await asyncio.create_subprocess_exec(
        str(program),
        *arguments,
        env=environment,
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    try:
        out, _ = await process.communicate()
    except BaseException:
        with suppress(ProcessLookupError):
            process.kill()
        raise
    return process.returncode or 0, out.decode("utf-8", "replace")


def _first(said: str) -> str:
    return redact(next((line for line in said.splitlines() if line.strip()), "it said nothing"))
