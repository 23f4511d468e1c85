"""Two snapshots in; out, every statement from the one to the other, and what is left by hand.

Pure: nothing is run, and nothing is claimed of what would happen. That is what a proof is for.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Iterator, Mapping, Sequence

from pgdrift.core.alike.normalise import FROM_ITS_WHOLE, NAMED_AFTER
from pgdrift.core.compare import compare
from pgdrift.core.digest import canonical
from pgdrift.core.held.packed import packed
from pgdrift.core.model import Object, ObjectId, Snapshot
from pgdrift.core.plan.draft import Draft, draft, leave_alone, with_world
from pgdrift.core.plan.family import Hanging, below, reaching
from pgdrift.core.plan.impact import impacts
from pgdrift.core.plan.model import Statement, Way
from pgdrift.core.plan.order import ordered
from pgdrift.core.plan.rebuild import all_gone, all_made, rebuild
from pgdrift.core.plan.units import Key, Units, units
from pgdrift.core.renamed import with_renames

_MOST_HANGING = 20
_NO_SIGNS = frozenset({NAMED_AFTER, FROM_ITS_WHOLE, "position"})
_NOTHING: Mapping[ObjectId, str] = {}


def way(
    before: Snapshot,
    after: Snapshot,
    *,
    major: int,
    online: bool = False,
    refused: Mapping[ObjectId, str] = _NOTHING,
    undone: Mapping[ObjectId, str] = _NOTHING,
) -> Way:
    """Return the way from one snapshot to another, both told in the words of the database.

    `major` is of the server that is to run it. `refused` is what it is known to refuse, and in
    which words: that is left by hand. So is what is `undone`: of a way back, what the way there
    did not do, and why.
    """
    depends = (list(_renamed_pairs(before)), list(_renamed_pairs(after)))
    drawn = draft(before, after, depends, major=major, online=online)
    said = {_whose(i, after): f"the server refuses it: {why}" for i, why in refused.items()}
    leave_alone(drawn, {**said, **undone})
    rebuild(drawn)
    with_world(drawn, all_made(drawn), all_gone(drawn))
    found = units(drawn)
    deeds, cut = ordered(found, drawn)
    return Way(
        tuple(_numbered(found, deeds, below(drawn.world))),
        tuple(sorted(drawn.by_hand.values(), key=lambda left: left.object)),
        (*_renames(before, after), *_circles(cut)),
        _hanging(drawn, deeds),
        impacts(drawn, depends[0]),
    )


def _whose(i: ObjectId, after: Snapshot) -> ObjectId:
    """Return what a statement was for: the index of a key is built for that, and is no object."""
    if i.kind != "index" or i in after.objects:
        return i
    keys = (k for k in after.objects if k.kind == "constraint" and k.path[-1] == i.path[-1])
    return next((k for k in keys if k.path[0] == i.path[0] and len(k.path) > 2), i)


def _renamed_pairs(snapshot: Snapshot) -> Iterator[tuple[ObjectId, ObjectId]]:
    """Give the dependencies by the names that the objects go by now.

    A side that was told in the other's words keeps its dependencies as they were read; an object
    is known by its OID.
    """
    pairs = list(snapshot.dependencies)
    strange = {i for pair in pairs for i in pair} - frozenset(snapshot.objects)
    read = packed(snapshot.as_read or {})
    known = read.some(strange)
    new: Iterable[Object] = ()
    if known:
        before = frozenset(read)
        new = (o for i, o in snapshot.objects.items() if i not in before)
    by_sign = {sign: o.id for o in new for sign in _signs(o)}
    names = {
        i: next((by_sign[s] for s in _signs(o) if s in by_sign), None) for i, o in known.items()
    }
    for dependent, used in pairs:
        yield names.get(dependent) or dependent, names.get(used) or used


def _signs(found: Object) -> Iterator[Hashable]:
    """Give what an object is known by whatever its name: its OID, or all that it is."""
    if found.oid:
        yield found.id.kind, found.oid
    said = {n: v for n, v in found.attributes.items() if n not in _NO_SIGNS}
    yield found.id.kind, found.id.path[:-1], canonical(said)


def _numbered(found: Units, deeds: Iterable[Key], hanging: Hanging) -> Iterator[Statement]:
    number, transaction, broken = 0, 1, False
    for deed in deeds:
        for step in (reaching(s, hanging) for s in found.steps[deed]):
            number += 1
            if number > 1 and (step.alone or broken):
                transaction += 1
            broken = step.alone or step.commits
            yield Statement(number, step.about or deed.object, deed.verb, step, transaction)


def _renames(before: Snapshot, after: Snapshot) -> Iterator[str]:
    """Offer what may be a rename: nobody but its author knows."""
    changes = with_renames(compare(before, after).changes, before, after, one_database=False)
    for change in changes:
        if change.renamed and change.id in before.objects:
            yield (
                f"{change.id.kind.replace('_', ' ')} {change.id.name} may be"
                f" {change.renamed.id.name} under its old name: to keep what it holds, rename it"
                " and plan again"
            )


def _circles(cut: Sequence[Key]) -> Iterator[str]:
    for key in cut:
        yield f"{key.object} is part of a circle of dependencies, which was cut there"


def _hanging(drawn: Draft, deeds: Iterable[Key]) -> Mapping[ObjectId, tuple[ObjectId, ...]]:
    """Return what hangs on each object that is dropped or changed, as far as it is not its part."""
    here = drawn.world.here
    hanging = {}
    for i in {deed.object for deed in deeds if deed.object in here}:
        # What is left out of the comparison may hang on it, too: see `impact`.
        used = (d for d in drawn.here_used.get(i, ()) if d in here)
        those = [d for d in used if here[d].parent != i and d != i]
        if those:
            hanging[i] = tuple(sorted(those)[:_MOST_HANGING])
    return hanging
