CREATE TABLE t (c int, b int, a int PRIMARY KEY);
CREATE PUBLICATION p FOR TABLE t (c, a) WITH (publish = 'truncate, delete, update, insert');
