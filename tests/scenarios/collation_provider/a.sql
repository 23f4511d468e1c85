-- since: 17
CREATE COLLATION c (provider = builtin, locale = 'C.UTF-8');
CREATE COLLATION d (provider = builtin, locale = 'C.UTF-8');
