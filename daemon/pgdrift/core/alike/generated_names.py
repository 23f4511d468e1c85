"""What differs between two sides in; out, the first side with the other's names for what has a
generated name on at least one of them, and is the same in all else.

Whatever refers to such a name is told with it: keys of privileges, nextval('…'::regclass),
replica identities. Names that people gave on both sides stay as they are.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Callable, Hashable, Iterable, Iterator, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field, replace
from functools import partial

from pgdrift.core.alike.apart import Edits, Pair, retold
from pgdrift.core.alike.made_names import is_generated
from pgdrift.core.alike.normalise import NAMED_AFTER, all_set_aside, is_set_aside
from pgdrift.core.alike.spelling import columns, printed, same_meaning
from pgdrift.core.digest import canonical
from pgdrift.core.model import Object, ObjectId, Snapshot, Value
from pgdrift.core.names import dotted, quote_ident

# What holds the name of a relation as it stands, and no expression.
_NAMES_RELATIONS = frozenset({"replica_identity", "partition_of"})
_WITHOUT_INDEX = ("CHECK ", "FOREIGN KEY ", "NOT NULL ")
_REGCLASS = re.compile(r"'((?:[^']|'')*)'::regclass")

Moves = Mapping[ObjectId, ObjectId]
Alike = Callable[[Object, Object], bool]


def generated_names(before: Pair, *, spelling: bool = False) -> Edits:
    """Return the first side's edits that give it the other's names.

    With `spelling`, two texts of one expression are two expressions.
    """
    told = retold(before, _identity_sequences(before))
    made = _Made()
    # A partition's index names the index it is part of: once that is told, it may be alike.
    while moves := _moves(told, made, spelling=spelling):
        told = retold(told, _moved(told, moves))
    return {
        i: o for i, o in told.edits.items() if i not in before.edits or before.edits[i] is not o
    }


@dataclass(slots=True)
class _Made:
    """What the names of objects of either side would be made of, as far as was asked for yet."""

    ours: dict[ObjectId, Sequence[str]] = field(default_factory=dict)
    theirs: dict[ObjectId, Sequence[str]] = field(default_factory=dict)

    def know(self, told: Pair, kinds: AbstractSet[str]) -> None:
        """Look up what differs now, all at once: one by one each would unfold its group anew."""
        for known, snapshot, some in (
            (self.ours, told.side, told.ours),
            (self.theirs, told.to, told.theirs),
        ):
            unknown = [i for i in some if i.kind in kinds and i not in known]
            known |= {i: _parts(v) for i, v in all_set_aside(snapshot, unknown, NAMED_AFTER)}

    def by_the_server(self, ours: ObjectId, theirs: ObjectId) -> bool:
        """Tell whether the server made at least one of two names."""
        return _generated(self.ours, ours) or _generated(self.theirs, theirs)


def _moves(told: Pair, made: _Made, *, spelling: bool) -> Moves:
    """Return which names become which: matched by structure, in order, none given to two."""
    named = _named(told.side, told.ours) | _named(told.to, told.theirs)
    made.know(told, named)
    ours = [o for i, o in sorted(told.ours.items(), key=_in_order) if i.kind in named]
    theirs = [o for i, o in sorted(told.theirs.items(), key=_in_order) if i.kind in named]
    moves: dict[ObjectId, ObjectId] = {}
    moves |= _matched(made, ours, theirs, _equal)
    if not spelling:
        # What already means the same under its own name stays with it.
        taken = {*moves.values(), *(o.id for o in ours if _stays(told, o))}
        left = [o for o in ours if o.id not in moves and o.id not in taken]
        others = [o for o in theirs if o.id not in taken]
        moves |= _matched(made, left, others, partial(_meant, told), printed)
    return _free(told, {old: new for old, new in moves.items() if old != new})


def _named(snapshot: Snapshot, some: Iterable[ObjectId]) -> set[str]:
    """Return the kinds of which the server makes names; one object of a kind tells."""
    one_of = {i.kind: i for i in some}
    return {kind for kind, i in one_of.items() if is_set_aside(snapshot, i, NAMED_AFTER)}


def _matched(
    made: _Made,
    ours: Sequence[Object],
    theirs: Sequence[Object],
    alike: Alike,
    but: Callable[[str], AbstractSet[str]] = lambda _: frozenset(),
) -> Moves:
    """Return who is alike whom; `but` gives of a kind what need not be equal for that."""
    read = _read_of_all((*ours, *theirs))
    told = {kind: sorted(names - but(kind)) for kind, names in read.items()}
    places: dict[Hashable, list[Object]] = defaultdict(list)
    for other in theirs:
        places[_place(other, told)].append(other)
    moves: dict[ObjectId, ObjectId] = {}
    for found in ours:
        others = places.get(_place(found, told), [])
        for at, other in enumerate(others):
            if alike(found, other) and made.by_the_server(found.id, other.id):
                moves[found.id] = other.id
                del others[at]
                break
    return moves


def _read_of_all(objects: Iterable[Object]) -> Mapping[str, AbstractSet[str]]:
    """Return by kind the attributes that every single object has."""
    read: dict[str, AbstractSet[str]] = {}
    for o in objects:
        names = o.attributes.keys()
        if (known := read.get(o.id.kind)) is None or not known <= names:
            read[o.id.kind] = (names if known is None else known & names) - {NAMED_AFTER}
    return read


def _place(found: Object, told: Mapping[str, Sequence[str]]) -> Hashable:
    """Return what is equal of all that can be alike, so that few need be looked at closely."""
    content = canonical([found.attributes[name] for name in told[found.id.kind]])
    return found.id.kind, found.id.path[:-1], found.parent, content


def _equal(one: Object, other: Object) -> bool:
    return not any(_differing(one, other))


def _meant(told: Pair, one: Object, other: Object) -> bool:
    kind, of, known = (
        one.id.kind,
        (one.attributes, other.attributes),
        columns(told.side, told.to, one),
    )
    return all(
        same_meaning(kind, name, one.attributes[name], other.attributes[name], of, known)
        for name in _differing(one, other)
    )


def _stays(told: Pair, found: Object) -> bool:
    other = told.theirs.get(found.id)
    return other is not None and _meant(told, found, other)


def _differing(one: Object, other: Object) -> Iterator[str]:
    return (
        name
        for name, value in one.attributes.items()
        if name in other.attributes and other.attributes[name] != value and name != NAMED_AFTER
    )


def _free(told: Pair, moves: dict[ObjectId, ObjectId]) -> Moves:
    """Leave out moves to a name that something keeps which has no other name to go to."""
    to = {new: old for old, new in moves.items()}
    kept = [old for old, new in moves.items() if new not in moves and new in told.ours]
    while kept:
        old = kept.pop()
        del moves[old]
        # It keeps its name, so whoever was to have that keeps its own, too.
        if old in to and to[old] in moves:
            kept.append(to[old])
    return moves


def _in_order(item: tuple[ObjectId, Object]) -> tuple[int, ObjectId]:
    # The shorter first: ten comes after nine.
    return len(item[0].path[-1]), item[0]


def _generated(made: Mapping[ObjectId, Sequence[str]], i: ObjectId) -> bool:
    parts = made.get(i, ())
    return bool(parts) and is_generated(i.path[-1], parts)


def _parts(made_of: Value) -> Sequence[str]:
    """Return what a name would be made of; nothing for what the server gives no name."""
    return [str(p) for p in made_of] if isinstance(made_of, list | tuple) else ()


@dataclass(frozen=True, slots=True)
class _Words:
    """How a name was written and how it is to be written: as a relation, and within its table."""

    relations: Mapping[str, str]
    within: Mapping[tuple[ObjectId | None, str], str]


def _moved(told: Pair, moves: Moves) -> Edits:
    """Return the edits that give objects their new names, and tell what refers to them so."""
    along = [o for o in told.ours.values() if o.id in moves or o.parent in moves]
    renamed = {o.id: o for o in (_renamed(o, moves) for o in along)}
    edits: dict[ObjectId, Object | None] = {**dict.fromkeys(o.id for o in along), **renamed}
    words = _Words(
        {_relation(old): _relation(new) for old, new in moves.items()},
        {
            (told.ours[old].parent, f"index {quote_ident(old.path[-1])}"): (
                f"index {quote_ident(new.path[-1])}"
            )
            for old, new in moves.items()
        },
    )
    left = {i: o for i, o in told.ours.items() if i not in edits}
    edits |= dict(_referring({**left, **renamed}, told, words))
    moved = {o.id for o in along}
    return edits | dict(_left_behind(told, edits, moved, _still_there(told, moves, words)))


def _renamed(found: Object, moves: Moves) -> Object:
    """Return an object under its new name; a child takes the name of its parent for a beginning."""
    if found.id in moves:
        return replace(found, id=moves[found.id])
    parent = found.parent and moves.get(found.parent)
    if not found.parent or not parent:
        return found
    path = (*parent.path, *found.id.path[len(found.parent.path) :])
    return replace(found, id=found.id._replace(path=path), parent=parent)


def _relation(i: ObjectId) -> str:
    """Return how regclass writes an index or a sequence, or the index behind a constraint."""
    return dotted((i.path[0], i.path[-1]))


def _referring(
    ours: Mapping[ObjectId, Object], told: Pair, words: _Words
) -> Iterator[tuple[ObjectId, Object]]:
    """Give the objects of which an attribute is the other's once the new names stand in it."""
    for i, found in ours.items():
        other = told.theirs.get(i)
        if other is None:
            continue
        told_alike = {
            name: other.attributes[name]
            for name in _differing(found, other)
            if _rewritten(found, found.attributes[name], words) == other.attributes[name]
        }
        if told_alike:
            yield i, replace(found, attributes={**found.attributes, **told_alike})


def _still_there(told: Pair, moves: Moves, words: _Words) -> _Words:
    """Return the old names that name something else on the other side, with the new ones."""
    relations = {_relation(i): i.path[-1] for i in told.theirs if len(i.path) > 1}
    old = {_relation(i) for i in moves if not _is_no_relation(told.ours[i])} & relations.keys()
    names = {f"index {quote_ident(relations[name])}" for name in old}
    return _Words(
        {name: new for name, new in words.relations.items() if name in old},
        {key: new for key, new in words.within.items() if key[1] in names},
    )


def _is_no_relation(found: Object) -> bool:
    """Tell whether nothing can refer to an object by its name: a constraint without an index."""
    return str(found.attributes.get("definition")).startswith(_WITHOUT_INDEX)


def _left_behind(
    told: Pair, edits: Edits, moved: AbstractSet[ObjectId], words: _Words
) -> Iterator[tuple[ObjectId, Object]]:
    """Give the objects that both sides tell alike by a name that means two things, with the new.

    So they differ: what they refer to does. All objects are looked at, but names that changed
    places, and are referred to by anything at all, are rare.
    """
    if not words.relations:
        return
    before = (o for i, o in told.side.objects.items() if i not in told.edits)
    for found in (*before, *(o for o in told.edits.values() if o is not None)):
        now, other = edits.get(found.id, found), told.theirs.get(found.id, found)
        if now is None or found.id in moved:
            continue
        referring = {
            name: said
            for name in now.attributes.keys() & (printed(now.id.kind) | _NAMES_RELATIONS)
            if now.attributes[name] == found.attributes.get(name) == other.attributes.get(name)
            and (said := _rewritten(now, now.attributes[name], words)) != now.attributes[name]
        }
        if referring:
            yield now.id, replace(now, attributes={**now.attributes, **referring})


def _rewritten(found: Object, value: Value, words: _Words) -> Value:
    if not isinstance(value, str):
        return value
    if (found.id, value) in words.within:
        return words.within[found.id, value]
    if value in words.relations:
        return words.relations[value]
    return _REGCLASS.sub(lambda m: _literal(m, words.relations), value)


def _literal(match: re.Match[str], relations: Mapping[str, str]) -> str:
    """Return a literal of a relation's name, which has its quotes doubled, with the new name."""
    name = match[1].replace("''", "'")
    return (
        match[0]
        if name not in relations
        else "'" + relations[name].replace("'", "''") + "'::regclass"
    )


def _identity_sequences(told: Pair) -> Edits:
    """Return edits for the sequences behind identity columns, which are told as the column's."""
    named: dict[ObjectId, tuple[str, str]] = {}
    edits: dict[ObjectId, Object | None] = {}
    for i, found in told.ours.items():
        old, new = _sequence(found), _sequence(told.theirs.get(i))
        if old and new and old != new and _of_column(i, old, new):
            named[i] = (old, new)
            edits[i] = replace(found, attributes={**found.attributes, "identity_sequence": new})
    for i, found in told.ours.items():
        old, new = named.get(found.parent, ("", "")) if found.parent else ("", "")
        if i.path[1:-1] == (old,):
            to = i._replace(path=(i.path[0], new, i.path[-1]))
            edits |= {i: edits.get(i), to: replace(found, id=to)}
    return edits


def _of_column(i: ObjectId, *names: str) -> bool:
    """Tell whether one of these is the name that the server makes for a column's sequence."""
    return any(is_generated(name, (i.path[-2], "seq", i.path[-1])) for name in names)


def _sequence(found: Object | None) -> str:
    return str((found and found.attributes.get("identity_sequence")) or "")
