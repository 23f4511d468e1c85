CREATE TYPE pair AS (a int, "B b" text);
