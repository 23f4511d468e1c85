CREATE TYPE t;
CREATE TYPE later;
CREATE FUNCTION t_in(cstring) RETURNS t LANGUAGE internal IMMUTABLE STRICT AS 'int4in';
CREATE FUNCTION t_out(t) RETURNS cstring LANGUAGE internal IMMUTABLE STRICT AS 'int4out';
CREATE FUNCTION t_read(cstring) RETURNS t LANGUAGE internal IMMUTABLE STRICT AS 'textin';
CREATE FUNCTION t_write(t) RETURNS cstring LANGUAGE internal IMMUTABLE STRICT AS 'textout';
CREATE FUNCTION t_receive(internal) RETURNS t LANGUAGE internal STABLE STRICT AS 'textrecv';
CREATE FUNCTION t_send(t) RETURNS bytea LANGUAGE internal STABLE STRICT AS 'textsend';
CREATE FUNCTION later_in(cstring) RETURNS later LANGUAGE internal IMMUTABLE STRICT AS 'int4in';
CREATE FUNCTION later_out(later) RETURNS cstring LANGUAGE internal IMMUTABLE STRICT AS 'int4out';
CREATE TYPE t (
    INPUT = t_read, OUTPUT = t_write, RECEIVE = t_receive, SEND = t_send,
    TYPMOD_IN = varchartypmodin, TYPMOD_OUT = varchartypmodout, ANALYZE = range_typanalyze,
    INTERNALLENGTH = VARIABLE, ALIGNMENT = double, STORAGE = extended,
    CATEGORY = 'x', PREFERRED = true, DELIMITER = ';', DEFAULT = 'none', COLLATABLE = true
);
COMMENT ON TYPE t IS 'text, more or less';
ALTER TYPE t OWNER TO pg_monitor;
CREATE TYPE later (INPUT = later_in, OUTPUT = later_out, LIKE = integer);
