CREATE TABLE t (a int);
CREATE SCHEMA s;
UPDATE pg_extension SET extrelocatable = false WHERE extname = 'plpgsql';
