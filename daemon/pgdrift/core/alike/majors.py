"""What differs between servers of two majors in; out, what says the same in the other's words.

A right that one of them does not know, the names and rows that 17 and 18 keep for NOT NULL, the
rights to functions that 14 gives each range type for its multirange, how a subscription streams
that was not told how, and the schema `public` as initdb makes it. On one and the same major all of
it is told.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace

from pgdrift.core.alike.apart import Edits, Pair, retold
from pgdrift.core.alike.normalise import AS_INITDB, set_aside
from pgdrift.core.model import Object, ObjectId, Snapshot

_MAINTAIN_SINCE = 17
_PUBLIC_CLOSED_SINCE = 15
_MULTIRANGE_SINCE = 14
_PARALLEL_SINCE = 18
_NOT_NULL_SINCE = {"domain": 17, "table": 18, "foreign_table": 18}
# What an owner of a relation has anyway, where there is no MAINTAIN.
_ALL = frozenset("DELETE INSERT REFERENCES SELECT TRIGGER TRUNCATE UPDATE".split())

_PUBLIC = ObjectId("schema", ("public",))
_PUBLIC_FOR_ALL = ObjectId("schema_privilege", ("public", "PUBLIC"))

Told = Iterator[tuple[ObjectId, Object | None]]
Rule = Callable[[Pair], Told]


def majors(before: Pair) -> Edits:
    """Return the edits that tell the first side as a server of the other's major would."""
    told = before
    if _major(before.side) != _major(before.to):
        for rule in (_maintain, _not_null, _multirange, _streaming, _public):
            told = retold(told, dict(rule(told)))
    return {i: o for i, o in told.edits.items() if i not in before.edits}


def _major(snapshot: Snapshot) -> int:
    return snapshot.server_version // 10000


def _maintain(told: Pair) -> Told:
    """MAINTAIN is no difference where the other side cannot have it."""
    knows = (_major(told.side) >= _MAINTAIN_SINCE, _major(told.to) >= _MAINTAIN_SINCE)
    if knows == (True, False):
        yield from _maintain_left_out(told)
    elif knows == (False, True):
        yield from _maintain_put_in(told)


def _maintain_left_out(told: Pair) -> Told:
    for i, found in told.ours.items():
        held = _held(found)
        rest = [right for right in held if not _is_maintain(right)]
        if (held and not rest) or (i not in told.to.objects and _usual(told.side, found, rest)):
            yield i, None
        elif rest != held:
            yield i, _with(found, rest)


def _maintain_put_in(told: Pair) -> Told:
    for i, other in told.theirs.items():
        held = _held(other)
        extra = [right for right in held if _is_maintain(right)]
        rest = [right for right in held if not _is_maintain(right)]
        if (mine := told.mine(i)) is not None:
            if extra:
                yield i, _with(mine, [*_held(mine), *extra])
        elif _has_parent(told, other) and ((extra and not rest) or _usual(told.to, other, rest)):
            yield i, other


def _held(found: Object) -> list[str]:
    held = found.attributes.get("privileges")
    return [str(right) for right in held] if isinstance(held, list | tuple) else []


def _with(found: Object, rights: list[str]) -> Object:
    # As the server sorts them, by bytes: code points stand in the same order.
    return replace(found, attributes={**found.attributes, "privileges": sorted(rights)})


def _is_maintain(right: str) -> bool:
    """Tell it by its word: alone, or behind the grantee of a default privilege."""
    return right.removesuffix(" WITH GRANT OPTION").rpartition("=")[2] == "MAINTAIN"


def _usual(snapshot: Snapshot, found: Object, rights: list[str]) -> bool:
    """Tell whether these are the rights of an owner that are told of no owner without MAINTAIN."""
    owned = found.parent and snapshot.objects.get(found.parent)
    return (
        found.id.kind == "privilege"
        and owned is not None
        and owned.attributes.get("owner") == found.id.path[-1]
        and frozenset(rights) == _ALL
    )


def _not_null(told: Pair) -> Told:
    """A NOT NULL that has a row and a name of its own says no more than the column's."""
    yield from _unheard_of(told, _only_not_null)


def _multirange(told: Pair) -> Told:
    """The functions that make a multirange come with the range type; rights to them are told."""
    yield from _unheard_of(told, _makes_a_multirange)


def _unheard_of(told: Pair, is_unheard_of: Callable[[Object, int], bool]) -> Told:
    """Leave out what the other's major cannot have, and put in what the own cannot."""
    ours = {i for i, o in told.ours.items() if is_unheard_of(o, _major(told.to))}
    theirs = {i for i, o in told.theirs.items() if is_unheard_of(o, _major(told.side))}
    for i, found in told.ours.items():
        if i in ours or found.parent in ours:
            yield i, None
    for i, other in told.theirs.items():
        if other.parent in theirs or (i in theirs and _has_parent(told, other)):
            yield i, other


def _only_not_null(found: Object, elsewhere: int) -> bool:
    """Tell whether a server of the other major would say all of it by the column's `not_null`.

    One that is not valid says less than that, and is told.
    """
    if found.attributes.get("type") != "not null" or found.parent is None:
        return False
    since = _NOT_NULL_SINCE.get(found.parent.kind, 0)
    return elsewhere < since and not str(found.attributes.get("definition")).endswith(" NOT VALID")


def _makes_a_multirange(found: Object, elsewhere: int) -> bool:
    """Tell it by the parent: a range's own functions are named as the range is."""
    of = found.parent
    made = of is not None and of.kind == "range" and found.id.path[:-1] != of.path
    return elsewhere < _MULTIRANGE_SINCE and made and found.id.kind == "routine_privilege"


def _streaming(told: Pair) -> Told:
    """A subscription streams as its server's major does by default, on either side of 18."""
    ours, theirs = (_streams(side) for side in (told.side, told.to))
    if ours == theirs:
        return
    for i, found in told.ours.items():
        other = told.theirs.get(i)
        if i.kind != "subscription" or other is None:
            continue
        if (_streaming_of(found), _streaming_of(other)) == (ours, theirs):
            yield i, replace(found, attributes={**found.attributes, "streaming": theirs})


def _streams(snapshot: Snapshot) -> str:
    return "parallel" if _major(snapshot) >= _PARALLEL_SINCE else "off"


def _streaming_of(found: Object) -> object:
    return found.attributes.get("streaming")


def _has_parent(told: Pair, other: Object) -> bool:
    """Tell whether the first side has what the object belongs to; else that speaks for both."""
    return other.parent is None or told.mine(other.parent) is not None


def _public(told: Pair) -> Told:
    """The schema `public` as initdb made it, up to 14 and since."""
    closed = (
        _major(told.side) >= _PUBLIC_CLOSED_SINCE,
        _major(told.to) >= _PUBLIC_CLOSED_SINCE,
    )
    if closed in {(True, True), (False, False)}:
        return
    ours, theirs = told.ours.get(_PUBLIC), told.theirs.get(_PUBLIC)
    as_made = (set_aside(s, _PUBLIC, AS_INITDB) for s in (told.side, told.to))
    if ours and theirs and all(as_made):
        owner = {"owner": theirs.attributes["owner"]}
        yield _PUBLIC, replace(ours, attributes={**ours.attributes, **owner})
    ours, theirs = told.ours.get(_PUBLIC_FOR_ALL), told.theirs.get(_PUBLIC_FOR_ALL)
    if ours and theirs:
        open_, shut = (theirs, ours) if closed[0] else (ours, theirs)
        if _held(open_) == ["CREATE", "USAGE"] and _held(shut) == ["USAGE"]:
            yield _PUBLIC_FOR_ALL, _with(ours, _held(theirs))
