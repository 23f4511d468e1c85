"""A proof of a target that its own owners could not fill anew."""

from __future__ import annotations

import pytest

from pgdrift.core.alike.normalise import Options
from pgdrift.sources.embedded import EmbeddedServer
from tests.conftest import MakeDatabase
from tests.plan.claimed import claimed, side

pytestmark = pytest.mark.db

# The view is read with the rights of its owner, who has none to the table.
HIDDEN = """
CREATE TABLE t (a integer);
CREATE VIEW v AS SELECT a FROM t;
CREATE MATERIALIZED VIEW m AS SELECT a FROM v WITH NO DATA;
CREATE UNIQUE INDEX ON m (a);
ALTER VIEW v OWNER TO pg_monitor;
"""


async def test_a_materialized_view_whose_query_may_not_be_run_is_part_of_the_proof(
    make_database: MakeDatabase, server: EmbeddedServer
) -> None:
    a = await side(await make_database(sql=HIDDEN))
    b = await side(await make_database(sql="CREATE TABLE t (a integer); CREATE VIEW v AS SELECT 1"))
    claim = await claimed(server, a, b, options=Options(), rows=2)
    assert claim.plan.proof
    assert claim.plan.proof.unseen == ()
    assert claim.plan.proved, claim.plan.proof
    # On the way back it would have to be filled: it is left by hand, and rows were not tried.
    by_hand = {str(left.object) for left in claim.plan.down.by_hand}
    assert by_hand == {"materialized_view:public.m", "index:public.m_a_idx"}
    assert claim.plan.proof.rows is None
    assert claim.up == ()
