CREATE OPERATOR === (
    FUNCTION = int4eq, LEFTARG = integer, RIGHTARG = integer, COMMUTATOR = ===, NEGATOR = !==,
    RESTRICT = eqsel, JOIN = eqjoinsel, HASHES, MERGES
);
COMMENT ON OPERATOR === (integer, integer) IS 'equal';
ALTER OPERATOR === (integer, integer) OWNER TO pg_monitor;
