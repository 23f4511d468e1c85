CREATE UNLOGGED TABLE t (a int, b text) WITH (autovacuum_enabled = off, fillfactor = 80, toast.autovacuum_enabled = off);
ALTER TABLE t REPLICA IDENTITY FULL;
