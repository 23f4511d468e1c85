"""A snapshot as read in, the same with what is no drift made equal out. Each rule can be switched.

Rules are small functions over one object. What is kept in the store is always as it was read, so
that switching a rule needs no new reading and makes no false difference with the past.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from functools import partial

from pgdrift.core.alike.presets import Presets, left_out
from pgdrift.core.held.packed import packed
from pgdrift.core.model import Object, ObjectId, Snapshot, Value

NAMED_AFTER = "named_after"
"""What a name that the server makes would be made of: its owner, a label, names of columns."""
AS_INITDB = "as_initdb"
"""Whether the owner of a schema is the one that initdb gave it."""
FROM_ITS_WHOLE = "from_its_whole"
"""What a partition's parts of the whole's indexes and keys are called."""
_ASIDE = frozenset({NAMED_AFTER, AS_INITDB, FROM_ITS_WHOLE})

Attributes = Mapping[str, Value]
Rule = Callable[[Attributes], Attributes]


@dataclass(frozen=True, slots=True)
class Options:
    """What counts as a difference. Each is False or True as in `compare:` of the settings.

    column_order: the order of a table's columns.
    constraint_names: names that PostgreSQL generates, of constraints, indexes and sequences.
    spelling: two spellings of one meaning, as `now()` and `CURRENT_TIMESTAMP`.
    server_versions: what only servers of different majors tell differently.
    inherited: what a partition or child merely has from its parent.
    presets: which objects are left out, and counted.
    """

    column_order: bool = False
    constraint_names: bool = False
    spelling: bool = False
    server_versions: bool = False
    inherited: bool = False
    presets: Presets = field(default_factory=Presets)


def normalise(snapshot: Snapshot, options: Options) -> Snapshot:
    """Return the snapshot with every rule applied that the options call for."""
    if options not in snapshot.normalised:
        out = left_out(snapshot.objects, options.presets)
        objects = snapshot.packed.edited(dict.fromkeys(out)).ruled(_rule(options))
        as_read = snapshot.objects if snapshot.as_read is None else snapshot.as_read
        normal = replace(snapshot, objects=objects, as_read=as_read, left_out=Counter(out.values()))
        # Threads may come here at once: whoever is first gives all of them the very same.
        return snapshot.normalised.setdefault(options, normal)
    return snapshot.normalised[options]


def without_kinds(snapshot: Snapshot, kinds: frozenset[str]) -> Snapshot:
    """Return the snapshot as if these kinds had not been read of it."""
    if kinds.isdisjoint(snapshot.kinds):
        return snapshot
    if kinds not in snapshot.normalised:
        less = replace(snapshot, kinds=snapshot.kinds - kinds)
        return snapshot.normalised.setdefault(kinds, less)
    return snapshot.normalised[kinds]


def set_aside(snapshot: Snapshot, i: ObjectId, name: str) -> Value:
    """Return an attribute that is read and never compared, None where it was not read."""
    return _as_read(snapshot, i).get(name)


def is_set_aside(snapshot: Snapshot, i: ObjectId, name: str) -> bool:
    """Tell whether such an attribute was read of an object, whatever its value."""
    return name in _as_read(snapshot, i)


def all_set_aside(
    snapshot: Snapshot, some: Iterable[ObjectId], name: str
) -> Iterator[tuple[ObjectId, Value]]:
    """Give of many objects an attribute that is read and never compared, where it was read."""
    for i, found in packed(_objects(snapshot)).some(some).items():
        if name in found.attributes:
            yield i, found.attributes[name]


def _as_read(snapshot: Snapshot, i: ObjectId) -> Attributes:
    found = _objects(snapshot).get(i)
    return found.attributes if found else {}


def _objects(snapshot: Snapshot) -> Mapping[ObjectId, Object]:
    return snapshot.objects if snapshot.as_read is None else snapshot.as_read


_MADE: dict[Options, Callable[[Object], Object]] = {}


def _rule(options: Options) -> Callable[[Object], Object]:
    """Return all rules as one, the very same for the same options: it tells what is told alike."""
    # Not a cache: two threads that ask for the first time must get the same.
    return _MADE.setdefault(options, partial(_apply, tuple(_rules(options))))


def _rules(options: Options) -> Iterator[Rule]:
    yield without_asides
    if not options.column_order:
        yield without_position


def without_position(attributes: Attributes) -> Attributes:
    """Leave out where a column stands in its table: order matters to people, seldom to queries."""
    if "position" not in attributes:
        return attributes
    return {name: value for name, value in attributes.items() if name != "position"}


def without_asides(attributes: Attributes) -> Attributes:
    """Leave out what is read to be known, not to be compared."""
    if _ASIDE.isdisjoint(attributes):
        return attributes
    return {name: value for name, value in attributes.items() if name not in _ASIDE}


def _apply(rules: tuple[Rule, ...], found: Object) -> Object:
    attributes = found.attributes
    for rule in rules:
        attributes = rule(attributes)
    return found if attributes is found.attributes else replace(found, attributes=attributes)
