"""Two spellings of one meaning: texts that servers print of expressions in, one of them out.

What is equal here is equal on every server, whatever stands around it; what only a server can
tell is told by `settled`. A text that no rule understands is equal to itself alone.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import replace
from typing import NamedTuple, TypeAlias

from pgdrift.core.alike.apart import Edits, Pair
from pgdrift.core.alike.strings import IsString, strings
from pgdrift.core.model import Change, ChangeType, Object, ObjectId, Snapshot, Value
from pgdrift.core.texts.defaults import alike, default
from pgdrift.core.texts.loosely import loosely_alike
from pgdrift.core.texts.phrases import phrase
from pgdrift.core.texts.qualified import unqualified
from pgdrift.core.texts.standard import is_standard, without_casts
from pgdrift.core.texts.tokens import Phrase


class Spelt(NamedTuple):
    """Two texts of one attribute of one object of which a server said whether they are one."""

    object: ObjectId
    attribute: str
    one: str
    other: str


class Dispute(NamedTuple):
    """Two texts of which no rule knows whether they are one, and where each was read."""

    spelt: Spelt
    side: Snapshot
    to: Snapshot


Settled: TypeAlias = frozenset[Spelt]
"""The pairs of texts that a server called equal, each in both orders."""


class Answers(NamedTuple):
    """What a server said of disputes: which texts are one meaning, and which are not."""

    settled: Settled = frozenset()
    different: frozenset[Spelt] = frozenset()


UNANSWERED = Answers()

Attributes: TypeAlias = Mapping[str, Value]
Columns: TypeAlias = Callable[[Phrase], IsString | None]

_DEFAULTS = frozenset({("column", "default"), ("column", "generation_expression")})
_DEFAULTS_OF_TYPES = frozenset({("domain", "default")})
_QUERIES = frozenset({("view", "definition"), ("materialized_view", "definition")})
_BODIES = frozenset({("function", "body"), ("procedure", "body")})

# Who sees which rows hangs on every word: a guess is not good enough to call nobody.
_GUARDS = frozenset({"policy"})

PRINTED: Mapping[str, frozenset[str]] = {
    "column": frozenset({"default", "generation_expression"}),
    "domain": frozenset({"default"}),
    "constraint": frozenset({"definition"}),
    "index": frozenset({"definition"}),
    "view": frozenset({"definition"}),
    "materialized_view": frozenset({"definition"}),
    "rule": frozenset({"definition"}),
    "trigger": frozenset({"definition"}),
    "policy": frozenset({"using", "check"}),
    "function": frozenset({"body"}),
    "procedure": frozenset({"body"}),
}
"""Kind → the attributes that a server prints from an expression, and can make of one anew."""

PRINTED_WITHIN: Mapping[str, frozenset[str]] = {
    "function": frozenset({"arguments"}),
    "procedure": frozenset({"arguments"}),
    "publication_table": frozenset({"filter"}),
    "statistics": frozenset({"expressions"}),
    "table": frozenset({"partition_key"}),
    "view": frozenset({"column_defaults"}),
}
"""Kind → the attributes that hold such expressions, too, but that no server is asked about."""

_NONE: frozenset[str] = frozenset()


def same_meaning(
    kind: str,
    attribute: str,
    one: Value,
    other: Value,
    of: tuple[Attributes, Attributes],
    known: Columns | None = None,
) -> bool:
    """Tell whether two values of one attribute mean the same, whatever server printed them.

    `of` are all attributes of the two objects, `known` tells the strings among the columns that
    a phrase is about. What is no printed expression means itself.
    """
    if one == other:
        return True
    if attribute not in printed(kind) or not _are_printed(kind, attribute, one, other, of):
        return False
    if (kind, attribute) in _DEFAULTS | _DEFAULTS_OF_TYPES:
        return _one_default(kind, one, other, of)
    if isinstance(one, list) and isinstance(other, list):
        return _one_list(one, other)
    if not isinstance(one, str) or not isinstance(other, str):
        return False
    first, second = _phrase(kind, attribute, one), _phrase(kind, attribute, other)
    if first is None or second is None:
        return False
    return first == second or (known is not None and _one_call(one, other, first, second, known))


def columns(side: Snapshot, to: Snapshot, found: Object) -> Columns:
    """Return what tells the strings among the columns that texts of an object are about."""
    return lambda text: strings(side, to, found, text)


def spellings(told: Pair, settled: Settled = frozenset()) -> Edits:
    """Return the objects of the first side whose texts can be told in the words of the other."""
    return {
        found.id: respelt
        for found, other in _differing(told)
        if (respelt := _told(told, found, other, settled)) is not found
    }


def disputes(told: Pair) -> Iterator[Dispute]:
    """Give the pairs of texts in which two sides still differ, for a server to settle."""
    for found, other in _differing(told):
        for name, one, two in _texts(found, other):
            if _are_printed(found.id.kind, name, one, two, (found.attributes, other.attributes)):
                yield Dispute(Spelt(found.id, name, one, two), told.side, told.to)


def marked(
    changes: Iterable[Change], different: frozenset[Spelt] = frozenset()
) -> tuple[Change, ...]:
    """Return the changes, each with the names of its texts that may well mean the same.

    `different` are texts of which a server said that they do not.
    """
    return tuple(
        replace(c, spelling=names) if (names := _spelling(c, different)) else c for c in changes
    )


def _spelling(change: Change, different: frozenset[Spelt]) -> tuple[str, ...]:
    if change.change is not ChangeType.CHANGED or change.id.kind not in PRINTED:
        return ()
    if change.id.kind in _GUARDS:
        return ()
    return tuple(
        name
        for name, (one, two) in sorted(change.attributes.items())
        if name in PRINTED[change.id.kind]
        and (change.id.kind, name) not in _BODIES
        and isinstance(one, str)
        and isinstance(two, str)
        and Spelt(change.id, name, one, two) not in different
        and loosely_alike(one, two)
    )


def _differing(told: Pair) -> Iterator[tuple[Object, Object]]:
    for i, found in told.ours.items():
        if printed(i.kind) and (other := told.theirs.get(i)) is not None:
            yield found, other


def printed(kind: str) -> frozenset[str]:
    """Return the attributes of a kind in which two texts may mean the same."""
    return PRINTED.get(kind, _NONE) | PRINTED_WITHIN.get(kind, _NONE)


def _texts(found: Object, other: Object) -> Iterator[tuple[str, str, str]]:
    for name in sorted(PRINTED.get(found.id.kind, _NONE)):
        one, two = found.attributes.get(name), other.attributes.get(name)
        if isinstance(one, str) and isinstance(two, str) and one != two:
            yield name, one, two


def _told(told: Pair, found: Object, other: Object, settled: Settled) -> Object:
    """Return an object in the other's words; the very same object where there are none."""
    words = {
        name: other.attributes[name]
        for name in printed(found.id.kind)
        if name in found.attributes
        and name in other.attributes
        and _one_meaning(told, found, other, name, settled)
    }
    return replace(found, attributes={**found.attributes, **words}) if words else found


def _one_meaning(told: Pair, found: Object, other: Object, name: str, settled: Settled) -> bool:
    one, two = found.attributes[name], other.attributes[name]
    if one == two:
        return False
    of = (found.attributes, other.attributes)
    texts = isinstance(one, str) and isinstance(two, str)
    if texts and Spelt(found.id, name, str(one), str(two)) in settled:
        return True
    return same_meaning(found.id.kind, name, one, two, of, columns(told.side, told.to, found))


def _are_printed(
    kind: str, attribute: str, one: Value, other: Value, of: tuple[Attributes, Attributes]
) -> bool:
    """Tell whether a server printed both: the body of a routine may be just what someone wrote."""
    if (kind, attribute) not in _BODIES:
        return True
    return all(
        isinstance(body, str)
        and attributes.get("language") == "sql"
        and body.startswith(("BEGIN ATOMIC", "RETURN "))
        for body, attributes in zip((one, other), of, strict=True)
    )


def _one_default(kind: str, one: Value, other: Value, of: tuple[Attributes, Attributes]) -> bool:
    types = [a.get("type") for a in of]
    texts = [one, other]
    if not all(isinstance(t, str) for t in types) or not alike(str(types[0]), str(types[1])):
        return False
    if kind == "domain" and None in texts:
        # Over a domain of its own, a domain's NULL replaces that one's default.
        return False
    said = [
        default(text, str(of_type))
        for text, of_type in zip(texts, types, strict=True)
        if text is None or isinstance(text, str)
    ]
    return len(said) == 2 and None not in said and said[0] == said[1]


def _one_list(one: list[Value], other: list[Value]) -> bool:
    """Tell whether two sets of texts mean the same: sorted by text, they may stand otherwise."""
    sides = [[phrase(v) if isinstance(v, str) else None for v in side] for side in (one, other)]
    odd = any(None in side for side in sides)
    return not odd and sorted(map(repr, sides[0])) == sorted(map(repr, sides[1]))


def _phrase(kind: str, attribute: str, text: str) -> Phrase | None:
    found = phrase(text)
    return unqualified(found) if found and (kind, attribute) in _QUERIES else found


def _one_call(one: str, other: str, first: Phrase, second: Phrase, known: Columns) -> bool:
    """Tell whether only casts that an old server adds to what functions are given differ."""
    if is_standard(one) == is_standard(other):
        return False
    sides = [(side, known(side)) for side in (first, second)]
    bare = [without_casts(side, of) for side, of in sides if of is not None]
    return len(bare) == len(sides) and bare[0] == bare[1]
