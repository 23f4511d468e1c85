"""Two texts of one object in, the SQL out that lets a scratch server read both.

The object needs a world to stand in: the types, tables and functions it speaks of, as stubs. It is
made from a snapshot, whose texts may be anybody's: each goes into one statement, in which it can
open nothing that it does not close, and none of them runs anything.

In the template of an attribute (Attribute.respell), `{0}`, `{1}`, `{2}` are the names of the
object's path, `{text}` is the text, `{parent}` what the object belongs to; any other name is an
attribute of the object: `{table}` is quoted, the rest stand as printed.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TypeAlias

from pgdrift.core.held.packed import Packed, key_of, packed
from pgdrift.core.model import Object, ObjectId, Snapshot
from pgdrift.core.names import quote_ident
from pgdrift.core.texts.tokens import TokenType, grouped, tokens, words

Stub: TypeAlias = Callable[[Object, Sequence[Object]], str]
"""An object and its columns in, the SQL of its stub out. Raises OddTextError."""

# What a statement may begin with that is a text as a whole.
_WHOLE = (("CREATE", "TRIGGER"), ("CREATE", "CONSTRAINT", "TRIGGER"), ("CREATE", "RULE"))
_PARENTS = {"domain": "DOMAIN", "table": "TABLE", "foreign_table": "TABLE", "view": "VIEW"}
# A world with more in it is not built.
_MOST = 2000
_HOLE = re.compile(r"\{(\w+)\}")


class OddTextError(ValueError):
    """A text that cannot stand within a statement."""


@dataclass(slots=True)
class Ground:
    """Two snapshots as the place where the world of a dispute comes from, the second one first."""

    side: Snapshot
    to: Snapshot
    _needs: Mapping[ObjectId, list[ObjectId]] | None = field(default=None, repr=False)
    _columns: Mapping[ObjectId, list[Object]] | None = field(default=None, repr=False)

    def find(self, i: ObjectId) -> Object | None:
        """Return an object as it was read."""
        for snapshot in (self.to, self.side):
            if (found := _as_read(snapshot).get(i)) is not None:
                return found
        return None

    def needs(self, i: ObjectId) -> Iterable[ObjectId]:
        """Return what an object depends on, on either side."""
        if self._needs is None:
            needs = defaultdict(list)
            for snapshot in (self.to, self.side):
                for dependent, referenced in snapshot.dependencies:
                    needs[dependent].append(referenced)
            self._needs = needs
        return self._needs.get(i, ())

    def columns(self, i: ObjectId) -> Sequence[Object]:
        """Return the columns of a table, in their order."""
        if i.kind not in {"table", "foreign_table"}:
            return ()
        columns: dict[ObjectId, Object] = {}
        for snapshot in (self.side, self.to):
            beside = _as_read(snapshot).under(key_of(i.path)).values()
            columns |= {o.id: o for o in beside if o.id.kind == "column" and o.parent == i}
        return list(columns.values())


def world(ground: Ground, target: ObjectId) -> tuple[str, ...]:
    """Return the SQL of all that an object needs but itself, in no order that need hold.

    What cannot be made from what is known is left out; the server says whether it is missed.
    """
    made: list[str] = []
    for i in sorted(_closure(ground, target), key=_rank):
        found = ground.find(i)
        if i != target and found is not None and i.kind in _STUBS:
            try:
                made.append(_STUBS[i.kind](found, ground.columns(i)))
            except OddTextError:
                continue
    return tuple(made)


def extensions(ground: Ground) -> tuple[str, ...]:
    """Return the SQL of all extensions of the snapshot, each in its schema."""
    made: list[str] = []
    for i, o in _as_read(ground.to).items():
        if i.kind == "extension":
            schema = quote_ident(str(o.attributes.get("schema", "public")))
            made += [
                f"CREATE SCHEMA IF NOT EXISTS {schema}",
                f"CREATE EXTENSION IF NOT EXISTS {_name(o)} SCHEMA {schema} CASCADE",
            ]
    return tuple(made)


def makes(template: str, of: Object, text: str) -> tuple[str, ...]:
    """Return the statements that make an object with a text.

    Raises OddTextError for a text that cannot stand there.
    """
    text = text.strip().removesuffix(";")
    if template == "{text}" and not any(words(text)[: len(w)] == w for w in _WHOLE):
        raise OddTextError
    return tuple(
        _HOLE.sub(lambda hole: _filled(hole[1], of, text), statement.strip())
        for statement in template.split(";")
    )


def printed(text: object) -> str:
    """Return a text that can stand within a statement. Raises OddTextError for any other."""
    if not isinstance(text, str) or grouped(text) is None:
        raise OddTextError
    return text


def _filled(hole: str, of: Object, text: str) -> str:
    if hole == "text":
        return printed(text)
    if hole.isdigit():
        return quote_ident(of.id.path[int(hole)])
    if hole == "parent":
        if of.parent is None or of.parent.kind not in _PARENTS:
            raise OddTextError
        return f"{_PARENTS[of.parent.kind]} {_dotted(of.parent.path)}"
    value = of.attributes.get(hole)
    return quote_ident(str(value)) if hole == "table" else printed(value)


def _closure(ground: Ground, target: ObjectId) -> set[ObjectId]:
    """Return all that an object needs, and what that needs; nothing where that is too much."""
    found: set[ObjectId] = set()
    waiting = [target]
    while waiting and len(found) < _MOST:
        i = waiting.pop()
        if i not in found:
            found.add(i)
            waiting += _needed_by(ground, i)
    return set() if waiting else found


def _needed_by(ground: Ground, i: ObjectId) -> Iterator[ObjectId]:
    yield from ground.needs(i)
    if (found := ground.find(i)) is not None and found.parent is not None:
        yield found.parent
    yield from (o.id for o in ground.columns(i))


def _as_read(snapshot: Snapshot) -> Packed:
    """Return the objects before anything was made equal out: a world wants all its columns."""
    return packed(snapshot.objects if snapshot.as_read is None else snapshot.as_read)


def _dotted(path: Iterable[str]) -> str:
    return ".".join(map(quote_ident, path))


def _name(o: Object) -> str:
    return _dotted(o.id.path)


def _schema(o: Object, _: Sequence[Object]) -> str:
    return f"CREATE SCHEMA IF NOT EXISTS {_name(o)}"


def _enum(o: Object, _: Sequence[Object]) -> str:
    labels = o.attributes.get("labels")
    quoted = ", ".join(f"'{_doubled(label)}'" for label in _texts(labels))
    return f"CREATE TYPE {_name(o)} AS ENUM ({quoted})"


def _domain(o: Object, _: Sequence[Object]) -> str:
    return f"CREATE DOMAIN {_name(o)} AS {printed(o.attributes.get('type'))}"


def _composite(o: Object, _: Sequence[Object]) -> str:
    fields = ", ".join(printed(f) for f in _texts(o.attributes.get("fields")))
    return f"CREATE TYPE {_name(o)} AS ({fields})"


def _range(o: Object, _: Sequence[Object]) -> str:
    return f"CREATE TYPE {_name(o)} AS RANGE (SUBTYPE = {printed(o.attributes.get('subtype'))})"


def _sequence(o: Object, _: Sequence[Object]) -> str:
    return f"CREATE SEQUENCE {_name(o)}"


def _routine(o: Object, _: Sequence[Object]) -> str:
    volatility = str(o.attributes.get("volatility", "volatile"))
    if volatility not in {"immutable", "stable", "volatile"}:
        raise OddTextError
    arguments = printed(o.attributes.get("arguments"))
    head = f"CREATE {o.id.kind.upper()} {_name(o)}({arguments})"
    if o.id.kind == "procedure":
        return f"{head} LANGUAGE plpgsql AS ''"
    result = printed(o.attributes.get("result"))
    return f"{head} RETURNS {result} LANGUAGE plpgsql {volatility.upper()} AS ''"


def _table(o: Object, columns: Sequence[Object]) -> str:
    return f"CREATE TABLE {_name(o)} ({', '.join(map(_column, columns))})"


def _column(column: Object) -> str:
    collation = column.attributes.get("collation")
    collate = f" COLLATE {printed(collation)}" if collation else ""
    of_type = printed(column.attributes.get("type"))
    return f"{quote_ident(column.id.path[-1])} {of_type}{collate}"


def _view(o: Object, _: Sequence[Object]) -> str:
    columns = [next(tokens(c)).text for c in _texts(o.attributes.get("columns"))]
    types = _texts(o.attributes.get("columns"))
    nothing = (
        f"NULL::{printed(told[len(name) :])} AS {name}"
        for name, told in zip(columns, types, strict=True)
        if next(tokens(name)).type in {TokenType.WORD, TokenType.QUOTED}
    )
    return f"CREATE VIEW {_name(o)} AS SELECT {', '.join(nothing)}"


def _materialized_view(o: Object, _: Sequence[Object]) -> str:
    columns = (printed(c) for c in _texts(o.attributes.get("columns")))
    return f"CREATE TABLE {_name(o)} ({', '.join(columns)})"


def _key(o: Object, _: Sequence[Object]) -> str:
    """A view that is grouped by a primary key needs it."""
    if o.attributes.get("type") not in {"primary key", "unique"} or o.parent is None:
        raise OddTextError
    definition = printed(o.attributes.get("definition"))
    name = quote_ident(o.id.path[-1])
    return f"ALTER TABLE {_dotted(o.parent.path)} ADD CONSTRAINT {name} {definition}"


def _texts(value: object) -> list[str]:
    if not isinstance(value, list) or not all(isinstance(v, str) for v in value):
        raise OddTextError
    return value


def _doubled(text: str) -> str:
    return text.replace("'", "''")


_STUBS: Mapping[str, Stub] = {
    "schema": _schema,
    "enum": _enum,
    "domain": _domain,
    "composite_type": _composite,
    "range": _range,
    "sequence": _sequence,
    "table": _table,
    "foreign_table": _table,
    "function": _routine,
    "procedure": _routine,
    "constraint": _key,
    "view": _view,
    "materialized_view": _materialized_view,
}


def _rank(i: ObjectId) -> tuple[int, ObjectId]:
    return list(_STUBS).index(i.kind) if i.kind in _STUBS else len(_STUBS), i
