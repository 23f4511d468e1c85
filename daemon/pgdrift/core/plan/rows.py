"""What tables held before a way was run and after it in; out, what was lost that nothing told of.

Rows are known by what they hold: a text for each column.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, field

from pgdrift.core.model import ObjectId, Snapshot
from pgdrift.core.names import dotted
from pgdrift.core.plan.model import Way

Path = tuple[str, ...]
_DATA = frozenset({"table", "column", "sequence"})


@dataclass(frozen=True, slots=True)
class Held:
    """What one table holds: its columns with their types, and its rows, a text per column.

    `made` are columns that the server works out; `above` are the tables that it is a part of.
    """

    columns: Mapping[str, str]
    rows: tuple[tuple[str | None, ...], ...]
    made: frozenset[str] = frozenset()
    above: tuple[Path, ...] = ()


@dataclass(frozen=True, slots=True)
class Contents:
    """What a database holds: rows by table, and where sequences stand by their names.

    A sequence of an identity goes by the column's path.
    """

    tables: Mapping[Path, Held] = field(default_factory=dict)
    sequences: Mapping[Path, str] = field(default_factory=dict)

    @property
    def rows(self) -> int:
        """How many rows there are."""
        return sum(len(t.rows) for t in self.tables.values())


def lossy(way: Way, here: Snapshot) -> frozenset[ObjectId]:
    """Return the tables, columns and sequences that a way says it loses something of.

    `here` is what the way begins with.
    """
    said = {s.object for s in way.statements if s.step.loses}
    types = {i for i in said if i.kind not in _DATA}
    having = {d for d, used in here.dependencies if used in types and d.kind == "column"}
    return frozenset((said - types) | having)


def lost(before: Contents, after: Contents, told: Collection[ObjectId]) -> Iterator[str]:
    """Give in words what is not there any more, but for what was told of."""
    known = frozenset(told)
    for path, held in before.tables.items():
        family = (path, *held.above)
        if held.rows and known.isdisjoint(ObjectId("table", p) for p in family):
            without = {
                c for c in held.columns for p in family if ObjectId("column", (*p, c)) in known
            }
            yield from _lost_of(path, held, after.tables.get(path), without)
    for path, stood in before.sequences.items():
        stands = after.sequences.get(path)
        if stands != stood and not _sequence_told(path, known):
            yield f"sequence {dotted(path)} stood at {stood}, and {_now(stands)}"


def _lost_of(path: Path, was: Held, now: Held | None, without: set[str]) -> Iterator[str]:
    name = dotted(path)
    if now is None:
        yield f"table {name} is gone, with {len(was.rows)} rows"
        return
    if len(now.rows) != len(was.rows):
        yield f"table {name} had {len(was.rows)} rows, and has {len(now.rows)}"
        return
    kept = [c for c in was.columns if c not in without | was.made | now.made]
    if gone := [c for c in kept if c not in now.columns]:
        yield f"table {name} lost what it held in {', '.join(gone)}"
        return
    for some in (*([c] for c in kept), kept):
        if _only(was, some) != _only(now, some):
            yield f"table {name} holds other values in {', '.join(some)}"
            return


def _only(held: Held, columns: Iterable[str]) -> Counter[tuple[str | None, ...]]:
    """Return the rows as these columns tell them, whatever their order."""
    places = [list(held.columns).index(c) for c in columns]
    return Counter(tuple(row[p] for p in places) for row in held.rows)


def _sequence_told(path: Path, known: frozenset[ObjectId]) -> bool:
    """Tell whether a sequence, its column or its table was told of."""
    return not known.isdisjoint(
        (ObjectId("sequence", path), ObjectId("column", path), ObjectId("table", path[:-1]))
    )


def _now(stands: str | None) -> str:
    return "is gone" if stands is None else f"stands at {stands}"
