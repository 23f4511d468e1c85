CREATE COLLATION c (locale = 'C');
CREATE COLLATION gone (locale = 'C');
