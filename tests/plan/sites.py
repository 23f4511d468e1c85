"""Every place in the code of the kinds where a statement is made, and which of them made a given one.

Told by module, function and number, so that a place keeps its name when lines move.
"""

from __future__ import annotations

import ast
import dataclasses
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from pgdrift.core.plan import kinds, units
from pgdrift.core.plan.step import Step

_FILES = [*sorted(Path(kinds.__path__[0]).glob("*.py")), Path(units.__file__)]


def _parsed(file: Path) -> ast.Module:
    return ast.parse(file.read_text(encoding="utf-8"))


def _of_its_own(tree: ast.Module) -> set[str]:
    """Return the functions that return one statement: who calls one says what it costs."""
    functions = [n for n in tree.body if isinstance(n, ast.FunctionDef)]
    return {f.name for f in functions if f.returns and ast.unparse(f.returns) == "Step"}


def _makers(tree: ast.Module) -> set[str]:
    imported = {alias.name for n in tree.body if isinstance(n, ast.ImportFrom) for alias in n.names}
    return {"Step", *_of_its_own(tree), *(imported & _EVERYWHERE)}


def _places(tree: ast.Module, stem: str) -> Iterator[tuple[int, int, str]]:
    """Give the first and last line of each place of a file, and its name."""
    makers = _makers(tree)
    for top in tree.body:
        name = getattr(top, "name", None) or ast.unparse(getattr(top, "targets", [top])[0])
        calls = [
            n
            for n in ast.walk(top)
            if isinstance(n, ast.Call) and isinstance(n.func, ast.Name) and n.func.id in makers
        ]
        for number, call in enumerate(sorted(calls, key=lambda c: (c.lineno, c.col_offset)), 1):
            yield call.lineno, call.end_lineno or 0, f"{stem}.{name} {number}"


_TREES = {f: _parsed(f) for f in _FILES}
_EVERYWHERE = {name for tree in _TREES.values() for name in _of_its_own(tree)}
PLACES = {str(f): list(_places(tree, f.stem)) for f, tree in _TREES.items()}
ALL = frozenset(name for places in PLACES.values() for *_, name in places)


@contextmanager
def told_apart(monkeypatch: pytest.MonkeyPatch) -> Iterator[dict[int, set[str]]]:
    """Give, by `id` of each statement that is made meanwhile, the places that it was made at."""
    made: dict[int, set[str]] = {}
    kept: list[Step] = []  # an id is not given twice while its owner lives
    plain = Step.__init__

    def recorded(self: Step, *arguments: Any, **named: Any) -> None:
        plain(self, *arguments, **named)
        kept.append(self)
        made[id(self)] = set(_along(sys._getframe(1), made))

    with monkeypatch.context() as patch:
        patch.setattr(Step, "__init__", recorded)
        yield made


def _along(frame: Any, made: dict[int, set[str]]) -> Iterator[str]:
    while frame is not None:
        if frame.f_code.co_filename == dataclasses.__file__:
            # A copy comes from where the first one did.
            first = frame.f_locals.get("obj", frame.f_locals.get("self"))
            yield from made.get(id(first), ())
        for first, last, name in PLACES.get(frame.f_code.co_filename, ()):
            if first <= frame.f_lineno <= last:
                yield name
        frame = frame.f_back
