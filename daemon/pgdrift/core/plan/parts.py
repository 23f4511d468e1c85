"""Two sides in; out, the same with what partitions have from their wholes as objects of their own.

A snapshot does not tell a partition's index, key or foreign key that is as the whole's. Whoever
plans that a table joins or leaves, or that an index gets the parts it lacks, has to name them.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field, replace

from pgdrift.core.alike.normalise import FROM_ITS_WHOLE, set_aside
from pgdrift.core.model import Object, ObjectId, Snapshot
from pgdrift.core.names import dotted, split_dotted
from pgdrift.core.plan.sql import text, texts
from pgdrift.core.plan.step import HAVE_PARTS, by_parent, whole_of

# Of a part that is not told itself: whatever the whole has of it, the part has not.
_ITS_OWN = ("comment", "index_comment", "statistics")


def with_parts(target: Snapshot, source: Snapshot) -> tuple[Snapshot, Snapshot]:
    """Return both sides with the parts that a plan from one to the other has to name.

    What the target has already keeps its name: the server makes that the part.
    """
    one, other = _Side(target), _Side(source)
    for table in moving(target, source):
        one.unfold(table)
        other.unfold(table)
    _unfold_where_some_lack(one, other)
    _name_as_there(one, other)
    return one.told(), other.told()


def moving(target: Snapshot, source: Snapshot) -> tuple[ObjectId, ...]:
    """Return the tables that become a partition of another, or cease to be."""
    tables = ((i, o, source.objects.get(i)) for i, o in target.objects.items() if i.kind == "table")
    return tuple(sorted(i for i, o, other in tables if other and whole_of(o) != whole_of(other)))


def parts_of(side: Snapshot, tables: Collection[ObjectId]) -> Snapshot:
    """Return a side with all that these of its tables have from their wholes."""
    found = _Side(side)
    for table in tables:
        found.unfold(table)
    return found.told()


@dataclass(slots=True)
class _Side:
    """One side, what was unfolded of it, and the whole of each of these."""

    of: Snapshot
    parts: dict[ObjectId, Object] = field(default_factory=dict)
    wholes: dict[ObjectId, ObjectId] = field(default_factory=dict)

    def find(self, i: ObjectId) -> Object | None:
        return self.parts.get(i) or self.of.objects.get(i)

    def unfold(self, table: ObjectId, only: ObjectId | None = None) -> None:
        """Unfold what a partition has from its whole, or its part of one index or key alone."""
        for i, whole in self._names(table):
            if only in {None, whole}:
                self._unfold(i, whole, table)

    def told(self) -> Snapshot:
        """Return the side with what was unfolded, and what that depends on."""
        if not self.parts:
            return self.of
        uses = defaultdict[ObjectId, list[ObjectId]](list)
        for dependent, used in self.of.dependencies:
            uses[dependent].append(used)
        pairs = {(i, u) for i in self.parts for u in self._uses(i, uses)}
        depends = tuple(sorted({*self.of.dependencies, *pairs}))
        return replace(self.of, objects=self.of.packed.edited(self.parts), dependencies=depends)

    def _uses(self, part: ObjectId, uses: Mapping[ObjectId, list[ObjectId]]) -> Iterator[ObjectId]:
        """Give what a part depends on: its whole, and what that does, with columns of its own."""
        above, table = self.wholes[part], self.parts[part].parent
        yield above
        of = self.find(above)
        for used in uses.get(above, ()):
            if used.kind == "column" and of and of.parent and used.path[:-1] == of.parent.path:
                yield used._replace(path=(*(table or used).path, used.path[-1]))
            elif used.kind != part.kind or _type(self.find(used)) != _type(of):
                yield used

    def _unfold(self, i: ObjectId, whole: ObjectId, table: ObjectId) -> Object | None:
        """Unfold one part, which is as its whole; that may be a part which is not told itself."""
        if (known := self.find(i)) is not None:
            return known
        above = self.find(whole)
        if above is None and (parent := split_dotted(whole_of(self.of.objects.get(table)))):
            up = ObjectId("table", parent)
            further = dict(self._names(up)).get(whole)
            above = self._unfold(whole, further, up) if further else None
        if above is None:
            return None
        said = {n: None if n in _ITS_OWN else v for n, v in above.attributes.items()}
        if i.kind == "index":
            said |= {"table": table.path[-1], "partition_of": dotted(whole.path)}
        else:
            said["part_of"] = dotted(whole.path[:-1])
        if said.get("valid") is not None:
            said |= {"valid": True, "clustered": False}
        self.parts[i], self.wholes[i] = Object(i, said, table), whole
        return self.parts[i]

    def _names(self, table: ObjectId) -> Iterator[tuple[ObjectId, ObjectId]]:
        """Give what a partition has from its whole, each with that."""
        parent = split_dotted(whole_of(self.of.objects.get(table)))
        for entry in texts(set_aside(self.of, table, FROM_ITS_WHOLE)) if parent else ():
            kind, _, names = entry.partition(" ")
            whole, own = split_dotted(names)
            of_table = kind == "constraint"
            yield (
                ObjectId(kind, (*(table.path if of_table else table.path[:1]), own)),
                ObjectId(kind, (*(parent if of_table else parent[:1]), whole)),
            )


def _type(found: Object | None) -> str:
    """Return what type of constraint it is; empty for anything else."""
    return text(found, "type") if found else ""


def _unfold_where_some_lack(one: _Side, other: _Side) -> None:
    """Unfold the parts of what is not valid on a side, because some partition may have none."""
    partitions = [_partitions(side.of) for side in (one, other)]
    waiting = {
        i
        for side in (one.of, other.of)
        for i, o in side.objects.items()
        if i.kind in HAVE_PARTS and o.attributes.get("valid") is False
    }
    while waiting:
        i = waiting.pop()
        if one.find(i) is None or other.find(i) is None:
            continue
        for side, below in zip((one, other), partitions, strict=True):
            whole = side.find(i)
            for table in below.get(whole.parent, ()) if whole and whole.parent else ():
                side.unfold(table, only=i)


def _partitions(side: Snapshot) -> Mapping[ObjectId, list[ObjectId]]:
    found: dict[ObjectId, list[ObjectId]] = defaultdict(list)
    for i, table in side.objects.items():
        if i.kind == "table" and (whole := whole_of(table)):
            found[ObjectId("table", split_dotted(whole))].append(i)
    return found


def _name_as_there(target: _Side, source: _Side) -> None:
    """Call parts of the source as what the server makes of them in the target."""
    named: dict[ObjectId, ObjectId] = {}
    there = by_parent((*target.of.objects.values(), *target.parts.values()))
    taken = {*source.of.objects, *source.parts}
    for i in sorted(source.parts):
        new = _name(i, source, target, there, taken)
        if new not in taken and new != i:
            named[i] = new
            taken.add(new)
    source.wholes = {named.get(i, i): named.get(w, w) for i, w in source.wholes.items()}
    parts = (replace(o, id=named.get(i, i)) for i, o in source.parts.items())
    source.parts = {o.id: _part_of(o, source.wholes[o.id]) for o in parts}


def _part_of(found: Object, whole: ObjectId) -> Object:
    if found.id.kind != "index":
        return found
    return replace(found, attributes={**found.attributes, "partition_of": dotted(whole.path)})


def _name(
    i: ObjectId,
    source: _Side,
    target: _Side,
    there: Mapping[ObjectId, tuple[ObjectId, ...]],
    taken: Collection[ObjectId],
) -> ObjectId:
    part = source.parts[i]
    if part.parent not in target.of.objects or target.find(i) is not None:
        return i
    for other in there.get(part.parent, ()) if part.parent else ():
        found = target.find(other)
        if other not in taken and found and _becomes(found, part):
            return other
    if _type(part) != "foreign key":
        return i
    # The server calls it as the whole's.
    return i._replace(path=(*i.path[:-1], source.wholes[i].path[-1]))


def _becomes(found: Object, part: Object) -> bool:
    """Tell whether the server makes of something that is there the part that is to be."""
    names = ("definition", "type", "unique", "valid")
    return found.id.kind == part.id.kind and all(
        found.attributes.get(n) == part.attributes.get(n) for n in names
    )
