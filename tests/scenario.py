"""The scenario folders, and which servers can hold each of them."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.conftest import MakeDatabase

SCENARIOS = sorted(p for p in (Path(__file__).parent / "scenarios").iterdir() if p.is_dir())
# These need a server to themselves; tests/sources/test_cluster.py runs them.
CLUSTER = sorted(p for p in (Path(__file__).parent / "cluster").iterdir() if p.is_dir())

_BOUND = re.compile(r"(since|until): (\d+)")


def fits(folder: Path, major: int) -> bool:
    """Tell whether a server of this major can hold a scenario.

    The first line of its a.sql says so, where not all can: `-- since: 15`, `-- until: 16`.
    """
    with (folder / "a.sql").open(encoding="utf-8") as lines:
        first = lines.readline()
    bounds = dict(_BOUND.findall(first)) if first.startswith("--") else {}
    return int(bounds.get("since", 0)) <= major <= int(bounds.get("until", 999))


async def databases(folder: Path, make_database: MakeDatabase, major: int) -> tuple[str, str]:
    """Return a database of a.sql and one of b.sql. Skips the test where no server can hold them."""
    if not fits(folder, major):
        pytest.skip(f"PostgreSQL {major} cannot hold what {folder.name} is about")
    a, b = [(folder / name).read_text(encoding="utf-8").strip() for name in ("a.sql", "b.sql")]
    return await make_database(sql=a), await make_database(sql=b)
