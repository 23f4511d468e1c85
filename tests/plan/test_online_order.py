"""What is dropped to be made anew is there again before anything is built that takes long."""

from __future__ import annotations

import pytest

from pgdrift.sources.embedded import EmbeddedServer
from tests.conftest import MakeDatabase
from tests.plan.claimed import claimed, side

pytestmark = [pytest.mark.db, pytest.mark.timeout(600)]

RENTED = """
CREATE TABLE rented (tenant {type}, code text{key});
ALTER TABLE rented ENABLE ROW LEVEL SECURITY;
CREATE POLICY all_rows ON rented USING (true);
CREATE POLICY of_tenant ON rented AS RESTRICTIVE USING (tenant > 0);
CREATE VIEW codes AS SELECT tenant, code FROM rented;
"""


async def test_no_policy_is_missing_while_an_index_is_built(
    make_database: MakeDatabase, server: EmbeddedServer
) -> None:
    before = RENTED.format(type="integer", key="")
    after = RENTED.format(type="bigint", key=", UNIQUE (tenant, code)")
    target, source = [await side(await make_database(sql=sql)) for sql in (before, after)]
    claim = await claimed(server, target, source, online=True, rows=2)
    assert claim.whole, (claim.plan.proof, claim.by_hand)
    assert claim.false == ()
    run = [s.step.sql for s in claim.plan.up.statements]
    long = next(n for n, s in enumerate(claim.plan.up.statements) if s.step.alone)
    assert run[long].startswith("CREATE UNIQUE INDEX CONCURRENTLY")
    made = [sql for sql in run[:long] if sql.startswith("CREATE")]
    for anew in ("POLICY of_tenant", "VIEW public.codes"):
        assert any(anew in sql for sql in made), run
