"""An object that differs in, on two sides; out, which names in its texts are columns of strings.

Servers up to 13 print casts to text that nobody wrote, of strings alone: of bytea and bits such
a cast is one that somebody wrote, and means another function. What is not known is no string.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TypeAlias

from pgdrift.core.model import Object, ObjectId, Snapshot
from pgdrift.core.names import unquote
from pgdrift.core.texts.defaults import base
from pgdrift.core.texts.qualified import selected_from
from pgdrift.core.texts.tokens import Group, Phrase

IsString: TypeAlias = Callable[[str], bool]
"""Whether a name, as it is printed, stands for a column that is a string."""

_CASTS_UNTIL = 13
_STRINGS = frozenset({("text",), ("character", "varying"), ("character",), ("name",)})
_OF_A_TABLE = frozenset({"constraint", "index", "policy", "column"})
_QUERIES = frozenset({"view", "materialized_view"})
_SEVERAL = frozenset({"SELECT", "WITH", "JOIN", "FROM"})


def strings(side: Snapshot, to: Snapshot, found: Object, text: Phrase) -> IsString | None:
    """Return what knows the strings among the columns that a text of an object is about.

    None where both servers print the same casts, and where nobody knows which columns it means.
    """
    old = [s.server_version // 10000 <= _CASTS_UNTIL for s in (side, to)]
    if old[0] == old[1]:
        return None
    if found.id.kind in _OF_A_TABLE:
        path = found.parent.path if found.parent and found.parent.kind != "domain" else None
    else:
        path = _only_relation(text) if found.id.kind in _QUERIES else None
    return None if path is None else lambda name: _is_string((side, to), (*path, unquote(name)))


def _is_string(sides: tuple[Snapshot, ...], path: tuple[str, ...]) -> bool:
    """Tell whether a column is a string on both sides."""
    columns = [s.objects.get(ObjectId("column", path)) for s in sides]
    return all(c is not None and base(str(c.attributes.get("type"))) in _STRINGS for c in columns)


def _only_relation(query: Phrase) -> tuple[str, ...] | None:
    """Return the path of what a query selects from, where that is one relation and no query."""
    if [w for w in _words(query) if w in _SEVERAL] != ["SELECT", "FROM"]:
        return None
    match selected_from(query):
        case (str() as schema, ".", str() as name) | (str() as schema, ".", str() as name, str()):
            return unquote(schema), unquote(name)
    return None


def _words(items: Phrase) -> Iterator[str]:
    for item in items:
        if isinstance(item, Group):
            yield from _words(item.items)
        else:
            yield item
