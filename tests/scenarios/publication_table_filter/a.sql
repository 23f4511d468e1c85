-- since: 15
CREATE TABLE t (a int PRIMARY KEY, b int, secret text);
CREATE PUBLICATION p FOR TABLE t (b, a) WHERE (a > 0);
