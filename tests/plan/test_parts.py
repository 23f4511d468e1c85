"""A table joins a whole or leaves it, with keys and indexes that become the whole's or were.

Proved as `plan --prove` does, and what the proof claims is held against pg_dump.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

import pytest

from pgdrift.sources.embedded import EmbeddedServer
from tests.conftest import MakeDatabase
from tests.plan.claimed import claimed, side

pytestmark = [pytest.mark.db, pytest.mark.timeout(600)]


class Case(NamedTuple):
    """What both sides have, and what either has of its own."""

    both: str
    apart: str
    joined: str


_WHOLE = """
CREATE TABLE r (id integer PRIMARY KEY, n integer UNIQUE);
CREATE TABLE w (id integer, v text, n integer) PARTITION BY LIST (id);
"""
_P = "CREATE TABLE p (id integer, v text, n integer);"
_IN = "CREATE TABLE p PARTITION OF w FOR VALUES IN (1);"
_ATTACH = "ALTER TABLE w ATTACH PARTITION p FOR VALUES IN (1);"
_KEY = "ALTER TABLE w ADD CONSTRAINT wf FOREIGN KEY (n) REFERENCES r (n);"
_OWN_KEY = "ALTER TABLE p ADD CONSTRAINT pf FOREIGN KEY (n) REFERENCES r (n);"
_INDEX = "CREATE INDEX wi ON w (v);"
_UNIQUE = "ALTER TABLE w ADD CONSTRAINT wu UNIQUE (id, n);"
_BELOW = """
CREATE TABLE p (id integer, v text, n integer) PARTITION BY LIST (n);
CREATE TABLE p1 PARTITION OF p FOR VALUES IN (1, 2);
CREATE TABLE pd PARTITION OF p DEFAULT;
"""
_TWO = _WHOLE + "CREATE TABLE w2 (id integer, v text, n integer) PARTITION BY LIST (id);"

CASES: Mapping[str, Case] = {
    "a key of its own becomes the whole's": Case(_WHOLE + _KEY + _P + _OWN_KEY, "", _ATTACH),
    "a key comes with the whole": Case(_WHOLE + _KEY + _P, "", _ATTACH),
    "a key comes under a name that another had": Case(
        _WHOLE + _KEY + _P, "ALTER TABLE p ADD CONSTRAINT wf CHECK (n > 0);", _ATTACH
    ),
    "keys and indexes come with the whole": Case(
        _WHOLE + _KEY + _INDEX + _UNIQUE, _P, _IN + "CREATE INDEX own ON p (v, n);"
    ),
    "what it has becomes the whole's": Case(
        _WHOLE + _INDEX + _UNIQUE + _P + "CREATE INDEX pi ON p (v);"
        "ALTER TABLE p ADD CONSTRAINT pu UNIQUE (id, n);",
        "",
        _ATTACH,
    ),
    "what it has is unlike the whole's": Case(
        _WHOLE + _INDEX + _KEY,
        _P + "CREATE INDEX p_v_idx ON p (v DESC);"
        "ALTER TABLE p ADD CONSTRAINT wf FOREIGN KEY (n) REFERENCES r (n) ON DELETE CASCADE;",
        _IN,
    ),
    "names that people gave to parts": Case(
        _WHOLE + _INDEX + _UNIQUE + _KEY,
        _P,
        _P + _ATTACH + 'ALTER INDEX p_v_idx RENAME TO "its own";'
        "ALTER TABLE p RENAME CONSTRAINT p_id_n_key TO pu; ALTER TABLE p RENAME CONSTRAINT wf TO pf;",
    ),
    "a part with words of its own": Case(
        _WHOLE + _INDEX + _UNIQUE,
        _P,
        _IN + "COMMENT ON INDEX p_v_idx IS 'x'; COMMENT ON INDEX p_id_n_key IS 'y';",
    ),
    "the whole gets an index meanwhile": Case(_WHOLE, _P, _IN + _INDEX + _UNIQUE + _KEY),
    "the whole loses an index meanwhile": Case(_WHOLE, _P + _INDEX + _UNIQUE + _KEY, _IN),
    "partitions below": Case(_WHOLE + _INDEX + _UNIQUE + _KEY + _BELOW, "", _ATTACH),
    "other bounds, and the whole gets a check": Case(
        _WHOLE + _INDEX + _UNIQUE + _KEY,
        _IN,
        _IN.replace("(1)", "(1, 2)") + "ALTER TABLE w ADD CONSTRAINT wc CHECK (id > 0);",
    ),
    "a column goes from both": Case(
        "",
        "CREATE TABLE w (id integer, v text, n integer) PARTITION BY LIST (id);" + _P,
        "CREATE TABLE w (id integer, v text) PARTITION BY LIST (id);" + _INDEX + _IN,
    ),
    "from one whole to another": Case(
        _TWO + _INDEX + _KEY + "CREATE INDEX w2i ON w2 (v);"
        "ALTER TABLE w2 ADD CONSTRAINT w2f FOREIGN KEY (id) REFERENCES r;" + _P,
        _ATTACH,
        "ALTER TABLE w2 ATTACH PARTITION p FOR VALUES IN (7);",
    ),
    "below a partition that has it from its whole": Case(
        _WHOLE + _INDEX + _UNIQUE + "CREATE TABLE m PARTITION OF w FOR VALUES IN (1)"
        " PARTITION BY LIST (n);" + _P,
        "",
        "ALTER TABLE m ATTACH PARTITION p FOR VALUES IN (3);",
    ),
}


_LACKS = """
CREATE TABLE w (id integer NOT NULL, v text) PARTITION BY LIST (id);
CREATE TABLE p1 PARTITION OF w FOR VALUES IN (1);
CREATE TABLE p2 PARTITION OF w FOR VALUES IN (2);
CREATE INDEX wi ON ONLY w (v);
ALTER TABLE ONLY w ADD CONSTRAINT wu UNIQUE (id);
CREATE INDEX p1_v_idx ON p1 (v);
ALTER TABLE p1 ADD UNIQUE (id);
"""
_ATTACHED = "ALTER INDEX wi ATTACH PARTITION p1_v_idx; ALTER INDEX wu ATTACH PARTITION p1_id_key;"
_ALL = """
CREATE INDEX p2_v_idx ON p2 (v); ALTER INDEX wi ATTACH PARTITION p2_v_idx;
ALTER TABLE p2 ADD UNIQUE (id); ALTER INDEX wu ATTACH PARTITION p2_id_key;
"""
LACKING: Mapping[str, Case] = {
    "a part is not attached": Case(_LACKS, "", _ATTACHED),
    "a part is not there": Case(_LACKS + _ATTACHED, "", _ALL),
    "one is not attached, one not there": Case(_LACKS, "", _ATTACHED + _ALL),
    "a part of a part is not there": Case(
        "CREATE TABLE w (id integer, v text) PARTITION BY LIST (id);"
        "CREATE TABLE m PARTITION OF w FOR VALUES IN (1) PARTITION BY LIST (v);"
        "CREATE TABLE p1 PARTITION OF m FOR VALUES IN ('a');"
        "CREATE TABLE p2 PARTITION OF m FOR VALUES IN ('b');"
        "CREATE INDEX wi ON ONLY w (v); CREATE INDEX m_v_idx ON ONLY m (v);"
        "ALTER INDEX wi ATTACH PARTITION m_v_idx; CREATE INDEX p1_v_idx ON p1 (v);"
        "ALTER INDEX m_v_idx ATTACH PARTITION p1_v_idx;",
        "",
        "CREATE INDEX p2_v_idx ON p2 (v); ALTER INDEX m_v_idx ATTACH PARTITION p2_v_idx;",
    ),
}


@pytest.mark.parametrize("name", [*CASES, *LACKING])
async def test_what_joins_or_leaves_a_whole_is_planned_proved_and_as_pg_dump_says(
    name: str, make_database: MakeDatabase, server: EmbeddedServer
) -> None:
    both, apart, joined = {**CASES, **LACKING}[name]
    one, other = [await side(await make_database(sql=both + sql)) for sql in (apart, joined)]
    for target, source in ((one, other), (other, one)):
        claim = await claimed(server, target, source)
        assert claim.whole, (claim.plan.proof, claim.by_hand)
        assert claim.false == ()


async def test_beside_writers_a_table_gets_its_keys_before_it_joins(
    make_database: MakeDatabase, server: EmbeddedServer
) -> None:
    both, apart, joined = CASES["keys and indexes come with the whole"]
    one, other = [await side(await make_database(sql=both + sql)) for sql in (apart, joined)]
    claim = await claimed(server, one, other, online=True, rows=2)
    assert claim.whole, (claim.plan.proof, claim.by_hand)
    assert claim.false == ()
    made = [s.step.sql.split(" ON ")[0] for s in claim.plan.up.statements if s.step.alone]
    assert made == [
        "CREATE UNIQUE INDEX CONCURRENTLY p_id_n_key",
        "CREATE INDEX CONCURRENTLY own",
        "CREATE INDEX CONCURRENTLY p_v_idx",
    ]
