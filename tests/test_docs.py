"""The reference pages say what the code says."""

import re
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

ROOT = Path(__file__).parent.parent


def test_the_reference_pages_are_current() -> None:
    """A page that is not current is written anew by `make docs`."""
    checked = subprocess.run(
        [sys.executable, "docs/generate.py", "--check"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert (checked.returncode, checked.stdout) == (0, ""), checked.stderr


def test_how_the_extra_is_installed_is_told_alike() -> None:
    """The project is on no index: only a path can be installed."""
    tracked = subprocess.run(
        ["git", "grep", "-hoE", r"pip install '[^']*\[demo\]'"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert set(tracked.stdout.split("\n")) == {"pip install '.[demo]'", ""}, tracked.stderr


def _imports(page: str) -> str:
    text = (ROOT / page).read_text(encoding="utf-8")
    (line,) = re.findall(r"cli → .*?→ core", text, re.DOTALL)
    return " ".join(str(line).split())


def test_the_line_of_imports_is_told_alike_and_names_what_there_is() -> None:
    line = _imports("CONTRIBUTING.md")
    assert line == _imports("docs/architecture.md")
    for module in re.findall(r"\w+", line):
        assert find_spec(f"pgdrift.{module}"), module


def test_the_architecture_names_every_file_of_the_core() -> None:
    text = (ROOT / "docs" / "architecture.md").read_text(encoding="utf-8")
    core = ROOT / "daemon/pgdrift/core"
    files = {p.stem for p in core.rglob("*.py") if p.parent.name != "kinds"} - {"__init__"}
    assert {name for name in files if f"`{name}`" not in text} == set()
