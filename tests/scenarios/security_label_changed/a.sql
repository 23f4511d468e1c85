CREATE SCHEMA s;
CREATE TABLE s.t (a int, b int);
CREATE VIEW s.v AS SELECT 1 AS a;
CREATE FUNCTION s.f(int, text) RETURNS int LANGUAGE sql AS 'SELECT 1';
CREATE TYPE s.e AS ENUM ('x');
-- No provider is needed to know of labels, only to give them.
INSERT INTO pg_seclabel (objoid, classoid, objsubid, provider, label) VALUES
    ('s.t'::regclass, 'pg_class'::regclass, 0, 'p', 'open'),
    ('s.t'::regclass, 'pg_class'::regclass, 2, 'p', 'masked');
