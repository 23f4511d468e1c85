"""What moved is read alone, with all whose printed text is another by it: one way after another."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from pgdrift.core.book import Book
from pgdrift.sources.reading import read_once
from tests.conftest import Execute, MakeDatabase
from tests.properties.ddl import SCENE
from tests.properties.same import KEY, assert_same, exactly, followed

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
"""


@pytest.fixture(autouse=True)
def _exactly() -> Iterator[None]:
    with exactly():
        yield


# What a change of the one does to the text of another, on which nothing else says that it moved.
WAYS = """
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
    found = await source.read(Book("", snapshot=found.snapshot, gate=found.gate, key=KEY))
    await source.close()
    assert found.depth == "full"
