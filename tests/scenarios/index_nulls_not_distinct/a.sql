-- since: 15
CREATE TABLE t (a int);
CREATE UNIQUE INDEX u ON t (a);
