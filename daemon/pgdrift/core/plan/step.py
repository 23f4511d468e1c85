"""What a kind is written as: one statement with its cost, and the table row that makes them.

Names and texts come from a snapshot: whoever makes a statement of them quotes them.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import NamedTuple

from pgdrift.core.model import Object, ObjectId

HAVE_PARTS = frozenset({"index", "constraint"})
"""The kinds of which a partition has parts of its whole's."""


class Lock(StrEnum):
    """The strongest lock that a statement takes on a table, view or sequence, and its name."""

    NONE = ""
    SHARE_UPDATE_EXCLUSIVE = "SHARE UPDATE EXCLUSIVE"
    SHARE = "SHARE"
    SHARE_ROW_EXCLUSIVE = "SHARE ROW EXCLUSIVE"
    ACCESS_EXCLUSIVE = "ACCESS EXCLUSIVE"

    @property
    def rank(self) -> int:
        """0 for none, the higher the more it keeps out."""
        return list(Lock).index(self)


class Below(StrEnum):
    """How far down a statement goes that is said of one table."""

    NOTHING = ""
    PARTITIONS = "partitions"
    ALL = "all"


class Held(NamedTuple):
    """A relation, as SQL names it, and a lock on it."""

    table: str
    lock: Lock


@dataclass(frozen=True, slots=True)
class Step:
    """One statement, without a semicolon, and what it costs.

    action: what it does, in plain words; empty for what its verb says anyway.
    lock: the strongest it takes on a relation, and `on` which those are, as SQL names them.
    also: what it locks beside them, and how: partitions, what a key refers to, the whole of a part.
    below: how far it goes down from `on`: whoever knows what hangs there adds that to `also`.
    rewrites, scans: whether the whole table is written anew, or read, under that lock.
    loses: what is lost that no way back restores; empty for nothing.
    fails: when rows that are there can make it fail; empty for never.
    alone: it cannot run inside a transaction.
    commits: what comes after it needs it committed.
    about: the object that it is about, where that is not the one that it is done for.
    """

    sql: str
    action: str = ""
    lock: Lock = Lock.NONE
    on: tuple[str, ...] = ()
    also: tuple[Held, ...] = ()
    below: Below = Below.NOTHING
    rewrites: bool = False
    scans: bool = False
    loses: str = ""
    fails: str = ""
    alone: bool = False
    commits: bool = False
    note: str = ""
    about: ObjectId | None = None

    @property
    def locks(self) -> Mapping[str, Lock]:
        """The strongest lock on each relation that it locks."""
        found = dict.fromkeys(self.on, self.lock) if self.lock else {}
        for name, lock in self.also:
            if lock.rank > found.get(name, Lock.NONE).rank:
                found[name] = lock
        return found


@dataclass(frozen=True, slots=True)
class World:
    """What a writer may look at: the objects before and after, and what the plan was asked for.

    `here` is how it is before the plan, `there` how it is to be. `uses` is what an object of
    `there` depends on, `uses_here` the same of `here`, `used` the other way round for both. `made`
    and `gone` are what the plan makes and drops, with all that comes or goes along. `places` is
    where columns stand; `defaults` are whom default privileges, before or after, give anything.
    `major` is of the server that runs it.
    """

    here: Mapping[ObjectId, Object]
    there: Mapping[ObjectId, Object]
    uses: Mapping[ObjectId, frozenset[ObjectId]]
    used: Mapping[ObjectId, frozenset[ObjectId]]
    uses_here: Mapping[ObjectId, frozenset[ObjectId]]
    major: int
    online: bool = False
    made: frozenset[ObjectId] = frozenset()
    gone: frozenset[ObjectId] = frozenset()
    children: Mapping[ObjectId, tuple[ObjectId, ...]] = field(default_factory=dict)
    children_here: Mapping[ObjectId, tuple[ObjectId, ...]] = field(default_factory=dict)
    places: Mapping[ObjectId, int] = field(default_factory=dict)
    defaults: tuple[str, ...] = ()

    def place(self, column: ObjectId) -> tuple[int, ObjectId]:
        """Return where a column stands in its table, as far as that is known."""
        return self.places.get(column, 0), column

    def whole_of(self, part: Object) -> ObjectId | None:
        """Return of an index or constraint of a partition the one that it is a part of."""
        i = part.id
        for uses, objects in ((self.uses, self.there), (self.uses_here, self.here)):
            # Of one name before and after only one may be a part.
            is_of_it = objects.get(i) is part
            table = objects.get(part.parent) if is_of_it and part.parent else None
            if table is not None and table.attributes.get("partition_bound"):
                for used in sorted(uses.get(i, ())):
                    of = objects.get(used)
                    if (
                        used.kind == i.kind
                        and of
                        and of.parent != part.parent
                        and _is_part(part, of)
                    ):
                        return used
        return None

    def leaves(self, part: Object) -> bool:
        """Tell whether the table of an index or constraint ceases to be the partition it is."""
        was = self.here.get(part.parent) if part.parent else None
        will_be = self.there.get(part.parent) if part.parent else None
        bound = was.attributes.get("partition_bound") if was else None
        if not was or not will_be or not bound:
            return False
        return will_be.attributes.get("partition_bound") != bound or whole_of(was) != whole_of(
            will_be
        )

    def joins(self, part: Object) -> bool:
        """Tell whether the table of an index or constraint becomes a partition that it was not."""
        was = self.here.get(part.parent) if part.parent else None
        will_be = self.there.get(part.parent) if part.parent else None
        return bool(was and will_be and whole_of(will_be) and whole_of(was) != whole_of(will_be))

    def comes_along(self, part: Object) -> bool:
        """Tell whether it is there because its whole is, before the plan or after it."""
        whole = self.whole_of(part)
        if whole is None or whole not in self.here or whole in self.gone:
            return False
        if self.joins(part):
            # A foreign key is called as the whole's; what has an index as the server likes.
            is_key = part.attributes.get("type") == "foreign key"
            return is_key and part.id.path[-1] == whole.path[-1]
        lacks_some = self.here[whole].attributes.get("valid") is False
        if lacks_some and part.id not in self.here:
            return False
        return part.parent in self.here and part.parent not in self.gone

    def parts(self, of: ObjectId, kind: str) -> list[Object]:
        """Return the parts of one kind that an object is to have."""
        return [self.there[i] for i in self.children.get(of, ()) if i.kind == kind]


def whole_of(table: Object | None) -> str:
    """Return of which table a table is a partition; empty for none."""
    if table is None or not table.attributes.get("partition_bound"):
        return ""
    parents = table.attributes.get("inherits")
    return str(parents[0]) if isinstance(parents, list | tuple) and parents else ""


def _is_part(part: Object, of: Object) -> bool:
    """Tell whether one may be the part of the other: no foreign key is part of a primary key."""
    return part.attributes.get("type") == of.attributes.get("type")


def by_parent(objects: Iterable[Object]) -> Mapping[ObjectId, tuple[ObjectId, ...]]:
    """Return what belongs to each object."""
    found: dict[ObjectId, list[ObjectId]] = defaultdict(list)
    for o in objects:
        if o.parent is not None:
            found[o.parent].append(o.id)
    return {i: tuple(sorted(those)) for i, those in found.items()}


def belonging(i: ObjectId, children: Mapping[ObjectId, tuple[ObjectId, ...]]) -> Iterator[ObjectId]:
    """Give all that belongs to an object, near and far."""
    for child in children.get(i, ()):
        yield child
        yield from belonging(child, children)


Make = Callable[[Object, World], Iterable[Step]]
Change = Callable[[Object, Object, World], Iterable[Step]]
Why = Callable[[Object, World], str]
Ask = Callable[[Object, Object, World], bool]


@dataclass(frozen=True, slots=True)
class Rebuild:
    """A change that only dropping the object and making it anew can bring about."""


@dataclass(frozen=True, slots=True)
class ByHand:
    """Something that no statement of ours can bring about, and why.

    `unless` tells when it can be, by `else_by`, or comes along with another change where that is
    None. `whole`: then nothing else of the object can be changed either.
    """

    why: str
    unless: Ask | None = None
    else_by: Change | None = None
    whole: bool = False


REBUILD = Rebuild()


@dataclass(frozen=True, slots=True)
class Writer:
    """How one kind of object is written.

    noun: what SQL calls it, as in COMMENT ON noun; name: what stands behind it.
    create, drop: the statements for it as a whole; `create` leaves owner and comment to us.
    change: by attribute how a change of it is written.
    unless: whether a change that could be made in place has to be a rebuild all the same.
    stays: why it cannot be dropped, if so.
    by_hand: why it cannot be created at all, if so; lacks: which of its attributes are not made
    with it, and why.
    given: it is given and taken away (a right): taking is a change of what it belongs to.
    late: what of an object is done only when all is there.
    shell: what announces it to those it needs and that need it.
    """

    noun: str
    name: Callable[[Object], str]
    create: Make
    change: Mapping[str, Change | Rebuild | ByHand]
    drop: Make | None = None
    unless: Ask | None = None
    by_hand: Why | None = None
    stays: Why | None = None
    lacks: Callable[[Object, World], Mapping[str, str]] | None = None
    given: bool = False
    late: Make | None = None
    shell: Make | None = None
