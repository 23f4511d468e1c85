"""SQL files as what they make on a real server; and what is said of a file that does not load."""

from __future__ import annotations

import asyncio
import difflib
import os
import re
import secrets
import subprocess
from collections.abc import Iterator, Mapping
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from pgdrift.core.alike.normalise import Options, normalise
from pgdrift.core.compare import compare
from pgdrift.core.model import Reading, Snapshot
from pgdrift.core.snapshot_file import dump
from pgdrift.errors import SourceError
from pgdrift.sources.embedded import EmbeddedServer
from pgdrift.sources.reading import read_once
from pgdrift.sources.scratch import ROLE, SETTINGS, Scratch, administration
from pgdrift.sources.sqlfile import load
from pgdrift.sources.sqlfolder import read_files
from tests.conftest import Execute, MakeDatabase, MakeRole, run_sql

pytestmark = pytest.mark.db

TYPICAL = """
SET client_encoding = 'UTF8';
SELECT pg_catalog.set_config('search_path', '', false);
CREATE SCHEMA app;
CREATE TYPE app.mood AS ENUM ('ok; good', 'bad');
CREATE TABLE app.account (id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, mood app.mood);
CREATE FUNCTION app.f() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RETURN NEW; END; $$;
CREATE TRIGGER t BEFORE INSERT ON app.account FOR EACH ROW EXECUTE FUNCTION app.f();
COPY app.account (id, mood) FROM stdin;
1	ok; good
\\.
CREATE VIEW app.v AS SELECT id FROM app.account;
"""


class Loads:
    """A scratch server, and a folder to write what is loaded into it."""

    def __init__(self, scratch: Scratch, folder: Path) -> None:
        self.scratch = scratch
        self.folder = folder

    async def __call__(self, sql: str | Mapping[str, str]) -> Reading:
        if isinstance(sql, str):
            path = self.folder / "schema.sql"
            path.write_text(sql, encoding="utf-8")
        else:
            path = self.folder / secrets.token_hex(4)
            path.mkdir()
            for name, text in sql.items():
                (path / name).write_text(text, encoding="utf-8")
        return await load(read_files(path), self.scratch)

    async def refusal(self, sql: str | Mapping[str, str]) -> str:
        with pytest.raises(SourceError) as caught:
            await self(sql)
        assert caught.value.reason == "refused"
        assert caught.value.hint
        return str(caught.value).replace(f"{self.folder}/", "")


@pytest.fixture(scope="module")
def running() -> Iterator[EmbeddedServer]:
    """One server as a scratch server starts it: its roles come and go with each load."""
    given = os.environ.get("PGDRIFT_TEST_PG_BIN")
    with EmbeddedServer.start(SETTINGS, binaries=Path(given) if given else None) as server:
        asyncio.run(
            run_sql(
                server.dsn(), f"create role {ROLE} superuser login password '{server.password}'"
            )
        )
        yield server


@pytest.fixture
def loads(running: EmbeddedServer, tmp_path: Path) -> Loads:
    """Loads into a server of our own."""
    scratch = Scratch()
    scratch._server = running
    return Loads(scratch, tmp_path)


@pytest.fixture
async def named(tmp_path: Path, database: str, make_role: MakeRole) -> Loads:
    dsn = await make_role(database, options="createdb")
    return Loads(Scratch(lambda: dsn), tmp_path)


def names(snapshot: Snapshot, *kinds: str) -> set[str]:
    return {i.name for i in snapshot.objects if i.kind in kinds}


def changes(one: Snapshot, other: Snapshot) -> list[str]:
    options = Options()
    found = compare(normalise(one, options), normalise(other, options)).changes
    return [f"{c.id} {c.change.value} {sorted(c.attributes)}" for c in found]


async def test_a_file_is_what_it_makes(loads: Loads) -> None:
    found = (await loads(TYPICAL)).snapshot
    assert names(found, "table", "view", "enum", "function", "trigger") == {
        "app.account", "app.v", "app.mood", "app.f()", "app.account.t",
    }  # fmt: skip
    assert not found.unread
    assert found.database == "schema.sql"


async def test_a_file_equals_the_database_that_it_makes_whoever_owns_that(
    loads: Loads, make_database: MakeDatabase, make_role: MakeRole, execute: Execute
) -> None:
    sql = """
        create schema app; create table app.t (a int primary key, b text default 'x');
        create view app.v as select a from app.t; create type app.e as enum ('a');
        create function app.f() returns int language sql as 'select 1'; create extension hstore;
    """
    dsn = await make_database(sql=sql)
    owner = urlsplit(await make_role(dsn)).username
    for what in ("schema app", "table app.t", "view app.v", "function app.f()", "type app.e"):
        await execute(dsn, f'alter {what} owner to "{owner}"')
    there, here = (await read_once(dsn)).snapshot, await loads(sql)
    assert changes(here.snapshot, there) == []
    assert changes(there, here.snapshot) == []
    assert here.not_compared["owner"] >= 5

    said = await loads(sql + "alter table app.t owner to somebody;")
    (change,) = changes(said.snapshot, there)
    assert change == "table:app.t changed ['owner']"


async def test_what_the_loading_role_would_grant_is_not_what_the_file_says(loads: Loads) -> None:
    granted = "create table t (a int); grant select on t to app;"
    found = await loads(granted + "alter default privileges grant select on tables to app;")
    assert names(found.snapshot, "privilege") == {"public.t.app"}
    assert names(found.snapshot, "default_privilege") == set()
    assert found.not_compared["default_privilege"] == 1
    found = await loads("alter default privileges for role app grant select on tables to public;")
    assert names(found.snapshot, "default_privilege") == {"app.tables"}
    assert "default_privilege" not in found.not_compared


async def test_what_a_database_is_as_a_whole_no_file_says(
    loads: Loads, make_database: MakeDatabase
) -> None:
    dsn = await make_database(sql="create table t (a int);")
    name = dsn.rpartition("/")[2]
    await run_sql(dsn, f"alter database {name} set work_mem = '9MB'")
    there = (await read_once(dsn)).snapshot
    found = (await loads("create table t (a int);")).snapshot
    assert names(there, "database_setting") == {"work_mem"}
    assert not any(kind.startswith("database") for kind in found.kinds)
    assert changes(found, there) == []


async def test_roles_that_a_file_takes_for_granted_are_there_for_this_load_alone(
    loads: Loads,
) -> None:
    sql = """
        begin;
        create table t (a int);
        alter table t owner to "the ""owner"" of t";
        grant select on t to reader;
        commit;
        set role "the ""owner"" of t";
        create policy p on t to reader using (true);
        reset role;
        set session authorization writer;
        create table u (a int);
        reset session authorization;
    """
    found = (await loads(sql)).snapshot
    owners = {i.name: o.attributes.get("owner") for i, o in found.objects.items()}
    assert owners["public.t"] == 'the "owner" of t'
    assert owners["public.u"] == "writer"
    # A role that the file makes itself would otherwise be there already.
    assert (await loads("create role reader; create role writer;")).snapshot.objects
    async with administration(await loads.scratch.server()) as session:
        left = await session.fetch("select rolname from pg_roles where oid >= 16384")
    assert [row[0] for row in left] == [ROLE]


async def test_each_file_of_a_folder_begins_in_a_fresh_session(loads: Loads) -> None:
    found = await loads(
        {
            "2.sql": "create table second (a int references public.first);",
            "1.sql": "set search_path = public; create temp table x (); begin;"
            "create table first (a int primary key); commit; set role app; set search_path = '';",
            "10.sql": "create temp table x (); alter table second add b int;",
            "10.down.sql": "drop table second;",
        }
    )
    assert names(found.snapshot, "table") == {"public.first", "public.second"}
    assert "public.second.b" in names(found.snapshot, "column")
    (note,) = found.notes
    assert note.endswith(": 1 files, as 10.down.sql")


async def test_statements_that_want_no_transaction_have_none(loads: Loads) -> None:
    found = await loads(
        "create table t (a int); create index concurrently i on t (a); vacuum t;"
        "create type e as enum ('a'); alter type e add value 'b'; lock table t;"
        "create table u (b e default 'b'); insert into t select 1; update t set a = 2;"
        "do $$ begin if (select a from t) = 2 then create table made (a int); end if; end $$;"
    )
    assert names(found.snapshot, "table") == {"public.t", "public.u", "public.made"}


async def test_the_lines_of_a_dump_for_psql_are_understood(loads: Loads) -> None:
    found = await loads(
        "\\restrict key\n\\set ON_ERROR_STOP on\nCREATE DATABASE shop;\nALTER DATABASE shop"
        " OWNER TO x;\n\\connect shop\nCOMMENT ON DATABASE shop IS 'x';\nGRANT CONNECT ON"
        " DATABASE shop TO y;\ncreate table t (a int);\n\\connect shop\n\\unrestrict key\n"
    )
    assert names(found.snapshot, "table") == {"public.t"}
    (note,) = found.notes
    assert note.endswith("4 statements about a database as such")


async def test_a_dump_from_a_newer_server_may_set_a_timeout_that_is_not_known(
    loads: Loads,
) -> None:
    found = await loads("SET statement_timeout = 0; SET younger_timeout = 0; create table t ();")
    assert names(found.snapshot, "table") == {"public.t"}
    assert "schema.sql:1: SET nix = 0" in await loads.refusal("SET nix = 0;")


async def test_a_dump_is_what_was_dumped(
    loads: Loads, server: EmbeddedServer, make_database: MakeDatabase
) -> None:
    if not (server.bin / "pg_dump").exists():
        pytest.skip("this build has no pg_dump")
    dsn = await make_database(
        sql=TYPICAL.partition("COPY")[0].replace("SELECT pg_catalog.set_config", "--")
        + "insert into app.account values (default, 'bad'); create index i on app.account (mood);"
        "create function app.g(a int default 1) returns int begin atomic select a; select 2; end;"
        "create rule r as on update to app.account do also (select 1; select 2);"
        "comment on table app.account is E'it''s; \\\\ \\n-- $$'; alter table app.account"
        " enable row level security; create policy p on app.account using (id > 0);"
    )
    there = (await read_once(dsn)).snapshot
    for options in (["--schema-only"], ["--create", "--clean"], ["--inserts", "--no-owner"]):
        command = [str(server.bin / "pg_dump"), "--dbname", dsn, *options]
        dumped = subprocess.run(command, capture_output=True, check=True, text=True, timeout=240)
        assert changes((await loads(dumped.stdout)).snapshot, there) == [], options


@pytest.mark.parametrize(
    ("sql", "words"),
    [
        ("create table t ();\n\nselect\n  1,\n  nix;", 'schema.sql:5: select 1, nix: column "nix"'),
        ("create table t (a int;\n", "schema.sql:1: its statement never ends"),
        ("select 1;\nselect 'a", "schema.sql:2: the quote ' is never closed"),
        ("begin;\ncreate table t ();\n", "schema.sql:1: the transaction that begins here"),
        ("\n\\i other.sql\n", r"schema.sql:2: \i: only psql knows this command"),
        ("\\connect a\nselect 1;\n\\c b\n", r"schema.sql:3: \c: it leads to a second database"),
        ("select 1 \\gexec\n", r"schema.sql:1: \gexec: only psql"),
        ("create extension nix;", "create extension nix: the scratch server does not have the"),
        ("create table t (a nix);", 'schema.sql:1: create table t (a nix): type "nix"'),
        (
            "create subscription s connection 'host=x password=geheim' publication p;",
            "create subscription s connection …: it would reach for the publisher",
        ),
        ("alter subscription s enable;", "it would reach for the publisher"),
        ("insert into nix values ('geheim');", "insert into nix values ( …: relation"),
        ("do $$ begin raise 'no: %', current_user; end $$;", "schema.sql:1: do …: no: "),
        ("create role r password 'geheim' nix;", "the server refuses it (SQLSTATE 42601)"),
        ("create tabel t ();", "see whether it is whole, and SQL of PostgreSQL"),
        ('create table "\x1b[31m" (a nix);', "\\u001b[31m"),
    ],
)  # fmt: skip
async def test_a_load_that_fails_is_told_with_its_line_and_without_secrets(
    loads: Loads, sql: str, words: str
) -> None:
    said = await loads.refusal(sql)
    assert words in said
    assert "geheim" not in said
    assert said.replace("\n", "").isprintable()


async def test_a_load_that_failed_leaves_nothing_that_the_next_could_meet(loads: Loads) -> None:
    await loads.refusal("create role app; create table t (a int); select nix;")
    found = await loads("create role app; create table t (a int);")
    assert names(found.snapshot, "table") == {"public.t"}


async def test_in_a_folder_the_file_is_named(loads: Loads) -> None:
    said = await loads.refusal({"1.sql": "select 1;", "2.sql": "\ncreate table t (a nix);"})
    assert re.search(r"^\w+/2\.sql:2: create table t", said)


@pytest.mark.parametrize(
    "sql",
    [
        "create role r;", "create user u;", "alter role x nologin;", "drop group g;",
        "grant a to b;", "revoke a from b;", "create tablespace t location '/x';",
        "alter system set jit = off;", "drop owned by x;", "reassign owned by x to y;",
    ],
)  # fmt: skip
async def test_a_server_that_others_use_is_not_changed(named: Loads, sql: str) -> None:
    said = await named.refusal("select 1;\n" + sql)
    assert "schema.sql:2" in said
    assert "it changes the whole scratch server" in said


async def test_a_named_server_loads_what_needs_no_more_than_a_database(
    named: Loads, make_database: MakeDatabase
) -> None:
    sql = "create schema s; create table s.t (a int); create view s.v as select * from s.t;"
    there = (await read_once(await make_database(sql=sql))).snapshot
    assert changes((await named(sql)).snapshot, there) == []
    said = await named.refusal("create table t (a int); grant select on t to nobody_at_all;")
    assert 'role "nobody_at_all" does not exist' in said
    assert "make the role on the scratch server" in said


async def test_a_load_that_never_ends_is_given_up(
    loads: Loads, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("pgdrift.sources.sqlfile.LOAD_SECONDS", 0.5)
    with pytest.raises(SourceError, match=r"took longer than 0\.5 s") as caught:
        await loads("select pg_sleep(600);")
    assert caught.value.reason == "timeout"


async def test_loads_at_the_same_time_do_not_meet(loads: Loads) -> None:
    paths = [loads.folder / name for name in ("a.sql", "b.sql", "c.sql")]
    for path in paths:
        path.write_text(f"create role app; create table {path.stem} (a int);")
    found = await asyncio.gather(*(load(read_files(p), loads.scratch) for p in paths))
    assert [names(f.snapshot, "table") for f in found] == [{"public.a"}, {"public.b"}, {"public.c"}]


async def test_the_same_schema_gives_the_same_snapshot_file_but_for_the_time(
    loads: Loads,
) -> None:
    one, other = [await loads(TYPICAL) for _ in range(2)]
    texts = [dump(r.snapshot, r.not_compared).splitlines() for r in (one, other)]
    differs = [pair for pair in zip(*texts, strict=True) if pair[0] != pair[1]]
    assert all(line.strip().startswith('"taken_at"') for pair in differs for line in pair)
    assert len(differs) == 1
    at = datetime(2026, 1, 1, tzinfo=UTC)
    assert len({dump(replace(r.snapshot, taken_at=at), r.not_compared) for r in (one, other)}) == 1


async def test_a_change_is_a_few_lines_of_a_snapshot_file(loads: Loads) -> None:
    one, other = (
        await loads(TYPICAL),
        await loads(TYPICAL.replace("AS SELECT id", "AS SELECT mood")),
    )
    at = datetime(2026, 1, 1, tzinfo=UTC)
    old, new = (dump(replace(r.snapshot, taken_at=at)).splitlines() for r in (one, other))
    moved = [d for d in difflib.unified_diff(old, new, n=0, lineterm="") if d[0] in "+-"][2:]
    assert len(moved) <= 12, moved
