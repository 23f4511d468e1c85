"""What moved is read alone, with all whose printed text is another by it: one way after another."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from pgdrift.core.book import Book
from pgdrift.core.kinds import KINDS
from pgdrift.sources import gate
from pgdrift.sources.catalog import read_with_register
from pgdrift.sources.connection import connection, reading
from pgdrift.sources.needed import needed
from pgdrift.sources.query import WITH, query
from pgdrift.sources.reading import read_once
from pgdrift.sources.touched import touched
from tests.conftest import Execute, MakeDatabase
from tests.properties.ddl import SCENE
from tests.properties.same import KEY, assert_same, exactly, followed, left_by

pytestmark = [pytest.mark.db, pytest.mark.timeout(600)]

MORE = """
CREATE TYPE public.pair AS (x int, y int);
CREATE FUNCTION public.add(a public.pair[], b int) RETURNS public.pair[] LANGUAGE sql AS 'SELECT $1';
CREATE AGGREGATE public.gather (int) (sfunc = public.add, stype = public.pair[]);
CREATE TABLE public.counted (n int GENERATED ALWAYS AS IDENTITY, big text, owned serial);
CREATE TABLE public.target (id int CONSTRAINT target_key PRIMARY KEY, a text);
CREATE TABLE public.pointing (id int REFERENCES public.target);
CREATE RULE upsert AS ON INSERT TO public.pointing DO ALSO
    INSERT INTO public.target VALUES (new.id) ON CONFLICT ON CONSTRAINT target_key DO NOTHING;
CREATE VIEW s.calls AS SELECT 1 AS one FROM public.made();
CREATE TYPE s.span AS RANGE (subtype = int);
CREATE TABLE s.spans (of s.span, many s.span[]);
CREATE TYPE public.mood AS ENUM ('x', 'y');
CREATE TYPE public.felt AS (m public.mood);
CREATE TABLE public.feeling (f public.felt DEFAULT '(x)'::public.felt);
CREATE SCHEMA named;
CREATE COLLATION named.c FROM "C";
CREATE TABLE public.collated (a text COLLATE named.c);
"""


@pytest.fixture(autouse=True)
def _exactly() -> Iterator[None]:
    with exactly():
        yield


# What a change of the one does to the text of another, on which nothing else says that it moved.
WAYS = """
ALTER TYPE public.mood RENAME VALUE 'x' TO 'z'
ALTER TYPE public.pair RENAME TO couple
ALTER TABLE public.target RENAME CONSTRAINT target_key TO the_key
ALTER TABLE public.target DISABLE TRIGGER ALL
ALTER TABLE public.target RENAME COLUMN id TO number
ALTER TABLE public.target RENAME TO aim
COMMENT ON SEQUENCE public.counted_n_seq IS 'counts'
ALTER SEQUENCE public.counted_n_seq RENAME TO counter
ALTER TABLE public.counted RENAME COLUMN owned TO had
ALTER TABLE public.counted SET (toast.autovacuum_enabled = false)
ALTER TYPE public.c ADD ATTRIBUTE z int
ALTER TYPE public.c RENAME ATTRIBUTE x TO w
ALTER FUNCTION public.f(int) RENAME TO ff
ALTER TYPE s.span RENAME TO extent
ALTER INDEX s.by_a RENAME TO by_b
COMMENT ON INDEX s.part_pkey IS 'of a part'
ALTER TABLE s.parted DETACH PARTITION s.part
ALTER SCHEMA s RENAME TO t
ALTER DOMAIN public.d RENAME CONSTRAINT d_check TO checked
DROP FUNCTION public.made() CASCADE
DROP TABLE public.t CASCADE
""".strip().splitlines()

# After which nobody can say what else is told otherwise.
DOUBTS = """
ALTER SCHEMA named RENAME TO renamed
ALTER OPERATOR public.=== (int, int) SET SCHEMA s
CREATE FUNCTION pg_catalog.lower(public.e) RETURNS text LANGUAGE sql AS 'SELECT NULL'
CREATE EXTENSION hstore
ALTER EXTENSION hstore ADD TABLE public.t
CREATE COLLATION public.col FROM "C"
""".strip().splitlines()


@pytest.mark.parametrize(("statements", "depth"), [(WAYS, "incremental"), (DOUBTS, "full")])
async def test_each_way_from_what_moved_to_what_is_told_by_it(
    statements: list[str], depth: str, make_database: MakeDatabase, execute: Execute
) -> None:
    dsn = await make_database(sql=SCENE + MORE)
    source, depths = followed(dsn), []
    found = await source.read(Book("", key=KEY))
    for sql in statements:
        prefix = "SET allow_system_table_mods = on; " if " pg_catalog." in sql else ""
        await execute(dsn, prefix + sql)
        before = found.snapshot
        found = await source.read(Book("", snapshot=before, gate=found.gate, key=KEY))
        depths.append((sql, found.depth))
        assert_same(found, await read_once(dsn, key=KEY))
        assert found.snapshot.root != before.root or "lower(" in sql, f"it changes nothing: {sql}"
    await source.close()
    assert depths == [(sql, depth) for sql in statements]


async def test_too_much_is_read_as_a_whole(make_database: MakeDatabase, execute: Execute) -> None:
    many = "".join(f"CREATE TABLE public.many{n} (id int);" for n in range(300))
    dsn = await make_database(sql=many)
    source = followed(dsn)
    found = await source.read(Book("", key=KEY))
    await execute(dsn, many.replace("CREATE", "ALTER").replace("(id int)", "ADD a int"))
    found = await source.read(left_by(found))
    await source.close()
    assert found.depth == "full"


THROUGH_TWO = """
CREATE TYPE public.pair AS (x int, y int);
CREATE FUNCTION public.fold(a public.pair, b int) RETURNS public.pair LANGUAGE sql AS 'SELECT $1';
CREATE FUNCTION public.unfold(a public.pair) RETURNS int LANGUAGE sql AS 'SELECT 1';
CREATE AGGREGATE public.folded (int)
    (sfunc = public.fold, stype = public.pair, finalfunc = public.unfold);
"""


async def test_what_is_told_through_another_that_is_told_through_a_third(
    make_database: MakeDatabase, execute: Execute
) -> None:
    """The aggregate prints the arguments of its functions, and depends on nothing but these."""
    dsn = await make_database(sql=THROUGH_TWO)
    source = followed(dsn)
    found = await source.read(Book("", key=KEY))
    await execute(dsn, "ALTER TYPE public.pair RENAME TO couple")
    found = await source.read(left_by(found))
    await source.close()
    assert found.depth == "incremental"
    assert_same(found, await read_once(dsn, key=KEY))


TRACES = """
CREATE EXTENSION IF NOT EXISTS plpgsql;
CREATE TYPE public.range_of AS RANGE (subtype = float8);
CREATE TYPE public.shell;
CREATE TYPE public.pair AS (x int, y int);
GRANT USAGE ON TYPE public.pair TO PUBLIC;
CREATE PROCEDURE public.proceed() LANGUAGE sql AS 'SELECT 1';
CREATE AGGREGATE public.total (int) (sfunc = int4pl, stype = int);
CREATE FOREIGN DATA WRAPPER traced;
CREATE SERVER traced FOREIGN DATA WRAPPER traced;
CREATE FOREIGN TABLE public.far (a int) SERVER traced;
CREATE MATERIALIZED VIEW public.stored AS SELECT 1 AS one;
CREATE STATISTICS public.counted ON a, b FROM public.traced;
CREATE RULE ruled AS ON DELETE TO public.traced DO INSTEAD NOTHING;
CREATE POLICY guarded ON public.traced;
CREATE SEQUENCE public.counting;
GRANT SELECT ON public.traced TO PUBLIC;
GRANT SELECT (a) ON public.traced TO PUBLIC;
CREATE FUNCTION public.fired() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NULL; END';
CREATE TRIGGER fires AFTER INSERT ON public.traced EXECUTE FUNCTION public.fired();
REVOKE EXECUTE ON FUNCTION public.fired() FROM PUBLIC;
CREATE DOMAIN public.checked AS int CHECK (value > 0);
CREATE VIEW public.seen AS SELECT a FROM public.traced;
CREATE TYPE public.mood AS ENUM ('good');
"""


async def test_whatever_is_told_with_an_oid_leaves_a_trace_there(
    make_database: MakeDatabase,
) -> None:
    dsn = await make_database(
        sql=f"CREATE TABLE public.traced (a int PRIMARY KEY, b int); {TRACES}"
        " CREATE INDEX by_b ON public.traced (b)"
    )
    async with connection(dsn) as session, reading(session):
        for kind in KINDS:
            assert bool(kind.trace) == bool(kind.told_with), kind.name
            if kind.trace:
                major = session.get_server_version().major
                rows = await session.fetch(query(kind, major), [])
                assert rows, f"there is no {kind.name}"
                for oid in {row[WITH] for row in rows}:
                    trace = f"SELECT EXISTS (SELECT FROM {kind.trace})"
                    assert await session.fetchval(trace, [oid]), (kind.name, oid)


COUNTED = """
CREATE EXTENSION hstore;
CREATE TABLE public.member (a int);
ALTER EXTENSION hstore ADD TABLE public.member;
"""
COUNTS = (
    "CREATE INDEX ON public.member (a)",
    "CREATE TABLE information_schema.strange (a int)",
    "DROP TABLE information_schema.strange",
    "DROP INDEX public.member_a_idx",
)


async def test_what_is_counted_beside_is_counted_again_where_it_may_be_another(
    make_database: MakeDatabase, execute: Execute
) -> None:
    dsn = await make_database(sql=COUNTED)
    source = followed(dsn)
    found = await source.read(Book("", key=KEY))
    for sql in COUNTS:
        await execute(dsn, sql)
        before = found.not_compared
        found = await source.read(left_by(found))
        assert found.depth == "incremental", sql
        assert found.not_compared != before, sql
        assert_same(found, await read_once(dsn, key=KEY))
    await source.close()


FIRST_OF_THEM = (
    "CREATE PUBLICATION told FOR TABLE information_schema.strange",
    "ALTER TABLE information_schema.strange SET SCHEMA public",
    "CREATE EVENT TRIGGER fires ON ddl_command_end EXECUTE FUNCTION public.fired()",
    "ALTER DEFAULT PRIVILEGES IN SCHEMA public GRANT SELECT ON TABLES TO PUBLIC",
)


async def test_of_what_there_was_nothing_the_first_is_found(
    make_database: MakeDatabase, execute: Execute
) -> None:
    """A published table is the user's by where it stands, of which its publication says nothing."""
    dsn = await make_database(
        sql="CREATE FUNCTION public.fired() RETURNS event_trigger LANGUAGE plpgsql"
        " AS 'BEGIN END'; CREATE TABLE information_schema.strange (a int)"
    )
    source = followed(dsn)
    found = await source.read(Book("", key=KEY))
    for sql in FIRST_OF_THEM:
        await execute(dsn, sql)
        before = len(found.snapshot.objects)
        found = await source.read(left_by(found))
        assert found.depth == "incremental", sql
        assert len(found.snapshot.objects) > before, sql
        assert_same(found, await read_once(dsn, key=KEY))
    await source.close()


async def test_of_what_cannot_be_there_nothing_is_asked(
    make_database: MakeDatabase, execute: Execute
) -> None:
    dsn = await make_database(sql=SCENE + MORE)
    async with connection(dsn) as session:
        async with reading(session):
            before = await gate.sums(session)
            _, _, there = await read_with_register(session)
        await execute(dsn, "ALTER TABLE public.target ADD COLUMN b int")
        async with reading(session):
            now = await gate.sums(session)
            moved = now.moved(before)
            oids = await touched(session, moved, 1000)
            assert oids
            asked = await needed(session, KINDS, there, moved, now, oids)
    names = {kind.name for kind in asked.kinds}
    assert {"table", "column", "constraint", "schema"} <= names
    others = {"enum", "view", "policy", "domain", "text_search_parser", "foreign_server"}
    assert not names & others, names & others
