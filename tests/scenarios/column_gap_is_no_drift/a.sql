CREATE TABLE t (a int, b int, c int);
ALTER TABLE t DROP b;
