-- since: 18
CREATE TABLE t (a int NOT NULL, b int NOT NULL, c int CONSTRAINT mine NOT NULL, d int);
