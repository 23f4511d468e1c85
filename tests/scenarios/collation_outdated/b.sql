CREATE COLLATION c (provider = builtin, locale = 'C.UTF-8');
-- As it is when the files of a server are taken to a host that sorts otherwise.
UPDATE pg_collation SET collversion = '0' WHERE collname = 'c';
