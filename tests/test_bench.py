"""The benchmarks run from end to end on a schema of a few tables; what they say is complete."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from bench import reconcile
from pgdrift.sources.embedded import EmbeddedServer
from tests.scenario import fits

pytestmark = [pytest.mark.db, pytest.mark.timeout(1300)]

ROOT = Path(__file__).parents[1]


def _bench(*arguments: str) -> str:
    command = [sys.executable, "-m", "bench", "--tables", "20", "--rounds", "1", "--commits", "4"]
    command += arguments
    done = subprocess.run(
        command, cwd=ROOT, capture_output=True, text=True, check=False, timeout=1200
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_the_benchmarks_measure_everything_that_is_documented() -> None:
    pages = [ROOT / "docs" / name for name in ("benchmarks.md", "performance.md")]
    documented = "".join(page.read_text(encoding="utf-8") for page in pages)

    measured = json.loads(_bench("--json", "--kinds"))["20"]

    names = [ratio["name"] for ratio in measured["ratios"]]
    assert [name for name in names if f"| {name} |" not in documented] == []
    assert all(ratio["median"] > 0 for ratio in measured["ratios"])
    column = next(k for k in measured["kinds"] if k["kind"] == "column")
    assert column["rows"] > 20 * 12
    assert sum(k["cold"] for k in measured["kinds"]) == pytest.approx(1)


async def test_a_pair_counts_as_brought_about_when_two_who_look_find_it_so(
    server: EmbeddedServer,
) -> None:
    folders = [f for f in reconcile.pairs(None, 9) if fits(f, server.major)][1:4]

    async def nothing(_: str, _other: str) -> bool:
        return True

    ours = await reconcile.works(server, folders, reconcile.bring_by_plan)
    idle = await reconcile.works(server, folders, nothing)

    assert ours.pairs == ours.ours == ours.dump > 0
    assert (idle.pairs, idle.ours, idle.dump) == (ours.pairs, 0, 0)
