"""Another owner, where the one before lacked rights that every owner has of himself."""

from __future__ import annotations

import pytest

from pgdrift.sources.embedded import EmbeddedServer
from tests.conftest import MakeDatabase
from tests.plan.claimed import claimed, side

pytestmark = pytest.mark.db


@pytest.mark.parametrize("rights", ["", "GRANT SELECT ON t TO CURRENT_USER;"])
async def test_what_an_owner_lacked_the_next_one_has(
    rights: str, make_database: MakeDatabase, server: EmbeddedServer
) -> None:
    table = "CREATE TABLE t (a integer);"
    a = await side(await make_database(sql=f"{table} REVOKE ALL ON t FROM CURRENT_USER; {rights}"))
    b = await side(await make_database(sql=f"{table} ALTER TABLE t OWNER TO pg_monitor"))
    for target, source in ((a, b), (b, a)):
        claim = await claimed(server, target, source)
        assert claim.whole, (claim.plan.proof, claim.by_hand)
        assert claim.false == ()
