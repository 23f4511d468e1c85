"""Where each object of a snapshot was found, so that some can be read again and put in its place.

A register says of each place among the objects at which address it was read, and with what it is
told. OIDs and addresses are numbers to it: it knows no server and no kind.
"""

from __future__ import annotations

from array import array
from collections.abc import Iterable, Iterator, Mapping
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from itertools import compress, count

from pgdrift.core.digest import canonical
from pgdrift.core.held.dependencies import Dependencies
from pgdrift.core.held.group import Group, Oids, digests, folded, size, unfold
from pgdrift.core.held.objects import Object, ObjectId
from pgdrift.core.held.packed import Packed

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

    def places(self, addresses: AbstractSet[int]) -> dict[int, int]:
        """Return those of the addresses at which there is something, each with its place."""
        here = map(addresses.__contains__, self.addresses)
        return {self.addresses[p]: p for p in compress(count(), here)}

    def among(self, again: AbstractSet[int]) -> set[int]:
        """Return the places of what is told with one of these."""
        return set(compress(count(), map(again.__contains__, self.told_with)))

    def names(self, places: Iterable[int]) -> dict[int, bytes]:
        """Return the identities that stand at these places, as JSON."""
        wanted, found, first = sorted(places, reverse=True), dict[int, bytes](), 0
        for key, group in self.objects.groups.items():
            after = first + size(group)
            if wanted and wanted[-1] < after:
                ids = [o.id for o in unfold(group, self.objects.oids[key])]
                while wanted and wanted[-1] < after:
                    place = wanted.pop()
                    found[place] = canonical(ids[place - first]).encode("utf-8", "surrogatepass")
            first = after
        return found


@dataclass(slots=True)
class Merged:
    """A register with some of its objects read again, and what became of the others' places.

    `moved` is the place now by the place before, NOBODY for what is gone; `stayed` says by the
    place before what was not read again.
    """

    register: Register
    moved: array[int]
    stayed: bytearray

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
    groups, oids = dict(old.objects.groups), dict(old.objects.oids)
    changed = dict(_changed(old, gone, new))
    for key, made in changed.items():
        if made.group:
            # What is equal need not be held twice.
            groups[key] = was if (was := groups.get(key)) == made.group else made.group
            oids[key] = made.oids
        elif key in groups:
            del groups[key], oids[key]
    return _placed(old, Packed(groups, oids), changed, gone)


@dataclass(frozen=True, slots=True)
class _Made:
    """A group that was put together: of each object address, what it is told with, place before."""

    group: Group
    oids: Oids
    rows: list[tuple[int, int, int]]


def _changed(old: Register, gone: AbstractSet[int], new: Register) -> Iterator[tuple[str, _Made]]:
    """Give the groups in which something is gone or new."""
    fresh = dict(_groups(new))
    left = sorted(gone, reverse=True)
    for key, rows in _groups(old):
        first, after = rows.start, rows.stop
        touched = key in fresh
        while left and left[-1] < after:
            left.pop()
            touched = True
        if touched:
            stay = [p for p in range(first, after) if p not in gone]
            yield key, _made(key, old, stay, first, new, fresh.pop(key, range(0)))
    for key, rows in fresh.items():
        yield key, _made(key, old, [], 0, new, rows)


def _groups(of: Register) -> Iterator[tuple[str, range]]:
    first = 0
    for key, group in of.objects.groups.items():
        yield key, range(first, first := first + size(group))


def _made(
    key: str, old: Register, stay: list[int], first: int, new: Register, rows: range
) -> _Made:
    told: dict[ObjectId, tuple[Object, tuple[int, int, int]]] = {}
    if stay:
        objects = list(unfold(old.objects.groups[key], old.objects.oids[key]))
        for p in stay:
            o = objects[p - first]
            told[o.id] = o, (old.addresses[p], old.told_with[p], p)
    if rows:
        for p, o in zip(rows, unfold(new.objects.groups[key], new.objects.oids[key]), strict=True):
            told[o.id] = o, (new.addresses[p], new.told_with[p], -1)
    if not told:
        return _Made(b"", b"", [])
    group, oids = folded([o for o, _ in told.values()])
    by_digest = {bytes.fromhex(o.digest): row for o, row in told.values()}
    return _Made(group, oids, [by_digest[d] for d in digests(group)])


def _placed(
    old: Register, objects: Packed, changed: Mapping[str, _Made], gone: AbstractSet[int]
) -> Merged:
    addresses, told_with = array("Q"), array("I")
    before = dict(_groups(old))
    moved = array("I", [NOBODY]) * len(old.addresses)
    fresh: dict[int, int] = {}
    for key in objects.groups:
        now = len(addresses)
        if (made := changed.get(key)) is None:
            rows = before[key]
            addresses += old.addresses[rows.start : rows.stop]
            told_with += old.told_with[rows.start : rows.stop]
            moved[rows.start : rows.stop] = array("I", range(now, now + len(rows)))
            continue
        for place, (address, of, was) in enumerate(made.rows, now):
            addresses.append(address)
            told_with.append(of)
            if was >= 0:
                moved[was] = place
            elif address:
                fresh[address] = place
    for place in gone:
        moved[place] = fresh.get(old.addresses[place], NOBODY)
    stayed = bytearray(b"\1") * len(old.addresses)
    for place in gone:
        stayed[place] = 0
    return Merged(Register(objects, addresses, told_with), moved, stayed)
