"""What came and what went, in; the same with the pairs that are one object under a new name, out.

Within one database the object's OID says so for sure. Between two, objects of one kind and one
parent that are alike in all else, what they hold included, are offered as candidates: only where
neither has a double, for a guess among several is worth nothing. Knows no kind.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Hashable, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace

from pgdrift.core.digest import canonical
from pgdrift.core.model import Change, ChangeType, Object, ObjectId, Renamed, Snapshot, Value

_Pair = tuple[Change, Change]
_Key = Callable[[Change], Hashable]
_Read = Mapping[str, frozenset[str]]

# Of so many that look alike none could be told from the others.
_MOST_PAIRS = 400
# Where more than this came or went, a guess helps nobody and each look would pay for it.
_MOST_GUESSES = 200


def with_renames(
    changes: Sequence[Change], before: Snapshot, after: Snapshot, *, one_database: bool
) -> tuple[Change, ...]:
    """Return the changes between two sides, with what was renamed named on both halves of it.

    `one_database` says that both sides are of one database, so that OIDs can be compared.
    """
    gone = [c for c in changes if c.change is ChangeType.REMOVED]
    come = [c for c in changes if c.change is ChangeType.ADDED]
    if not gone or not come:
        return tuple(changes)
    found: dict[ObjectId, Renamed] = {}
    if one_database:
        found |= _named(_paired(gone, come, _by_oid(before), _by_oid(after)), sure=True)
    gone, come = ([c for c in some if c.id not in found] for some in (gone, come))
    if max(len(gone), len(come)) > _MOST_GUESSES:
        return _with(found, changes)
    read = _read_by_both(gone, before, come, after)
    shapes = _by_shape(before, read), _by_shape(after, read)
    found |= _named(_paired(gone, come, *shapes, _hold_alike))
    return _with(found, changes)


def _with(found: Mapping[ObjectId, Renamed], changes: Iterable[Change]) -> tuple[Change, ...]:
    return tuple(replace(c, renamed=found[c.id]) if c.id in found else c for c in changes)


def _paired(
    gone: Iterable[Change],
    come: Iterable[Change],
    old: _Key,
    new: _Key,
    alike: Callable[[Change, Change], bool] = lambda _old, _new: True,
) -> Iterator[_Pair]:
    """Give the pairs that share a key and are alike, and have no double."""
    were, are = _by_key(gone, old), _by_key(come, new)
    for key in were.keys() & are.keys():
        if len(were[key]) * len(are[key]) <= _MOST_PAIRS:
            pairs = [(w, a) for w in were[key] for a in are[key] if alike(w, a)]
            times = Counter(c.id for pair in pairs for c in pair)
            yield from (pair for pair in pairs if times[pair[0].id] == times[pair[1].id] == 1)


def _by_key(changes: Iterable[Change], key: _Key) -> Mapping[Hashable, list[Change]]:
    by_key: dict[Hashable, list[Change]] = {}
    for change in changes:
        if (k := key(change)) is not None:
            by_key.setdefault(k, []).append(change)
    return by_key


def _hold_alike(old: Change, new: Change) -> bool:
    """Tell whether what both hold has the same names.

    What is named after its holder may go by the old name or by the new one.
    """
    if len(old.contains) != len(new.contains):
        return False
    names = (old.id.path[-1], new.id.path[-1])

    def held(change: Change) -> list[ObjectId]:
        depth = len(change.id.path)
        return sorted(_without(i, change.id.path, depth, names) for i in change.contains)

    return held(old) == held(new)


def _without(i: ObjectId, path: tuple[str, ...], depth: int, names: Iterable[str]) -> ObjectId:
    own = i.path[depth:] if i.path[:depth] == path else i.path
    for name in names:
        own = tuple(part.replace(name, "*") for part in own)
    return ObjectId(i.kind, own, i.args)


def _named(pairs: Iterable[_Pair], *, sure: bool = False) -> Mapping[ObjectId, Renamed]:
    found: dict[ObjectId, Renamed] = {}
    for old, new in pairs:
        found |= {old.id: Renamed(new.id, sure), new.id: Renamed(old.id, sure)}
    return found


def _by_oid(side: Snapshot) -> _Key:
    def key(change: Change) -> Hashable:
        found = side.objects[change.id]
        parent = side.objects.get(found.parent) if found.parent else None
        # A part that has only the OID of the whole cannot be told from its other parts.
        own = found.oid and (parent is None or parent.oid != found.oid)
        return (change.id.kind, found.oid) if own else None

    return key


def _read_by_both(
    gone: Iterable[Change], before: Snapshot, come: Iterable[Change], after: Snapshot
) -> _Read:
    """Return by kind the attributes that both sides have read: an older server knows less."""
    old, new = _read(gone, before), _read(come, after)
    return {kind: old[kind] & new[kind] for kind in old.keys() & new.keys()}


def _read(changes: Iterable[Change], side: Snapshot) -> _Read:
    ids = (i for c in changes for i in (c.id, *c.contains))
    return {i.kind: frozenset(side.objects[i].attributes) for i in ids}


def _by_shape(side: Snapshot, read: _Read) -> _Key:
    """Return what gives a change's shape: the object and all that it holds, but for its name."""

    def key(change: Change) -> Hashable:
        found, name = side.objects[change.id], change.id.path[-1]
        own = re.compile(rf"(?<!\w){re.escape(name)}(?!\w)")
        whole = _content(found, own, read)
        held = (_held(side.objects[i], own, read) for i in change.contains)
        return change.id.kind, change.id.args, found.parent, whole, tuple(sorted(held))

    return key


def _held(found: Object, own: re.Pattern[str], read: _Read) -> tuple[str, str, str]:
    return found.id.kind, found.id.args, _content(found, own, read)


def _content(found: Object, own: re.Pattern[str], read: _Read) -> str:
    known = read.get(found.id.kind, frozenset())
    return canonical({n: _nameless(v, own) for n, v in found.attributes.items() if n in known})


def _nameless(value: Value, own: re.Pattern[str]) -> Value:
    if isinstance(value, str):
        return own.sub("*", value)
    return [_nameless(v, own) for v in value] if isinstance(value, list) else value
