CREATE SCHEMA s;
CREATE TABLE s.t (a int, b int);
CREATE VIEW s.v AS SELECT 1 AS a;
CREATE FUNCTION s.f(int, text) RETURNS int LANGUAGE sql AS 'SELECT 1';
CREATE TYPE s.e AS ENUM ('x');
-- No provider is needed to know of labels, only to give them.
INSERT INTO pg_seclabel (objoid, classoid, objsubid, provider, label) VALUES
    ('s.t'::regclass, 'pg_class'::regclass, 0, 'p', 'closed'),
    ('s.t'::regclass, 'pg_class'::regclass, 0, 'q', 'closed'),
    ('s'::regnamespace, 'pg_namespace'::regclass, 0, 'p', 'closed'),
    ('s.v'::regclass, 'pg_class'::regclass, 1, 'p', 'closed'),
    ('s.f(int,text)'::regprocedure, 'pg_proc'::regclass, 0, 'p', 'closed'),
    ('s.e'::regtype, 'pg_type'::regclass, 0, 'p', 'closed');
