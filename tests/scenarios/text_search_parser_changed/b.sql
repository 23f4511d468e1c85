CREATE FUNCTION p_start(internal, integer) RETURNS internal
    LANGUAGE internal STRICT AS 'prsd_start';
CREATE FUNCTION p_token(internal, internal, internal) RETURNS internal
    LANGUAGE internal STRICT AS 'prsd_nexttoken';
CREATE FUNCTION p_end(internal) RETURNS void LANGUAGE internal STRICT AS 'prsd_end';
CREATE FUNCTION p_types(internal) RETURNS internal LANGUAGE internal STRICT AS 'prsd_lextype';
CREATE TEXT SEARCH PARSER p (
    START = p_start, GETTOKEN = p_token, END = p_end, LEXTYPES = p_types
);
COMMENT ON TEXT SEARCH PARSER p IS 'our own';
