"""The scenario folders, and which servers can hold each of them."""

from __future__ import annotations

import re
from pathlib import Path

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
