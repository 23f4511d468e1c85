"""Every folder of tests/scenarios, planned both ways and tried on a real server, up and down.

What a plan leaves by hand, or a server refuses, stands in by_hand.json of the folder with its
reason; where there is no such file, all of it is planned. PGDRIFT_WRITE_BY_HAND=1 writes them.
"""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from pgdrift.sources.embedded import EmbeddedServer
from tests.conftest import MakeDatabase
from tests.plan.proving import read, told, tried
from tests.scenario import SCENARIOS, databases

pytestmark = pytest.mark.db

_EXPECTED = "by_hand.json"


@pytest.mark.parametrize("folder", SCENARIOS, ids=lambda p: p.name)
async def test_a_scenario_is_planned_both_ways_and_back_or_says_why_not(
    folder: Path, make_database: MakeDatabase, server: EmbeddedServer
) -> None:
    a, b = await databases(folder, make_database, server.major)
    sides = await read(a), await read(b)
    there = await tried(a, sides)
    back = await tried(b, sides[::-1])

    assert told(there.up) == told(there.down) == []
    assert told(back.up) == told(back.down) == []
    _expect(folder, {"a to b": there.left, "b to a": back.left}, server.major)


def _expect(folder: Path, left: dict[str, dict[str, list[str]]], major: int) -> None:
    path = folder / _EXPECTED
    left = {way: found for way, found in left.items() if found}
    if os.environ.get("PGDRIFT_WRITE_BY_HAND"):
        path.unlink(missing_ok=True)
        if left:
            path.write_text(json.dumps(left, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
        return
    expected = json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}
    # In other words the servers of other majors refuse, and refuse more or less.
    assert left == expected or (major != 18 and bool(left) <= bool(expected))
