"""What hangs on what must go: dropped along and made anew, with its rights, comments and owners.

A column never goes because of what it uses: its default is let go for a while, or it moves over to
the new type.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

from pgdrift.core.model import ObjectId
from pgdrift.core.plan.draft import NO_KIND, Draft
from pgdrift.core.plan.kinds import WRITERS
from pgdrift.core.plan.sql import has
from pgdrift.core.plan.step import HAVE_PARTS

TYPES = frozenset({"enum", "domain", "composite_type", "range", "base_type"})
# What the server does not carry over by itself when a column beneath it gets another type.
_HOLD_A_TYPE = frozenset(
    "view materialized_view rule trigger policy function procedure publication_table".split()
)
_MADE_WITH_THEIR_OWN = frozenset({"table", "foreign_table", "schema", "extension"})


def rebuild(drawn: Draft) -> None:
    """Complete a draft by all that has to be rebuilt or let go."""
    for whole in _losing_a_part(drawn):
        drawn.rebuilt.add(whole)
        drawn.changed.pop(whole, None)
    retyped = {i for i, names in drawn.changed.items() if _retyped(i, names)}
    waiting = [*sorted(drawn.removed), *sorted(drawn.rebuilt), *sorted(retyped)]
    seen: set[ObjectId] = set()
    while waiting:
        i = waiting.pop()
        if i in seen:
            continue
        seen.add(i)
        if i in drawn.rebuilt:
            waiting += _parts(drawn.world.children_here, i)
        for hanging in sorted(drawn.here_used.get(i, ())):
            if _hangs(drawn, hanging, i, retyped=i in retyped):
                waiting += _give_way(drawn, hanging, i)
    _leave_what_needs_what_is_left(drawn)


def _losing_a_part(drawn: Draft) -> set[ObjectId]:
    """Return the indexes and keys of which a part goes, which only a new one does without."""
    world, losing = drawn.world, set[ObjectId]()
    for i in (*drawn.removed, *drawn.rebuilt):
        part = world.here[i]
        whole = world.whole_of(part) if i.kind in HAVE_PARTS else None
        will_be = world.there.get(whole) if whole else None
        if whole is None or will_be is None or world.leaves(part):
            continue
        still = i in world.there and world.whole_of(world.there[i]) == whole
        if will_be.attributes.get("valid") is False and not still:
            losing.add(whole)
    return losing


def _retyped(i: ObjectId, names: Iterable[str]) -> bool:
    return i.kind == "column" and not {"type", "collation"}.isdisjoint(names)


def _hangs(drawn: Draft, hanging: ObjectId, on: ObjectId, *, retyped: bool) -> bool:
    """Tell whether an object that stays has to give way."""
    if hanging in drawn.removed or hanging in drawn.rebuilt:
        return False
    found = drawn.world.there.get(hanging)
    if found is None or _within_rebuilt(drawn, hanging):
        return False
    if retyped:
        return hanging.kind in _HOLD_A_TYPE or (
            hanging.kind == "column" and has(drawn.world.here[hanging], "generated")
        )
    if hanging in drawn.changed and on not in drawn.world.uses.get(hanging, ()):
        return _same_name_comes(drawn, on)  # its change lets go
    return True


def _same_name_comes(drawn: Draft, on: ObjectId) -> bool:
    """Tell whether a routine of the same name is made, which cannot be beside the old one."""
    return any(i.path == on.path and i.args != on.args for i in drawn.added if i.kind == on.kind)


def _within_rebuilt(drawn: Draft, i: ObjectId) -> bool:
    above = drawn.world.here[i].parent if i in drawn.world.here else None
    while above is not None:
        if above in drawn.rebuilt:
            return True
        found = drawn.world.here.get(above)
        above = found.parent if found else None
    return False


def _give_way(drawn: Draft, hanging: ObjectId, on: ObjectId) -> Iterator[ObjectId]:
    if hanging.kind == "column":
        if has(drawn.world.here[hanging], "generated"):
            drawn.rebuilt.add(hanging)
            drawn.changed.pop(hanging, None)
            yield hanging
        elif on.kind in TYPES:
            drawn.moved.add(hanging)
        elif has(drawn.world.here[hanging], "default"):
            drawn.let_go.add(hanging)
        return
    # A foreign table holds no rows: it goes with its server.
    goes_along = hanging.kind == "foreign_table" and on.kind == "foreign_server"
    if (hanging.kind in _MADE_WITH_THEIR_OWN and not goes_along) or hanging.kind == "sequence":
        return
    if hanging.kind in WRITERS:
        drawn.rebuilt.add(hanging)
        drawn.changed.pop(hanging, None)
        yield hanging


def _parts(children: Mapping[ObjectId, tuple[ObjectId, ...]], of: ObjectId) -> Iterator[ObjectId]:
    for i in children.get(of, ()):
        yield i
        yield from _parts(children, i)


def all_made(drawn: Draft) -> set[ObjectId]:
    """Return all that comes to be, with its parts."""
    made = set(drawn.added)
    for i in drawn.rebuilt:
        made.add(i)
        made.update(_parts(drawn.world.children, i))
    return made


def all_gone(drawn: Draft) -> set[ObjectId]:
    """Return all that ceases to be, with its parts."""
    gone = set(drawn.removed)
    for i in drawn.rebuilt:
        gone.add(i)
        gone.update(_parts(drawn.world.children_here, i))
    return gone


def _leave_what_needs_what_is_left(drawn: Draft) -> None:
    """Leave by hand what cannot be made, and whatever would need it."""
    for i in [i for i, left in drawn.by_hand.items() if not left.attributes]:
        if i not in drawn.world.here:
            _leave_needing(drawn, i)
    made = all_made(drawn)
    for i in sorted(made):
        writer = WRITERS.get(i.kind)
        why = (
            NO_KIND
            if writer is None
            else writer.by_hand(drawn.world.there[i], drawn.world)
            if writer.by_hand
            else ""
        )
        if why:
            _leave(drawn, i, why)
        elif writer and writer.lacks:
            for name, lack in writer.lacks(drawn.world.there[i], drawn.world).items():
                drawn.leave(i, lack, [name])


def _leave(drawn: Draft, i: ObjectId, why: str) -> None:
    """Leave one object as it is; what was to be dropped for it stays."""
    if i in drawn.by_hand and not drawn.by_hand[i].attributes:
        return
    drawn.leave(i, why)
    drawn.added.discard(i)
    drawn.rebuilt.discard(i)
    _leave_needing(drawn, i)


def _leave_needing(drawn: Draft, i: ObjectId) -> None:
    for needing in (*drawn.world.children.get(i, ()), *_needing(drawn, i)):
        if needing in drawn.added or needing in drawn.rebuilt:
            _leave(drawn, needing, f"it needs {i.kind.replace('_', ' ')} {i.name}")


def _needing(drawn: Draft, i: ObjectId) -> list[ObjectId]:
    return [d for d in drawn.world.used.get(i, ()) if i in drawn.world.uses.get(d, ())]
