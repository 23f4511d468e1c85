CREATE TABLE t (a int PRIMARY KEY);
CREATE PUBLICATION p FOR ALL TABLES
    WITH (publish = 'update, insert', publish_via_partition_root = true);
COMMENT ON PUBLICATION p IS 'all of it';
