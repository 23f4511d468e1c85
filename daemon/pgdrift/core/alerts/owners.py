"""Whose an object is: the text of a CODEOWNERS-like file in, teams by an object's key out.

One rule a line: a glob, then its owners. The last that matches decides, also when it names nobody.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import TypeAlias

from pgdrift.core.alerts.globs import pattern

# A backslash takes the next character as it is: a name may hold a space or begin with `#`.
_WORD = re.compile(r"(?:\\.|[^\s\\])+")
_ESCAPED = re.compile(r"\\(.)")
_MOST_KNOWN = 20_000

_Match: TypeAlias = Callable[[str], re.Match[str] | None]


@dataclass(frozen=True, slots=True)
class Team:
    """Where a team is told, and who of them is mentioned there; empty: nowhere of its own."""

    channel: str = ""
    mention: str = ""


@dataclass(frozen=True, slots=True)
class Owning:
    """One rule: a glob over `kind:name`, or without a colon over names, and whose those are.

    A glob over names stands for what is below it, too: `billing.invoice` for its columns.
    """

    glob: str
    owners: tuple[str, ...] = ()

    @property
    def covers(self) -> re.Pattern[str]:
        """What matches the keys `kind:name`, or the names, of the objects that it is about."""
        return pattern((self.glob,) if self.by_key else (self.glob, f"{self.glob}.*"))

    @property
    def by_key(self) -> bool:
        """Whether it is over `kind:name`."""
        return ":" in self.glob


@dataclass(frozen=True, slots=True)
class Owners:
    """All rules, in their order, and how the teams that they name are reached."""

    rules: tuple[Owning, ...] = ()
    teams: Mapping[str, Team] = field(default_factory=dict)
    # What each rule matches, the last one first.
    _each: tuple[tuple[bool, _Match, tuple[str, ...]], ...] = field(
        init=False, repr=False, compare=False
    )
    # Who was asked for before: what drifts is the same at each look.
    _known: dict[str, tuple[str, ...]] = field(
        default_factory=dict, init=False, repr=False, compare=False
    )

    def __post_init__(self) -> None:
        """Make the rules ready to be asked."""
        each = ((r.by_key, r.covers.match, r.owners) for r in reversed(self.rules))
        object.__setattr__(self, "_each", tuple(each))

    def of(self, key: str) -> tuple[str, ...]:
        """Return the names of the teams that an object belongs to, by its key `kind:name`."""
        known = self._known.get(key)
        if known is None:
            if len(self._known) >= _MOST_KNOWN:
                self._known.clear()
            known = self._known[key] = self._asked(key)
        return known

    def _asked(self, key: str) -> tuple[str, ...]:
        name = key.partition(":")[2]
        for by_key, match, owners in self._each:
            if match(key if by_key else name):
                return owners
        return ()


def parsed(text: str) -> tuple[Owning, ...]:
    """Return the rules of a file's text. An `@` before a name is for the eye, and left out."""
    return tuple(_rules(text))


def _rules(text: str) -> Iterator[Owning]:
    for line in text.splitlines():
        words = list(_words(line))
        if words:
            glob, *owners = (_ESCAPED.sub(r"\1", word) for word in words)
            names = (name.removeprefix("@") for name in owners)
            yield Owning(glob, tuple(dict.fromkeys(name for name in names if name)))


def _words(line: str) -> Iterator[str]:
    for word in _WORD.findall(line):
        if word.startswith("#"):
            return
        yield word
