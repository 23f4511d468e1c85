"""The catalogs and the kinds in, what becomes of each column out: read, told by a function, or not.

A kind reads a column when its SQL names both the column and its catalog: names of catalog columns
carry their catalog's prefix, so a word is enough. What no kind reads says why in `catalogs.py`;
what says nothing there either is `UNREAD`, which is an error of this release.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from enum import StrEnum

from pgdrift.core.catalogs import CATALOGS, Catalog
from pgdrift.core.kind import Kind


class Fate(StrEnum):
    """What becomes of a catalog column."""

    READ = "read"
    THROUGH = "through"
    JOINS = "joins"
    OUT = "out"
    UNREAD = "unread"


@dataclass(frozen=True, slots=True)
class Column:
    """One column of a catalog. `says`: the kinds that read it, the function, or the reason."""

    catalog: str
    name: str
    since: int
    until: int
    fate: Fate
    says: str = ""

    def on(self, major: int) -> bool:
        """Tell whether a server of this major version has the column."""
        return self.since <= major <= self.until


def columns_of(catalog: Catalog, kinds: Iterable[Kind]) -> Iterator[Column]:
    """Give every column of a catalog with what becomes of it, in the catalog's order."""
    names = {catalog.name, catalog.seen_as or catalog.name}
    readers = [(k.name, words) for k in kinds if (words := _words(k)) & names]
    for name, since, until in _bounds(catalog.columns):
        fate, says = _said(catalog, name)
        read = ", ".join(kind for kind, words in readers if name in words)
        if fate is Fate.UNREAD and read:
            fate, says = Fate.READ, read
        yield Column(catalog.name, name, since, until, fate, says)


def known_columns() -> frozenset[str]:
    """Return `catalog.column` for all that this release knows of, on whatever major."""
    return frozenset(f"{c.name}.{name}" for c in CATALOGS for name, _, _ in _bounds(c.columns))


def known_catalogs() -> frozenset[str]:
    """Return the names of all catalogs that this release knows of."""
    return frozenset(c.name for c in CATALOGS)


def read_words(kind: Kind) -> frozenset[str]:
    """Return the words in the SQL of a kind's attributes, on whatever major."""
    return frozenset(w for a in kind.attributes for w in re.findall(r"\w+", a.sql))


def _words(kind: Kind) -> frozenset[str]:
    addresses = (*(kind.address or ()), *(kind.parent or ()), *(kind.member or ()))
    text = " ".join((kind.path, kind.args, kind.source, kind.where, *addresses))
    return read_words(kind) | frozenset(re.findall(r"\w+", text))


def _said(catalog: Catalog, column: str) -> tuple[Fate, str]:
    """Return what a catalog's row says of a column; nothing means that a kind must read it."""
    for fate, said in ((Fate.THROUGH, catalog.through), (Fate.OUT, catalog.out)):
        for says, names in said.items():
            if names == "*" or column in names.split():
                return fate, says
    return (Fate.JOINS, "") if column in catalog.joins.split() else (Fate.UNREAD, "")


def _bounds(columns: str) -> Iterator[tuple[str, int, int]]:
    """Give (name, first major, last major) of `name`, `name:14`, `name:-14`, `name:15-16`."""
    for word in columns.split():
        name, _, bound = word.partition(":")
        since, dash, until = bound.partition("-")
        yield name, int(since or 0), int(until) if dash and until else 999
