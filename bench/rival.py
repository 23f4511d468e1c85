"""Two databases read and compared, by pgdrift and by migra: time and peak memory of each process.

migra comes into a folder of its own, from the package registry that pip is set to, and only when
it is asked for.
"""

from __future__ import annotations

import asyncio
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from contextlib import suppress
from math import inf
from pathlib import Path
from typing import NamedTuple

from bench.stage import Stage
from bench.timing import Ratio, ratio

# migra needs pkg_resources, which setuptools gave up, and a SQLAlchemy that takes psycopg2 where
# an address names no driver.
_PACKAGES = ("migra", "psycopg2-binary", "setuptools<81", "sqlalchemy<2.1")
# migra says by 2 that there are differences.
FINE = (0, 2)
PLAN = (sys.executable, "-m", "bench.plan_two")


class Spent(NamedTuple):
    """What one process took: seconds, kilobytes at its peak; was it stopped at its limit?"""

    seconds: float
    kilobytes: float
    stopped: bool


async def measure(stage: Stage, rounds: int, limit: float) -> list[Ratio]:
    """Return the ratios of pgdrift to migra on two databases that differ in 1 %.

    migra is stopped after `limit` seconds: then the ratios are what they are at most, and there is
    no further round.
    """
    with tempfile.TemporaryDirectory(prefix="pgdrift-bench-") as folder:
        python = await asyncio.to_thread(install, Path(folder))
        async with stage.changed_copy() as other:
            ours, theirs = [], []
            for _ in range(rounds):
                ours.append(await asyncio.to_thread(_pgdrift, stage.dsn, other))
                theirs.append(await asyncio.to_thread(migra, python, stage.dsn, other, limit))
                if theirs[-1].stopped:
                    break
    at_most = ", at most" if theirs[-1].stopped else ""
    return [
        ratio(
            f"two databases compared / migra{at_most}",
            [s.seconds for s in ours],
            [s.seconds for s in theirs],
            1 / 3 if stage.tables >= 10_000 else None,
        ),
        ratio(
            f"peak memory of that / migra{at_most}",
            [s.kilobytes for s in ours],
            [s.kilobytes for s in theirs],
            0.5 if stage.tables >= 10_000 else None,
        ),
    ]


def install(folder: Path) -> Path:
    """Return the interpreter of an environment in a folder that has migra in it."""
    subprocess.run([sys.executable, "-m", "venv", folder], check=True, timeout=300)
    python = folder / "bin" / "python"
    install = [str(python), "-m", "pip", "install", "--quiet", *_PACKAGES]
    subprocess.run(install, check=True, timeout=600)
    return python


def _pgdrift(one: str, other: str) -> Spent:
    return spent([sys.executable, "-m", "bench.two"], f"{one}\n{other}\n")


def migra(python: Path, one: str, other: str, limit: float) -> Spent:
    """Return what migra takes to write the script from one database to another."""
    return spent([str(python.with_name("migra")), "--unsafe", one, other], "", limit)


def spent(command: Sequence[str], told: str, limit: float = inf) -> Spent:
    """Return what a command takes that is told something; it is stopped after `limit` seconds."""
    began = time.perf_counter()
    peak, stopped = 0, False
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.DEVNULL) as child:
        assert child.stdin is not None
        child.stdin.write(told.encode())
        child.stdin.close()
        while child.poll() is None:
            peak = max(peak, _peak(child.pid))
            time.sleep(0.01)
            if stopped := time.perf_counter() - began > limit:
                child.kill()
                break
    assert stopped or child.returncode in FINE, f"{command[0]} ended with {child.returncode}"
    return Spent(time.perf_counter() - began, peak, stopped)


def _peak(pid: int) -> int:
    """Return the peak so far, from the one place that does not count the parent's: Linux only."""
    with suppress(OSError):
        lines = Path(f"/proc/{pid}/status").read_text().splitlines()
        return next((int(line.split()[1]) for line in lines if line.startswith("VmHWM")), 0)
    return 0
