"""Random DDL of every sort, aimed at whatever a database holds at that moment.

A statement is a template and some numbers; what the numbers pick is asked of the server, in order
of name, so that the same numbers on the same schema are the same statement. Many fail: then
nothing happened, which is a case, too.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from random import Random

import asyncpg
from hypothesis import strategies as st

from pgdrift.core.names import quote_ident

_USERS = "n.nspname !~ '^pg_' AND n.nspname <> 'information_schema'"
_RELATION = f"""SELECT format('%I.%I', n.nspname, c.relname) FROM pg_class c
    JOIN pg_namespace n ON n.oid = c.relnamespace WHERE {_USERS} AND c.relkind IN ({{}}) ORDER BY 1"""
_TYPE = f"""SELECT format('%I.%I', n.nspname, t.typname) FROM pg_type t
    JOIN pg_namespace n ON n.oid = t.typnamespace LEFT JOIN pg_class c ON c.oid = t.typrelid
    WHERE {_USERS} AND {{}} ORDER BY 1"""
_ON_TABLE = f"""SELECT format('%I ON %I.%I', x.{{0}}, n.nspname, c.relname) FROM {{1}} x
    JOIN pg_class c ON c.oid = x.{{2}} JOIN pg_namespace n ON n.oid = c.relnamespace
    WHERE {_USERS} AND {{3}} ORDER BY 1"""

# What stands in a template, and the query of what it may become.
TARGETS = {
    "table": _RELATION.format("'r', 'p'"),
    "relation": _RELATION.format("'r', 'p', 'v', 'm', 'f'"),
    "view": _RELATION.format("'v'"),
    "matview": _RELATION.format("'m'"),
    "index": _RELATION.format("'i', 'I'"),
    "sequence": _RELATION.format("'S'"),
    "partitioned": _RELATION.format("'p'"),
    # A table, and one of its columns as it stands after ALTER TABLE.
    "column": f"""SELECT format('%I.%I ALTER COLUMN %I', n.nspname, c.relname, a.attname)
        FROM pg_attribute a JOIN pg_class c ON c.oid = a.attrelid
        JOIN pg_namespace n ON n.oid = c.relnamespace WHERE {_USERS} AND a.attnum > 0
        AND NOT a.attisdropped AND c.relkind IN ('r', 'p') ORDER BY 1""",
    "constraint": f"""SELECT format('%I.%I DROP CONSTRAINT %I', n.nspname, c.relname, k.conname)
        FROM pg_constraint k JOIN pg_class c ON c.oid = k.conrelid
        JOIN pg_namespace n ON n.oid = c.relnamespace WHERE {_USERS} ORDER BY 1""",
    "enum": _TYPE.format("t.typtype = 'e'"),
    "domain": _TYPE.format("t.typtype = 'd'"),
    "composite": _TYPE.format("c.relkind = 'c'"),
    "type": _TYPE.format("(t.typtype IN ('e', 'd', 'r') OR c.relkind IN ('c', 'r'))"),
    "function": f"""SELECT p.oid::regprocedure::text FROM pg_proc p
        JOIN pg_namespace n ON n.oid = p.pronamespace
        WHERE {_USERS} AND p.prokind = 'f' ORDER BY 1""",
    "schema": f"SELECT quote_ident(n.nspname) FROM pg_namespace n WHERE {_USERS} ORDER BY 1",
    "trigger": _ON_TABLE.format("tgname", "pg_trigger", "tgrelid", "NOT x.tgisinternal"),
    "policy": _ON_TABLE.format("polname", "pg_policy", "polrelid", "true"),
    "rule": _ON_TABLE.format("rulename", "pg_rewrite", "ev_class", "x.rulename <> '_RETURN'"),
    "statistics": f"""SELECT format('%I.%I', n.nspname, x.stxname) FROM pg_statistic_ext x
        JOIN pg_namespace n ON n.oid = x.stxnamespace WHERE {_USERS} ORDER BY 1""",
    "publication": "SELECT quote_ident(p.pubname) FROM pg_publication p ORDER BY 1",
    "member": """SELECT pg_describe_object(d.classid, d.objid, 0) FROM pg_depend d
        WHERE d.deptype = 'e' AND d.classid = 'pg_proc'::regclass
        AND d.refobjid IN (SELECT e.oid FROM pg_extension e WHERE e.extname <> 'plpgsql')
        ORDER BY 1""",
    "operator": f"""SELECT p.oid::regoperator::text FROM pg_operator p
        JOIN pg_namespace n ON n.oid = p.oprnamespace WHERE {_USERS} ORDER BY 1""",
}

NEW = (*(f"n{n}" for n in range(20)), "Four", "five six", "s", "a", "id")

TEMPLATES = """
CREATE TABLE {schema}.{new} (id int PRIMARY KEY, of {type}, ref int REFERENCES public.t)
CREATE TABLE {schema}.{new} (LIKE {table} INCLUDING ALL)
CREATE TABLE {schema}.{new} () INHERITS ({table})
CREATE TABLE {schema}.{new} (id int GENERATED ALWAYS AS IDENTITY, n serial, g int GENERATED ALWAYS AS (1) STORED)
CREATE TABLE {schema}.{new} (k int, of {type}) PARTITION BY LIST (k)
CREATE TABLE {schema}.{new} PARTITION OF {partitioned} FOR VALUES IN ({n})
CREATE TABLE {schema}.{new} (k int NOT NULL, a text)
CREATE UNLOGGED TABLE {schema}.{new} OF {composite}
CREATE TEMP TABLE {new} (a int PRIMARY KEY, b text DEFAULT 'x')
ALTER TABLE {partitioned} ATTACH PARTITION {table} FOR VALUES IN ({n})
ALTER TABLE {partitioned} DETACH PARTITION {table}
ALTER TABLE {table} INHERIT {table}
ALTER TABLE {table} NO INHERIT {table}
ALTER TABLE {table} OF {composite}
DROP TABLE {table} CASCADE
DROP TABLE {table}
DROP VIEW {view} CASCADE
DROP MATERIALIZED VIEW {matview} CASCADE
DROP INDEX {index}
DROP SEQUENCE {sequence} CASCADE
DROP TYPE {type} CASCADE
DROP FUNCTION {function} CASCADE
DROP SCHEMA {schema} CASCADE
DROP TRIGGER {trigger}
DROP POLICY {policy}
DROP RULE {rule}
DROP STATISTICS {statistics}
DROP PUBLICATION {publication}
DROP OPERATOR {operator} CASCADE
ALTER TABLE {relation} RENAME TO {new}
ALTER TABLE {relation} SET SCHEMA {schema}
ALTER TABLE {table} RENAME COLUMN a TO {new}
ALTER TABLE {relation} RENAME COLUMN id TO {new}
ALTER INDEX {index} RENAME TO {new}
ALTER SEQUENCE {sequence} RENAME TO {new}
ALTER SEQUENCE {sequence} INCREMENT {n}
ALTER SEQUENCE {sequence} OWNED BY NONE
ALTER SEQUENCE {sequence} OWNED BY {table}.id
ALTER TYPE {type} RENAME TO {new}
ALTER TYPE {type} SET SCHEMA {schema}
ALTER TYPE {enum} ADD VALUE 'label {n}'
ALTER TYPE {enum} RENAME VALUE 'x' TO 'renamed'
ALTER TYPE {composite} ADD ATTRIBUTE {new} int CASCADE
ALTER TYPE {composite} RENAME ATTRIBUTE x TO {new} CASCADE
ALTER TYPE {composite} DROP ATTRIBUTE y CASCADE
ALTER DOMAIN {domain} SET DEFAULT {n}
ALTER DOMAIN {domain} ADD CONSTRAINT {new} CHECK (value <> {n})
ALTER DOMAIN {domain} RENAME CONSTRAINT d_check TO {new}
ALTER FUNCTION {function} RENAME TO {new}
ALTER FUNCTION {function} SET SCHEMA {schema}
ALTER FUNCTION {function} STABLE COST {n}
ALTER SCHEMA {schema} RENAME TO {new}
CREATE SCHEMA {new}
ALTER TRIGGER {trigger} RENAME TO {new}
ALTER POLICY {policy} USING ({n} > 1)
ALTER POLICY {policy} RENAME TO {new}
ALTER STATISTICS {statistics} SET STATISTICS {n}
ALTER STATISTICS {statistics} SET SCHEMA {schema}
ALTER TABLE {table} ADD COLUMN {new} {type}
ALTER TABLE {table} ADD COLUMN {new} int DEFAULT {n} NOT NULL CHECK ({new} > 0)
ALTER TABLE {table} ADD COLUMN {new} int GENERATED BY DEFAULT AS IDENTITY
ALTER TABLE {table} ADD CONSTRAINT {new} FOREIGN KEY (ref) REFERENCES public.t
ALTER TABLE {table} ADD CONSTRAINT {new} CHECK (id > {n}) NOT VALID
ALTER TABLE {table} ADD PRIMARY KEY (id)
ALTER TABLE {table} DROP COLUMN a CASCADE
ALTER TABLE {column} TYPE text
ALTER TABLE {column} SET DEFAULT NULL
ALTER TABLE {column} DROP DEFAULT
ALTER TABLE {column} SET NOT NULL
ALTER TABLE {column} DROP NOT NULL
ALTER TABLE {column} DROP IDENTITY IF EXISTS
ALTER TABLE {column} ADD GENERATED ALWAYS AS IDENTITY
ALTER TABLE {column} SET STATISTICS {n}
ALTER TABLE {constraint} CASCADE
ALTER TABLE {table} DISABLE TRIGGER ALL
ALTER TABLE {table} ENABLE TRIGGER ALL
ALTER TABLE {table} ENABLE ROW LEVEL SECURITY
ALTER TABLE {table} SET (fillfactor = 7{n}, toast.autovacuum_enabled = false)
ALTER TABLE {table} REPLICA IDENTITY FULL
ALTER TABLE {table} OWNER TO pg_monitor
ALTER TABLE {table} SET UNLOGGED
ALTER FUNCTION {function} OWNER TO pg_monitor
ALTER TYPE {type} OWNER TO pg_monitor
CREATE INDEX {new} ON {table} (id)
CREATE INDEX {new} ON {table} ((public.f(id))) WHERE id > {n}
CREATE UNIQUE INDEX {new} ON {table} (a)
CREATE VIEW {schema}.{new} AS SELECT * FROM {relation}
CREATE VIEW {schema}.{new} AS SELECT id, public.f(id) AS called FROM {table}
CREATE VIEW {schema}.{new} AS SELECT x FROM {relation} x
CREATE VIEW {schema}.{new} AS SELECT l.id FROM {table} l JOIN {table} r USING (id)
CREATE VIEW {schema}.{new} AS SELECT 1 AS one FROM public.made()
CREATE VIEW {schema}.{new} AS SELECT (NULL::{composite}).x AS part, NULL::{type} AS whole
CREATE VIEW {schema}.{new} AS SELECT id FROM {table} WHERE id OPERATOR(public.===) {n}
CREATE MATERIALIZED VIEW {schema}.{new} AS SELECT id FROM {relation}
CREATE FUNCTION {schema}.{new}(a {type}) RETURNS {type} LANGUAGE sql AS 'SELECT NULL'
CREATE FUNCTION {schema}.{new}(a {table}) RETURNS SETOF {table} LANGUAGE sql AS 'SELECT NULL'
CREATE FUNCTION {schema}.{new}() RETURNS bigint LANGUAGE sql BEGIN ATOMIC SELECT count(*) FROM {relation}; END
CREATE OR REPLACE FUNCTION {schema}.f(a int) RETURNS int LANGUAGE sql IMMUTABLE AS 'SELECT {n}'
CREATE FUNCTION {schema}.{new}(a {type}[] DEFAULT NULL) RETURNS TABLE (b {type}) LANGUAGE sql AS 'SELECT NULL'
CREATE AGGREGATE {schema}.{new} (int) (sfunc = int4pl, stype = int)
CREATE TYPE {schema}.{new} AS ENUM ('x', 'y')
CREATE TYPE {schema}.{new} AS (x int, y {type})
CREATE TYPE {schema}.{new} AS RANGE (subtype = int)
CREATE DOMAIN {schema}.{new} AS {type} DEFAULT NULL
CREATE DOMAIN {schema}.{new} AS int CHECK (value > {n})
CREATE SEQUENCE {schema}.{new}
CREATE TRIGGER {new} BEFORE INSERT ON {table} FOR EACH ROW EXECUTE FUNCTION public.tf()
CREATE TRIGGER {new} AFTER UPDATE ON {table} FOR EACH ROW WHEN (new.id > {n}) EXECUTE FUNCTION public.tf()
CREATE POLICY {new} ON {table} USING (id > {n})
CREATE POLICY {new} ON {table} TO pg_monitor WITH CHECK (public.f(id) > 0)
CREATE RULE {new} AS ON DELETE TO {table} DO INSTEAD NOTHING
CREATE RULE {new} AS ON INSERT TO {table} DO ALSO SELECT id FROM {relation}
CREATE STATISTICS {schema}.{new} ON id, a FROM {table}
CREATE STATISTICS {schema}.{new} ON (id + {n}), (public.f(id)) FROM {table}
CREATE PUBLICATION {new} FOR TABLE {table} WHERE (id > {n})
CREATE PUBLICATION {new} FOR TABLES IN SCHEMA {schema}
ALTER PUBLICATION {publication} ADD TABLE {table}
ALTER PUBLICATION {publication} RENAME TO {new}
CREATE EXTENSION IF NOT EXISTS hstore SCHEMA {schema}
ALTER EXTENSION hstore ADD TABLE {table}
ALTER EXTENSION hstore DROP {member}
ALTER EXTENSION hstore SET SCHEMA {schema}
DROP EXTENSION hstore CASCADE
ALTER FUNCTION {function} DEPENDS ON EXTENSION plpgsql
GRANT SELECT ON {relation} TO PUBLIC
GRANT SELECT (id) ON {table} TO pg_monitor
GRANT ALL ON {table} TO pg_monitor WITH GRANT OPTION
REVOKE ALL ON {relation} FROM PUBLIC
GRANT USAGE ON SEQUENCE {sequence} TO pg_monitor
GRANT USAGE ON SCHEMA {schema} TO pg_monitor
REVOKE USAGE ON TYPE {type} FROM PUBLIC
REVOKE EXECUTE ON FUNCTION {function} FROM PUBLIC
ALTER DEFAULT PRIVILEGES IN SCHEMA {schema} GRANT SELECT ON TABLES TO pg_monitor
COMMENT ON TABLE {table} IS '{n}'
COMMENT ON VIEW {view} IS '{n}'
COMMENT ON INDEX {index} IS '{n}'
COMMENT ON INDEX {index} IS NULL
COMMENT ON COLUMN {table}.id IS '{n}'
COMMENT ON SEQUENCE {sequence} IS '{n}'
COMMENT ON TYPE {type} IS '{n}'
COMMENT ON FUNCTION {function} IS '{n}'
COMMENT ON SCHEMA {schema} IS '{n}'
COMMENT ON TRIGGER {trigger} IS '{n}'
COMMENT ON POLICY {policy} IS NULL
COMMENT ON STATISTICS {statistics} IS '{n}'
CREATE OPERATOR {schema}.=== (LEFTARG = int, RIGHTARG = {type}, FUNCTION = {function})
CREATE CAST ({composite} AS int) WITH FUNCTION {function}
CREATE COLLATION {schema}.{new} FROM "C"
CREATE TEXT SEARCH CONFIGURATION {schema}.{new} (COPY = pg_catalog.simple)
TRUNCATE {table} CASCADE
INSERT INTO {table} DEFAULT VALUES
ANALYZE
VACUUM FULL {table}
REFRESH MATERIALIZED VIEW {matview}
REINDEX TABLE {table}
CLUSTER {table} USING {index}
""".strip().splitlines()

_HOLE = re.compile(r"\{(\w+)\}")

# Something of everything, all of which hangs together.
SCENE = """
CREATE SCHEMA s;
CREATE TYPE public.e AS ENUM ('x', 'y');
CREATE TYPE public.c AS (x int, y text);
CREATE DOMAIN public.d AS int CHECK (value > 0);
CREATE TABLE public.t (id int PRIMARY KEY, a text DEFAULT 'x', ref int REFERENCES public.t,
    kind public.e DEFAULT 'x', whole public.c, of public.d[], CHECK (id > 0));
CREATE FUNCTION public.f(a int) RETURNS int LANGUAGE sql IMMUTABLE AS 'SELECT 1';
CREATE FUNCTION public.tf() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN new; END';
CREATE FUNCTION public.made() RETURNS SETOF public.c LANGUAGE sql AS 'SELECT NULL::public.c';
CREATE FUNCTION public.eq(a int, b int) RETURNS bool LANGUAGE sql AS 'SELECT true';
CREATE OPERATOR public.=== (LEFTARG = int, RIGHTARG = int, FUNCTION = public.eq);
CREATE INDEX i ON public.t (public.f(id)) WHERE a IS NOT NULL;
CREATE TABLE s.child (more serial, g int GENERATED ALWAYS AS IDENTITY) INHERITS (public.t);
CREATE TABLE s.parted (k int, id int, a text, PRIMARY KEY (k, id)) PARTITION BY LIST (k);
CREATE TABLE s.part PARTITION OF s.parted FOR VALUES IN (1);
CREATE INDEX by_a ON s.parted (a);
CREATE VIEW public.v AS SELECT id, a, public.f(id) AS called FROM public.t;
CREATE VIEW s.w AS SELECT v.id FROM public.v JOIN s.parted USING (id);
CREATE VIEW s.of_made AS SELECT 1 AS one FROM public.made();
CREATE MATERIALIZED VIEW s.m AS SELECT id FROM public.v;
CREATE TRIGGER tr BEFORE INSERT ON s.parted FOR EACH ROW EXECUTE FUNCTION public.tf();
CREATE POLICY pol ON public.t USING (public.f(id) > 0);
CREATE RULE r AS ON DELETE TO public.t DO INSTEAD SELECT id FROM s.w;
CREATE STATISTICS s.st ON id, a FROM public.t;
CREATE PUBLICATION pub FOR TABLE public.t;
GRANT SELECT (id) ON public.t TO pg_monitor;
COMMENT ON COLUMN public.t.a IS 'commented';
COMMENT ON INDEX i IS 'commented';
"""


@dataclass(frozen=True, slots=True)
class Statement:
    """A template, and a number that picks what it is aimed at."""

    template: str
    seed: int

    async def aimed(self, session: asyncpg.Connection) -> str | None:
        """Return the statement, or None where there is nothing to aim at."""
        random, text = Random(self.seed), self.template
        new = quote_ident(random.choice(NEW))
        for hole in _HOLE.findall(self.template):
            if hole == "n":
                became = str(random.randint(1, 9))
            elif hole == "new":
                became = new
            else:
                there = [row[0] for row in await session.fetch(TARGETS[hole])]
                if not there:
                    return None
                became = random.choice(there)
            text = text.replace("{" + hole + "}", became, 1)
        return text


def statements() -> st.SearchStrategy[Statement]:
    """Draw a statement."""
    return st.builds(Statement, st.sampled_from(TEMPLATES), st.integers(0, 2**20))
