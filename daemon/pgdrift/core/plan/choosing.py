"""Two sides and words for what is to be reconciled in; out, the target with only that changed.

Whatever that needs and the target lacks is drawn in, as is what would stand in its way; the rest
is told, so that nobody takes the plan for the whole.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from pgdrift.core.alike.align import Settled, align
from pgdrift.core.alike.normalise import Options, normalise
from pgdrift.core.compare import compare
from pgdrift.core.ignore import matches
from pgdrift.core.model import Change, ChangeType, Object, ObjectId, Snapshot
from pgdrift.core.names import split_dotted
from pgdrift.core.plan.model import LeftOut
from pgdrift.core.plan.sql import texts
from pgdrift.core.shown.called import alike, called

_GLOB = frozenset("*?[")
_ASIDE = "differs, and was not chosen"
_ALL: Mapping[ObjectId, Collection[str]] = {}


class UnknownWordError(ValueError):
    """A word names nothing that differs, or several things; its text says which."""


@dataclass(frozen=True, slots=True)
class Chosen:
    """A source of a plan: the target with what was chosen made as it is in the source.

    `drawn` was not named but is needed, `aside` differs and stays.
    """

    source: Snapshot
    drawn: tuple[ObjectId, ...]
    aside: tuple[LeftOut, ...]


def choose(
    sides: tuple[Snapshot, Snapshot],
    words: Sequence[str],
    options: Options,
    settled: Settled = frozenset(),
) -> Chosen:
    """Return the source that only what is named makes of the target.

    `sides` are target and source as they were read; a word is a key, a name, or a glob over keys,
    as rules to ignore have it. Raises UnknownWordError.
    """
    world = _world(sides, options, settled)
    return _chosen(sides, world, _named(world.changes, words, world.target, world.source))


def choose_found(
    sides: tuple[Snapshot, Snapshot],
    found: Iterable[Change],
    options: Options,
    settled: Settled = frozenset(),
) -> Chosen:
    """Return the source that only what was found makes of the target.

    Of an object that changed only the attributes that were found; what came or went, with all that
    did so with it. What was found and differs no more is nothing to do.
    """
    world = _world(sides, options, settled)
    named: set[ObjectId] = set()
    only: dict[ObjectId, Collection[str]] = {}
    for told in found:
        if (change := world.changes.get(told.id)) is None:
            continue
        named.update((change.id, *change.contains) if change.id == told.id else (told.id,))
        if told.change is ChangeType.CHANGED and change.change is ChangeType.CHANGED:
            only[told.id] = told.attributes.keys()
    return _chosen(sides, world, named, only)


def _world(sides: tuple[Snapshot, Snapshot], options: Options, settled: Settled) -> _World:
    options = replace(options, inherited=True)
    target = normalise(sides[0], options)
    source = align(normalise(sides[1], options), target, options, settled)
    changes = {i: c for c in compare(target, source).changes for i in (c.id, *c.contains)}
    return _World(target, source, changes)


def _chosen(
    sides: tuple[Snapshot, Snapshot],
    world: _World,
    named: set[ObjectId],
    only: Mapping[ObjectId, Collection[str]] = _ALL,
) -> Chosen:
    changes = world.changes
    wanted = _with_needed(named, world)
    left = {c.id: _names(c) for i, c in changes.items() if not {i, c.id} & wanted}
    left |= {i: some for i, of in only.items() if (some := _names(changes[i], but=of))}
    return Chosen(
        _merged(sides, world.source, wanted, {i: only[i] for i in only if i in left}),
        tuple(sorted(wanted - named)),
        tuple(LeftOut(i, _ASIDE, left[i]) for i in sorted(left)),
    )


def _names(change: Change, *, but: Collection[str] = ()) -> tuple[str, ...]:
    changed = change.change is ChangeType.CHANGED
    return tuple(sorted(change.attributes.keys() - set(but))) if changed else ()


def _named(
    changes: Mapping[ObjectId, Change], words: Sequence[str], *sides: Snapshot
) -> set[ObjectId]:
    """Return what differs of all that words name: it, and what is part of it."""
    above: dict[ObjectId, set[ObjectId]] = defaultdict(set)
    for i in changes:
        for up in _line(i, *sides):
            above[up].add(i)
    by_key = {str(i): i for i in above}
    return {i for word in words for key in _keys(word, by_key) for i in above[by_key[key]]}


def _line(i: ObjectId, *sides: Snapshot) -> Iterator[ObjectId]:
    """Give an object and all that it is part of."""
    found: ObjectId | None = i
    while found is not None:
        yield found
        known = next((s.objects[found] for s in sides if found in s.objects), None)
        found = known.parent if known else None


def _keys(word: str, keys: Collection[str]) -> Collection[str]:
    if _GLOB & set(word) and word not in keys:
        found = [key for key in keys if matches(key, word)]
    else:
        found = list(called(word, keys))
        if len(found) > 1:
            msg = f"{word!r} may be {', '.join(found[:5])}: say which"
            raise UnknownWordError(msg)
    if not found:
        near = alike(word, keys)
        msg = f"nothing called {word!r} differs" + (f"; near: {', '.join(near)}" if near else "")
        raise UnknownWordError(msg)
    return found


class _World:
    """What differs between two sides, and what hangs together in each."""

    def __init__(
        self, target: Snapshot, source: Snapshot, changes: Mapping[ObjectId, Change]
    ) -> None:
        self.target, self.source, self.changes = target, source, changes
        self.uses: dict[ObjectId, set[ObjectId]] = defaultdict(set)
        self.used: dict[ObjectId, set[ObjectId]] = defaultdict(set)
        for dependent, other in source.dependencies:
            self.uses[dependent].add(other)
        for dependent, other in target.dependencies:
            self.used[other].add(dependent)
        self.parts: dict[ObjectId, set[ObjectId]] = defaultdict(set)
        for side in (target, source):
            for i, found in side.objects.items():
                if found.parent is not None:
                    self.parts[found.parent].add(i)
        self.heirs: dict[ObjectId, set[ObjectId]] = defaultdict(set)
        for i in changes:
            for side in (target, source):
                for above in _inherited_from(i, side):
                    self.heirs[above].add(i)

    def needed(self, i: ObjectId) -> Iterator[ObjectId]:
        """Give what must come or go along when one thing becomes as it is in the source."""
        yield from self.heirs[i]
        if i in self.source.objects:
            parent = self.source.objects[i].parent
            for other in {*self.uses[i], *([parent] if parent else ())}:
                if other not in self.target.objects:
                    yield other
            if i not in self.target.objects:
                yield from self.parts[i]
        else:
            # What hangs on it in the target cannot stay as it is.
            yield from self.used[i]
            yield from self.parts[i]


def _inherited_from(i: ObjectId, side: Snapshot) -> Iterator[ObjectId]:
    """Give the columns of parents that a child's column comes from."""
    found = side.objects.get(i)
    if i.kind != "column" or found is None or not found.attributes.get("inherited"):
        return
    table = side.objects.get(found.parent) if found.parent else None
    for parent in texts(table.attributes.get("inherits")) if table else ():
        yield i._replace(path=(*split_dotted(parent), i.path[-1]))


def _with_needed(named: set[ObjectId], world: _World) -> set[ObjectId]:
    wanted, waiting = set(named), list(named)
    while waiting:
        for other in world.needed(waiting.pop()):
            if other in world.changes and other not in wanted:
                wanted.add(other)
                waiting.append(other)
    return wanted


def _merged(
    sides: tuple[Snapshot, Snapshot],
    source: Snapshot,
    wanted: Collection[ObjectId],
    only: Mapping[ObjectId, Collection[str]],
) -> Snapshot:
    """Return the target as it was read, but for what is wanted, which is as the source was read.

    Of what is in `only` no more than these attributes are.
    """
    target, as_read = sides
    by_oid = {(o.id.kind, o.oid): o for o in as_read.objects.values() if o.oid}
    objects: dict[ObjectId, Object] = {i: o for i, o in target.objects.items() if i not in wanted}
    taken: set[ObjectId] = set()
    for i in wanted:
        if i in source.objects:
            # By its own name, which the source may not have in common with the target.
            oid, found = source.objects[i].oid, as_read.objects.get(i)
            if found is None or found.oid != oid:
                found = by_oid.get((i.kind, oid), found)
            if found is not None and i in only:
                some = {n: v for n, v in found.attributes.items() if n in only[i]}
                there = target.objects[i]
                objects[i] = replace(there, attributes={**there.attributes, **some})
            elif found is not None:
                objects[found.id] = found
                taken.add(found.id)
    depends = {
        *((d, u) for d, u in target.dependencies if d not in taken),
        *((d, u) for d, u in as_read.dependencies if d in taken),
    }
    known = tuple(sorted((d, u) for d, u in depends if d in objects and u in objects))
    kinds = target.kinds & as_read.kinds
    return replace(target, objects=objects, kinds=kinds, dependencies=known)
