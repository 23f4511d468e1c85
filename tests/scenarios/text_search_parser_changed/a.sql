CREATE FUNCTION p_start(internal, integer) RETURNS internal
    LANGUAGE internal STRICT AS 'prsd_start';
CREATE FUNCTION p_token(internal, internal, internal) RETURNS internal
    LANGUAGE internal STRICT AS 'prsd_nexttoken';
CREATE FUNCTION p_end(internal) RETURNS void LANGUAGE internal STRICT AS 'prsd_end';
CREATE FUNCTION p_types(internal) RETURNS internal LANGUAGE internal STRICT AS 'prsd_lextype';
CREATE TEXT SEARCH PARSER p (
    START = prsd_start, GETTOKEN = prsd_nexttoken, END = prsd_end, LEXTYPES = prsd_lextype,
    HEADLINE = prsd_headline
);
