"""What is left by hand stays as it was: it, all that belongs to it, and what it would go with.

Proved as `plan --prove` does.
"""

from __future__ import annotations

import pytest

from pgdrift.core.alike.normalise import Options, normalise
from pgdrift.core.model import ChangeType, Object, ObjectId, Snapshot
from pgdrift.core.plan.likeness import left_over
from pgdrift.core.plan.model import LeftOut
from pgdrift.sources.embedded import EmbeddedServer
from tests.conftest import MakeDatabase
from tests.core.build import column, snap, table, table_id
from tests.plan.claimed import Claim, claimed, side

pytestmark = [pytest.mark.db, pytest.mark.timeout(600)]

GUARDED = """
CREATE FUNCTION forbid() RETURNS event_trigger LANGUAGE plpgsql
    AS $$ BEGIN RAISE 'no table is dropped here'; END $$;
"""
GUARD = """
CREATE EVENT TRIGGER no_drop ON ddl_command_start WHEN TAG IN ('DROP TABLE')
    EXECUTE FUNCTION forbid();
"""
LEGACY = (
    "CREATE TABLE legacy (id integer PRIMARY KEY, x text); CREATE INDEX found_by ON legacy (x);"
)
WHOLE = """
CREATE TABLE p (a integer, b integer) PARTITION BY LIST (a);
CREATE TABLE p1 PARTITION OF p FOR VALUES IN (1){by};
"""
MOVED = "CREATE TABLE p1 (a integer, b integer) PARTITION BY LIST (b);"


async def planned(make_database: MakeDatabase, server: EmbeddedServer, *sql: str) -> Claim:
    target, source = [await side(await make_database(sql=one)) for one in sql]
    return await claimed(server, target, source)


def touched(claim: Claim) -> set[str]:
    statements = (*claim.plan.up.statements, *claim.plan.down.statements)
    return {str(s.object) for s in statements}


async def test_a_table_that_may_not_be_dropped_keeps_all_it_has(
    make_database: MakeDatabase, server: EmbeddedServer
) -> None:
    claim = await planned(make_database, server, GUARDED + LEGACY + GUARD, GUARDED + GUARD)
    assert [str(left.object) for left in claim.plan.up.by_hand] == ["table:public.legacy"]
    assert "no table is dropped here" in claim.by_hand[0]
    assert touched(claim) == set()
    assert claim.plan.proved
    assert claim.false == ()


@pytest.mark.parametrize("by", ["", " PARTITION BY LIST (a)"])
async def test_a_whole_stays_with_the_part_that_would_go_with_it(
    by: str, make_database: MakeDatabase, server: EmbeddedServer
) -> None:
    claim = await planned(make_database, server, WHOLE.format(by=by), MOVED)
    left = {str(left.object): left.why for left in claim.plan.up.by_hand}
    assert left.keys() == {"table:public.p", "table:public.p1"}
    assert "public.p1" in left["table:public.p"]
    assert touched(claim) == set()
    assert claim.plan.proved, claim.plan.proof


def _left(before: Snapshot, found: Snapshot, wanted: Snapshot, *by_hand: Object) -> list[str]:
    left = [LeftOut(o.id, "the server refuses it") for o in by_hand]
    options = Options()
    changes = left_over(found, normalise(wanted, options), left, options, before=before)
    assert all(c.change is ChangeType.REMOVED for c in changes)
    return sorted(str(c.id) for c in changes)


def test_a_proof_is_none_where_what_was_left_by_hand_did_not_stay() -> None:
    """Neither where it is to go one day, nor where it is to stay and to be another."""
    other, legacy, name = table("other"), table("legacy"), column("x", "legacy")
    before = snap(other, legacy, name)
    stays = snap(other)
    assert _left(before, before, stays, legacy) == []
    assert _left(before, snap(other, legacy), stays, legacy) == [str(name.id)]
    assert _left(before, stays, stays, legacy) == [str(i) for i in sorted((name.id, legacy.id))]
    assert _left(before, stays, before, legacy) == [str(table_id("legacy"))]
    new = Object(ObjectId("view", ("public", "v")), {})
    assert _left(before, before, snap(other, legacy, name, new), new) == []
