CREATE TYPE pair AS (a bigint, "B b" text COLLATE "C");
COMMENT ON COLUMN pair.a IS 'first';
