"""Migration tools that are really run, and what is read of them: `make tools` fetches them."""

from __future__ import annotations

import asyncio
import os
import shutil
import subprocess
import sys
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from hashlib import sha256
from pathlib import Path
from urllib.parse import parse_qs, unquote, urlsplit

import asyncpg
import pytest

from pgdrift.core.model import History
from pgdrift.sources.connection import connection, reading
from pgdrift.sources.embedded import EmbeddedServer
from pgdrift.sources.histories import read_histories

pytestmark = pytest.mark.db

MakeDatabase = Callable[..., Awaitable[str]]

ROOT = Path(__file__).parents[2]
SCRIPTS = ROOT / "tests" / "tools"
TOOLS = ROOT / ".cache" / "tools"
MODULES = TOOLS / "node_modules"
PATIENCE = 240.0

# The lock for which one migration of each tool waits, until it was looked at.
WAITS_FOR = 4711

fetched = pytest.mark.skipif(
    not (TOOLS / "python" / "django").exists() or not (MODULES / "umzug").exists(),
    reason="runs real migration tools, which are not here: `make tools` fetches them",
)


def named(dsn: str) -> dict[str, str]:
    """Return a database as the variables that PostgreSQL's clients know."""
    url = urlsplit(dsn)
    host = url.hostname or parse_qs(url.query).get("host", [""])[0]
    return {
        "PGHOST": unquote(host),
        "PGPORT": str(url.port or parse_qs(url.query).get("port", ["5432"])[0]),
        "PGUSER": unquote(url.username or "postgres"),
        "PGPASSWORD": unquote(url.password or ""),
        "PGDATABASE": url.path.removeprefix("/"),
    }


def environment(dsn: str) -> Mapping[str, str]:
    beside = {"NODE_PATH": str(MODULES), "PYTHONPATH": str(TOOLS / "python")}
    return {"PATH": os.environ["PATH"], "WAITS_FOR": str(WAITS_FOR), **named(dsn), **beside}


def run(dsn: str, *words: str | Path) -> None:
    done = subprocess.run(
        [str(w) for w in words],
        env=environment(dsn),
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        check=False,
    )
    assert done.returncode == 0, done.stderr + done.stdout


@asynccontextmanager
async def at_work(dsn: str, *words: str | Path) -> AsyncIterator[None]:
    """Run a tool; inside, it is in the middle of a migration, and afterwards done."""
    holder = await asyncpg.connect(dsn)
    await holder.execute("select pg_advisory_lock($1)", WAITS_FOR)
    tool = await asyncio.create_subprocess_exec(
        *map(str, words),
        env=environment(dsn),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    said = asyncio.create_task(tool.communicate())
    try:
        async with asyncio.timeout(PATIENCE):
            while not await _waits(holder):
                assert not said.done(), said.result()[0].decode()
                await asyncio.sleep(0.02)
            yield
            await holder.execute("select pg_advisory_unlock($1)", WAITS_FOR)
            output, _ = await said
    finally:
        if tool.returncode is None:
            tool.kill()
        await holder.close()
    assert tool.returncode == 0, output.decode()


async def _waits(holder: asyncpg.Connection) -> bool:
    found = await holder.fetchval(
        "select true from pg_locks where locktype = 'advisory' and objid = $1 and not granted",
        WAITS_FOR,
    )
    return bool(found)


async def histories(dsn: str) -> tuple[History, ...]:
    notes: list[str] = []
    async with connection(dsn) as reader, reading(reader):
        found = await read_histories(reader, wanted="auto", notes=notes)
    assert notes == []
    return found


def versions(history: History) -> list[str]:
    assert all(m.applied and not m.failed and not m.begun for m in history.migrations)
    return [m.version for m in history.migrations]


ADVISORY = "its tool holds its advisory lock"
WRITTEN = "an open transaction has written to its table"

# Tool, table, versions, what is seen of it while it is at work, and what it keeps.
OF_NODE = [
    (
        "knex",
        "public.knex_migrations",
        ["1_more.js", "2_init.js"],
        "an open transaction has written to public.knex_migrations_lock",
        "at",
    ),
    ("typeorm", "public.migrations", ["Init1700000000000", "More1700000000001"], WRITTEN, ""),
    (
        "drizzle",
        "drizzle.__drizzle_migrations",
        ["1700000000000", "1700000000001"],
        WRITTEN,
        "checksum",
    ),
    ("sequelize", 'public."SequelizeMeta"', ["1-init.js", "2-more.js"], "", ""),
    (
        "node-pg-migrate",
        "public.pgmigrations",
        ["1700000000000_init", "1700000000001_more"],
        ADVISORY,
        "at",
    ),
]


@fetched
@pytest.mark.parametrize(("tool", "table", "expected", "working", "keeps"), OF_NODE)
async def test_tools_of_node(
    make_database: MakeDatabase,
    tmp_path: Path,
    tool: str,
    table: str,
    expected: list[str],
    working: str,
    keeps: str,
) -> None:
    dsn = await make_database()
    async with at_work(dsn, "node", SCRIPTS / "migrate.cjs", tool, tmp_path):
        (busy,) = await histories(dsn)
    (found,) = await histories(dsn)
    assert (busy.in_flight, found.in_flight) == (working, "")
    assert (found.tool, found.table) == (tool, table)
    assert set(versions(busy)) < set(expected)
    assert versions(found) == expected
    assert all((m.checksum is not None) == (keeps == "checksum") for m in found.migrations)
    assert all((m.at is not None) == (keeps == "at") for m in found.migrations)


@fetched
async def test_prisma(make_database: MakeDatabase, tmp_path: Path) -> None:
    dsn = await make_database()
    async with at_work(dsn, "node", SCRIPTS / "migrate.cjs", "prisma", tmp_path):
        (busy,) = await histories(dsn)
    (found,) = await histories(dsn)
    assert found.tool == busy.tool == "prisma"
    assert busy.in_flight == f"{ADVISORY}; 2_more began and has not ended"
    assert found.in_flight == ""
    now = [(m.version, m.applied, m.failed, m.at is not None) for m in found.migrations]
    assert now == [
        ("1_init", True, False, True),
        ("2_more", True, False, True),
        ("3_broken", False, True, False),
    ]
    assert found.migrations[0].checksum == sha256(b"create table a (id int)").hexdigest()


@fetched
@pytest.mark.skipif(not shutil.which("java"), reason="Liquibase needs Java, which is not here")
async def test_liquibase(make_database: MakeDatabase) -> None:
    dsn = await make_database()
    at, jars = named(dsn), MODULES / "liquibase" / "dist"
    words = (
        *(
            "java",
            "-XX:TieredStopAtLevel=1",
            "-XX:+UseSerialGC",
            "-jar",
            jars / "liquibase" / "liquibase.jar",
        ),
        f"--classpath={SCRIPTS}:{jars / 'drivers' / 'postgresql-42.2.8.jar'}",
        f"--url=jdbc:postgresql://{at['PGHOST']}:{at['PGPORT']}/{at['PGDATABASE']}",
        *(f"--username={at['PGUSER']}", f"--password={at['PGPASSWORD']}"),
        *("--changeLogFile=liquibase.sql", "update", f"-Dwaits={WAITS_FOR}"),
    )
    async with at_work(dsn, *words):
        (busy,) = await histories(dsn)
    (found,) = await histories(dsn)
    assert busy.in_flight.startswith("the lock in public.databasechangeloglock is held by ")
    assert (found.tool, found.in_flight) == ("liquibase", "")
    assert versions(busy) == ["liquibase.sql::1::ann"]
    # The set that failed has no row, and the one whose precondition failed has.
    names = ["1::ann", "1::bob", "2::bob"]
    assert versions(found) == [f"liquibase.sql::{name}" for name in names]
    assert all((m.checksum or "").startswith("8:") and m.at for m in found.migrations)


@fetched
async def test_dbmate(make_database: MakeDatabase, tmp_path: Path) -> None:
    dsn = await make_database()
    waits = f"select pg_advisory_xact_lock({WAITS_FOR})"
    for version, sql in (("20260101", "create table a (id int)"), ("20260102", waits)):
        script = f"-- migrate:up\n{sql};\n-- migrate:down\n"
        (tmp_path / f"{version}_step.sql").write_text(script, encoding="utf-8")
    at = named(dsn)
    url = f"postgres://{at['PGUSER']}:{at['PGPASSWORD']}@{at['PGHOST']}:{at['PGPORT']}"
    words = (
        MODULES / "@dbmate" / "linux-x64" / "bin" / "dbmate",
        *("--url", f"{url}/{at['PGDATABASE']}?sslmode=disable"),
        *("--migrations-dir", tmp_path, "--no-dump-schema", "up"),
    )
    async with at_work(dsn, *words):
        (busy,) = await histories(dsn)
    (found,) = await histories(dsn)
    assert (found.tool, busy.in_flight) == ("dbmate", "")
    assert versions(busy) == ["20260101"]
    assert versions(found) == ["20260101", "20260102"]


@fetched
async def test_django(make_database: MakeDatabase, server: EmbeddedServer) -> None:
    if server.major < 14:
        pytest.skip("Django 5.2 asks for PostgreSQL 14 or newer")
    dsn = await make_database()
    run(dsn, sys.executable, SCRIPTS / "migrate_django.py")
    (found,) = await histories(dsn)
    assert found.tool == "django"
    assert versions(found)[0] == "contenttypes.0001_initial"
    assert "auth.0001_initial" in versions(found)
    assert all(m.at and m.at.endswith("+00") for m in found.migrations)


@fetched
async def test_alembic(make_database: MakeDatabase, tmp_path: Path) -> None:
    dsn = await make_database()
    # Its table is made in the same transaction: the first time, nothing is seen of it.
    admin = await asyncpg.connect(dsn)
    await admin.execute("create table alembic_version (version_num varchar(32) primary key)")
    await admin.close()
    async with at_work(dsn, sys.executable, SCRIPTS / "migrate_alembic.py", tmp_path):
        (busy,) = await histories(dsn)
    (found,) = await histories(dsn)
    assert (busy.migrations, busy.in_flight) == ((), WRITTEN)
    assert (found.tool, found.heads_only) == ("alembic", True)
    assert versions(found) == ["b2"]
