"""The groups of a snapshot by key, in memory once however many hold them, and the OIDs beside them.

Databases of one schema have the same groups, and each its own OIDs: these lie in one row.
"""

from __future__ import annotations

from array import array
from collections.abc import Iterator, Mapping
from itertools import accumulate, pairwise
from weakref import WeakValueDictionary

from pgdrift.core.held.group import Group, Oids, size

_ONE = array("I").itemsize


class Groups(dict[str, Group]):
    """Groups by key, in the order of all objects. Never edited."""

    __slots__ = ("__weakref__", "_firsts", "_numbers")

    _firsts: array[int]
    _numbers: dict[str, int]

    @classmethod
    def once(cls, found: Mapping[str, Group]) -> Groups:
        """Return, of mappings that give the same in the same order, the one that there is."""
        if isinstance(found, cls):
            return found
        items = tuple(found.items())
        there = _held.get(name := hash(items))
        if there is not None and tuple(there.items()) == items:
            return there
        _held[name] = made = cls(items)
        return made

    @property
    def firsts(self) -> array[int]:
        """The place of each group's first object in the order of all, and their number."""
        try:
            return self._firsts
        except AttributeError:
            self._firsts = array("I", accumulate(map(size, self.values()), initial=0))
            return self._firsts

    def number(self, key: str) -> int:
        """Return how many groups stand before one. Raises KeyError where there is no such group."""
        try:
            return self._numbers[key]
        except AttributeError:
            self._numbers = {other: number for number, other in enumerate(self)}
            return self._numbers[key]


_held: WeakValueDictionary[int, Groups] = WeakValueDictionary()


class OidsOf(Mapping[str, Oids]):
    """The OIDs of all objects in a row, given by group."""

    __slots__ = ("groups", "row")

    def __init__(self, groups: Groups, row: bytes) -> None:
        """Take all OIDs in the order of the objects in the groups."""
        self.groups = groups
        self.row = row

    @classmethod
    def of(cls, groups: Groups, oids: Mapping[str, Oids]) -> OidsOf:
        """Return the same OIDs in a row."""
        if isinstance(oids, cls) and oids.groups is groups:
            return oids
        return cls(groups, b"".join(map(oids.__getitem__, groups)))

    def by_group(self) -> dict[str, Oids]:
        """Return what may be edited."""
        ends = pairwise(_ONE * first for first in self.groups.firsts)
        return {k: self.row[first:end] for k, (first, end) in zip(self.groups, ends, strict=True)}

    def __getitem__(self, key: str) -> Oids:
        number, firsts = self.groups.number(key), self.groups.firsts
        return self.row[_ONE * firsts[number] : _ONE * firsts[number + 1]]

    def __iter__(self) -> Iterator[str]:
        return iter(self.groups)

    def __len__(self) -> int:
        return len(self.groups)
