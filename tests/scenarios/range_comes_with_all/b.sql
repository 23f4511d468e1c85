CREATE TYPE came AS RANGE (subtype = float8);
