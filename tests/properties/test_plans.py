"""Random schemas on a real server: a plan makes one of them as the other, and as it was again.

The judge knows nothing of pgdrift: what pg_dump says of the result, against what it says of the
source.
"""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from pgdrift.sources.embedded import EmbeddedServer, find_binaries
from tests.plan.proving import read, told, tried
from tests.properties.schemas import Schema, schemas
from tests.properties.test_properties import _database, _restore, _run

pytestmark = [pytest.mark.db, pytest.mark.timeout(900)]

_some = settings(
    max_examples=8,
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture],
)


async def _dumped(server: EmbeddedServer, dsn: str) -> list[str]:
    """Return what pg_dump says, entry by entry, whatever their order and that of columns.

    Of a copy that was restored from a dump: what was printed once is printed in the same way again.
    """
    programs: Path = find_binaries()
    async with _database(server) as copy:
        await _restore(dsn, copy)
        dump = (await _run(str(programs / "pg_dump"), "--schema-only", copy)).decode()
    entries = re.split(r"\n--\n-- .*\n--\n", dump)[1:]
    return sorted(_normal(e) for e in entries)


def _normal(entry: str) -> str:
    """Return an entry with the columns of a table sorted: a new column is the last one."""
    lines = (line.rstrip(",") for line in entry.strip().splitlines())
    kept = [line for line in lines if line and not line.startswith(("SET ", "\\", "--"))]
    return "\n".join(sorted(kept) if entry.lstrip().startswith("CREATE TABLE") else kept)


@_some
@given(a=schemas(), b=schemas())
async def test_a_plan_leaves_what_pg_dump_says_of_the_source(
    server: EmbeddedServer, a: Schema, b: Schema
) -> None:
    async with _database(server, a.sql) as target, _database(server, b.sql) as source:
        before, wanted = await _dumped(server, target), await _dumped(server, source)
        sides = await read(target), await read(source)
        found = await tried(target, sides, judge=lambda: _dumped(server, target))

    assert told(found.up) == told(found.down) == []
    assume(not found.left)
    assert found.judged == (wanted, before)


@_some
@given(data=st.data())
async def test_a_plan_from_nothing_is_a_dump(server: EmbeddedServer, data: st.DataObject) -> None:
    drawn = data.draw(schemas())
    async with _database(server) as target, _database(server, drawn.sql) as source:
        wanted = await _dumped(server, source)
        sides = await read(target), await read(source)
        found = await tried(target, sides, judge=lambda: _dumped(server, target))

    assert told(found.up) == told(found.down) == []
    assert found.left == {}
    assert found.judged[0] == wanted
