-- since: 16
CREATE COLLATION c (locale = 'C');
