"""Databases that a query finds, as environments: which are taken, which stay, which are gone.

Values in, values out. Every name is hostile: what cannot be printed is left out and said so.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from fnmatch import fnmatchcase

# A database is gone once so many answers in a row do not name it.
_MISSES = 2
_LONGEST = 200


@dataclass(frozen=True, slots=True)
class Database:
    """One row of an answer: what the environment is called, and the parts of its DSN."""

    name: str
    database: str
    parts: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which of the databases found are taken: globs over their names, and at most so many."""

    include: tuple[str, ...] = ("*",)
    exclude: tuple[str, ...] = ()
    limit: int = 2000


@dataclass(frozen=True, slots=True)
class Answer:
    """The databases to watch, in order of name, and for people what was left out and why."""

    databases: tuple[Database, ...]
    notes: tuple[str, ...] = ()


def chosen(found: Iterable[Database], wanted: Wanted, taken: Collection[str]) -> Answer:
    """Return which to watch of what was found; `taken` are names of other environments."""
    matching = [d for d in found if _matches(d.database, wanted)]
    good: dict[str, Database] = {}
    refused: list[str] = []
    for d in sorted(matching, key=lambda d: d.name):
        if why := _refused(d.name, good, taken):
            refused.append(f"{d.name[:_LONGEST]!a} is left out: {why}")
        else:
            good[d.name] = d
    kept = tuple(good.values())
    if len(kept) > wanted.limit:
        refused.append(f"{len(kept) - wanted.limit} more than the limit of {wanted.limit}")
    return Answer(kept[: wanted.limit], tuple(refused))


def _matches(database: str, wanted: Wanted) -> bool:
    return any(fnmatchcase(database, glob) for glob in wanted.include) and not any(
        fnmatchcase(database, glob) for glob in wanted.exclude
    )


def _refused(name: str, good: Collection[str], taken: Collection[str]) -> str:
    if not name.strip() or not name.isprintable() or len(name) > _LONGEST:
        return "an environment cannot be called so"
    if name in taken:
        return "another environment is called so"
    return "two are called so" if name in good else ""


@dataclass(frozen=True, slots=True)
class Roll:
    """The databases that are watched, by environment, and how often each was missed since."""

    members: Mapping[str, Database] = field(default_factory=dict)
    missed: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Moves:
    """The roll after an answer: who is new, or elsewhere now, and who is gone."""

    roll: Roll
    come: tuple[str, ...] = ()
    moved: tuple[str, ...] = ()
    gone: tuple[str, ...] = ()
    doubt: str = ""


def called(roll: Roll, answer: Answer) -> Moves:
    """Return the roll after an answer.

    One answer that lacks a name may be a moment of a restore, and one without any name a right
    that is missing: then nobody is gone.
    """
    found = {d.name: d for d in answer.databases}
    if roll.members and not found:
        return Moves(roll, doubt="it found nothing any more, so all stay as they were")
    missed = {n: roll.missed.get(n, 0) + 1 for n in roll.members if n not in found}
    gone = {n for n, times in missed.items() if times >= _MISSES}
    members = {n: found.get(n, d) for n, d in roll.members.items() if n not in gone} | found
    return Moves(
        Roll(members, {n: times for n, times in missed.items() if n not in gone}),
        tuple(n for n in found if n not in roll.members),
        tuple(n for n, d in found.items() if n in roll.members and roll.members[n] != d),
        tuple(sorted(gone)),
    )
