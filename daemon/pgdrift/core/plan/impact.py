"""What a plan does to those who hang on what it drops or changes, as far as they can be known.

By pg_depend, down to the last; what no plan touches because it is not compared; and texts that
have a name in them, of which nobody but a reader knows what they mean: a hint, and said so.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping

from pgdrift.core.model import ObjectId
from pgdrift.core.plan.draft import Draft, Pairs
from pgdrift.core.plan.model import Impact
from pgdrift.core.plan.sql import text

_BODIES = frozenset({"function", "procedure"})
# Not by their names are these called in a text.
_UNNAMED = frozenset("index constraint trigger policy rule statistics".split())


def impacts(drawn: Draft, depends: Pairs) -> tuple[Impact, ...]:
    """Return what comes of each drop and each change of a type. `depends` is of the target."""
    outside: dict[ObjectId, set[ObjectId]] = defaultdict(set)
    for dependent, used in depends:
        if dependent not in drawn.world.here:
            outside[used].add(dependent)
    bodies = {i: text(o, "body") for i, o in drawn.world.there.items() if i.kind in _BODIES}
    found = (_impact(drawn, i, outside, bodies) for i in sorted(_touched(drawn)))
    return tuple(one for one in found if one.said)


def _touched(drawn: Draft) -> Iterator[ObjectId]:
    """Give what goes, but for what goes along as a part, and columns whose type changes."""
    here, gone = drawn.world.here, drawn.world.gone
    yield from (i for i in gone if here[i].parent not in gone)
    for i, names in drawn.changed.items():
        if i.kind == "column" and i in here and not {"type", "collation"}.isdisjoint(names):
            yield i


def _impact(
    drawn: Draft,
    i: ObjectId,
    outside: Mapping[ObjectId, set[ObjectId]],
    bodies: Mapping[ObjectId, str],
) -> Impact:
    world = drawn.world
    parts = {i, *_parts(world.children_here, i)}
    hanging = sorted(_hanging(drawn, parts) - parts)
    goes = [d for d in hanging if d in world.gone]
    around = {*parts, *goes}
    return Impact(
        i,
        falls=tuple(d for d in goes if d not in world.made),
        rebuilt=tuple(d for d in goes if d in world.made),
        stays=tuple(d for d in hanging if d not in world.gone),
        outside=tuple(sorted({o for p in around for o in outside.get(p, ())})),
        mentioned=tuple(sorted(_mentioned(i, bodies, {*hanging, *parts}))),
    )


def _hanging(drawn: Draft, parts: Iterable[ObjectId]) -> set[ObjectId]:
    """Return all that hangs on these, and on what goes because of that."""
    found: set[ObjectId] = set()
    waiting = list(parts)
    while waiting:
        for d in drawn.here_used.get(waiting.pop(), ()):
            if d not in found and d in drawn.world.here:
                found.add(d)
                if d in drawn.world.gone:
                    waiting += [d, *_parts(drawn.world.children_here, d)]
    return found


def _parts(children: Mapping[ObjectId, tuple[ObjectId, ...]], of: ObjectId) -> Iterator[ObjectId]:
    for part in children.get(of, ()):
        yield part
        yield from _parts(children, part)


def _mentioned(
    i: ObjectId, bodies: Mapping[ObjectId, str], known: set[ObjectId]
) -> Iterator[ObjectId]:
    """Give routines that stay, do not hang on it by pg_depend, and have its name in their body."""
    if i.kind in _UNNAMED:
        return
    names = i.path[1:] if i.kind == "column" else i.path[-1:]
    words = [re.compile(rf"(?<!\w){re.escape(n)}(?!\w)", re.IGNORECASE) for n in names]
    for other, body in bodies.items():
        if other not in known and all(word.search(body) for word in words):
            yield other
