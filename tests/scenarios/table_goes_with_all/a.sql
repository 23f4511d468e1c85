CREATE TABLE parent (id serial PRIMARY KEY, n int CHECK (n > 0));
CREATE INDEX parent_n ON parent (n);
GRANT SELECT ON parent TO PUBLIC;
