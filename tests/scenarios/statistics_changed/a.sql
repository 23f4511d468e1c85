CREATE TABLE t (a int, b int, c int);
CREATE TABLE u (a int, b int, c int);
CREATE STATISTICS s (ndistinct) ON a, b FROM t;
CREATE STATISTICS gone ON a, c FROM t;
