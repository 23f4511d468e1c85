CREATE TYPE one AS RANGE (subtype = float8);
CREATE TYPE two AS RANGE (subtype = text, collation = "C");
CREATE TYPE three AS RANGE (subtype = text);
CREATE TYPE four;
CREATE FUNCTION canon(four) RETURNS four AS 'int4range_canonical' LANGUAGE internal IMMUTABLE STRICT;
CREATE TYPE four AS RANGE (subtype = int);
