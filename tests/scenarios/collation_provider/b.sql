CREATE COLLATION c (provider = builtin, locale = 'C');
CREATE COLLATION d (locale = 'C');
