CREATE TABLE t (a int, b text);
CREATE INDEX i ON t (a);
CREATE INDEX p ON t (b);
CREATE INDEX same ON t (lower(b));
