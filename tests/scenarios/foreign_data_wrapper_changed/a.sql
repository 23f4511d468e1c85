CREATE FUNCTION handler() RETURNS fdw_handler LANGUAGE internal AS 'pg_backend_pid';
CREATE FUNCTION validator(text[], oid) RETURNS bool LANGUAGE sql AS 'SELECT true';

CREATE FOREIGN DATA WRAPPER w OPTIONS (debug 'false');
CREATE FOREIGN DATA WRAPPER gone;
