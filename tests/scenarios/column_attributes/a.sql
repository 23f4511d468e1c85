CREATE TABLE t (
    a varchar(50), b numeric(10,2) DEFAULT 0, c int, d text, e int GENERATED ALWAYS AS IDENTITY,
    f int[], g text, gone int
);
COMMENT ON COLUMN t.c IS 'old';
