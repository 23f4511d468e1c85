CREATE FUNCTION called() RETURNS language_handler LANGUAGE internal AS 'pg_backend_pid';
CREATE FUNCTION at_once(internal) RETURNS void LANGUAGE internal AS 'pg_backend_pid';
CREATE FUNCTION checked(oid) RETURNS void LANGUAGE internal AS 'fmgr_sql_validator';

CREATE TRUSTED LANGUAGE l HANDLER called INLINE at_once VALIDATOR checked;
ALTER LANGUAGE l OWNER TO pg_monitor;
COMMENT ON LANGUAGE l IS 'of our own';
