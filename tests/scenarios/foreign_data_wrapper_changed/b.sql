CREATE FUNCTION handler() RETURNS fdw_handler LANGUAGE internal AS 'pg_backend_pid';
CREATE FUNCTION validator(text[], oid) RETURNS bool LANGUAGE sql AS 'SELECT true';

CREATE FOREIGN DATA WRAPPER w HANDLER handler VALIDATOR validator OPTIONS (debug 'true');
COMMENT ON FOREIGN DATA WRAPPER w IS 'elsewhere';
-- Its owner has to be a superuser, and all servers have but one of the same name.
UPDATE pg_foreign_data_wrapper SET fdwowner = 'pg_monitor'::regrole WHERE fdwname = 'w';
