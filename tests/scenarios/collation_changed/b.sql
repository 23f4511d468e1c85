CREATE COLLATION c (locale = 'POSIX');
ALTER COLLATION c OWNER TO pg_monitor;
COMMENT ON COLLATION c IS 'not for people';
-- Only ICU lets a collation be this, and not every server has it.
UPDATE pg_collation SET collisdeterministic = false WHERE collname = 'c';
