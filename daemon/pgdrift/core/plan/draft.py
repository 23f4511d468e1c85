"""Two snapshots in; out, what is to become of each object: made, dropped, changed, or left by hand.

What must be dropped to be changed takes along what hangs on it: see `rebuild`.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

from pgdrift.core.alike.normalise import all_set_aside
from pgdrift.core.compare import compare
from pgdrift.core.model import ChangeType, Object, ObjectId, Snapshot
from pgdrift.core.plan.kinds import WRITERS
from pgdrift.core.plan.model import LeftOut
from pgdrift.core.plan.sql import texts
from pgdrift.core.plan.step import ByHand, Rebuild, World, Writer, belonging, by_parent, whole_of

NO_KIND = "plans are not made of this kind"

Pairs = Iterable[tuple[ObjectId, ObjectId]]


@dataclass(slots=True)
class Draft:
    """What becomes of what. All sets are told by object.

    changed: the attributes that are other. rebuilt: dropped and made anew. let_go: columns whose
    default is taken away for a while. moved: columns that go over to a type that is made anew.
    """

    world: World
    here_uses: Mapping[ObjectId, frozenset[ObjectId]]
    here_used: Mapping[ObjectId, frozenset[ObjectId]]
    removed: set[ObjectId] = field(default_factory=set)
    added: set[ObjectId] = field(default_factory=set)
    changed: dict[ObjectId, list[str]] = field(default_factory=dict)
    rebuilt: set[ObjectId] = field(default_factory=set)
    let_go: set[ObjectId] = field(default_factory=set)
    moved: set[ObjectId] = field(default_factory=set)
    by_hand: dict[ObjectId, LeftOut] = field(default_factory=dict)

    def leave(self, i: ObjectId, why: str, attributes: Sequence[str] = ()) -> None:
        """Leave something by hand."""
        known = self.by_hand.get(i)
        wholly = not attributes or (known is not None and not known.attributes)
        names = () if wholly else tuple(sorted({*attributes, *(known.attributes if known else ())}))
        if known and known.why != why:
            why = f"{known.why}; {why}"
        self.by_hand[i] = LeftOut(i, why, names)


def draft(
    before: Snapshot, after: Snapshot, depends: tuple[Pairs, Pairs], *, major: int, online: bool
) -> Draft:
    """Return what differs as what is to be done. `depends` are the pairs of both sides."""
    here_uses, here_used = _both_ways(depends[0])
    uses, used = _both_ways(depends[1])
    kinds = before.kinds & after.kinds
    here = {i: o for i, o in before.objects.items() if i.kind in kinds}
    there = {i: o for i, o in after.objects.items() if i.kind in kinds}
    world = World(
        here=here,
        there=there,
        uses=uses,
        uses_here=here_uses,
        used=_united(used, here_used),
        major=major,
        online=online,
        children=by_parent(there.values()),
        children_here=by_parent(here.values()),
        places={**_places(before), **_places(after)},
        defaults=tuple(sorted(set(_defaults([*here.values(), *there.values()])))),
    )
    drawn = Draft(world, here_uses, here_used)
    for change in compare(before, after).changes:
        all_of_it = tuple(i for i in (change.id, *change.contains) if i.kind in kinds)
        if not all_of_it:
            continue
        if change.change is ChangeType.REMOVED:
            drawn.removed.update(all_of_it)
        elif change.change is ChangeType.ADDED:
            drawn.added.update(all_of_it)
        else:
            drawn.changed[change.id] = sorted(change.attributes)
    _judge(drawn)
    return drawn


def leave_alone(drawn: Draft, those: Mapping[ObjectId, str]) -> None:
    """Leave by hand what is known not to go, and why."""
    for i, why in those.items():
        _stays(drawn, i, why)
        for some in (drawn.added, drawn.rebuilt):
            some.discard(i)
        drawn.changed.pop(i, None)
    _leave_wholes(drawn)


def with_world(drawn: Draft, made: Iterable[ObjectId], gone: Iterable[ObjectId]) -> None:
    """Let the writers know what the plan makes and drops."""
    drawn.world = replace(drawn.world, made=frozenset(made), gone=frozenset(gone))


def _stays(drawn: Draft, i: ObjectId, why: str) -> None:
    """Leave something by hand; if it was to be dropped, all that belongs to it stays with it."""
    drawn.leave(i, why)
    if i in drawn.removed:
        drawn.removed -= {i, *belonging(i, drawn.world.children_here)}


def _leave_wholes(drawn: Draft) -> None:
    """Leave what partitions would be dropped with that do not leave it: they are left by hand."""
    here = drawn.world.here
    waiting = [i for i, left in drawn.by_hand.items() if i in here and not left.attributes]
    while waiting:
        i = waiting.pop()
        name = whole_of(here[i])
        whole = next((k for k in drawn.removed if k.kind == "table" and k.name == name), None)
        if whole is not None:
            _stays(drawn, whole, f"it would take along {i.name}, which is left by hand")
            waiting.append(whole)


def _judge(drawn: Draft) -> None:
    """Decide how each change can be brought about, and which cannot."""
    for i in sorted(drawn.removed):
        if i not in drawn.removed:
            continue  # it stays with what it belongs to
        writer = WRITERS.get(i.kind)
        why = writer.stays(drawn.world.here[i], drawn.world) if writer and writer.stays else ""
        if writer is None or why:
            _stays(drawn, i, why or NO_KIND)
    for i, names in list(drawn.changed.items()):
        writer = WRITERS.get(i.kind)
        if writer is None:
            drawn.leave(i, NO_KIND, names)
            del drawn.changed[i]
            continue
        kept = [name for name in names if _is_statement(drawn, i, name, writer)]
        drawn.changed[i] = kept
        if i in drawn.by_hand and not drawn.by_hand[i].attributes:
            drawn.rebuilt.discard(i)
            del drawn.changed[i]
            continue
        before, after = drawn.world.here[i], drawn.world.there[i]
        if kept and writer.unless and writer.unless(before, after, drawn.world):
            drawn.rebuilt.add(i)
    for i in drawn.rebuilt:
        del drawn.changed[i]
    _leave_wholes(drawn)


def _is_statement(drawn: Draft, i: ObjectId, name: str, writer: Writer) -> bool:
    """Tell whether a changed attribute is brought about by a statement of its own."""
    how = writer.change.get(name)
    if isinstance(how, ByHand):
        if how.unless and how.unless(drawn.world.here[i], drawn.world.there[i], drawn.world):
            return how.else_by is not None
        drawn.leave(i, how.why, [] if how.whole else [name])
        return False
    if isinstance(how, Rebuild):
        drawn.rebuilt.add(i)
        return False
    if how is None and name not in {"owner", "comment"}:
        drawn.leave(i, "no statement changes this", [name])
        return False
    return True


def _both_ways(
    pairs: Pairs,
) -> tuple[Mapping[ObjectId, frozenset[ObjectId]], Mapping[ObjectId, frozenset[ObjectId]]]:
    uses: dict[ObjectId, set[ObjectId]] = defaultdict(set)
    used: dict[ObjectId, set[ObjectId]] = defaultdict(set)
    for dependent, referenced in pairs:
        uses[dependent].add(referenced)
        used[referenced].add(dependent)
    return _frozen(uses), _frozen(used)


def _frozen(sets: Mapping[ObjectId, set[ObjectId]]) -> Mapping[ObjectId, frozenset[ObjectId]]:
    return {i: frozenset(those) for i, those in sets.items()}


def _united(
    one: Mapping[ObjectId, frozenset[ObjectId]], other: Mapping[ObjectId, frozenset[ObjectId]]
) -> Mapping[ObjectId, frozenset[ObjectId]]:
    return {i: one.get(i, frozenset()) | other.get(i, frozenset()) for i in {*one, *other}}


def _places(snapshot: Snapshot) -> dict[ObjectId, int]:
    """Return where columns stand, which is read and perhaps not compared."""
    columns = {i: o for i, o in snapshot.objects.items() if i.kind == "column"}
    read = dict(all_set_aside(snapshot, columns, "position"))
    places: dict[ObjectId, int] = {}
    for i, found in columns.items():
        place = found.attributes.get("position", read.get(i))
        places[i] = place if isinstance(place, int) else 0
    return places


def _defaults(objects: Iterable[Object]) -> Iterator[str]:
    """Give everybody whom a default privilege gives anything; a name has its quotes off."""
    for found in objects:
        if found.id.kind == "default_privilege":
            for entry in texts(found.attributes.get("privileges")):
                name = entry.rpartition("=")[0]
                quoted = name.startswith('"') and name.endswith('"')
                yield name[1:-1].replace('""', '"') if quoted else name
