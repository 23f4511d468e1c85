"""One snapshot in, told in the words of another environment out: roles and schemas that are the
same and are called otherwise there. All of it is told so: paths, owners, grantees, and names of
schemas in texts that a server printed. What stands in a literal stays, but for regclass and kin.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import TypeGuard

from pgdrift.core.alike.places import ROLE, SCHEMA, TEXT, places
from pgdrift.core.held.objects import Object, ObjectId, Value
from pgdrift.core.model import Snapshot
from pgdrift.core.names import quote_ident, unquote

Pairs = tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class Names:
    """What an environment calls its roles and schemas, and what these are called in common.

    As pairs (own, common), none of either twice.
    """

    roles: Pairs = ()
    schemas: Pairs = ()


def retold(snapshot: Snapshot, theirs: Names, ours: Names) -> Snapshot:
    """Return the snapshot of an environment that has `theirs` as if it had `ours`.

    The very same snapshot where nothing is called otherwise. An object whose new name is taken
    keeps its own.
    """
    key = ("retold", theirs, ours)
    if theirs == ours:
        return snapshot
    if key not in snapshot.normalised:
        words = _Words(_between(theirs.roles, ours.roles), _between(theirs.schemas, ours.schemas))
        # Threads may come here at once: all of them get the very same.
        return snapshot.normalised.setdefault(key, _told(snapshot, words))
    return snapshot.normalised[key]


def _between(theirs: Pairs, ours: Pairs) -> Mapping[str, str]:
    """Return from their names to ours."""
    own = {common: name for name, common in ours}
    common = {name: own.get(shared, shared) for name, shared in theirs}
    taken = {shared for _, shared in theirs}
    # What they call by its common name has no pair of theirs.
    common |= {shared: name for shared, name in own.items() if shared not in taken | common.keys()}
    return {name: told for name, told in common.items() if name != told}


@dataclass(frozen=True, slots=True)
class _Words:
    """Their names and ours. `within` are the names of what stands in their schemas, by schema.

    `ambiguous` are schemas whose name is also one of an object: `tenant.x` may be its column x.
    """

    roles: Mapping[str, str]
    schemas: Mapping[str, str]
    within: Mapping[str, frozenset[str]] = field(default_factory=dict)
    ambiguous: frozenset[str] = frozenset()

    def are_for(self, schema: str, name: str) -> bool:
        """Tell whether `schema.name` in a text is an object of that schema."""
        if schema not in self.schemas:
            return False
        return schema not in self.ambiguous or name in self.within.get(schema, ())


def _told(snapshot: Snapshot, words: _Words) -> Snapshot:
    if not words.roles and not words.schemas:
        return snapshot
    words = _with_objects(words, snapshot.objects)
    ids = _ids(snapshot.objects, words)
    objects = (_object(o, ids, words) for o in snapshot.objects.values())
    pairs = ((ids.get(a, a), ids.get(b, b)) for a, b in snapshot.dependencies)
    return replace(snapshot, objects={o.id: o for o in objects}, dependencies=tuple(sorted(pairs)))


def _with_objects(words: _Words, ids: Iterable[ObjectId]) -> _Words:
    within: dict[str, set[str]] = {schema: set() for schema in words.schemas}
    ambiguous: set[str] = set()
    for i in ids:
        if len(i.path) > 1:
            within.get(i.path[0], set()).add(i.path[1])
            if i.path[1] in words.schemas:
                ambiguous.add(i.path[1])
    known = {schema: frozenset(names) for schema, names in within.items()}
    return replace(words, within=known, ambiguous=frozenset(ambiguous))


def _ids(objects: Iterable[ObjectId], words: _Words) -> Mapping[ObjectId, ObjectId]:
    """Return the objects that are called otherwise, and what."""
    told = ((i, _id(i, words)) for i in objects)
    moved = {i: new for i, new in told if new != i}
    staying = set(objects) - moved.keys()
    while taken := {i for i, new in moved.items() if new in staying}:
        staying |= taken
        moved = {i: new for i, new in moved.items() if i not in taken}
    return moved


def _id(i: ObjectId, words: _Words) -> ObjectId:
    path = list(i.path)
    for at, what in places(i):
        path[at] = _PART[what](path[at], words)
    args = _text(i.args, words) if i.args and words.schemas else i.args
    return ObjectId(i.kind, tuple(path), args)


def _object(found: Object, ids: Mapping[ObjectId, ObjectId], words: _Words) -> Object:
    told = {n: _VALUES.get(n, _value)(v, words) for n, v in found.attributes.items()}
    parent = found.parent and ids.get(found.parent, found.parent)
    i = ids.get(found.id, found.id)
    if i == found.id and parent == found.parent and told == found.attributes:
        return found
    return Object(i, told, parent, found.oid)


def _schema(name: str, words: _Words) -> str:
    return words.schemas.get(name, name)


def _role(name: str, words: _Words) -> str:
    return words.roles.get(name, name)


def _value(value: Value, words: _Words) -> Value:
    if isinstance(value, str):
        return _text(value, words) if words.schemas else value
    return [_value(v, words) for v in value] if isinstance(value, list) else value


def _owner(value: Value, words: _Words) -> Value:
    return _role(value, words) if isinstance(value, str) else value


def _in_schema(value: Value, words: _Words) -> Value:
    return _schema(value, words) if isinstance(value, str) else value


_GRANTEE = re.compile(r'\A("(?:[^"]|"")+"|[^="]+)(?==)')


def _roles(value: Value, words: _Words) -> Value:
    """Tell a set of roles, each as SQL writes it."""
    return _sorted([_quoted(str(v), words.roles) for v in value]) if _is_list(value) else value


def _grants(value: Value, words: _Words) -> Value:
    """Tell the roles in a set of `role=privilege`; what is a privilege alone has none."""

    def told(text: str) -> str:
        return _GRANTEE.sub(lambda m: _quoted(m[0], words.roles), text)

    return _sorted(told(str(v)) for v in value) if _is_list(value) else value


def _is_list(value: Value) -> TypeGuard[list[Value]]:
    return isinstance(value, list)


def _sorted(some: Iterable[str]) -> list[str]:
    # By bytes, as the server sorts a set.
    return sorted(some, key=lambda v: v.encode("utf-8", "surrogatepass"))


# Comments and dollar quotes are taken whole, so that a quote in one does not begin a literal.
_IDENT = r'(?:"(?:[^"]|"")+"|[^\W\d][\w$]*)'
_PIECE = re.compile(
    rf"""(?P<kept>--[^\n]* | /\*.*?\*/ | [Ee]'(?:[^'\\]|\\.|'')*'
            | \$(?P<tag>(?:[^\W\d]\w*)?)\$.*?\$(?P=tag)\$ | (?<![\w$])\$\d+ )
      | '(?P<literal>(?:[^']|'')*)'(?P<cast>::reg[a-z]+)?
      | (?P<names>{_IDENT}(?:\s*\.\s*{_IDENT})*)""",
    re.VERBOSE | re.DOTALL,
)
_FIRST_TWO = re.compile(rf"({_IDENT})(\s*\.\s*)({_IDENT})")
_PATH = re.compile(r"\Asearch_path=", re.IGNORECASE)


def _text(text: str, words: _Words) -> str:
    """Return a printed text with the names of schemas told."""
    if _PATH.match(text):
        return _search_path(text, words)

    def piece(found: re.Match[str]) -> str:
        if found["names"]:
            return _qualified(found["names"], words)
        if found["cast"]:
            inner = found["literal"].replace("''", "'")
            told = _text(inner, words).replace("'", "''")
            return f"'{told}'{found['cast']}"
        return found[0]

    return _PIECE.sub(piece, text)


def _qualified(names: str, words: _Words) -> str:
    two = _FIRST_TWO.match(names)
    if two is None or not words.are_for(_unquoted(two[1]), _unquoted(two[3])):
        return names
    return quote_ident(words.schemas[_unquoted(two[1])]) + names[len(two[1]) :]


def _search_path(text: str, words: _Words) -> str:
    return re.sub(_IDENT, lambda m: _quoted(m[0], words.schemas), text)


def _quoted(name: str, known: Mapping[str, str]) -> str:
    """Return a name as SQL writes it, told; one that is not known stays as it is written."""
    told = known.get(_unquoted(name))
    return name if told is None else quote_ident(told)


def _unquoted(name: str) -> str:
    return unquote(name) if name.startswith('"') else name.lower()


_PART: Mapping[str, Callable[[str, _Words], str]] = {
    SCHEMA: _schema,
    ROLE: _role,
    TEXT: _text,
}
_VALUES: Mapping[str, Callable[[Value, _Words], Value]] = {
    "owner": _owner,
    "schema": _in_schema,
    "roles": _roles,
    "privileges": _grants,
}


def names_of(roles: Mapping[str, str], schemas: Mapping[str, str]) -> Names:
    """Return names from mappings of own to common names."""

    def pairs(known: Mapping[str, str]) -> Iterator[tuple[str, str]]:
        return ((own, common) for own, common in sorted(known.items()))

    return Names(tuple(pairs(roles)), tuple(pairs(schemas)))
