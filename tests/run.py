"""Runs pytest; what fails beside other tests is run once more by itself, and told either way.

In come pytest's own arguments, out goes an exit code: 0 when every test has passed, if need be
alone. It does not know why a test is unsteady, and never gives one a third chance.
"""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterable, Sequence

import pytest

# More than these are no accident of a busy machine.
MOST = 10
_ALONE = "--alone"


class Outcomes:
    """A plugin that keeps which tests passed and which failed, in that order.

    A test in which a worker of xdist dies has failed: xdist reports it so.
    """

    def __init__(self) -> None:
        self.failed: dict[str, None] = {}
        self.passed: dict[str, None] = {}

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        if report.failed:
            self.failed[report.nodeid] = None
        elif report.passed and report.when == "call":
            self.passed[report.nodeid] = None


def main(arguments: Sequence[str]) -> int:
    """Run pytest with these arguments; return its exit code, 0 too for who passed when alone."""
    outcomes = Outcomes()
    if arguments[:1] == [_ALONE]:
        pytest.main(["-n0", *arguments[1:]], plugins=[outcomes])
        return int(outcomes.passed.keys() - outcomes.failed != set(arguments[1:]))
    code = int(pytest.main(list(arguments), plugins=[outcomes]))
    if code != pytest.ExitCode.TESTS_FAILED or not outcomes.failed:
        return code
    if len(outcomes.failed) > MOST:
        _say(f"{len(outcomes.failed)} tests failed: too many to see whether they pass alone")
        return code
    return _again(outcomes.failed)


def _again(failed: Iterable[str]) -> int:
    """Run each test that failed in a process for all of them; return the exit code."""
    _say("once more, alone, what failed beside others")
    command = [sys.executable, "-m", "tests.run", _ALONE, *failed]
    if subprocess.run(command, check=False).returncode:
        _say("failed beside others, and at least one of them alone, too", failed)
        return int(pytest.ExitCode.TESTS_FAILED)
    _say("unsteady: failed beside others, passed alone; to be mended all the same", failed)
    return 0


def _say(words: str, tests: Iterable[str] = ()) -> None:
    lines = [f"== {words}", *(f"   {test}" for test in tests)]
    sys.stdout.write("\n" + "\n".join(lines) + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
