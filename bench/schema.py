"""A number of tables in, SQL scripts out: the same schema each time, with something of each kind.

Each script is one transaction of bounded size, so that no server runs out of locks.
"""

from __future__ import annotations

from collections.abc import Iterator
from random import Random

_SEED = 1996
_TABLES_PER_SCHEMA = 200
_TABLES_PER_SCRIPT = 50
_WORDS = "patient visit bed ward dose referral claim roster invoice device".split()

_ROLES = """
DO $$
DECLARE r text;
BEGIN
    FOREACH r IN ARRAY ARRAY['bench_clerk', 'bench_auditor'] LOOP
        IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = r) THEN
            EXECUTE format('CREATE ROLE %I', r);
        END IF;
    END LOOP;
END $$;
"""


def scripts(tables: int) -> Iterator[str]:
    """Give the scripts that make a schema of so many tables, to be run in order."""
    random = Random(_SEED)
    yield _ROLES + "".join(_schema(s) for s in range(_schemas(tables)))
    for first in range(0, tables, _TABLES_PER_SCRIPT):
        batch = range(first, min(first + _TABLES_PER_SCRIPT, tables))
        yield "".join(_around(i, tables, random) for i in batch)


def changes(tables: int) -> Iterator[str]:
    """Give the scripts that change about every hundredth object, and one in a schema of a few."""
    changed = range(0, tables, 100)
    for first in range(0, len(changed), _TABLES_PER_SCRIPT):
        batch = changed[first : first + _TABLES_PER_SCRIPT]
        yield "".join(_change(i, tables) for i in batch)


def _schemas(tables: int) -> int:
    return -(-tables // _TABLES_PER_SCHEMA)


def _schema(s: int) -> str:
    return f"""
CREATE SCHEMA area{s};
COMMENT ON SCHEMA area{s} IS 'Area {s} of the clinic';
GRANT USAGE ON SCHEMA area{s} TO bench_clerk, bench_auditor;
ALTER DEFAULT PRIVILEGES IN SCHEMA area{s} GRANT SELECT ON TABLES TO bench_auditor;
CREATE SEQUENCE area{s}.receipt START 1000 INCREMENT 5;
CREATE TYPE area{s}.address AS (street text, town varchar(80));
CREATE DOMAIN area{s}.code AS varchar(24) CHECK (VALUE ~ '^[A-Z][A-Z0-9-]*$');
CREATE FUNCTION area{s}.stamp() RETURNS trigger LANGUAGE plpgsql AS $f$
BEGIN
    NEW.changed_at := clock_timestamp();
    RETURN NEW;
END $f$;
"""


def _area(i: int, tables: int) -> str:
    return f"area{i % _schemas(tables)}"


def _name(i: int) -> str:
    return f"{_WORDS[i % len(_WORDS)]}_{i}"


def _table(i: int, tables: int) -> str:
    return f"{_area(i, tables)}.{_name(i)}"


def _around(i: int, tables: int, random: Random) -> str:
    """Return one table and what belongs to it; some things stand at every so many tables."""
    earlier = [random.randrange(i + 1) for _ in range(2)]
    parts = [_columns(i, tables, random), _keys(i, tables, earlier), _words(i, tables)]
    every = {2: _trigger, 5: _view, 10: _function, 20: _enum, 25: _policy, 100: _partitions}
    parts += [make(i, tables) for n, make in every.items() if i % n == 0]
    return "".join(parts)


def _columns(i: int, tables: int, random: Random) -> str:
    return f"""
CREATE TABLE {_table(i, tables)} (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    mother_id bigint,
    peer_id bigint NOT NULL,
    code {_area(i, tables)}.code NOT NULL,
    name varchar({random.choice((60, 100, 250))}) NOT NULL DEFAULT 'unnamed',
    price numeric(12,2) DEFAULT 0.00 NOT NULL,
    pieces integer DEFAULT {i % 9 + 1},
    tags text[] DEFAULT '{{}}'::text[] NOT NULL,
    details jsonb DEFAULT '{{"version": {i % 3}}}'::jsonb,
    is_closed boolean DEFAULT false NOT NULL,
    total numeric GENERATED ALWAYS AS (price * pieces) STORED,
    made_at timestamp with time zone DEFAULT now() NOT NULL,
    changed_at timestamp with time zone,
    CONSTRAINT {_name(i)}_sane CHECK (price >= 0 AND pieces BETWEEN 1 AND {1000 + i})
);
"""


def _keys(i: int, tables: int, earlier: list[int]) -> str:
    table, name = _table(i, tables), _name(i)
    mother, peer = (_table(e, tables) for e in earlier)
    return f"""
ALTER TABLE {table}
    ADD FOREIGN KEY (mother_id) REFERENCES {mother} ON DELETE CASCADE,
    ADD FOREIGN KEY (peer_id) REFERENCES {peer} DEFERRABLE INITIALLY DEFERRED;
CREATE INDEX {name}_by_day ON {table} (made_at DESC, is_closed);
CREATE INDEX {name}_by_name ON {table} (lower(name)) WHERE NOT is_closed;
CREATE UNIQUE INDEX {name}_by_code ON {table} (code, peer_id) INCLUDE (price);
"""


def _words(i: int, tables: int) -> str:
    table = _table(i, tables)
    return f"""
COMMENT ON TABLE {table} IS 'Register {i}, kept by desk {i % 17}';
COMMENT ON COLUMN {table}.price IS 'before tax';
COMMENT ON COLUMN {table}.details IS 'whatever the form of the day asks for';
GRANT SELECT, INSERT, UPDATE ON {table} TO bench_clerk;
GRANT SELECT (id, code, made_at) ON {table} TO PUBLIC;
"""


def _trigger(i: int, tables: int) -> str:
    return f"""
CREATE TRIGGER stamp BEFORE UPDATE ON {_table(i, tables)} FOR EACH ROW
    WHEN (OLD.details IS DISTINCT FROM NEW.details) EXECUTE FUNCTION {_area(i, tables)}.stamp();
"""


def _view(i: int, tables: int) -> str:
    kind = "MATERIALIZED VIEW" if i % 100 == 50 else "VIEW"
    return f"""
CREATE {kind} {_area(i, tables)}.open_{_name(i)} AS
    SELECT a.id, a.code, COALESCE(a.price, 0) * a.pieces AS worth, b.name AS peer,
        CASE WHEN a.is_closed THEN 'closed' ELSE 'open' END AS state,
        rank() OVER (PARTITION BY a.mother_id ORDER BY a.made_at) AS place
    FROM {_table(i, tables)} a LEFT JOIN {_table(i // 2, tables)} b ON b.id = a.peer_id
    WHERE a.made_at > now() - interval '{i % 60 + 1} days';
"""


def _function(i: int, tables: int) -> str:
    return f"""
CREATE FUNCTION {_area(i, tables)}.worth_{i}(which bigint, rate numeric DEFAULT 1.19)
RETURNS numeric LANGUAGE plpgsql STABLE SECURITY DEFINER
SET search_path = {_area(i, tables)}, pg_temp AS $f$
DECLARE
    found numeric;
BEGIN
    SELECT sum(t.price * t.pieces) * rate INTO found
      FROM {_table(i, tables)} t WHERE t.peer_id = which AND NOT t.is_closed;
    RETURN COALESCE(found, 0);
END $f$;
REVOKE EXECUTE ON FUNCTION {_area(i, tables)}.worth_{i}(bigint, numeric) FROM PUBLIC;
"""


def _enum(i: int, tables: int) -> str:
    return f"""
CREATE TYPE {_area(i, tables)}.state_{i} AS ENUM ('new', 'seen', 'paid', 'done');
ALTER TABLE {_table(i, tables)} ADD state {_area(i, tables)}.state_{i} DEFAULT 'new' NOT NULL;
"""


def _policy(i: int, tables: int) -> str:
    return f"""
ALTER TABLE {_table(i, tables)} ENABLE ROW LEVEL SECURITY;
CREATE POLICY own_desk ON {_table(i, tables)} FOR SELECT TO bench_clerk
    USING (NOT is_closed AND pieces > {i % 5});
"""


def _partitions(i: int, tables: int) -> str:
    whole = f"{_area(i, tables)}.log_{i}"
    parts = "".join(
        f"CREATE TABLE {whole}_{year} PARTITION OF {whole}"
        f" FOR VALUES FROM ('{year}-01-01') TO ('{year + 1}-01-01');\n"
        for year in range(2024, 2028)
    )
    return f"""
CREATE TABLE {whole} (at date NOT NULL, line bigint NOT NULL, text text, PRIMARY KEY (at, line))
    PARTITION BY RANGE (at);
CREATE INDEX ON {whole} (text);
{parts}"""


def _change(i: int, tables: int) -> str:
    """Return changes of about as many objects as belong to one table."""
    table, name = _table(i, tables), _name(i)
    columns = "id mother_id peer_id code name pieces tags is_closed total made_at".split()
    return f"""
ALTER TABLE {table} ADD note text, DROP CONSTRAINT {name}_sane,
    ALTER name SET DEFAULT 'nobody', ALTER details DROP DEFAULT, ALTER changed_at SET NOT NULL;
DROP INDEX {_area(i, tables)}.{name}_by_day;
CREATE INDEX {name}_by_hour ON {table} (made_at);
GRANT DELETE ON {table} TO bench_clerk;
REVOKE SELECT (code) ON {table} FROM PUBLIC;
COMMENT ON TABLE {table} IS 'given up';
""" + "".join(f"COMMENT ON COLUMN {table}.{c} IS 'changed';\n" for c in columns)
