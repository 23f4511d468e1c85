"""Every scenario as a step: what a plan changes, read alone, is the same as all of it.

A few of them here; all with PGDRIFT_HUNT.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from pgdrift.core.alike.normalise import Options
from pgdrift.core.book import Book
from pgdrift.core.model import Reading
from pgdrift.core.plan.making import make_plan
from pgdrift.core.plan.model import Way
from pgdrift.sources.embedded import EmbeddedServer
from pgdrift.sources.reading import Source, read_once
from tests.conftest import MakeDatabase
from tests.plan.proving import read, run_way
from tests.properties.same import KEY, assert_same, exactly, followed, left_by
from tests.scenario import SCENARIOS, databases

pytestmark = pytest.mark.db

SOME = SCENARIOS if os.environ.get("PGDRIFT_HUNT") else SCENARIOS[5::15]


@pytest.fixture(autouse=True)
def _exactly() -> Iterator[None]:
    with exactly():
        yield


@pytest.mark.parametrize("folder", SOME, ids=lambda p: p.name)
async def test_what_a_plan_changes_read_alone_is_the_same_as_all_of_it(
    folder: Path, make_database: MakeDatabase, server: EmbeddedServer
) -> None:
    a, b = await databases(folder, make_database, server.major)
    plan = make_plan((await read(a), await read(b)), ("target", "source"), Options())
    source = followed(a)
    found = await source.read(Book("", key=KEY))
    for way in (plan.up, plan.down):
        found = await _after(source, found, a, way)
        assert_same(found, await read_once(a, key=KEY))
    await source.close()


async def _after(source: Source, before: Reading, dsn: str, way: Way) -> Reading:
    # What a server refuses is a step that changes nothing.
    await run_way(dsn, way)
    return await source.read(left_by(before))
