CREATE ROLE app;
SET allow_in_place_tablespaces = on;
CREATE TABLESPACE fast OWNER app LOCATION '' WITH (seq_page_cost = 1, random_page_cost = 1.1);
COMMENT ON TABLESPACE fast IS 'the new disks';
CREATE TABLESPACE faster LOCATION '';
