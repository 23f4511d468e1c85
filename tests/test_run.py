"""What fails beside others gets one more chance, alone, and everybody is told."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.majors import ONCE
from tests.run import MOST

ROOT = Path(__file__).parents[1]

# Each fails as its name says; `first` is so when it runs beside others.
SUITE = """
import os
from pathlib import Path
import pytest

first = "PYTEST_XDIST_WORKER" in os.environ

def test_good(): pass
def test_bad(): assert False
@pytest.mark.parametrize("name", ["a b", "c::d[e]"])
def test_once(name): assert not first
def test_dies():
    if first:
        os._exit(1)
@pytest.fixture
def late():
    yield
    assert not first
def test_in_the_end(late): pass
def test_is_left_out():
    assert not first
    pytest.skip("alone it is not run")
@pytest.mark.parametrize("number", range(MOST + 1))
def test_many(number): assert False
"""


@pytest.fixture
def suite(tmp_path: Path) -> Path:
    (tmp_path / "pytest.ini").write_text("[pytest]\n")
    (tmp_path / "test_it.py").write_text(SUITE.replace("MOST", str(MOST)))
    return tmp_path


def run(folder: Path, *words: str) -> tuple[int, str]:
    foreign = ("PYTEST_", "COV_")
    environment = {k: v for k, v in os.environ.items() if not k.startswith(foreign)}
    done = subprocess.run(
        [sys.executable, "-m", "tests.run", "-q", *words],
        cwd=folder,
        # Of all plugins the one that is needed: each takes its time to load.
        env=environment
        | {"PYTHONPATH": str(ROOT), "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"}
        | {"PYTEST_ADDOPTS": "-p xdist"},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    return done.returncode, done.stdout


def test_who_passes_alone_is_called_unsteady(suite: Path) -> None:
    code, said = run(suite, "-n1", "-k", "good or once or dies or end")
    assert code == 0, said
    told = said.rpartition("unsteady:")[2].splitlines()[1:]
    assert [line.strip() for line in told if line.startswith("   ")] == [
        "test_it.py::test_once[a b]",
        "test_it.py::test_once[c::d[e]]",
        "test_it.py::test_dies",
        "test_it.py::test_in_the_end",
    ]


@pytest.mark.parametrize(
    ("words", "again"),
    [(["-n1", "-k", "once or bad"], True), (["-n1", "-k", "left_out"], True), (["-n0"], False)],
    ids=["again", "left out", "too many"],
)
def test_it_fails_with_who_fails_again_or_is_not_run_or_has_too_many_beside_it(
    suite: Path, words: list[str], again: bool
) -> None:
    code, said = run(suite, *words)
    assert code == 1, said
    assert "unsteady" not in said
    assert ("once more, alone" in said) is again


def test_what_cannot_be_run_is_no_matter_of_steadiness(suite: Path) -> None:
    (suite / "test_it.py").write_text("import no_such_module")
    code, said = run(suite, "-n0")
    assert code not in {0, 5}, said
    assert "once more" not in said


def test_what_is_left_out_of_the_matrix_is_there() -> None:
    missing = [name for name in ONCE if not (Path(__file__).parent / name).exists()]
    assert missing == []
