"""Many objects held in little memory, as a mapping: ObjectId in, Object out.

Objects whose paths begin with the same two names (a table with all that is named after it) lie in
one compressed group beside their digests. Only what is asked for is unfolded, and equal groups are
told without unfolding. It knows no kind.
"""

from __future__ import annotations

from bisect import bisect_right
from collections import Counter
from collections.abc import Callable, ItemsView, Iterable, Iterator, Mapping, Sequence, ValuesView
from collections.abc import Set as AbstractSet
from functools import lru_cache
from itertools import groupby
from typing import TypeAlias

from pgdrift.core.digest import root_digest
from pgdrift.core.held.group import (
    Group,
    Oids,
    digests,
    folded,
    head,
    kinds,
    size,
    unfold,
    unfold_but,
    unfold_some,
)
from pgdrift.core.held.groups import Groups, OidsOf
from pgdrift.core.held.objects import Object, ObjectId
from pgdrift.core.held.once import once

Rule: TypeAlias = Callable[[Object], Object]
Same: TypeAlias = Callable[[Object, Object], bool]
Sides: TypeAlias = tuple[dict[ObjectId, Object], dict[ObjectId, Object]]

# Groups that stay unfolded: who asks for one object often asks for its neighbours next.
_OPEN = 32


class Packed(Mapping[ObjectId, Object]):
    """Objects by identity. Immutable: `edited` gives another that shares what did not change.

    A `rule` retells every object when it is asked for, but for those in the groups `told`.
    """

    __slots__ = (
        "_count",
        "_ground",
        "_open",
        "_root",
        "_rule",
        "_stays",
        "_told",
        "groups",
        "oids",
    )

    def __init__(
        self,
        groups: Mapping[str, Group],
        oids: Mapping[str, Oids],
        rule: Rule | None = None,
        told: frozenset[str] = frozenset(),
        ground: Packed | None = None,
        count: int | None = None,
    ) -> None:
        """Take groups as they were folded, by key, and their oids; `count` objects, if known."""
        self.groups = Groups.once(groups)
        self.oids = OidsOf.of(self.groups, oids)
        self._rule = rule
        self._told = told
        # What a rule retells, where nothing was edited since.
        self._ground = self if ground is None else ground
        self._root = ""
        self._open: dict[str, dict[ObjectId, Object]] = {}
        # Whether all is open, and stays so.
        self._stays = False
        self._count = self.groups.firsts[-1] if count is None else count

    def __len__(self) -> int:
        return self._count

    def __getitem__(self, i: ObjectId) -> Object:
        return self.under(key_of(i.path))[i]

    def __iter__(self) -> Iterator[ObjectId]:
        return (o.id for o in self._all())

    def items(self) -> ItemsView[ObjectId, Object]:
        """Give identities and objects, group by group."""
        return _Items(self)

    def values(self) -> ValuesView[Object]:
        """Give the objects, group by group."""
        return _Values(self)

    def __repr__(self) -> str:
        return repr(dict(self))

    def under(self, key: str) -> Mapping[ObjectId, Object]:
        """Return the objects of one group, none where there is no such group."""
        if self._stays:
            return self._open.get(key, {})
        # Threads may do this at once: each has what it found, whoever's dict it is kept in.
        if (found := self._open.get(key)) is None:
            found = {o.id: o for o in self._unfold(key)}
            if len(self._open) >= _OPEN:
                self._open = {}
            self._open[key] = found
            _opened(self)
        return found

    def some(self, ids: Iterable[ObjectId]) -> dict[ObjectId, Object]:
        """Return those of the objects that are there, and unfold nothing but these."""
        if self._stays:
            return {i: self[i] for i in ids if i in self}
        found: dict[ObjectId, Object] = {}
        for key, wanted in _by_key(ids).items():
            if (group := self.groups.get(key)) is not None:
                objects = self._ruled(key, unfold_some(group, self.oids[key], wanted))
                found.update((o.id, o) for o in objects)
        return found

    @property
    def root(self) -> str:
        """One digest over all digests; where a rule retells them, the price of unfolding all."""
        if not self._root:
            self._root = root_digest(self._digests())
        return self._root

    def kinds(self) -> Mapping[str, int]:
        """Return how many objects there are of each kind, which no rule changes."""
        counts = Counter[str]()
        for group in self.groups.values():
            for kind, count in kinds(group):
                counts[kind] += count
        return counts

    def places(self, ids: Iterable[ObjectId]) -> dict[int, ObjectId]:
        """Return those of the objects that are there, each by its place in the order of all."""
        by_key = _by_key(ids)
        return {
            first + n: i
            for key, first in zip(self.groups, self.groups.firsts, strict=False)
            if key in by_key
            for n, i in enumerate(self.under(key))
            if i in by_key[key]
        }

    def at(self, places: Iterable[int]) -> dict[int, ObjectId]:
        """Return what stands at places in the order of all, and unfold nothing else."""
        keys, firsts = list(self.groups), self.groups.firsts
        found: dict[int, ObjectId] = {}
        for n, of_group in groupby(sorted(places), lambda place: bisect_right(firsts, place) - 1):
            ids = list(self.under(keys[n]))
            found.update((place, ids[place - firsts[n]]) for place in of_group)
        return found

    def unfolded(self) -> Packed:
        """Return the same, unfolded for good: for who asks for all of them a dozen times."""
        if self._stays:
            return self
        same = Packed(self.groups, self.oids, self._rule, self._told, self._ground, self._count)
        same._open = {key: {o.id: o for o in self._unfold(key)} for key in self.groups}
        same._stays = True
        return same

    def ruled(self, rule: Rule) -> Packed:
        """Return the same objects, each retold by a rule when it is asked for.

        Packed with the very same rule are compared by what lies beneath it. The first rule of
        two is the inner one.
        """
        if (inner := self._rule) is None:
            return Packed(self.groups, self.oids, rule, ground=self)
        # What was edited is told by the inner rule already.
        ground = packed(dict(self)) if self._told else self._ground
        return ground.ruled(rule if self._told else lambda o: rule(inner(o)))

    def edited(self, edits: Mapping[ObjectId, Object | None]) -> Packed:
        """Return the objects with others added or in place of theirs; None takes one out."""
        if not edits:
            return self
        by_key: dict[str, dict[ObjectId, Object | None]] = {}
        for i, o in edits.items():
            by_key.setdefault(key_of(i.path), {})[i] = o
        groups, oids = dict(self.groups), self.oids.by_group()
        for key, of_group in by_key.items():
            kept = [o for o in {**self.under(key), **of_group}.values() if o is not None]
            if kept:
                groups[key], oids[key] = folded(kept)
            else:
                groups.pop(key, None)
                oids.pop(key, None)
        told = self._told.union(by_key) if self._rule else self._told
        return Packed(groups, oids, self._rule, told)

    def sharing(self, other: Packed) -> Packed:
        """Return the very same, with the other's groups in place of equal ones."""
        mine, theirs = self.groups, other.groups
        groups = {
            key: there if (there := theirs.get(key)) == here else here for key, here in mine.items()
        }
        if tuple(groups.items()) == tuple(theirs.items()):
            equal = self.oids.row == other.oids.row
            shared = Packed(theirs, other.oids if equal else self.oids, self._rule, self._told)
        else:
            # Made here: `once` would give the one that there is, with the groups of its own.
            shared = Packed(Groups(groups), self.oids, self._rule, self._told)
        shared._root = self._root
        return shared

    def told_alike(self, other: Packed, key: str) -> bool:
        """Tell without unfolding that a group is as on the other side. No may mean maybe."""
        one, two = self.groups.get(key), other.groups.get(key)
        if one is None or two is None or self._rule_of(key) is not other._rule_of(key):
            return False
        return one is two or head(one) == head(two)

    def same_as(self, other: Packed) -> bool:
        """Tell whether all objects of both are equal; the first that is not is the last asked."""
        return self.known_same(other) or not any(map(any, _apart(self, other, _equal)))

    def known_same(self, other: Packed) -> bool:
        """Tell by what is known of both that all objects are equal. No may mean maybe."""
        if self._rule is not other._rule or self._told or other._told:
            return False
        # Where roots are not known yet, the groups tell it sooner than the roots can be made.
        root = self._ground._root  # noqa: SLF001  the two are one
        return bool(root) and root == other._ground._root  # noqa: SLF001

    def _rule_of(self, key: str) -> Rule | None:
        return None if key in self._told else self._rule

    def _beneath(self, key: str) -> frozenset[bytes]:
        """Return the digests of a group before any rule."""
        return frozenset(digests(self.groups[key])) if key in self.groups else frozenset()

    def _unfold_but(self, key: str, known: AbstractSet[bytes]) -> dict[ObjectId, Object]:
        if not known:
            return {o.id: o for o in self._unfold(key)}
        objects = self._ruled(key, unfold_but(self.groups[key], self.oids[key], known))
        return {o.id: o for o in objects}

    def _digests(self) -> Iterator[bytes]:
        for key, group in self.groups.items():
            rule = self._rule_of(key)
            yield from digests(group) if rule is None else _told_digests(rule, group)

    def _all(self) -> Iterator[Object]:
        for key in self.groups:
            yield from self._unfold(key)

    def _unfold(self, key: str) -> Iterable[Object]:
        if self._stays:
            return self.under(key).values()
        if (group := self.groups.get(key)) is None:
            return ()
        return self._ruled(key, unfold(group, self.oids[key]))

    def _ruled(self, key: str, objects: Iterable[Object]) -> Iterable[Object]:
        rule = self._rule_of(key)
        return objects if rule is None else map(rule, objects)


# Databases of one schema have the same groups, under the same rule.
@lru_cache(maxsize=1 << 13)
def _told_digests(rule: Rule, group: Group) -> tuple[bytes, ...]:
    told = map(rule, unfold(group, bytes(4 * size(group))))
    return tuple(bytes.fromhex(o.digest) for o in told)


_latest: dict[int, Packed] = {}


def _opened(of: Packed) -> None:
    """Close what was opened longest ago: of many snapshots few are asked at a time."""
    _latest.pop(id(of), None)
    _latest[id(of)] = of
    for old in list(_latest.values())[:-_OPEN]:
        _latest.pop(id(old), None)
        old._open = {}  # noqa: SLF001  the two are one


class _Items(ItemsView[ObjectId, Object]):
    _mapping: Packed

    def __iter__(self) -> Iterator[tuple[ObjectId, Object]]:
        return ((o.id, o) for o in self._mapping.values())


class _Values(ValuesView[Object]):
    _mapping: Packed

    def __iter__(self) -> Iterator[Object]:
        return self._mapping._all()  # noqa: SLF001  the two are one


def packed(objects: Mapping[ObjectId, Object]) -> Packed:
    """Return the same objects packed; what is packed already comes back as it is."""
    if isinstance(objects, Packed):
        return objects
    by_key: dict[str, list[Object]] = {}
    for i, o in objects.items():
        by_key.setdefault(key_of(i.path), []).append(o)
    both = {key: folded(of_group) for key, of_group in by_key.items()}
    groups = {key: group for key, (group, _) in both.items()}
    return Packed(groups, {key: oids for key, (_, oids) in both.items()})


def _by_key(ids: Iterable[ObjectId]) -> dict[str, set[ObjectId]]:
    by_key: dict[str, set[ObjectId]] = {}
    for i in ids:
        by_key.setdefault(key_of(i.path), set()).add(i)
    return by_key


def key_of(path: Sequence[str]) -> str:
    """Return the key of the group in which an object of this path lies."""
    # No name holds a zero byte.
    return _one_key("\0".join(path[:2]))


_one_key: Callable[[str], str] = once(1 << 13)


def differing(one: Packed, other: Packed, same: Same | None = None) -> Sides:
    """Return the objects of each side that are not on the other just as they are.

    `same` may say of two of one name that they are equal although they are not so in all.
    """
    ours: dict[ObjectId, Object] = {}
    theirs: dict[ObjectId, Object] = {}
    if one.known_same(other):
        return ours, theirs
    for here, there in _apart(one, other, same or _equal):
        ours |= here
        theirs |= there
    return ours, theirs


def _apart(one: Packed, other: Packed, same: Same) -> Iterator[Sides]:
    """Give what differs, group by group."""
    for key in {**one.groups, **other.groups}:
        if not one.told_alike(other, key):
            yield _apart_in(key, one, other, same)


def _apart_in(key: str, one: Packed, other: Packed, same: Same) -> Sides:
    known: AbstractSet[bytes] = frozenset()
    if one._rule_of(key) is other._rule_of(key):  # noqa: SLF001  the two are one
        # What is equal beneath one rule is told alike by it.
        known = one._beneath(key) & other._beneath(key)  # noqa: SLF001
    here, there = one._unfold_but(key, known), other._unfold_but(key, known)  # noqa: SLF001
    for i in [i for i, o in here.items() if i in there and same(o, there[i])]:
        del here[i], there[i]
    return here, there


def _equal(one: Object, other: Object) -> bool:
    # A digest tells 1 from true; it is made only where all else is equal.
    return one.attributes == other.attributes and one.digest == other.digest
