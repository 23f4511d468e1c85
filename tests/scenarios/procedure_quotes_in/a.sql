CREATE PROCEDURE p(a text DEFAULT 'it''s a, IN b', "b, IN c" int DEFAULT 1, d text DEFAULT E'\\, IN ', IN e int DEFAULT 2)
    LANGUAGE sql AS 'SELECT 1';
