-- since: 14
CREATE TABLE t (a text);
CREATE MATERIALIZED VIEW m AS SELECT 'x'::text AS "A a";
