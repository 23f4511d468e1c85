"""Where each object of a snapshot was found, so that some can be read again and put in its place.

A register says of each place among the objects at which address it was read, and with what it is
told. OIDs and addresses are numbers to it: it knows no server and no kind.
"""

from __future__ import annotations

import zlib
from array import array
from bisect import bisect_right
from collections.abc import Iterable
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field
from itertools import compress, count, pairwise
from typing import TypeAlias

from pgdrift.core.digest import canonical
from pgdrift.core.held.dependencies import Dependencies
from pgdrift.core.held.group import Group, Oids, digests, folded, unfold
from pgdrift.core.held.objects import Object
from pgdrift.core.held.packed import Packed

_LARGE = 1 << 17
NOBODY = 0xFFFFFFFF
"""The place of what is not there."""


class LostError(Exception):
    """What others refer to is not there any more, which cannot be."""


@dataclass(frozen=True, slots=True)
class Register:
    """Objects, and by place the address that each has, or 0, and the OID that it is told with.

    Those that are told with 0 are all read again whenever anything is.
    """

    objects: Packed
    addresses: array[int]
    told_with: array[int]

    def held(self) -> bytes:
        """Return all but the objects in little memory, for `of_held`."""
        words = b"".join((self.addresses.tobytes(), self.told_with.tobytes()))
        # There may be thousands that are small. A large one is one of few, and is needed at once.
        return zlib.compress(words, 1 if len(words) < _LARGE else 0)

    @classmethod
    def of_held(cls, objects: Packed, held: bytes) -> Register:
        """Return the register of these objects that was held so."""
        words = memoryview(zlib.decompress(held))
        end = len(objects) * array("Q").itemsize
        return cls(objects, array("Q", words[:end].tobytes()), array("I", words[end:].tobytes()))

    def places(self, addresses: AbstractSet[int]) -> dict[int, int]:
        """Return those of the addresses at which there is something, each with its place."""
        here = map(addresses.__contains__, self.addresses)
        return {self.addresses[p]: p for p in compress(count(), here)}

    def among(self, again: AbstractSet[int]) -> set[int]:
        """Return the places of what is told with one of these."""
        return set(compress(count(), map(again.__contains__, self.told_with)))

    def names(self, places: Iterable[int]) -> dict[int, bytes]:
        """Return the identities that stand at these places, as JSON."""
        found = self.objects.at(places).items()
        return {place: canonical(i).encode("utf-8", "surrogatepass") for place, i in found}


@dataclass(slots=True)
class Merged:
    """A register with some of its objects read again, and what became of the others' places.

    `moved` is the place now by the place before, NOBODY for what is gone; `stayed` says by the
    place before what was not read again. `fresh` are the places now of what has an address and was.
    """

    register: Register
    moved: array[int]
    stayed: bytearray
    fresh: AbstractSet[int]

    def dependencies(self, before: Dependencies, again: Iterable[int]) -> Dependencies:
        """Return the pairs of what stayed, and those of what was read again, by places now.

        Raises LostError.
        """
        dependents, referenced = before.ends[::2], before.ends[1::2]
        keep = bytes(map(self.stayed.__getitem__, dependents))
        place = self.moved.__getitem__
        kept = [array("I", map(place, compress(side, keep))) for side in (dependents, referenced)]
        if NOBODY in kept[1]:
            raise LostError
        ends = array("I", bytes(8 * len(kept[0])))
        ends[::2], ends[1::2] = kept
        ends.extend(again)
        return Dependencies(self.register.objects, ends)


def merged(old: Register, again: AbstractSet[int], new: Register) -> Merged:
    """Return the old with all that is told with one of `again` replaced by the new."""
    gone = old.among(again)
    keys, starts = list(old.objects.groups), old.objects.groups.firsts
    fresh = dict(zip(new.objects.groups, pairwise(new.objects.groups.firsts), strict=True))
    touched = {bisect_right(starts, place) - 1 for place in gone}
    touched.update(n for n, key in enumerate(keys) if key in fresh)
    put, groups, oids = _Putting(old), dict(old.objects.groups), old.objects.oids.by_group()
    for n in sorted(touched):
        key, first, after = keys[n], starts[n], starts[n + 1]
        put.leave(first)
        stay = [p for p in range(first, after) if p not in gone]
        made = put.group(_rows(old, key, first, stay), _fresh(new, key, fresh.pop(key, None)))
        if made is None:
            del groups[key], oids[key]
        else:
            # What is equal need not be held twice.
            groups[key] = groups[key] if groups[key] == made[0] else made[0]
            oids[key] = made[1]
        put.at = after
    put.leave(len(old.addresses))
    for key, rows in fresh.items():
        if made := put.group([], _fresh(new, key, rows)):
            groups[key], oids[key] = made
    return put.done(Packed(groups, oids, count=len(put.addresses)), gone)


_Row: TypeAlias = tuple[Object, int, int, int]
"""An object, its address, what it is told with, and where it was or -1."""


def _rows(old: Register, key: str, first: int, stay: list[int]) -> list[_Row]:
    if not stay:
        return []
    objects = list(unfold(old.objects.groups[key], old.objects.oids[key]))
    return [(objects[p - first], old.addresses[p], old.told_with[p], p) for p in stay]


def _fresh(new: Register, key: str, rows: tuple[int, int] | None) -> list[_Row]:
    if rows is None:
        return []
    objects = unfold(new.objects.groups[key], new.objects.oids[key])
    places = zip(range(*rows), objects, strict=True)
    return [(o, new.addresses[p], new.told_with[p], -1) for p, o in places]


@dataclass(slots=True)
class _Putting:
    """What was put together so far: all of the old before `at`, and what is new among it."""

    old: Register
    at: int = 0
    addresses: array[int] = field(default_factory=lambda: array("Q"))
    told_with: array[int] = field(default_factory=lambda: array("I"))
    moved: array[int] = field(default_factory=lambda: array("I"))
    fresh: dict[int, int] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.moved = array("I", [NOBODY]) * len(self.old.addresses)

    def leave(self, until: int) -> None:
        """Leave the old as it is, up to a place."""
        now = len(self.addresses)
        self.addresses += self.old.addresses[self.at : until]
        self.told_with += self.old.told_with[self.at : until]
        self.moved[self.at : until] = array("I", range(now, now + until - self.at))
        self.at = until

    def group(self, stay: list[_Row], new: list[_Row]) -> tuple[Group, Oids] | None:
        """Put a group together, and return it; None where nothing is left in it."""
        told = {row[0].id: row for row in (*stay, *new)}
        if not told:
            return None
        group, oids = folded([row[0] for row in told.values()])
        by_digest = {bytes.fromhex(row[0].digest): row for row in told.values()}
        for digest in digests(group):
            _, address, of, was = by_digest[digest]
            if was >= 0:
                self.moved[was] = len(self.addresses)
            elif address:
                self.fresh[address] = len(self.addresses)
            self.addresses.append(address)
            self.told_with.append(of)
        return group, oids

    def done(self, objects: Packed, gone: AbstractSet[int]) -> Merged:
        stayed = bytearray(b"\1") * len(self.old.addresses)
        for place in gone:
            self.moved[place] = self.fresh.get(self.old.addresses[place], NOBODY)
            stayed[place] = 0
        register = Register(objects, self.addresses, self.told_with)
        return Merged(register, self.moved, stayed, frozenset(self.fresh.values()))
