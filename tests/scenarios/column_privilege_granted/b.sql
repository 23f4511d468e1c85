CREATE TABLE t (a int, b int);
CREATE VIEW v AS SELECT 1 AS a;
GRANT SELECT (a), UPDATE (b) ON t TO pg_monitor;
GRANT SELECT (a) ON v TO pg_monitor;
