"""A snapshot as a text file, and back: sorted, one attribute a line, so that git shows a change.

OIDs stay out: they say nothing elsewhere. What the file holds is untrusted until it is parsed:
what comes out has the shape of what a server gives, and text that can be stored and printed.
"""

import json
import re
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from typing import TypeVar

from pgdrift.core.model import FORMAT, Object, ObjectId, Snapshot, Value
from pgdrift.core.seal import alike

T = TypeVar("T")

# Kinds and attributes are our own words; names are not.
_WORD = re.compile("[a-z][a-z0-9_]*")
# What is counted is a kind or a catalog, or a column of one.
_COUNTED = re.compile("[a-z][a-z0-9_. ]*")
# Names come in any text but this: PostgreSQL cannot hold it, nor can a store or a page.
_UNHEARD_OF = re.compile("[\x00\ud800-\udfff]")
# Deeper than any value that is read; what is deeper still can exhaust the stack of a reader.
_DEPTH = 50


def dump(snapshot: Snapshot, not_compared: Mapping[str, int] | None = None) -> str:
    """Return the text of a snapshot file, ended by a line feed.

    `not_compared` counts by kind what else there was. The same schema gives the same text at
    another time, but for the line that says when; and, where there are secrets, for their seals
    and the root, because each process seals with a key of its own.
    """
    depends = _depends(snapshot)
    body = {
        "pgdrift": {
            "format": snapshot.format,
            "database": snapshot.database,
            "server_version": snapshot.server_version,
            "taken_at": snapshot.taken_at.isoformat(),
            "root": snapshot.root,
            "kinds": sorted(snapshot.kinds),
            "unread": _sorted(snapshot.unread),
            "not_compared": _sorted(not_compared or {}),
        },
        "objects": [_object(snapshot.objects[i], depends) for i in sorted(snapshot.objects)],
    }
    return json.dumps(body, indent=1, ensure_ascii=False) + "\n"


def parse(text: str) -> Snapshot:
    """Return the snapshot that a file's text holds. Raises as `parse_file` does."""
    return parse_file(text)[0]


def parse_file(text: str) -> tuple[Snapshot, Mapping[str, int]]:
    """Return the snapshot that a file's text holds, and by kind what else there was.

    Raises ValueError, in words for people, when the text is no snapshot, is of a newer format,
    or was edited so that its digest no longer fits.
    """
    try:
        body = json.loads(text)
        head = body["pgdrift"]
        if head["format"] > FORMAT:
            msg = f"its format is {head['format']}, this pgdrift reads up to {FORMAT}"
            raise ValueError(msg)
        snapshot = _snapshot(head, _list(dict, body["objects"]))
        counts = _a(dict, head.get("not_compared", {}))
        not_compared = {_counted(kind): _count(count) for kind, count in counts.items()}
        fits = snapshot.root == head["root"]
    except (KeyError, TypeError, AttributeError, RecursionError, json.JSONDecodeError) as error:
        msg = f"it is no snapshot file ({type(error).__name__}: {error})"
        raise ValueError(msg) from error
    if not fits:
        msg = "its digest does not fit its content: it was edited or cut"
        raise ValueError(msg)
    return snapshot, not_compared


def holds(text: str, snapshot: Snapshot, not_compared: Mapping[str, int]) -> bool:
    """Tell whether a file's text says of a schema what `dump` would, but for time and seals."""
    try:
        kept, counts = parse_file(text)
    except ValueError:
        return False
    return (
        counts == not_compared
        and _about(kept) == _about(snapshot)
        and kept.objects.keys() == snapshot.objects.keys()
        and all(_says(kept.objects[i], found) for i, found in snapshot.objects.items())
    )


def _about(snapshot: Snapshot) -> tuple[object, ...]:
    s = snapshot
    told = (s.format, s.database, s.server_version, s.kinds)
    return (*told, dict(s.unread), frozenset(s.dependencies))


def _says(kept: Object, found: Object) -> bool:
    ours, theirs = kept.attributes, found.attributes
    return (
        kept.parent == found.parent
        and ours.keys() == theirs.keys()
        and all(alike(value, theirs[name]) for name, value in ours.items())
    )


def _snapshot(head: Mapping[str, object], rows: list[dict[str, object]]) -> Snapshot:
    _check(head)
    kinds = frozenset(_list(str, head["kinds"]))
    objects = {o.id: o for o in map(_parsed, rows)}
    by_key = {str(i): i for i in objects}
    pairs = [
        (_id(row), by_key[key]) for row in rows for key in _list(str, row.get("depends_on", []))
    ]
    if len(objects) < len(rows) or any(i.kind not in kinds for i in objects):
        raise TypeError("an object is there twice, or of a kind that was not read")
    _check_ancestors(objects)
    return Snapshot(
        objects=objects,
        kinds=kinds,
        server_version=_a(int, head["server_version"]),
        taken_at=_time(head["taken_at"]),
        database=_a(str, head["database"]),
        unread={kind: _a(str, why) for kind, why in _a(dict, head["unread"]).items()},
        dependencies=tuple(sorted(pairs)),
        format=_a(int, head["format"]),
    )


def _object(found: Object, depends: Mapping[ObjectId, list[str]]) -> dict[str, Value]:
    row: dict[str, Value] = _identity(found.id)
    if found.parent is not None:
        row["parent"] = _identity(found.parent)
    row["attributes"] = _sorted(found.attributes)
    if found.id in depends:
        row["depends_on"] = depends[found.id]
    return row


def _identity(i: ObjectId) -> dict[str, Value]:
    identity: dict[str, Value] = {"kind": i.kind, "path": list(i.path)}
    return {**identity, "args": i.args} if i.args else identity


def _depends(snapshot: Snapshot) -> Mapping[ObjectId, list[str]]:
    depends: dict[ObjectId, list[str]] = {}
    for dependent, referenced in snapshot.dependencies:
        depends.setdefault(dependent, []).append(str(referenced))
    return {i: sorted(keys) for i, keys in depends.items()}


def _sorted(value: Value) -> Value:
    """Return the value with every mapping in it in order of its keys."""
    if isinstance(value, Mapping):
        return {name: _sorted(value[name]) for name in sorted(value)}
    return [_sorted(v) for v in value] if isinstance(value, list) else value


def _parsed(row: Mapping[str, object]) -> Object:
    _check(row)
    parent = row.get("parent")
    attributes = _a(dict, row["attributes"])
    return Object(
        id=_id(row),
        attributes={_word(name): value for name, value in attributes.items()},
        parent=None if parent is None else _id(_a(dict, parent)),
    )


def _id(row: Mapping[str, object]) -> ObjectId:
    path = tuple(_list(str, row["path"]))
    if not path:
        raise TypeError("a path without a name")
    return ObjectId(_word(row["kind"]), path, _a(str, row.get("args", "")))


def _a(kind: type[T], value: object) -> T:
    """Return the value, which must be of this type."""
    if not isinstance(value, kind):
        raise TypeError(f"{type(value).__name__} where {kind.__name__} belongs")
    return value


def _list(kind: type[T], value: object) -> list[T]:
    return [_a(kind, v) for v in _a(list, value)]


def _word(value: object) -> str:
    if not _WORD.fullmatch(word := _a(str, value)):
        raise TypeError(f"{word!r} is no kind and no attribute")
    return word


def _counted(value: object) -> str:
    if not _COUNTED.fullmatch(word := _a(str, value)):
        raise TypeError(f"{word!r} is nothing that is counted")
    return word


def _count(value: object) -> int:
    # In Python a truth value is a number as well.
    if isinstance(value, bool) or _a(int, value) < 0:
        raise TypeError(f"{value} is no count")
    return _a(int, value)


def _time(value: object) -> datetime:
    time = datetime.fromisoformat(_a(str, value))
    if time.tzinfo is None:
        raise TypeError("a time of no zone")
    return time.astimezone(UTC)


def _check(value: object, depth: int = 0) -> None:
    """Raise TypeError when text within cannot come from a server, or lies too deep."""
    if depth > _DEPTH:
        raise TypeError("a value within too many others")
    if isinstance(value, str) and _UNHEARD_OF.search(value):
        raise TypeError("text that no server can hold")
    if isinstance(value, Mapping):
        _check(list(value), depth)
    inner: Iterable[object] = value.values() if isinstance(value, Mapping) else ()
    for v in value if isinstance(value, list) else inner:
        _check(v, depth + 1)


def _check_ancestors(objects: Mapping[ObjectId, Object]) -> None:
    """Raise TypeError when an object is its own ancestor: who climbs up would never arrive."""
    arrived: set[ObjectId] = set()
    for start in objects:
        climbed: set[ObjectId] = set()
        i: ObjectId | None = start
        while i is not None and i in objects and i not in arrived:
            if i in climbed:
                raise TypeError(f"{i} is its own ancestor")
            climbed.add(i)
            i = objects[i].parent
        arrived |= climbed
