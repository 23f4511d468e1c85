-- since: 14
CREATE TABLE t (a int, b text);
CREATE STATISTICS s ON a, lower(b) FROM t;
