CREATE OPERATOR FAMILY f USING btree;
ALTER OPERATOR FAMILY f USING btree ADD
    OPERATOR 1 < (integer, integer), FUNCTION 1 btint4cmp(integer, integer);
CREATE OPERATOR FAMILY g USING gist;
