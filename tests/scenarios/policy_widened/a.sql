CREATE TABLE t (a int);
CREATE POLICY p ON t FOR SELECT TO pg_monitor USING (a > 0);
