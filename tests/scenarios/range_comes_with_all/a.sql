CREATE TYPE gone AS RANGE (subtype = float8);
