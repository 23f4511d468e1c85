"""Migration histories in the tables that the tools really make."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Collection
from typing import Literal
from zlib import crc32

import asyncpg
import pytest

from pgdrift.core.book import Book
from pgdrift.core.model import History
from pgdrift.core.names import quote_ident
from pgdrift.sources.connection import connection, reading
from pgdrift.sources.histories import NAMES, keys, read_histories
from pgdrift.sources.histories.tool import Place
from pgdrift.sources.reading import Source
from tests.sources.tool_tables import CASES, Case

pytestmark = pytest.mark.db

MakeDatabase = Callable[..., Awaitable[str]]
MakeRole = Callable[..., Awaitable[str]]

BY_TOOL = {case.tool: case.sql for case in reversed(CASES)}
RAILS, ALEMBIC = BY_TOOL["rails"], BY_TOOL["alembic"]
DJANGO = f"create schema web; set search_path to web; {BY_TOOL['django']} reset search_path;"


async def read(
    dsn: str, wanted: Collection[str] | Literal["auto"] = "auto"
) -> tuple[tuple[History, ...], list[str]]:
    notes: list[str] = []
    async with connection(dsn) as reader, reading(reader):
        histories = await read_histories(reader, wanted=wanted, notes=notes)
        assert await reader.fetchval("select 1") == 1
    return histories, notes


def schema_of(number: int, case: Case) -> str:
    return case.schema or f"app {number}"


async def test_every_tool_is_found_by_itself_and_none_is_taken_for_another(
    make_database: MakeDatabase,
) -> None:
    """All in one database, each in a schema of its own."""
    schemas = [schema_of(n, case) for n, case in enumerate(CASES)]
    script = "".join(
        f"create schema {quote_ident(schema)}; set search_path to {quote_ident(schema)}; {case.sql}"
        for schema, case in zip(schemas, CASES, strict=True)
    )
    histories, notes = await read(await make_database(sql=script))
    assert notes == []
    found = {h.table: h for h in histories}
    for schema, case in zip(schemas, CASES, strict=True):
        table = f"{quote_ident(schema)}.{quote_ident(case.table)}"
        expected = History(case.tool, table, case.rows, case.heads_only, case.in_flight)
        assert found.pop(table) == expected
    assert found == {}


def test_every_tool_has_a_case() -> None:
    assert {case.tool for case in CASES} == set(NAMES)


@pytest.mark.parametrize(
    "sql",
    [
        "create table schema_migrations (version varchar, name varchar)",
        "create table schema_migrations (id varchar)",
        "create domain dom as int; create table schema_migrations (version varchar, more dom)",
        "create table django_migrations (id int, app text, name text)",
        "create table alembic_version (version_num int)",
        "create table schema_version (version int)",
        "create table changes (change_id text, change text, project text)",
        "create table migrations (id int, name text)",
        "create table __efmigrationshistory (migrationid text, productversion text)",
        "create table migrations (version text, up_script text, checksum text, applied_at timestamp)",
        "create view alembic_version as select 'x'::varchar as version_num",
        "create temp table alembic_version (version_num varchar)",
    ],
)
async def test_a_table_that_only_has_the_name_is_left_alone(
    make_database: MakeDatabase, sql: str
) -> None:
    assert await read(await make_database(sql=sql)) == ((), [])


async def test_only_what_is_wanted_is_read_and_what_is_not_found_is_noted(
    make_database: MakeDatabase,
) -> None:
    dsn = await make_database(sql=ALEMBIC + RAILS)
    histories, notes = await read(dsn, ["rails", "flyway"])
    assert [h.tool for h in histories] == ["rails"]
    assert notes == ["no migration history of flyway was found"]
    assert await read(dsn, []) == ((), [])
    assert [h.tool for h in (await read(dsn))[0]] == ["alembic", "rails"]


async def test_whose_table_it_is_can_be_said_where_two_tools_have_the_same(
    make_database: MakeDatabase,
) -> None:
    """A Rails before 5 has nothing beside its table that would tell it from dbmate."""
    dsn = await make_database(sql=BY_TOOL["dbmate"])
    assert [h.tool for h in (await read(dsn))[0]] == ["dbmate"]
    assert [h.tool for h in (await read(dsn, ["rails"]))[0]] == ["rails"]


async def test_a_table_of_every_tenant_and_hostile_names_are_no_matter(
    make_database: MakeDatabase,
) -> None:
    schemas = ['"te""nant; drop"', '"{table}"', "public"]
    sql = "".join(
        f"create schema if not exists {s}; create table {s}.alembic_version (version_num varchar);"
        f"insert into {s}.alembic_version values ('{n}');"
        for n, s in enumerate(schemas)
    )
    histories, notes = await read(await make_database(sql=sql))
    found = {h.table: h.migrations[0].version for h in histories}
    assert found == {f"{s}.alembic_version": str(n) for n, s in enumerate(schemas)}
    assert notes == []


async def test_what_may_not_be_read_is_noted_and_the_rest_is_read(
    make_database: MakeDatabase, make_role: MakeRole
) -> None:
    dsn = await make_database(sql=ALEMBIC + DJANGO + RAILS)
    role = await make_role(dsn, "histories_reader")
    admin = await asyncpg.connect(dsn)
    await admin.execute(
        """
        grant select on public.schema_migrations, public.alembic_version, web.django_migrations
            to histories_reader;
        alter table public.alembic_version enable row level security;
        """
    )
    await admin.close()
    histories, notes = await read(role)
    assert [h.tool for h in histories] == ["rails"]
    assert len(notes) == 2
    assert "row-level security hides rows of the migration history" in notes[0]
    assert notes[1].startswith("no right to read the migration history web.django_migrations")


async def test_a_locked_table_is_a_migration_in_flight_and_the_rest_is_read(
    make_database: MakeDatabase,
) -> None:
    dsn = await make_database(sql=ALEMBIC + RAILS)
    admin = await asyncpg.connect(dsn)
    await admin.execute("begin; lock table alembic_version in access exclusive mode")
    notes: list[str] = []
    async with connection(dsn, lock_timeout=0.05) as reader, reading(reader):
        histories = await read_histories(reader, wanted="auto", notes=notes)
    await admin.close()
    locked = History("alembic", "public.alembic_version", (), True, "its table is locked", True)
    assert histories[0] == locked
    assert [h.tool for h in histories] == ["alembic", "rails"]
    assert notes == []


# Whether a migration is running now

ADVISORY = "its tool holds its advisory lock"
WRITTEN = "an open transaction has written to its table"
LOCKED = "its table is locked"

# As goose 3.26 makes it in lock/internal/store/postgres.go.
GOOSE_LOCK = """
create table goose_lock (lock_id bigint not null primary key, locked boolean not null default false,
    locked_at timestamptz, locked_by text, lease_expires_at timestamptz, updated_at timestamptz);
"""

# Tool, what its session has open while it migrates, and what is said. The keys are those for the
# database `shop` and tables in `public`.
AT_WORK = [
    ("flyway", "select pg_advisory_lock(77431708279161 + 2125624436)", ADVISORY),
    ("atlas", "select pg_advisory_lock(2686470616)", ADVISORY),
    ("goose", "select pg_advisory_lock(4097083626)", ADVISORY),
    ("goose", "select pg_advisory_lock(5887940537704921958)", ADVISORY),  # 3.22
    ("sqitch", "select pg_advisory_lock(75474063)", ADVISORY),
    ("sqitch", "begin; lock table changes in exclusive mode", LOCKED),
    ("rails", "select pg_advisory_lock(2053462845::int8 * {crc})", ADVISORY),
    ("prisma", "select pg_advisory_lock(72707369)", ADVISORY),
    ("node-pg-migrate", "select pg_advisory_lock(7241865325823964)", ADVISORY),
    ("ecto", "begin; lock table schema_migrations in share update exclusive mode", LOCKED),
    ("alembic", "begin; update alembic_version set version_num = version_num", WRITTEN),
    ("django", "begin; delete from django_migrations", WRITTEN),
    (
        "liquibase",
        (
            "update databasechangeloglock set locked = true, lockedby = 'ci (10.0.0.7)',"
            " lockgranted = '2026-01-02 03:04:05'"
        ),
        (
            "the lock in public.databasechangeloglock is held by ci (10.0.0.7)"
            " since 2026-01-02 03:04:05"
        ),
    ),
    (
        "knex",
        "update knex_migrations_lock set is_locked = 1",
        "the lock in public.knex_migrations_lock is held",
    ),
    (
        "knex",
        "begin; update knex_migrations_lock set is_locked = 1",
        "an open transaction has written to public.knex_migrations_lock",
    ),
    (
        "goose",
        (
            f"{GOOSE_LOCK} insert into goose_lock values"
            " (1, true, '2026-01-02 03:04:05+00', 'ci-7', now() + interval '1 h')"
        ),
        "the lock in public.goose_lock is held by ci-7 since 2026-01-02 03:04:05+00",
    ),
]


async def test_a_tool_at_work_is_seen_by_its_lock(make_database: MakeDatabase) -> None:
    """One after another in one database, each in the schema of everybody."""
    dsn = await make_database()
    name = dsn.rpartition("/")[2].partition("?")[0]
    tool = await asyncpg.connect(dsn)
    for called, sql, said in AT_WORK:
        await tool.execute("drop schema public cascade; create schema public")
        await tool.execute(BY_TOOL[called])
        (before,), _ = await read(dsn)
        await tool.execute(sql.format(crc=crc32(name.encode())))
        (busy,), notes = await read(dsn)
        assert (busy.tool, notes) == (called, [])
        assert said in busy.in_flight, called
        assert said not in before.in_flight, called
        assert busy.migrations == before.migrations
        await tool.execute("rollback; select pg_advisory_unlock_all()")
        (after,), _ = await read(dsn)
        assert after.in_flight == before.in_flight or not sql.startswith(("begin", "select"))
    await tool.close()


# golang-migrate's driver pgx makes such a table when it is told `x-lock-strategy=table`.
BY_ROW = "create table schema_lock (lock_id bigint primary key); insert into schema_lock values (1)"


@pytest.mark.parametrize(
    ("called", "took", "said", "began"),
    [
        ("golang-migrate", keys.golang_migrate, ADVISORY, "7"),
        # From its command line the path of a URL is the database's name.
        ("golang-migrate", lambda place: keys.golang_migrate(place)[3:], ADVISORY, "7"),
        ("golang-migrate", BY_ROW, "the lock in public.schema_lock is held", "7"),
        ("sqlx", keys.sqlx, ADVISORY, "2"),
    ],
    ids=["golang-migrate", "its command line", "its table", "sqlx"],
)
async def test_what_began_is_running_while_the_lock_is_held_and_has_failed_without(
    make_database: MakeDatabase,
    called: str,
    took: str | Callable[[Place], tuple[int, ...]],
    said: str,
    began: str,
) -> None:
    dsn = await make_database(sql=BY_TOOL[called])
    name = dsn.rpartition("/")[2].partition("?")[0]
    (failed,), _ = await read(dsn)
    assert (failed.migrations[-1].failed, failed.in_flight) == (True, "")
    tool = await asyncpg.connect(dsn)
    if isinstance(took, str):
        await tool.execute(took)
    else:
        key = took(Place(name, "public", "schema_migrations"))[0]
        await tool.execute(f"select pg_advisory_lock({key})")
    (running,), _ = await read(dsn)
    assert (running.migrations[-1].begun, running.migrations[-1].failed) == (True, False)
    assert running.in_flight == f"{said}; {began} began and has not ended"
    await tool.close()


@pytest.mark.parametrize(
    ("called", "sql"),
    [
        (
            "goose",
            (
                f"{GOOSE_LOCK} insert into goose_lock values"
                " (1, true, now(), 'gone', now() - interval '1 s'), (2, false, null, null, null)"
            ),
        ),
        (
            "golang-migrate",
            "create table schema_lock (door text); insert into schema_lock values ('x')",
        ),
    ],
    ids=["the lease ran out", "somebody else's table"],
)
async def test_a_row_that_is_no_lock_holds_nothing(
    make_database: MakeDatabase, called: str, sql: str
) -> None:
    (found,), notes = await read(await make_database(sql=BY_TOOL[called] + sql))
    assert (found.in_flight, notes) == ("", [])


async def test_a_table_that_nobody_can_read_now_is_not_waited_for(
    make_database: MakeDatabase,
) -> None:
    """So do Entity Framework Core 9 and later hold theirs; the reader would time out."""
    dsn = await make_database(sql=BY_TOOL["ef-core"])
    tool = await asyncpg.connect(dsn)
    await tool.execute('begin; lock table "__EFMigrationsHistory" in access exclusive mode')
    notes: list[str] = []
    async with connection(dsn, lock_timeout=600, statement_timeout=600) as reader, reading(reader):
        async with asyncio.timeout(120):
            (found,) = await read_histories(reader, wanted="auto", notes=notes)
    await tool.close()
    assert (found.migrations, found.in_flight, found.unread) == ((), LOCKED, True)


async def test_maintenance_and_the_locks_of_others_are_no_migration(
    make_database: MakeDatabase,
) -> None:
    dsn = await make_database(sql=BY_TOOL["prisma"] + BY_TOOL["rails"])
    other = await asyncpg.connect(await make_database())
    here = await asyncpg.connect(dsn)
    # The same key in another database, in the space of two halves, and one of somebody else.
    await other.execute("select pg_advisory_lock(72707369)")
    await here.execute("select pg_advisory_lock(0, 72707369), pg_advisory_lock(72707370)")
    # A backup, and a reader who is slow.
    await here.execute("begin; select * from schema_migrations")
    histories, _ = await read(dsn)
    await other.close()
    await here.close()
    assert [h.in_flight for h in histories] == ["4_running began and has not ended", ""]


async def test_a_lock_that_cannot_be_read_is_noted_and_the_history_is_read(
    make_database: MakeDatabase, make_role: MakeRole
) -> None:
    dsn = await make_database(sql=BY_TOOL["liquibase"])
    role = await make_role(dsn, "changelog_reader")
    admin = await asyncpg.connect(dsn)
    await admin.execute("grant select on databasechangelog to changelog_reader")
    await admin.close()
    (found,), notes = await read(role)
    assert len(found.migrations) == 5
    assert notes == [
        (
            "whether Liquibase is at work is not known: GRANT SELECT ON public.databasechangeloglock"
            " to the role that watches"
        )
    ]


async def test_a_lock_given_back_without_a_commit_is_seen_to_be_free(
    make_database: MakeDatabase,
) -> None:
    dsn = await make_database(sql=BY_TOOL["rails"])
    name = dsn.rpartition("/")[2].partition("?")[0]
    source = Source(lambda: dsn)
    tool = await asyncpg.connect(dsn)
    await tool.execute(f"select pg_advisory_lock(2053462845::int8 * {crc32(name.encode())})")
    first = await source.read(Book("production"))
    book = Book("production", snapshot=first.snapshot, gate=first.gate, histories=first.histories)
    assert [h.in_flight for h in first.histories] == [ADVISORY]
    await tool.execute("select pg_advisory_unlock_all()")
    second = await source.read(book)
    await source.close()
    await tool.close()
    assert [h.in_flight for h in second.histories] == [""]
