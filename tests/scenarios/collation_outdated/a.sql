-- since: 17
CREATE COLLATION c (provider = builtin, locale = 'C.UTF-8');
