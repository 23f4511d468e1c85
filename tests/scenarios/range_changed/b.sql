CREATE TYPE one AS RANGE (subtype = numeric);
CREATE TYPE two AS RANGE (subtype = text, collation = "POSIX");
CREATE TYPE three AS RANGE (subtype = text, subtype_opclass = text_pattern_ops);
CREATE TYPE four;
CREATE FUNCTION canon(four) RETURNS four AS 'int4range_canonical' LANGUAGE internal IMMUTABLE STRICT;
CREATE TYPE four AS RANGE (subtype = int, canonical = canon);
