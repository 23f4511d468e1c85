CREATE TABLE t (a int, b text);
CREATE UNIQUE INDEX i ON t (a DESC) INCLUDE (b) WITH (fillfactor = 50) WHERE a > 0;
CREATE INDEX p ON t USING hash (b);
CREATE INDEX same ON t (lower(b));
ALTER TABLE t CLUSTER ON same;
