CREATE ACCESS METHOD heap2 TYPE TABLE HANDLER heap_tableam_handler;
CREATE MATERIALIZED VIEW m USING heap2 WITH (toast.autovacuum_enabled = off)
    AS SELECT 1 AS a, 'x'::text AS b;
ALTER TABLE m REPLICA IDENTITY FULL;
COMMENT ON COLUMN m.b IS 'second';
