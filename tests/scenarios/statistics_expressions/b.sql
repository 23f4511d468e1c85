CREATE TABLE t (a int, b text);
CREATE STATISTICS s ON a, upper(b) FROM t;
