CREATE FUNCTION called() RETURNS language_handler LANGUAGE internal AS 'pg_backend_pid';
CREATE FUNCTION at_once(internal) RETURNS void LANGUAGE internal AS 'pg_backend_pid';
CREATE FUNCTION checked(oid) RETURNS void LANGUAGE internal AS 'fmgr_sql_validator';

CREATE LANGUAGE l HANDLER plpgsql_call_handler INLINE plpgsql_inline_handler
    VALIDATOR plpgsql_validator;
CREATE LANGUAGE gone HANDLER plpgsql_call_handler;
