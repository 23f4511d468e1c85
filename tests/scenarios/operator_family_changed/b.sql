CREATE OPERATOR FAMILY f USING btree;
ALTER OPERATOR FAMILY f USING btree ADD
    OPERATOR 1 < (integer, integer), OPERATOR 1 < (integer, bigint),
    FUNCTION 1 btint4cmp(integer, integer), FUNCTION 1 btint48cmp(integer, bigint);
COMMENT ON OPERATOR FAMILY f USING btree IS 'whole numbers';
ALTER OPERATOR FAMILY f USING btree OWNER TO pg_monitor;
CREATE OPERATOR FAMILY g USING gist;
ALTER OPERATOR FAMILY g USING gist ADD OPERATOR 15 <-> (point, point) FOR ORDER BY float_ops;
