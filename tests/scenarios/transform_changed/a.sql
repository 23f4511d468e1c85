CREATE TYPE mood AS ENUM ('sad', 'ok');
CREATE FUNCTION out_one(internal) RETURNS internal LANGUAGE internal STABLE AS 'pg_backend_pid';
CREATE FUNCTION out_two(internal) RETURNS internal LANGUAGE internal STABLE AS 'pg_backend_pid';
CREATE FUNCTION in_one(internal) RETURNS mood LANGUAGE internal STABLE AS 'pg_backend_pid';

CREATE TRANSFORM FOR mood LANGUAGE plpgsql (
    FROM SQL WITH FUNCTION out_one(internal), TO SQL WITH FUNCTION in_one(internal)
);
