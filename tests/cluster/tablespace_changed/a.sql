CREATE ROLE app;
SET allow_in_place_tablespaces = on;
CREATE TABLESPACE fast LOCATION '';
