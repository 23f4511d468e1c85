"""Nothing is skipped in silence: what this release does not know of a server, and what it knows."""

from __future__ import annotations

from dataclasses import replace

import pytest

from pgdrift.core import coverage
from pgdrift.core.catalogs import CATALOGS, Catalog
from pgdrift.core.coverage import Fate, columns_of
from pgdrift.core.kinds import KINDS
from pgdrift.sources.catalog import read_catalog, snapshot
from pgdrift.sources.connection import connection, reading
from pgdrift.sources.embedded import EmbeddedServer
from pgdrift.sources.held import HELD
from pgdrift.sources.unknown import LETTERS, Unknown, read_unknown
from tests.conftest import Execute, MakeDatabase, MakeRole

_CATALOG_COLUMNS = """
SELECT c.relname || '.' || a.attname
  FROM pg_catalog.pg_class c JOIN pg_catalog.pg_attribute a ON a.attrelid = c.oid
 WHERE c.relnamespace = 'pg_catalog'::regnamespace AND c.relkind = 'r'
   AND a.attnum > 0 AND NOT a.attisdropped
"""

# One of each that a plain script can make: what is counted where its kind is not read.
WORLD = """
CREATE SCHEMA own;
CREATE TYPE e AS ENUM ('x');
CREATE TYPE c AS (a int);
CREATE TYPE r AS RANGE (subtype = float8);
CREATE DOMAIN d AS int;
CREATE TABLE t (a int CONSTRAINT c CHECK (a > 0));
CREATE INDEX i ON t (a);
CREATE RULE ru AS ON DELETE TO t DO INSTEAD NOTHING;
CREATE POLICY p ON t;
CREATE VIEW v AS SELECT 1 AS a;
CREATE MATERIALIZED VIEW m AS SELECT 1 AS a;
CREATE SEQUENCE q;
CREATE FUNCTION f() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NULL; END';
CREATE PROCEDURE pr() LANGUAGE sql AS 'SELECT 1';
CREATE TRIGGER tr AFTER INSERT ON t EXECUTE FUNCTION f();
CREATE AGGREGATE g(int) (SFUNC = int4pl, STYPE = int);
CREATE FOREIGN DATA WRAPPER w;
CREATE SERVER s FOREIGN DATA WRAPPER w;
CREATE USER MAPPING FOR PUBLIC SERVER s;
"""


async def _unknown(dsn: str, *less: str, unread: str = "") -> Unknown:
    """Return what is unknown where these kinds are not read; `unread` is not for want of a right."""
    async with connection(dsn) as session, reading(session):
        found = await read_catalog(session)
        known = replace(
            found, kinds=found.kinds - set(less), unread=dict.fromkeys(unread.split(), "denied")
        )
        return await read_unknown(session, known)


@pytest.mark.db
async def test_every_column_of_every_catalog_is_accounted_for(
    database: str, server: EmbeddedServer
) -> None:
    async with connection(database) as session:
        there = {row[0] for row in await session.fetch(_CATALOG_COLUMNS)}
    told = {
        f"{column.catalog}.{column.name}": column.fate
        for catalog in CATALOGS
        for column in columns_of(catalog, KINDS)
        if column.on(server.major)
    }
    assert told.keys() == there
    assert [name for name, fate in told.items() if fate is Fate.UNREAD] == []


def test_a_column_that_a_kind_no_longer_reads_is_noticed() -> None:
    without = [k for k in KINDS if k.name != "policy"]
    policy = next(c for c in CATALOGS if c.name == "pg_policy")
    unread = [c.name for c in columns_of(policy, without) if c.fate is Fate.UNREAD]
    assert unread == ["polname", "polcmd", "polpermissive", "polroles", "polqual", "polwithcheck"]


def test_what_is_said_to_be_left_out_is_not_compared_after_all() -> None:
    # Where names are not unique to one catalog, a word in the SQL says nothing.
    shared = {"oid", "objid", "refobjid", "label"}
    lies = [
        f"{c.catalog}.{c.name}: {kind.name}"
        for catalog in CATALOGS
        for c in columns_of(catalog, KINDS)
        for kind in KINDS
        if c.fate is Fate.OUT and c.name in coverage.read_words(kind) - shared
    ]
    assert lies == []


def test_no_row_of_a_catalog_names_a_column_that_it_has_not() -> None:
    for catalog in CATALOGS:
        names = {c.name for c in columns_of(catalog, ())}
        lists = (catalog.joins, *catalog.through.values(), *catalog.out.values())
        assert {n for names_ in lists for n in names_.split()} - {"*"} <= names, catalog.name


@pytest.mark.db
async def test_a_server_that_is_known_holds_nothing_unknown(
    make_database: MakeDatabase, make_role: MakeRole
) -> None:
    plain = await make_role(dsn := await make_database(sql="CREATE TABLE t (a text)"))
    assert await _unknown(dsn) == Unknown()
    assert await _unknown(plain) == Unknown()


@pytest.mark.db
async def test_new_catalogs_and_columns_are_counted_and_named(
    database: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def forgetful() -> tuple[Catalog, ...]:
        rows = (c for c in CATALOGS if c.name != "pg_range")
        return tuple(replace(c, columns=c.columns.replace(" polcmd", "")) for c in rows)

    monkeypatch.setattr(coverage, "CATALOGS", forgetful())
    found = await _unknown(database)
    assert found.counts == {"catalog": 1, "catalog_column": 1}
    assert [note.rpartition(": ")[2] for note in found.notes] == ["pg_range", "pg_policy.polcmd"]


@pytest.mark.db
async def test_letters_that_nobody_knows_are_counted_and_named(
    make_database: MakeDatabase,
) -> None:
    dsn = await make_database(
        sql="""CREATE TABLE t (a int); CREATE POLICY p ON t; CREATE POLICY p2 ON t;
               CREATE FUNCTION f() RETURNS int LANGUAGE sql AS 'SELECT 1';
               UPDATE pg_policy SET polcmd = 'z'; UPDATE pg_proc SET prokind = 'Y'
                WHERE proname = 'f' AND pronamespace = 'public'::regnamespace;"""
    )
    found = await _unknown(dsn)
    assert found.counts == {"unknown_policy": 2, "unknown_routine": 1}
    assert "not known to this release: 'z' in pg_policy.polcmd, 2 times" in found.notes
    assert "not known to this release: 'Y' in pg_proc.prokind, 1 times" in found.notes


@pytest.mark.db
async def test_every_letter_is_asked_of_a_column_that_is_there(
    database: str, server: EmbeddedServer
) -> None:
    async with connection(database) as session:
        there = {row[0] for row in await session.fetch(_CATALOG_COLUMNS)}
    asked = {f"{row.catalog}.{row.column}" for row in LETTERS if row.since <= server.major}
    assert asked <= there


@pytest.mark.db
async def test_what_is_done_to_the_systems_own_schemas_is_counted(
    database: str, execute: Execute
) -> None:
    await execute(
        database,
        """CREATE FUNCTION pg_catalog.mine() RETURNS int LANGUAGE sql AS 'SELECT 1';
           CREATE DOMAIN information_schema.mine AS int;
           REVOKE EXECUTE ON FUNCTION pg_catalog.pg_sleep(float8) FROM PUBLIC;
           GRANT SELECT ON pg_catalog.pg_statistic TO pg_monitor;""",
    )
    assert (await _unknown(database)).counts == {"in_system_schema": 2, "system_privilege": 2}


def test_every_kind_of_a_database_is_counted_where_it_is_not_read() -> None:
    assert HELD.keys() == {k.name for k in KINDS if not k.cluster}


@pytest.mark.db
async def test_what_is_there_of_kinds_that_were_not_read_is_counted(
    make_database: MakeDatabase, make_role: MakeRole
) -> None:
    dsn = await make_database(sql=WORLD)
    for who in (dsn, await make_role(dsn)):
        async with connection(who) as session:
            found = await snapshot(session)
        counts = (await _unknown(who, *found.kinds)).counts
        assert {i.kind for i in found.objects} <= counts.keys()
        assert (counts["policy"], counts["trigger"], counts["column"]) == (1, 1, 1)
    assert (await _unknown(dsn, "policy")).counts == {"policy": 1}
    # What the role may not read is told as unread, and not counted as well.
    assert (await _unknown(dsn, "policy", unread="policy")).counts == {}
