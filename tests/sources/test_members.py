"""What people do to what belongs to an extension is told, or at least counted."""

from __future__ import annotations

from urllib.parse import urlsplit

import asyncpg
import pytest

from pgdrift.core.compare import compare
from pgdrift.core.model import ObjectId
from pgdrift.sources.catalog import count_not_compared, snapshot
from pgdrift.sources.connection import connect, connection, reading
from tests.conftest import Execute, MakeDatabase, MakeRole

pytestmark = pytest.mark.db

# Members of an extension with what its script left them: the functions of pg_stat_statements are
# closed to PUBLIC, its views are open.
SCENE = """
CREATE EXTENSION pg_stat_statements;
CREATE TABLE t (id int, n int);
CREATE VIEW v AS SELECT id FROM t;
CREATE TYPE e AS ENUM ('a');
CREATE SEQUENCE q;
CREATE SCHEMA made;
CREATE FUNCTION m() RETURNS int LANGUAGE sql AS 'SELECT 1';
CREATE FOREIGN DATA WRAPPER w;
CREATE SERVER s FOREIGN DATA WRAPPER w;
CREATE TYPE b;
CREATE FUNCTION b_in(cstring) RETURNS b LANGUAGE internal IMMUTABLE STRICT AS 'int4in';
CREATE FUNCTION b_out(b) RETURNS cstring LANGUAGE internal IMMUTABLE STRICT AS 'int4out';
CREATE TYPE b (INPUT = b_in, OUTPUT = b_out, LIKE = int4);
ALTER EXTENSION pg_stat_statements ADD FOREIGN DATA WRAPPER w;
ALTER EXTENSION pg_stat_statements ADD SERVER s;
ALTER EXTENSION pg_stat_statements ADD TYPE b;
ALTER EXTENSION pg_stat_statements ADD FUNCTION b_in(cstring);
ALTER EXTENSION pg_stat_statements ADD FUNCTION b_out(b);
ALTER EXTENSION pg_stat_statements ADD FUNCTION m();
ALTER EXTENSION pg_stat_statements ADD TABLE t;
ALTER EXTENSION pg_stat_statements ADD VIEW v;
ALTER EXTENSION pg_stat_statements ADD TYPE e;
ALTER EXTENSION pg_stat_statements ADD SEQUENCE q;
ALTER EXTENSION pg_stat_statements ADD SCHEMA made;
CREATE FUNCTION f() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NEW; END';
"""

# What is done to a member → kind and name of what is told, and what is held then.
TOLD = {
    "GRANT SELECT ON t TO {r}": ("privilege:public.t.{r}", ["SELECT"]),
    "GRANT SELECT (n) ON t TO {r}": ("column_privilege:public.t.n.{r}", ["SELECT"]),
    "GRANT SELECT ON v TO {r} WITH GRANT OPTION": (
        "privilege:public.v.{r}",
        ["SELECT WITH GRANT OPTION"],
    ),
    "REVOKE SELECT ON pg_stat_statements FROM PUBLIC": (
        'privilege:public.pg_stat_statements."PUBLIC"',
        [],
    ),
    "GRANT USAGE ON SEQUENCE q TO {r}": ("privilege:public.q.{r}", ["USAGE"]),
    "REVOKE ALL ON SEQUENCE q FROM postgres": ("privilege:public.q.postgres", []),
    "REVOKE USAGE ON TYPE e FROM PUBLIC": ('type_privilege:public.e."PUBLIC"', []),
    "GRANT CREATE ON SCHEMA made TO {r}": ("schema_privilege:made.{r}", ["CREATE"]),
    "GRANT EXECUTE ON FUNCTION m() TO {r}": ("routine_privilege:public.m.{r}()", ["EXECUTE"]),
    "GRANT USAGE ON FOREIGN DATA WRAPPER w TO {r}": (
        "foreign_data_wrapper_privilege:w.{r}",
        ["USAGE"],
    ),
    "GRANT USAGE ON FOREIGN SERVER s TO PUBLIC": ('foreign_server_privilege:s."PUBLIC"', ["USAGE"]),
    "REVOKE USAGE ON TYPE b FROM PUBLIC": ('type_privilege:public.b."PUBLIC"', []),
    "REVOKE EXECUTE ON FUNCTION m() FROM PUBLIC": ('routine_privilege:public.m."PUBLIC"()', []),
}
SILENT = (
    "GRANT SELECT ON t TO {r}; REVOKE SELECT ON t FROM {r}",
    "REVOKE USAGE ON TYPE e FROM PUBLIC; GRANT USAGE ON TYPE e TO PUBLIC",
    "GRANT SELECT ON pg_stat_statements TO PUBLIC",
)


async def test_rights_to_members_are_told_where_they_are_not_as_the_extension_left_them(
    make_database: MakeDatabase, make_role: MakeRole
) -> None:
    role = urlsplit(await make_role(dsn := await make_database(sql=SCENE))).username
    reader, writer = await connect(dsn), await asyncpg.connect(dsn)
    before = await snapshot(reader)
    assert not [i for i in before.objects if "stat" in i.name and i.kind != "extension"]
    extension = ObjectId("extension", ("pg_stat_statements",))
    for sql, (name, held) in TOLD.items():
        await writer.execute(f"BEGIN; {sql.format(r=role)}; COMMIT")
        after = await snapshot(reader)
        (change,) = compare(before, after).changes
        found = after.objects[change.id]
        assert (str(change.id), found.parent) == (name.format(r=role), extension)
        assert found.attributes == {"privileges": held}
        before = after
    await reader.close()
    await writer.close()


async def test_rights_that_come_and_go_again_are_silent(
    make_database: MakeDatabase, make_role: MakeRole, execute: Execute
) -> None:
    role = urlsplit(await make_role(dsn := await make_database(sql=SCENE))).username
    async with connection(dsn) as reader:
        before = await snapshot(reader)
        for sql in SILENT:
            await execute(dsn, sql.format(r=role))
            assert (await snapshot(reader)).root == before.root, sql


async def test_what_is_hung_on_a_member_is_counted(
    make_database: MakeDatabase, execute: Execute
) -> None:
    dsn = await make_database(sql=SCENE)
    async with connection(dsn) as reader:
        async with reading(reader):
            assert await count_not_compared(reader) == {}
        await execute(
            dsn,
            """CREATE TRIGGER g BEFORE INSERT ON t FOR EACH ROW EXECUTE FUNCTION f();
               CREATE POLICY y ON t USING (true);
               CREATE RULE r AS ON DELETE TO t DO INSTEAD NOTHING;
               CREATE INDEX i ON t (id);
               CREATE INDEX j ON t (n);
               CREATE STATISTICS st ON id, n FROM t;
               CREATE FUNCTION less(int, text) RETURNS int LANGUAGE sql IMMUTABLE AS 'SELECT 1';
               ALTER OPERATOR FAMILY pg_catalog.integer_ops USING btree
                   ADD FUNCTION 1 (int, text) less(int, text);
               ALTER TABLE t ADD CONSTRAINT c CHECK (n > 0);""",
        )
        async with reading(reader):
            assert await count_not_compared(reader) == {
                "extension_member_constraint": 1,
                "extension_member_index": 2,
                "extension_member_policy": 1,
                "extension_member_rule": 1,
                "extension_member_statistics": 1,
                "extension_member_trigger": 1,
                "operator_family_function": 1,
            }
        async with reading(reader):
            assert await count_not_compared(reader, ["public"]) == {"operator_family_function": 1}
