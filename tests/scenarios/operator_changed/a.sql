CREATE OPERATOR === (FUNCTION = int4pl, LEFTARG = integer, RIGHTARG = integer);
CREATE OPERATOR @! (FUNCTION = int4um, RIGHTARG = integer);
