CREATE COLLATION c (locale = 'C');
-- Only ICU lets a collation have them, and not every server has it.
UPDATE pg_collation SET collicurules = '&a < g' WHERE collname = 'c';
