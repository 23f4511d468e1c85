"""Random schemas on a real server: a plan makes one of them as the other, and as it was again.

The judge knows nothing of pgdrift: what pg_dump says of the result, against what it says of the
source; and for rows, what pg_dump says of them. It is the pg_dump of the newest major, on every
server. PGDRIFT_EXAMPLES asks for more examples than `make test` has time for.
"""

from __future__ import annotations

import os

import pytest
from hypothesis import HealthCheck, Phase, assume, given, settings
from hypothesis import strategies as st

from pgdrift.sources.embedded import EmbeddedServer
from tests.plan.claimed import claimed, side
from tests.plan.dumped import apart, dump
from tests.plan.proving import read, told, tried
from tests.properties.pairs import Pair, pairs
from tests.properties.schemas import schemas
from tests.properties.test_properties import _database

_ASKED = os.environ.get("PGDRIFT_EXAMPLES")

pytestmark = [pytest.mark.db, pytest.mark.timeout(36_000 if _ASKED else 900)]


def _some(count: int) -> settings:
    return settings(
        max_examples=int(_ASKED or count),
        deadline=None,
        derandomize=not _ASKED,
        # Each example is two databases and four ways: to shrink one takes longer than to read it.
        phases=[Phase.explicit, Phase.generate],
        suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture],
    )


@_some(6)
@given(pair=pairs())
async def test_what_a_proof_claims_is_what_pg_dump_says(server: EmbeddedServer, pair: Pair) -> None:
    """Tried with rows of ours, too: what is lost of them and not told of, no proof holds of."""
    async with _database(server, pair.a) as a, _database(server, pair.b) as b:
        claim = await claimed(server, await side(a), await side(b), rows=2)

    assert claim.false == ()
    # A child that joins or leaves while its parent changes may not be proved; it says so.
    if "INHERITS" not in pair.a + pair.b:
        assert claim.plan.proved, claim.plan.proof


@_some(3)
@given(data=st.data())
async def test_a_plan_between_strangers_leaves_what_pg_dump_says(
    server: EmbeddedServer, data: st.DataObject
) -> None:
    a, b = data.draw(schemas()), data.draw(schemas())
    async with _database(server, a.sql) as target, _database(server, b.sql) as source:
        before, wanted = await dump(target), await dump(source)
        sides = await read(target), await read(source)
        found = await tried(target, sides, judge=lambda: dump(target))
        assert told(found.up) == told(found.down) == []
        assume(not found.left)
        assert await apart(server, found.judged[0], wanted) == []
        assert await apart(server, found.judged[1], before) == []


@_some(3)
@given(data=st.data())
async def test_a_plan_from_nothing_is_a_dump(server: EmbeddedServer, data: st.DataObject) -> None:
    drawn = data.draw(schemas())
    async with _database(server) as target, _database(server, drawn.sql) as source:
        wanted = await dump(source)
        sides = await read(target), await read(source)
        found = await tried(target, sides, judge=lambda: dump(target))
        assert told(found.up) == told(found.down) == []
        assert found.left == {}
        assert await apart(server, found.judged[0], wanted) == []
