CREATE TYPE mood AS ENUM ('sad', 'ok');
CREATE FUNCTION out_one(internal) RETURNS internal LANGUAGE internal STABLE AS 'pg_backend_pid';
CREATE FUNCTION out_two(internal) RETURNS internal LANGUAGE internal STABLE AS 'pg_backend_pid';
CREATE FUNCTION in_one(internal) RETURNS mood LANGUAGE internal STABLE AS 'pg_backend_pid';

CREATE TRANSFORM FOR mood LANGUAGE plpgsql (FROM SQL WITH FUNCTION out_two(internal));
COMMENT ON TRANSFORM FOR mood LANGUAGE plpgsql IS 'one way';
CREATE TRANSFORM FOR mood LANGUAGE sql (FROM SQL WITH FUNCTION out_two(internal));
