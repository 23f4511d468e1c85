CREATE TYPE mood AS ENUM ('sad', 'ok');
CREATE TYPE span AS RANGE (subtype = float8);
CREATE FUNCTION number(mood) RETURNS int LANGUAGE sql AS 'SELECT 1';

CREATE CAST (mood AS int) WITH INOUT AS IMPLICIT;
COMMENT ON CAST (mood AS int) IS 'by its text';
