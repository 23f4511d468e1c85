"""The reference pages say what the code says."""

import re
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

ROOT = Path(__file__).parent.parent


def test_the_reference_pages_are_current() -> None:
    """A page that is not current is written anew by `python docs/generate.py`."""
    checked = subprocess.run(
        [sys.executable, "docs/generate.py", "--check"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert (checked.returncode, checked.stdout) == (0, ""), checked.stderr


def _imports(page: str) -> str:
    text = (ROOT / page).read_text(encoding="utf-8")
    (line,) = re.findall(r"cli → .*?→ core", text, re.DOTALL)
    return " ".join(str(line).split())


def test_the_line_of_imports_is_told_alike_and_names_what_there_is() -> None:
    line = _imports("CONTRIBUTING.md")
    assert line == _imports("docs/architecture.md")
    for module in re.findall(r"\w+", line):
        assert find_spec(f"pgdrift.{module}"), module
