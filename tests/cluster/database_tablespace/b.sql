SET allow_in_place_tablespaces = on;
CREATE TABLESPACE fast LOCATION '';
ALTER DATABASE there SET TABLESPACE fast;
