"""Keys built beside writers, proved with rows, rehearsed, applied and taken back on real databases."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

import pytest

from pgdrift.core.alike.normalise import Options
from pgdrift.core.compare import compare
from pgdrift.core.model import ObjectId
from pgdrift.core.plan.making import make_plan
from pgdrift.reconcile import planfile
from pgdrift.reconcile.prove import Refused
from pgdrift.sources.embedded import EmbeddedServer
from tests.conftest import MakeDatabase, run_sql
from tests.plan.claimed import claimed, side
from tests.plan.proving import read
from tests.reconcile.test_apply import Hands, hands, seen, told_alike

pytestmark = pytest.mark.db
__all__ = ["hands"]  # a fixture: pytest finds it by its name

_T = """
CREATE TABLE t (a integer NOT NULL, b text, c integer);
INSERT INTO t SELECT n, 'b' || n, n FROM generate_series(1, 20) n;
"""


class Case(NamedTuple):
    """What both have, what only one has, what only the other has; since which major."""

    both: str
    one: str
    other: str
    since: int = 13


CASES: Mapping[str, Case] = {
    "with all that a key can have": Case(
        _T,
        "",
        "ALTER TABLE t ADD CONSTRAINT pk PRIMARY KEY (a, c) INCLUDE (b);"
        "ALTER TABLE t ADD CONSTRAINT uq UNIQUE (c) INCLUDE (b) WITH (fillfactor = 50)"
        " DEFERRABLE INITIALLY DEFERRED; ALTER TABLE t CLUSTER ON pk;"
        "COMMENT ON CONSTRAINT pk ON t IS 'key'; COMMENT ON INDEX uq IS 'index';"
        'ALTER TABLE t ADD CONSTRAINT "u q(" UNIQUE (b)',
    ),
    "nulls are not distinct": Case(
        _T, "", "ALTER TABLE t ADD UNIQUE NULLS NOT DISTINCT (c, b)", 15
    ),
    "another takes its place": Case(
        _T,
        "ALTER TABLE t ADD CONSTRAINT k PRIMARY KEY (a)",
        "ALTER TABLE t ADD CONSTRAINT k UNIQUE (a); ALTER TABLE t ADD PRIMARY KEY (c);",
    ),
    "a foreign key refers to it": Case(
        _T + "CREATE TABLE r (a integer); INSERT INTO r SELECT a FROM t;",
        "",
        "ALTER TABLE t ADD CONSTRAINT k UNIQUE (a); ALTER TABLE r ADD CONSTRAINT f"
        " FOREIGN KEY (a) REFERENCES t (a); CREATE UNIQUE INDEX i ON t (c);"
        "ALTER TABLE t ALTER c SET NOT NULL, REPLICA IDENTITY USING INDEX i;",
    ),
    "of a child, and of what has children": Case(
        _T + "CREATE TABLE child () INHERITS (t);",
        "",
        "ALTER TABLE t ADD PRIMARY KEY (c); ALTER TABLE child ADD UNIQUE (b)",
    ),
}


@pytest.mark.parametrize("name", CASES)
async def test_a_key_is_proved_rehearsed_applied_and_taken_back(
    name: str, make_database: MakeDatabase, server: EmbeddedServer, hands: Hands
) -> None:
    both, one, other, since = CASES[name]
    if server.major < since:
        pytest.skip(f"PostgreSQL {server.major} has no such key")
    a, b = [await make_database(sql=f"{both}; {sql}") for sql in (one, other)]
    for target, source in ((a, b), (b, a)):
        claim = await claimed(server, await side(target), await side(source), online=True, rows=2)
        assert claim.whole, (claim.plan.proof, claim.by_hand)
        assert claim.false == ()
    before, after = await seen(a), await seen(b)
    await hands.plan(a, b, online=True)
    assert any(s.step.alone for s in planfile.read(hands.folder)[0].up.statements)
    said = await hands.rehearse(a)
    assert "refused after" not in said, said
    assert "what was run leads to what the plan says; rolled back" in said, said
    assert not compare(before, await seen(a)).changes
    await hands.apply(a)
    assert not told_alike(await seen(a), after)
    await hands.roll_back(a)
    assert not compare(before, await seen(a)).changes


async def test_a_key_that_rows_forbid_is_said_to_fail_and_a_proof_says_what_stood_against_it(
    make_database: MakeDatabase, server: EmbeddedServer, hands: Hands
) -> None:
    a = await make_database(sql="CREATE TABLE t (a boolean)")
    b = await make_database(sql="CREATE TABLE t (a boolean PRIMARY KEY)")
    claim = await claimed(server, await side(a), await side(b), online=True, rows=4)
    assert claim.plan.proved, claim.plan.proof
    assert claim.plan.proof
    assert claim.plan.proof.rows
    assert "rows have equal keys" in str(claim.plan.proof.rows.stopped)
    await run_sql(a, "INSERT INTO t VALUES (true), (true)")
    await hands.plan(a, b, online=True)
    before = await seen(a)
    await hands.refused(hands.apply(a))
    assert not [c for c in compare(before, await seen(a)).changes if c.id.kind != "column"]


async def test_a_key_whose_index_a_server_refuses_is_left_by_hand_as_a_whole(
    make_database: MakeDatabase,
) -> None:
    sides = [
        await read(await make_database(sql=_T + sql))
        for sql in ("", "ALTER TABLE t ADD CONSTRAINT k UNIQUE (a); COMMENT ON TABLE t IS 'x'")
    ]
    plan = make_plan((sides[0], sides[1]), ("a", "b"), Options(), online=True)
    built = next(s.object for s in plan.up.statements if s.step.alone)
    assert built == ObjectId("index", ("public", "k"))
    refused: Refused = ({built: "no such thing here"}, {})
    plan = make_plan((sides[0], sides[1]), ("a", "b"), Options(), online=True, refused=refused)
    assert [s.step.sql for s in plan.up.statements] == ["COMMENT ON TABLE public.t IS 'x'"]
    (left,) = plan.up.by_hand
    assert str(left.object) == "constraint:public.t.k"
    assert left.why == "the server refuses it: no such thing here"
