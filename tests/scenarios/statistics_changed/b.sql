CREATE TABLE t (a int, b int, c int);
CREATE TABLE u (a int, b int, c int);
CREATE STATISTICS s (mcv, dependencies) ON a, c FROM u;
ALTER STATISTICS s SET STATISTICS 100;
COMMENT ON STATISTICS s IS 'correlated';
ALTER STATISTICS s OWNER TO pg_monitor;
