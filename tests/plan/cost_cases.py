"""Cases for what a statement costs: what is there, and the change that is planned; since a major.

With rows where a server does another thing with them than without.
"""

from __future__ import annotations

from collections.abc import Mapping

_OTHER = """
CREATE TABLE other (id int PRIMARY KEY, n int UNIQUE);
INSERT INTO other SELECT g, g FROM generate_series(1, 3) g;
CREATE FUNCTION f() RETURNS trigger LANGUAGE plpgsql AS 'begin return new; end';
"""
_T = (
    _OTHER
    + "CREATE TABLE t (a int, b varchar(9), c numeric(6,2));"
    + "INSERT INTO t (a, b, c) SELECT g, 'x' || g, g FROM generate_series(1, 3) g;"
)
_INDEXED = _T + "CREATE INDEX i ON t (b); CREATE INDEX j ON t (a) WHERE a > 1;"
# Two below one, with rows in each, a default partition among them.
_PARTS = (
    _OTHER
    + """
CREATE TABLE p (a int, b int, c text, e int) PARTITION BY LIST (a);
CREATE TABLE p1 PARTITION OF p FOR VALUES IN (1);
CREATE TABLE p2 PARTITION OF p FOR VALUES IN (2) PARTITION BY LIST (b);
CREATE TABLE p2d PARTITION OF p2 DEFAULT;
CREATE TABLE pd PARTITION OF p DEFAULT;
INSERT INTO p SELECT g, g, 'c' FROM generate_series(1, 3) g;
CREATE TABLE q (a int, b int, c text, e int);
INSERT INTO q VALUES (7, 7, 'c');
"""
)
_FAMILY = (
    _OTHER
    + """
CREATE TABLE t (a int, b int, c text, e int);
CREATE TABLE k (d int) INHERITS (t);
INSERT INTO t VALUES (1, 1, 'c'); INSERT INTO k VALUES (2, 2, 'c', 2, 2);
"""
)

# What can be done to one table; done to a plain one, to one with partitions and to a parent.
_TO_ANY: Mapping[str, str] = {
    "new column": "ALTER TABLE t ADD d2 int DEFAULT 3;",
    "new column that is not null": "ALTER TABLE t ADD d2 int NOT NULL DEFAULT 3;",
    "new column with a check": "ALTER TABLE t ADD d2 int DEFAULT 3 CHECK (d2 > 0);",
    "new column, filled row by row": "ALTER TABLE t ADD d2 float DEFAULT random();",
    "new column of now": "ALTER TABLE t ADD d2 timestamptz DEFAULT now();",
    "new column of a cast": "ALTER TABLE t ADD d2 date DEFAULT '2020-01-01'::date;",
    "new columns of what is told of one moment": (
        "ALTER TABLE t ADD d2 varchar(9) DEFAULT 'a(b' || 'c'::varchar(9), ADD d3 text"
        " DEFAULT CURRENT_TIMESTAMP(3)::text, ADD d4 date DEFAULT ('now'::text)::date;"
    ),
    "new column of a text and what is called": "ALTER TABLE t ADD d2 text DEFAULT 'x' || random();",
    "new generated column": "ALTER TABLE t ADD d2 int GENERATED ALWAYS AS (a + 1) STORED;",
    "drop column": "ALTER TABLE t DROP c;",
    "wider type": "ALTER TABLE t ALTER e TYPE bigint;",
    "default": "ALTER TABLE t ALTER b SET DEFAULT 7;",
    "not null": "ALTER TABLE t ALTER b SET NOT NULL;",
    "statistics": "ALTER TABLE t ALTER b SET STATISTICS 7;",
    "storage": "ALTER TABLE t ALTER c SET STORAGE EXTERNAL;",
    "options of a column": "ALTER TABLE t ALTER b SET (n_distinct = 7);",
    "check": "ALTER TABLE t ADD CONSTRAINT positive CHECK (a > 0);",
    "check, not valid": "ALTER TABLE t ADD CONSTRAINT positive CHECK (a > 0) NOT VALID;",
    "check of its own": "ALTER TABLE t ADD CONSTRAINT positive CHECK (a > 0) NO INHERIT;",
    "unique": "ALTER TABLE t ADD CONSTRAINT u UNIQUE (a, b);",
    "primary key": "ALTER TABLE t ADD PRIMARY KEY (a, b);",
    "foreign key": "ALTER TABLE t ADD CONSTRAINT k2 FOREIGN KEY (b) REFERENCES other (id);",
    "index": "CREATE INDEX i2 ON t (c);",
    "unique index": "CREATE UNIQUE INDEX i2 ON t (a, b);",
    "row trigger": "CREATE TRIGGER g BEFORE INSERT ON t FOR EACH ROW EXECUTE FUNCTION f();",
    "statement trigger": "CREATE TRIGGER g BEFORE INSERT ON t EXECUTE FUNCTION f();",
    "policy": "CREATE POLICY pol ON t USING (a > 0);",
    "row security": "ALTER TABLE t ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;",
    "rule": "CREATE RULE r AS ON DELETE TO t DO ALSO NOTHING;",
    "extended statistics": "CREATE STATISTICS s ON a, b FROM t;",
    "comment": "COMMENT ON TABLE t IS 'x'; COMMENT ON COLUMN t.a IS 'y';",
    "grant": "GRANT SELECT ON t TO PUBLIC; GRANT UPDATE (a) ON t TO PUBLIC;",
    "owner": "ALTER TABLE t OWNER TO pg_monitor;",
    "goes": "DROP TABLE t CASCADE;",
    "view over it": "CREATE VIEW v AS SELECT * FROM t;",
    "published": "CREATE PUBLICATION {pub} FOR TABLE t;",
    "referred to": "CREATE TABLE n (x int); ALTER TABLE n ADD FOREIGN KEY (x) REFERENCES other;",
}
_LEAVES = _OTHER + "CREATE TABLE t (a int, b int, c text, e int); INSERT INTO t VALUES (1, 1, 'c');"
_WHOLE = _PARTS.replace(" p ", " t ").replace("OF p ", "OF t ")
_NO_PARTS = {"check of its own"}

CASES: Mapping[str, tuple[int, str, str]] = {
    **{
        f"{name}, {what}": (
            13,
            before,
            change.replace("{pub}", f"pub_{n}_{what.split()[0]}"),
        )
        for n, (name, change) in enumerate(_TO_ANY.items())
        for what, before in {
            "plain": _LEAVES,
            "partitioned": _WHOLE,
            "inherited from": _FAMILY,
        }.items()
        if not (what == "partitioned" and name in _NO_PARTS)
    },
    "wider text": (13, _T, "ALTER TABLE t ALTER b TYPE varchar(20);"),
    "wider text, indexed": (13, _INDEXED, "ALTER TABLE t ALTER b TYPE varchar(20);"),
    "text": (13, _T, "ALTER TABLE t ALTER b TYPE text;"),
    "text, indexed": (13, _INDEXED, "ALTER TABLE t ALTER b TYPE text;"),
    "other collation, indexed": (
        13,
        _INDEXED,
        'ALTER TABLE t ALTER b TYPE varchar(9) COLLATE "C";',
    ),
    "other collation": (13, _T, 'ALTER TABLE t ALTER b TYPE varchar(9) COLLATE "C";'),
    "text in a check": (
        13,
        _T + "ALTER TABLE t ADD CHECK (b <> '');",
        "ALTER TABLE t ALTER b TYPE text;",
    ),
    "wider number": (13, _T, "ALTER TABLE t ALTER c TYPE numeric(9,2);"),
    "any number": (13, _T, "ALTER TABLE t ALTER c TYPE numeric;"),
    "number with more behind the point": (13, _T, "ALTER TABLE t ALTER c TYPE numeric(9,3);"),
    "identity": (
        13,
        _T + "ALTER TABLE t ALTER a SET NOT NULL;",
        "ALTER TABLE t ALTER a ADD GENERATED ALWAYS AS IDENTITY;",
    ),
    "new identity": (13, _T, "ALTER TABLE t ADD d int GENERATED ALWAYS AS IDENTITY;"),
    "unlogged": (13, _T, "ALTER TABLE t SET UNLOGGED;"),
    "options": (13, _T, "ALTER TABLE t SET (fillfactor = 70);"),
    "options that logical decoding reads": (
        13,
        _T,
        "ALTER TABLE t SET (user_catalog_table = true);",
    ),
    "replica identity": (13, _T, "ALTER TABLE t REPLICA IDENTITY FULL;"),
    "key in all its parts": (
        15,
        _T + "ALTER TABLE t ALTER a SET NOT NULL;",
        (
            'ALTER TABLE t ADD CONSTRAINT "u(" UNIQUE NULLS NOT DISTINCT (a, b) INCLUDE (c)'
            " DEFERRABLE INITIALLY DEFERRED; ALTER TABLE t ADD CONSTRAINT pk PRIMARY KEY (a);"
        ),
    ),
    "key over time": (
        18,
        "CREATE TABLE t (a int4range, b daterange); INSERT INTO t VALUES ('[1,2)', '[2020-01-01,)');",
        "ALTER TABLE t ADD PRIMARY KEY (a, b WITHOUT OVERLAPS);",
    ),
    "excluded": (13, _T, "ALTER TABLE t ADD EXCLUDE USING btree (a WITH =);"),
    "foreign key, not valid": (
        13,
        _T,
        "ALTER TABLE t ADD CONSTRAINT k FOREIGN KEY (a) REFERENCES other (id) NOT VALID;",
    ),
    "validated": (
        13,
        _T + "ALTER TABLE t ADD CONSTRAINT k FOREIGN KEY (a) REFERENCES other (id) NOT VALID;",
        "ALTER TABLE t VALIDATE CONSTRAINT k;",
    ),
    "trigger switched off": (
        13,
        _T + "CREATE TRIGGER g BEFORE INSERT ON t FOR EACH ROW EXECUTE FUNCTION f();",
        "ALTER TABLE t DISABLE TRIGGER g;",
    ),
    "policy changed": (
        13,
        _T + "CREATE POLICY p ON t USING (a > 0);",
        "ALTER POLICY p ON t USING (a > 1);",
    ),
    "rule changed": (
        13,
        _T + "CREATE RULE r AS ON DELETE TO t DO ALSO NOTHING;",
        "CREATE OR REPLACE RULE r AS ON DELETE TO t DO INSTEAD NOTHING; ALTER TABLE t DISABLE RULE r;",
    ),
    "view over a column that changes": (
        13,
        _T + "CREATE VIEW v AS SELECT a, b FROM t;",
        "DROP VIEW v; ALTER TABLE t ALTER a TYPE bigint; CREATE VIEW v AS SELECT a, b FROM t;",
    ),
    "view with another body": (
        13,
        _T + "CREATE VIEW v AS SELECT a FROM t;",
        "CREATE OR REPLACE VIEW v AS SELECT a FROM t WHERE a > 1;",
    ),
    "view with options": (
        13,
        _T + "CREATE VIEW v AS SELECT a FROM t;",
        (
            "ALTER VIEW v SET (security_barrier = true); ALTER VIEW v ALTER a SET DEFAULT 7;"
            "COMMENT ON VIEW v IS 'x'; COMMENT ON COLUMN v.a IS 'x'; ALTER VIEW v OWNER TO pg_monitor;"
        ),
    ),
    "materialized view": (
        13,
        _T + "CREATE MATERIALIZED VIEW m AS SELECT a, b FROM t;",
        (
            "CREATE INDEX mi ON m (a); ALTER MATERIALIZED VIEW m SET (fillfactor = 70);"
            "COMMENT ON MATERIALIZED VIEW m IS 'x'; COMMENT ON COLUMN m.a IS 'x';"
            "ALTER MATERIALIZED VIEW m OWNER TO pg_monitor; ALTER MATERIALIZED VIEW m CLUSTER ON mi;"
            "ALTER MATERIALIZED VIEW m ALTER b SET STORAGE PLAIN, ALTER b SET STATISTICS 7;"
        ),
    ),
    "table": (13, _T, "CREATE TABLE u (id int PRIMARY KEY, o int REFERENCES other);"),
    "table as a child": (13, _T, "CREATE TABLE u (d int) INHERITS (t);"),
    "child joins": (
        13,
        _T + "CREATE TABLE u (a int, b varchar(9), c numeric(6,2));",
        "ALTER TABLE u INHERIT t;",
    ),
    "new partition": (13, _PARTS, "CREATE TABLE p4 PARTITION OF p FOR VALUES IN (4);"),
    "new partition where there is no default": (
        13,
        _PARTS + "DROP TABLE pd;",
        "CREATE TABLE p4 PARTITION OF p FOR VALUES IN (4);",
    ),
    "new default partition": (
        13,
        _PARTS + "DROP TABLE pd;",
        "CREATE TABLE pd PARTITION OF p DEFAULT;",
    ),
    "new partition of what refers to another": (
        13,
        _PARTS + "ALTER TABLE p ADD FOREIGN KEY (b) REFERENCES other;",
        "CREATE TABLE p4 PARTITION OF p FOR VALUES IN (4);",
    ),
    "attached": (13, _PARTS, "ALTER TABLE p ATTACH PARTITION q FOR VALUES IN (7);"),
    "attached where there is no default": (
        13,
        _PARTS + "DROP TABLE pd;",
        "ALTER TABLE p ATTACH PARTITION q FOR VALUES IN (7);",
    ),
    "attached, with a key to another": (
        13,
        _PARTS + "DELETE FROM q; ALTER TABLE p ADD CONSTRAINT kk FOREIGN KEY (b) REFERENCES other;"
        "ALTER TABLE q ADD CONSTRAINT kk FOREIGN KEY (b) REFERENCES other;",
        "ALTER TABLE p ATTACH PARTITION q FOR VALUES IN (7);",
    ),
    "attached, with keys and indexes as the whole's": (
        13,
        _PARTS + "ALTER TABLE p ADD CONSTRAINT kk FOREIGN KEY (b) REFERENCES other (n);"
        "ALTER TABLE p ADD CONSTRAINT ku UNIQUE (a, b); CREATE INDEX pi ON p (c);"
        "DELETE FROM q;",
        "ALTER TABLE p ATTACH PARTITION q FOR VALUES IN (7);",
    ),
    "attached, with a key of another name and one unlike the whole's": (
        13,
        _PARTS + "ALTER TABLE p ADD CONSTRAINT kk FOREIGN KEY (b) REFERENCES other (n);"
        "DELETE FROM q; ALTER TABLE q ADD CONSTRAINT qk FOREIGN KEY (b) REFERENCES other (n);"
        "ALTER TABLE q ADD CONSTRAINT kk FOREIGN KEY (b) REFERENCES other (id);",
        "ALTER TABLE q DROP CONSTRAINT kk; ALTER TABLE p ATTACH PARTITION q FOR VALUES IN (7);",
    ),
    "attached, with partitions below": (
        13,
        _PARTS + "CREATE TABLE w (a int, b int, c text, e int) PARTITION BY LIST (b);"
        "CREATE TABLE w1 PARTITION OF w FOR VALUES IN (1);",
        "ALTER TABLE p ATTACH PARTITION w FOR VALUES IN (8);",
    ),
    "detached": (13, _PARTS, "ALTER TABLE p DETACH PARTITION p1;"),
    "detached where there is no default": (
        13,
        _PARTS + "DROP TABLE pd;",
        "ALTER TABLE p DETACH PARTITION p1;",
    ),
    "index of a partition attached": (
        13,
        _PARTS + "CREATE INDEX pi ON ONLY p (b); CREATE INDEX p1i ON p1 (b);"
        "COMMENT ON INDEX p1i IS 'x';",
        "ALTER INDEX pi ATTACH PARTITION p1i;",
    ),
    "index and key get the parts that they lack": (
        13,
        _PARTS + "DROP TABLE p2, pd; CREATE INDEX pi ON ONLY p (c);"
        "ALTER TABLE ONLY p ADD CONSTRAINT ku UNIQUE (a, b);",
        (
            "CREATE INDEX p1i ON p1 (c); ALTER INDEX pi ATTACH PARTITION p1i;"
            "ALTER TABLE p1 ADD CONSTRAINT p1u UNIQUE (a, b); ALTER INDEX ku ATTACH PARTITION p1u;"
        ),
    ),
    "key of a partition attached": (
        13,
        _PARTS + "DROP TABLE p2, pd; ALTER TABLE ONLY p ADD CONSTRAINT ku UNIQUE (a, b);"
        "ALTER TABLE p1 ADD CONSTRAINT p1u UNIQUE (a, b);",
        "ALTER INDEX ku ATTACH PARTITION p1u;",
    ),
    "partition goes": (13, _PARTS, "DROP TABLE p1;"),
    "what refers to another goes": (
        13,
        _T + "CREATE TABLE u (o int REFERENCES other);",
        "DROP TABLE u;",
    ),
    "key between partitioned": (
        13,
        _PARTS + "CREATE TABLE z (id int PRIMARY KEY) PARTITION BY LIST (id);"
        "CREATE TABLE z1 PARTITION OF z FOR VALUES IN (1, 2, 3);"
        "INSERT INTO z VALUES (1), (2), (3);",
        "ALTER TABLE p ADD CONSTRAINT kz FOREIGN KEY (b) REFERENCES z;",
    ),
    "domain": (
        13,
        _OTHER + "CREATE DOMAIN d AS int; CREATE TABLE t (a d); INSERT INTO t VALUES (1);",
        (
            "ALTER DOMAIN d SET NOT NULL; ALTER DOMAIN d ADD CONSTRAINT positive CHECK (VALUE > 0);"
            "ALTER DOMAIN d SET DEFAULT 3;"
        ),
    ),
    "new column of a domain": (
        13,
        _T
        + "CREATE DOMAIN plain AS int DEFAULT 3; CREATE DOMAIN checked AS int CHECK (VALUE > 0);"
        + "CREATE DOMAIN over AS checked; CREATE DOMAIN filled AS float DEFAULT random();"
        + "CREATE DOMAIN never_null AS int DEFAULT 3 NOT NULL;",
        (
            "ALTER TABLE t ADD d1 plain, ADD d2 checked, ADD d3 over, ADD d4 filled,"
            "ADD d5 never_null, ADD d6 filled DEFAULT 1, ADD d7 checked[];"
        ),
    ),
    "domain, checked later": (
        13,
        (
            "CREATE DOMAIN d AS int; CREATE TABLE t (a d); INSERT INTO t VALUES (1);"
            "ALTER DOMAIN d ADD CONSTRAINT positive CHECK (VALUE > 0) NOT VALID;"
        ),
        "ALTER DOMAIN d VALIDATE CONSTRAINT positive;",
    ),
    "composite": (
        13,
        "CREATE TYPE ct AS (a int, b int); CREATE TABLE t (x ct); INSERT INTO t VALUES ((1, 2));",
        "ALTER TYPE ct ADD ATTRIBUTE c int; ALTER TYPE ct DROP ATTRIBUTE b;",
    ),
    "composite with a table of it": (
        13,
        "CREATE TYPE ct AS (a int, b int); CREATE TABLE t OF ct; INSERT INTO t VALUES (1, 2);",
        "ALTER TYPE ct ADD ATTRIBUTE c int CASCADE;",
    ),
    "enum": (
        13,
        "CREATE TYPE en AS ENUM ('a', 'b'); CREATE TABLE t (x en); INSERT INTO t VALUES ('a');",
        "ALTER TYPE en ADD VALUE 'c';",
    ),
    "enum whose labels go": (
        13,
        "CREATE TYPE en AS ENUM ('a', 'b'); CREATE TABLE t (x en DEFAULT 'a'); INSERT INTO t VALUES ('a');",
        (
            "ALTER TABLE t ALTER x DROP DEFAULT; DROP TYPE en CASCADE; CREATE TYPE en AS ENUM ('a');"
            "ALTER TABLE t ADD x en DEFAULT 'a';"
        ),
    ),
    "sequence": (
        13,
        _T + "CREATE SEQUENCE sq;",
        (
            "ALTER SEQUENCE sq INCREMENT BY 2; ALTER SEQUENCE sq OWNED BY t.a;"
            "COMMENT ON SEQUENCE sq IS 'x'; GRANT USAGE ON SEQUENCE sq TO PUBLIC;"
        ),
    ),
    "sequence behind a default": (
        13,
        _T + "CREATE SEQUENCE sq; ALTER TABLE t ALTER a SET DEFAULT nextval('sq');",
        "ALTER TABLE t ALTER a DROP DEFAULT; DROP SEQUENCE sq;",
    ),
    "clustered": (13, _INDEXED, "ALTER TABLE t CLUSTER ON i;"),
    "clustered by a key": (
        13,
        _T + "ALTER TABLE t ADD CONSTRAINT u UNIQUE (a);",
        "ALTER TABLE t CLUSTER ON u; ALTER INDEX u SET (fillfactor = 70); COMMENT ON INDEX u IS 'x';",
    ),
    "of a type": (
        13,
        "CREATE TYPE ct AS (a int, b int); CREATE TABLE t (a int, b int); INSERT INTO t VALUES (1, 2);",
        "ALTER TABLE t OF ct;",
    ),
    "generated no more": (
        13,
        "CREATE TABLE t (a int, b int GENERATED ALWAYS AS (a + 1) STORED); INSERT INTO t VALUES (1);",
        "ALTER TABLE t ALTER b DROP EXPRESSION;",
    ),
    "generated otherwise": (
        17,
        "CREATE TABLE t (a int, b int GENERATED ALWAYS AS (a + 1) STORED); INSERT INTO t VALUES (1);",
        "ALTER TABLE t ALTER b SET EXPRESSION AS (a + 2);",
    ),
    "generated when read": (
        18,
        "CREATE TABLE t (a int, b int GENERATED ALWAYS AS (a + 1)); INSERT INTO t VALUES (1);",
        "ALTER TABLE t ALTER b SET EXPRESSION AS (a + 2); ALTER TABLE t ADD c int GENERATED ALWAYS AS (a * 2);",
    ),
    "not null under a name": (
        18,
        _T,
        "ALTER TABLE t ADD CONSTRAINT a_there NOT NULL a;",
    ),
    "not null under a name, not valid": (
        18,
        _T,
        "ALTER TABLE t ADD CONSTRAINT a_there NOT NULL a NOT VALID;",
    ),
    "check that is not enforced": (
        18,
        _T,
        "ALTER TABLE t ADD CONSTRAINT positive CHECK (a > 0) NOT ENFORCED;",
    ),
    "foreign key that is not enforced": (
        18,
        _T,
        "ALTER TABLE t ADD CONSTRAINT k FOREIGN KEY (a) REFERENCES other (id) NOT ENFORCED;",
    ),
    "renamed sequence of an identity": (
        13,
        "CREATE TABLE t (a int GENERATED ALWAYS AS IDENTITY (SEQUENCE NAME s1), b text);",
        (
            "ALTER SEQUENCE s1 RENAME TO s2; ALTER SEQUENCE s2 INCREMENT BY 2; COMMENT ON SEQUENCE s2 IS 'x';"
            "ALTER TABLE t ALTER a SET GENERATED BY DEFAULT;"
        ),
    ),
    "foreign table": (
        13,
        (
            "CREATE FOREIGN DATA WRAPPER w1x; CREATE SERVER s1x FOREIGN DATA WRAPPER w1x;"
            "CREATE FOREIGN TABLE ft (a int, b int) SERVER s1x;"
        ),
        (
            "ALTER TABLE ft ADD c int DEFAULT 3; ALTER TABLE ft ALTER a SET NOT NULL;"
            "ALTER TABLE ft ADD CONSTRAINT pos CHECK (a > 0); COMMENT ON FOREIGN TABLE ft IS 'x';"
            "ALTER FOREIGN TABLE ft OWNER TO pg_monitor; ALTER TABLE ft DROP b;"
        ),
    ),
    "generated no more, with a default": (
        13,
        "CREATE TABLE t (a int, b int GENERATED ALWAYS AS (a + 1) STORED); INSERT INTO t VALUES (1);",
        "ALTER TABLE t ALTER b DROP EXPRESSION, ALTER b SET DEFAULT 3;",
    ),
    "new table with all that is said of columns": (
        14,
        "CREATE FUNCTION one() RETURNS int LANGUAGE sql AS 'SELECT 1';",
        (
            "CREATE TABLE t (a int DEFAULT one(), b text, c int GENERATED ALWAYS AS IDENTITY);"
            "COMMENT ON COLUMN t.a IS 'x'; ALTER TABLE t ALTER b SET STORAGE EXTERNAL,"
            " ALTER b SET COMPRESSION pglz, ALTER b SET STATISTICS 7, ALTER b SET (n_distinct = 7);"
            "COMMENT ON SEQUENCE t_c_seq IS 'x'; ALTER TABLE t ENABLE ROW LEVEL SECURITY,"
            " FORCE ROW LEVEL SECURITY; CREATE RULE r AS ON DELETE TO t DO ALSO NOTHING;"
            "ALTER TABLE t DISABLE RULE r; "
            "CREATE SEQUENCE own; ALTER SEQUENCE own OWNER TO pg_monitor;"
        ),
    ),
    "serial with another owner": (
        13,
        "CREATE TABLE t (a serial, b int GENERATED ALWAYS AS IDENTITY);",
        "ALTER TABLE t OWNER TO pg_monitor;",
    ),
    "sequence that leaves its bounds": (
        13,
        "CREATE SEQUENCE s1q; CREATE SEQUENCE s2q AS integer INCREMENT -1;",
        (
            "DROP SEQUENCE s1q; CREATE SEQUENCE s1q MINVALUE 1000; DROP SEQUENCE s2q;"
            "CREATE SEQUENCE s2q AS smallint INCREMENT -1 MAXVALUE -100 START -100;"
        ),
    ),
    "sequence of an identity, unlogged": (
        15,
        "SELECT 1;",
        "CREATE TABLE t (c int GENERATED ALWAYS AS IDENTITY); ALTER SEQUENCE t_c_seq SET UNLOGGED;",
    ),
    "child that differs": (
        13,
        _T,
        "CREATE TABLE u () INHERITS (t); ALTER TABLE u ALTER a SET DEFAULT 3, ALTER b SET NOT NULL;",
    ),
    "key with details": (
        13,
        _T,
        (
            "ALTER TABLE t ADD CONSTRAINT u UNIQUE (a) WITH (fillfactor = 70);"
            "ALTER TABLE t CLUSTER ON u; COMMENT ON INDEX u IS 'x'; COMMENT ON CONSTRAINT u ON t IS 'y';"
        ),
    ),
    "key of a partition as its whole's": (
        13,
        _PARTS
        + "ALTER TABLE p ADD CONSTRAINT u UNIQUE (a, b); COMMENT ON CONSTRAINT p1_a_b_key ON p1 IS 'x';"
        "COMMENT ON INDEX p1_a_b_key IS 'x'; ALTER TABLE p1 CLUSTER ON p1_a_b_key;",
        (
            "COMMENT ON CONSTRAINT p1_a_b_key ON p1 IS NULL; COMMENT ON INDEX p1_a_b_key IS NULL;"
            "ALTER TABLE p1 SET WITHOUT CLUSTER;"
        ),
    ),
    "index of a partition as its whole's": (
        13,
        _PARTS
        + "CREATE INDEX pi ON p ((b + 1)); ALTER INDEX p1_expr_idx ALTER COLUMN 1 SET STATISTICS 7;"
        "COMMENT ON INDEX p1_expr_idx IS 'x'; ALTER TABLE p1 CLUSTER ON p1_expr_idx;",
        (
            "ALTER INDEX p1_expr_idx ALTER COLUMN 1 SET STATISTICS -1; COMMENT ON INDEX p1_expr_idx IS NULL;"
            "ALTER TABLE p1 SET WITHOUT CLUSTER;"
        ),
    ),
    "index with details": (
        13,
        _T,
        (
            "CREATE INDEX i2 ON t ((a + 1)); ALTER INDEX i2 ALTER COLUMN 1 SET STATISTICS 7;"
            "ALTER TABLE t CLUSTER ON i2; COMMENT ON INDEX i2 IS 'x';"
        ),
    ),
    "statistics target": (
        13,
        _T + "CREATE STATISTICS s ON a, c FROM t;",
        "ALTER STATISTICS s SET STATISTICS 7; COMMENT ON STATISTICS s IS 'x';",
    ),
    "tablespace": (
        15,
        _INDEXED
        + "ALTER TABLE t ADD CONSTRAINT u UNIQUE (a); CREATE MATERIALIZED VIEW m AS SELECT a FROM t;",
        (
            "ALTER TABLE t SET TABLESPACE {space}; ALTER INDEX i SET TABLESPACE {space};"
            "ALTER INDEX u SET TABLESPACE {space}; ALTER MATERIALIZED VIEW m SET TABLESPACE {space};"
            "CREATE INDEX z ON t (c) TABLESPACE {space};"
            "ALTER TABLE t ADD CONSTRAINT zu UNIQUE (c) USING INDEX TABLESPACE {space};"
        ),
    ),
    "options of a materialized view's column": (
        13,
        _T
        + "CREATE MATERIALIZED VIEW m AS SELECT a, b FROM t; CREATE MATERIALIZED VIEW n AS SELECT a FROM t;"
        "ALTER MATERIALIZED VIEW n ALTER a SET (n_distinct = 7);",
        (
            "ALTER MATERIALIZED VIEW m ALTER a SET (n_distinct = 7);"
            "ALTER MATERIALIZED VIEW n ALTER a RESET (n_distinct);"
            "ALTER MATERIALIZED VIEW n REPLICA IDENTITY FULL;"
        ),
    ),
    "version of a server": (
        13,
        "CREATE FOREIGN DATA WRAPPER w2x; CREATE SERVER s2x VERSION '1' FOREIGN DATA WRAPPER w2x;",
        "ALTER SERVER s2x VERSION '2';",
    ),
    "event trigger": (
        13,
        "CREATE FUNCTION ev() RETURNS event_trigger LANGUAGE plpgsql AS 'begin end';",
        (
            "CREATE EVENT TRIGGER et ON ddl_command_end WHEN TAG IN ('CREATE CONVERSION')"
            " EXECUTE FUNCTION ev(); ALTER EVENT TRIGGER et DISABLE;"
        ),
    ),
    "default rights": (
        13,
        "ALTER DEFAULT PRIVILEGES FOR ROLE pg_monitor REVOKE EXECUTE ON FUNCTIONS FROM PUBLIC;",
        (
            "ALTER DEFAULT PRIVILEGES FOR ROLE pg_monitor GRANT EXECUTE ON FUNCTIONS TO PUBLIC;"
            "ALTER DEFAULT PRIVILEGES FOR ROLE pg_monitor GRANT SELECT ON TABLES TO PUBLIC;"
        ),
    ),
    "text search": (
        13,
        (
            "CREATE TEXT SEARCH CONFIGURATION ts (PARSER = pg_catalog.default);"
            "ALTER TEXT SEARCH CONFIGURATION ts ADD MAPPING FOR word WITH simple;"
            "ALTER TEXT SEARCH CONFIGURATION ts ADD MAPPING FOR url WITH simple;"
            "CREATE TEXT SEARCH DICTIONARY td (TEMPLATE = pg_catalog.simple, accept = true);"
        ),
        (
            "ALTER TEXT SEARCH CONFIGURATION ts DROP MAPPING FOR url;"
            "ALTER TEXT SEARCH CONFIGURATION ts ADD MAPPING FOR email WITH simple;"
            "ALTER TEXT SEARCH DICTIONARY td (accept = false);"
        ),
    ),
    "operators": (
        13,
        (
            "CREATE FUNCTION eq(int, text) RETURNS bool LANGUAGE sql AS 'SELECT true';"
            "CREATE OPERATOR === (FUNCTION = eq, LEFTARG = int, RIGHTARG = text);"
        ),
        (
            "ALTER OPERATOR === (int, text) SET (RESTRICT = eqsel, JOIN = eqjoinsel);"
            "CREATE OPERATOR FAMILY fam USING btree;"
            "ALTER OPERATOR FAMILY fam USING btree ADD FUNCTION 1 (int, int8) btint48cmp(int, int8);"
        ),
    ),
    "new composite with words": (
        13,
        "SELECT 1;",
        "CREATE TYPE ct AS (a int); COMMENT ON COLUMN ct.a IS 'x';",
    ),
    "default that lets go": (
        13,
        (
            "CREATE FUNCTION one() RETURNS int LANGUAGE sql AS 'SELECT 1';"
            "CREATE TABLE t (a bigint DEFAULT one());"
        ),
        (
            "ALTER TABLE t ALTER a DROP DEFAULT; DROP FUNCTION one();"
            "CREATE FUNCTION one() RETURNS bigint LANGUAGE sql AS 'SELECT 1::bigint';"
            "ALTER TABLE t ALTER a SET DEFAULT one();"
        ),
    ),
    "a range is made anew": (
        13,
        _T + "CREATE TYPE r AS RANGE (subtype = int4); ALTER TABLE t ADD r r;",
        (
            "ALTER TABLE t DROP r; DROP TYPE r;"
            "CREATE TYPE r AS RANGE (subtype = int8); ALTER TABLE t ADD r r;"
        ),
    ),
    "a table becomes a part of one with a check": (
        13,
        _PARTS + "ALTER TABLE p ADD CONSTRAINT high CHECK (a < 100);",
        (
            "ALTER TABLE q ADD CONSTRAINT high CHECK (a < 100);"
            "ALTER TABLE p ATTACH PARTITION q FOR VALUES IN (7);"
        ),
    ),
}

# Scenarios that do something to the whole database, or to what others do in it.
APART = frozenset(
    """
    comment_on_every_kind database_changed database_setting_changed default_privilege_set
    enabled_always_or_on_replicas event_trigger_changed event_trigger_disabled event_trigger_login
    owner_of_every_kind table_majors_are_no_drift
    """.split()
)

# Places that no server of ours can be brought to, and why.
_NO_PROVIDER = "no server of ours has a provider of labels; a label locks what it is on, shortly"
UNREACHED: Mapping[str, str] = dict.fromkeys(
    (
        "privileges.LABEL 1",
        "privileges._change_label 1",
        "privileges._label 1",
        "privileges._make_label 1",
    ),
    _NO_PROVIDER,
)
