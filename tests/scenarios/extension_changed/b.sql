CREATE TABLE t (a int);
CREATE SCHEMA s;
UPDATE pg_extension SET extversion = '2.0', extrelocatable = true, extnamespace = 's'::regnamespace,
    extconfig = ARRAY['t'::regclass, 'pg_class'::regclass]::oid[],
    extcondition = ARRAY['WHERE a > 1', ''] WHERE extname = 'plpgsql';
COMMENT ON EXTENSION plpgsql IS 'a language';
