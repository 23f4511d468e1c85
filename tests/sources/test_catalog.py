"""One transaction, one query per kind: what comes out of it is whole, equal and nobody's secret."""

from __future__ import annotations

import json
from hashlib import sha256
from pathlib import Path

import pytest

from pgdrift.core.compare import compare
from pgdrift.core.kinds import KINDS, classes
from pgdrift.core.model import ObjectId, Snapshot
from pgdrift.sources.catalog import count_not_compared, read_catalog, snapshot
from pgdrift.sources.connection import connection, reading
from tests.conftest import Execute, MakeDatabase, MakeRole

pytestmark = pytest.mark.db

SCENARIOS = Path(__file__).parents[1] / "scenarios"

# All that the scenarios make, each in a database schema of its own name, would clash; these do not.
RICH = """
CREATE SCHEMA "own";
CREATE SCHEMA ledger;
CREATE TABLE ledger.history (id int);
CREATE TYPE own.mood AS ENUM ('sad', 'ok');
CREATE DOMAIN own.code AS varchar(10) DEFAULT 'x' CHECK (VALUE <> '');
CREATE TYPE own.pair AS (a int, b text);
CREATE TYPE own.span AS RANGE (subtype = float8);
CREATE FUNCTION own.f(a int) RETURNS int LANGUAGE sql SECURITY DEFINER AS 'SELECT $1';
CREATE FUNCTION own.t() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NULL; END';
CREATE PROCEDURE own.p(a int) LANGUAGE sql AS 'SELECT 1';
CREATE AGGREGATE own.total(int) (SFUNC = int4pl, STYPE = int);
CREATE TABLE own.parent (
    id serial PRIMARY KEY, mood own.mood NOT NULL DEFAULT 'ok', code own.code,
    g int GENERATED ALWAYS AS IDENTITY, amount money DEFAULT '1.50', at timestamptz
        DEFAULT '2026-01-01 12:00+02', span own.span, UNIQUE (g)
);
CREATE TABLE own.child (id int REFERENCES own.parent, n numeric(10, 2) CHECK (n > 0));
CREATE INDEX child_n ON own.child (n);
CREATE VIEW own.v AS SELECT id, at FROM own.parent WHERE at > '2026-01-01';
CREATE MATERIALIZED VIEW own.m AS SELECT count(*) AS c FROM own.parent;
CREATE RULE r AS ON DELETE TO own.child DO INSTEAD NOTHING;
CREATE TRIGGER g AFTER INSERT ON own.child FOR EACH ROW EXECUTE FUNCTION own.t();
CREATE POLICY y ON own.child TO pg_monitor USING (n > 1);
ALTER TABLE own.child ENABLE ROW LEVEL SECURITY;
GRANT SELECT ON own.child TO pg_monitor;
GRANT SELECT (id) ON own.parent TO PUBLIC;
GRANT USAGE ON SCHEMA own TO pg_monitor;
REVOKE EXECUTE ON FUNCTION own.f(int) FROM PUBLIC;
REVOKE USAGE ON TYPE own.mood FROM PUBLIC;
ALTER DEFAULT PRIVILEGES IN SCHEMA own GRANT SELECT ON TABLES TO pg_monitor;
CREATE FOREIGN DATA WRAPPER w;
CREATE SERVER s FOREIGN DATA WRAPPER w;
CREATE FOREIGN TABLE own.far (a int OPTIONS (key 'hunter2')) SERVER s OPTIONS (password 'hunter2');
GRANT USAGE ON FOREIGN DATA WRAPPER w TO pg_monitor;
GRANT USAGE ON FOREIGN SERVER s TO PUBLIC;
CREATE TRUSTED LANGUAGE own HANDLER plpgsql_call_handler;
GRANT USAGE ON LANGUAGE own TO pg_monitor;
CREATE ACCESS METHOD own TYPE TABLE HANDLER heap_tableam_handler;
CREATE CAST (own.mood AS int) WITH INOUT;
CREATE FUNCTION own.o(internal) RETURNS internal LANGUAGE internal STABLE AS 'pg_backend_pid';
CREATE TRANSFORM FOR own.mood LANGUAGE own (FROM SQL WITH FUNCTION own.o(internal));
CREATE CONVERSION own.conv FOR 'LATIN1' TO 'UTF8' FROM iso8859_1_to_utf8;
INSERT INTO pg_seclabel (objoid, classoid, objsubid, provider, label)
    VALUES ('own.child'::regclass, 'pg_class'::regclass, 0, 'provider', 'label');
CREATE COLLATION own.coll (locale = 'C');
CREATE STATISTICS own.stat ON id, n FROM own.child;
CREATE TYPE own.shell;
CREATE OPERATOR own.=== (FUNCTION = int4eq, LEFTARG = int, RIGHTARG = int);
CREATE OPERATOR FAMILY own.family USING gist;
CREATE OPERATOR CLASS own.class FOR TYPE own.mood USING gist FAMILY own.family AS STORAGE int;
CREATE TEXT SEARCH PARSER own.words (
    START = prsd_start, GETTOKEN = prsd_nexttoken, END = prsd_end, LEXTYPES = prsd_lextype
);
CREATE TEXT SEARCH TEMPLATE own.plain (INIT = dsimple_init, LEXIZE = dsimple_lexize);
CREATE TEXT SEARCH DICTIONARY own.dictionary (TEMPLATE = own.plain);
CREATE TEXT SEARCH CONFIGURATION own.search (PARSER = own.words);
ALTER TEXT SEARCH CONFIGURATION own.search ADD MAPPING FOR word WITH own.dictionary;
CREATE PUBLICATION pub FOR TABLE own.child;
CREATE SUBSCRIPTION sub CONNECTION 'host=nowhere password=hunter2' PUBLICATION pub
    WITH (connect = false);
DO $$
BEGIN
    EXECUTE format('ALTER DATABASE %I SET app.secret = ''hunter2''', current_database());
    EXECUTE format('ALTER ROLE postgres IN DATABASE %I SET work_mem = ''8MB''', current_database());
END $$;
COMMENT ON TABLE own.child IS 'a comment';
"""

# Of its options the server tells a plain role nothing.
MAP = "CREATE USER MAPPING FOR PUBLIC SERVER s OPTIONS (password 'hunter2');"
MAPPING = ObjectId("user_mapping", ("s", "PUBLIC"))


async def _snapshot(dsn: str, *exclude: str) -> Snapshot:
    async with connection(dsn) as session:
        return await snapshot(session, exclude_schemas=exclude)


async def test_a_role_that_may_only_connect_sees_what_the_superuser_sees(
    make_database: MakeDatabase, make_role: MakeRole, execute: Execute
) -> None:
    dsn = await make_database(sql=RICH + MAP)
    plain = await make_role(dsn)
    await execute(dsn, "REVOKE ALL ON SCHEMA public FROM PUBLIC")

    mine, theirs = await _snapshot(dsn), await _snapshot(plain)

    assert not theirs.unread
    assert compare(mine, theirs).changes == ()
    one, other = ({i: o for i, o in s.objects.items() if i != MAPPING} for s in (mine, theirs))
    assert one == other
    assert "options" in mine.objects[MAPPING].attributes
    assert "options" not in theirs.objects[MAPPING].attributes
    assert mine.dependencies == theirs.dependencies
    # The scenarios prove each kind; this proves that none of them hides from a plain role. (Those
    # of the cluster have test_cluster.py; not all majors can publish a schema.)
    shown = {k.name for k in KINDS if not k.cluster} - {"event_trigger", "publication_schema"}
    assert {i.kind for i in theirs.objects} >= shown


async def test_what_is_not_compared_is_counted_as_a_plain_role_too(
    make_database: MakeDatabase, make_role: MakeRole
) -> None:
    plain = await make_role(dsn := await make_database(sql=RICH + MAP))
    for who in (dsn, plain):
        hidden = {"user_mapping_options": 1} if who == plain else {}
        async with connection(who) as session, reading(session):
            assert await count_not_compared(session) == hidden


async def test_what_a_session_is_set_to_does_not_change_what_is_read(
    make_database: MakeDatabase, make_role: MakeRole, execute: Execute
) -> None:
    dsn = await make_database(sql=RICH)
    before = await _snapshot(dsn)
    odd = await make_role(dsn)
    user = odd.split("//")[1].split(":")[0]
    for setting in (
        "search_path = own, public",
        "datestyle = 'German'",
        "timezone = 'Asia/Kolkata'",
        "quote_all_identifiers = on",
        "extra_float_digits = -15",
        "bytea_output = 'escape'",
    ):
        await execute(dsn, f"ALTER ROLE {user} SET {setting}")
    assert (await _snapshot(odd)).root == before.root


async def test_schemas_that_are_left_out_go_with_all_that_is_in_them(
    make_database: MakeDatabase, execute: Execute
) -> None:
    dsn = await make_database(
        sql=RICH
        + """CREATE FUNCTION ledger.note() RETURNS event_trigger LANGUAGE plpgsql
                AS 'BEGIN END';
             CREATE EVENT TRIGGER noted ON ddl_command_end EXECUTE FUNCTION ledger.note();"""
    )
    names = [str(i) for i in (await _snapshot(dsn, "ledger")).objects]
    assert not [n for n in names if "ledger" in n or "noted" in n]
    assert "table:own.child" in names
    assert "event_trigger:noted" in [str(i) for i in (await _snapshot(dsn)).objects]


async def test_temporary_objects_and_system_schemas_are_not_read(
    make_database: MakeDatabase,
) -> None:
    dsn = await make_database()
    async with connection(dsn) as session:
        await session.execute(
            "BEGIN READ WRITE; CREATE TEMP TABLE x (a serial PRIMARY KEY); COMMIT"
        )
        found = await snapshot(session)
    names = {i.name for i in found.objects if not i.kind.startswith("database")}
    assert names <= {"public", 'public."PUBLIC"', "plpgsql"}


async def test_what_belongs_to_an_extension_is_told_by_the_extension_alone(
    make_database: MakeDatabase, execute: Execute
) -> None:
    dsn = await make_database(
        sql="""CREATE TABLE t (a int);
               CREATE SCHEMA made; CREATE TABLE made.mine (a int);
               CREATE FUNCTION f() RETURNS int LANGUAGE sql AS 'SELECT 1';
               ALTER EXTENSION plpgsql ADD TABLE t;
               ALTER EXTENSION plpgsql ADD FUNCTION f();
               ALTER EXTENSION plpgsql ADD SCHEMA made;"""
    )
    found = await _snapshot(dsn)
    names = {str(i) for i in found.objects}
    assert not [n for n in names if ".t" in n or ".f" in n or n == "schema:made"]
    # What the user has put into an extension's schema is the user's.
    mine = ObjectId("table", ("made", "mine"))
    assert found.objects[mine].parent is None
    assert "column:made.mine.a" in names


async def test_grantees_are_told_apart_however_they_are_named(
    make_database: MakeDatabase, make_role: MakeRole, execute: Execute
) -> None:
    dsn = await make_database(sql="CREATE TABLE t (a int)")
    for name in ("PUBLIC", '"PUBLIC"', "<!channel>"):
        await make_role(dsn, name)
    await execute(
        dsn,
        'GRANT SELECT ON t TO "PUBLIC"; GRANT UPDATE ON t TO """PUBLIC""";'
        'GRANT INSERT ON t TO PUBLIC; GRANT DELETE ON t TO "<!channel>";',
    )
    found = await _snapshot(dsn)
    privileges = {
        i.path[2]: o.attributes["privileges"]
        for i, o in found.objects.items()
        if i.kind == "privilege"
    }
    assert privileges == {
        "PUBLIC": ["INSERT"],
        '"PUBLIC"': ["SELECT"],
        '""PUBLIC""': ["UPDATE"],
        "<!channel>": ["DELETE"],
    }


async def test_option_values_of_foreign_data_are_seen_to_change_and_not_seen(
    make_database: MakeDatabase, execute: Execute
) -> None:
    dsn = await make_database(sql=RICH)
    before = await _snapshot(dsn)
    async with connection(dsn) as session:
        assert compare(before, await snapshot(session, key=b"another")).changes == ()
    await execute(dsn, "ALTER FOREIGN TABLE own.far OPTIONS (SET password 'hunter3')")
    after = await _snapshot(dsn)
    (change,) = compare(before, after).changes
    assert (str(change.id), list(change.attributes)) == ("foreign_table:own.far", ["options"])
    for side in (before, after):
        told = repr(side.objects)
        assert "hunter" not in told
        assert sha256(b"hunter2").hexdigest()[:8] not in told


async def test_dependencies_are_told_between_objects_that_people_know(
    make_database: MakeDatabase,
) -> None:
    found = await _snapshot(await make_database(sql=RICH + MAP))
    told = {(str(a), str(b)) for a, b in found.dependencies}
    assert {
        ("view:own.v", "column:own.parent.at"),
        ("materialized_view:own.m", "table:own.parent"),
        ("column:own.parent.id", "sequence:own.parent_id_seq"),
        ("column:own.parent.mood", "enum:own.mood"),
        ("constraint:own.child.child_id_fkey", "constraint:own.parent.parent_pkey"),
        ("trigger:own.child.g", "function:own.t()"),
        ("index:own.child_n", "column:own.child.n"),
        ("foreign_table:own.far", "foreign_server:s"),
        ("foreign_server:s", "foreign_data_wrapper:w"),
        ('user_mapping:s."PUBLIC"', "foreign_server:s"),
        ('cast:"own.mood"."integer"', "enum:own.mood"),
        ('transform:"own.mood".own', "language:own"),
        ('transform:"own.mood".own', "function:own.o(internal)"),
        ("collation:own.coll", "schema:own"),
        ("conversion:own.conv", "schema:own"),
        ("base_type:own.shell", "schema:own"),
        ('operator:own."==="(integer, integer)', "schema:own"),
        ("operator_class:own.class.gist", "operator_family:own.family.gist"),
        ("operator_class:own.class.gist", "enum:own.mood"),
        ("text_search_configuration:own.search", "text_search_parser:own.words"),
        ("text_search_configuration:own.search", "text_search_dictionary:own.dictionary"),
        ("text_search_dictionary:own.dictionary", "text_search_template:own.plain"),
        ("statistics:own.stat", "column:own.child.n"),
        ("publication_table:pub.own.child", "table:own.child"),
        ("publication_table:pub.own.child", "publication:pub"),
    } <= told
    assert all(a != b and {a, b} <= found.objects.keys() for a, b in found.dependencies)
    assert list(found.dependencies) == sorted(set(found.dependencies))


async def test_a_kind_that_may_not_be_read_is_unread_and_so_is_what_belongs_to_it(
    make_database: MakeDatabase, make_role: MakeRole, execute: Execute
) -> None:
    plain = await make_role(dsn := await make_database(sql=RICH))
    await execute(dsn, "REVOKE SELECT ON pg_catalog.pg_am FROM PUBLIC")
    found = await _snapshot(plain)
    # Tables and materialized views name their access method.
    assert {"table", "materialized_view", "column", "constraint"} <= found.unread.keys()
    assert "pg_am" in found.unread["table"]
    assert not found.unread.keys() & found.kinds
    assert {i.kind for i in found.objects} <= found.kinds
    assert {"schema", "function", "sequence"} & found.kinds == {"schema", "function"}
    assert not [o for o in found.objects.values() if o.parent and o.parent not in found.objects]


async def test_a_snapshot_is_one_instant_however_long_it_takes(
    make_database: MakeDatabase, execute: Execute
) -> None:
    dsn = await make_database(sql="CREATE TABLE t (a int)")
    async with connection(dsn) as session, reading(session):
        await session.fetchval("SELECT 1")
        await execute(dsn, "CREATE TABLE later (a int)")
        found = await read_catalog(session)
    assert [i.name for i in found.objects if i.kind == "table"] == ["public.t"]


async def test_values_are_json_in_their_one_form(make_database: MakeDatabase) -> None:
    found = await _snapshot(await make_database(sql=RICH))
    for o in found.objects.values():
        assert json.loads(json.dumps(dict(o.attributes))) == o.attributes, o.id
        assert all(isinstance(name, str) for name in o.id.path)


def test_every_attribute_has_a_class() -> None:
    table = classes()
    for kind in KINDS:
        assert table[kind.name][""] == kind.cls
        names = {a.name for a in kind.attributes}
        told = {f"+{a.name}" for a in kind.attributes if a.tells}
        within = {f"/{kind.within}"} if kind.within else set()
        assert table[kind.name].keys() - {""} == names | told | within


def test_no_attribute_is_read_twice_on_one_major() -> None:
    for kind in KINDS:
        for major in range(13, 19):
            names = [a.name for a in kind.attributes_on(major)]
            assert len(names) == len(set(names)), (kind.name, major)
