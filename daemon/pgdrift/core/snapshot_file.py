"""A snapshot as a text file, and back: sorted, one attribute a line, so that git shows a change.

OIDs stay out: they say nothing elsewhere. What the file holds is untrusted until it is parsed.
"""

import json
from collections.abc import Mapping
from datetime import datetime
from typing import cast

from pgdrift.core.model import FORMAT, Object, ObjectId, Snapshot, Value


def dump(snapshot: Snapshot) -> str:
    """Return the text of a snapshot file, ended by a line feed."""
    depends = _depends(snapshot)
    body = {
        "pgdrift": {
            "format": snapshot.format,
            "database": snapshot.database,
            "server_version": snapshot.server_version,
            "taken_at": snapshot.taken_at.isoformat(),
            "root": snapshot.root,
            "kinds": sorted(snapshot.kinds),
            "unread": dict(sorted(snapshot.unread.items())),
        },
        "objects": [_object(snapshot.objects[i], depends) for i in sorted(snapshot.objects)],
    }
    return json.dumps(body, indent=1, ensure_ascii=False) + "\n"


def parse(text: str) -> Snapshot:
    """Return the snapshot that a file's text holds.

    Raises ValueError, in words for people, when the text is no snapshot, is of a newer format,
    or was edited so that its digest no longer fits.
    """
    try:
        body = json.loads(text)
        head = body["pgdrift"]
        if head["format"] > FORMAT:
            msg = f"its format is {head['format']}, this pgdrift reads up to {FORMAT}"
            raise ValueError(msg)
        snapshot = _snapshot(head, body["objects"])
    except (KeyError, TypeError, AttributeError, RecursionError, json.JSONDecodeError) as error:
        msg = f"it is no snapshot file ({type(error).__name__}: {error})"
        raise ValueError(msg) from error
    if snapshot.root != head["root"]:
        msg = "its digest does not fit its content: it was edited or cut"
        raise ValueError(msg)
    return snapshot


def _snapshot(head: Mapping[str, object], rows: list[dict[str, object]]) -> Snapshot:
    objects = [_parsed(row) for row in rows]
    by_key = {str(o.id): o.id for o in objects}
    pairs = [
        (o.id, by_key[key])
        for o, row in zip(objects, rows, strict=True)
        for key in cast("list[str]", row.get("depends_on", []))
    ]
    return Snapshot(
        objects={o.id: o for o in objects},
        kinds=frozenset(cast("list[str]", head["kinds"])),
        server_version=cast("int", head["server_version"]),
        taken_at=datetime.fromisoformat(cast("str", head["taken_at"])),
        database=cast("str", head["database"]),
        unread=cast("dict[str, str]", head["unread"]),
        dependencies=tuple(sorted(pairs)),
        format=cast("int", head["format"]),
    )


def _object(found: Object, depends: Mapping[ObjectId, list[str]]) -> dict[str, Value]:
    row: dict[str, Value] = _identity(found.id)
    if found.parent is not None:
        row["parent"] = _identity(found.parent)
    row["attributes"] = dict(sorted(found.attributes.items()))
    if found.id in depends:
        row["depends_on"] = depends[found.id]
    return row


def _identity(i: ObjectId) -> dict[str, Value]:
    identity: dict[str, Value] = {"kind": i.kind, "path": list(i.path)}
    return {**identity, "args": i.args} if i.args else identity


def _parsed(row: Mapping[str, object]) -> Object:
    parent = row.get("parent")
    return Object(
        id=_id(row),
        attributes=dict(cast("dict[str, Value]", row["attributes"])),
        parent=_id(cast("Mapping[str, object]", parent)) if parent else None,
    )


def _id(row: Mapping[str, object]) -> ObjectId:
    path = tuple(str(p) for p in cast("list[str]", row["path"]))
    return ObjectId(str(row["kind"]), path, str(row.get("args", "")))


def _depends(snapshot: Snapshot) -> Mapping[ObjectId, list[str]]:
    depends: dict[ObjectId, list[str]] = {}
    for dependent, referenced in snapshot.dependencies:
        depends.setdefault(dependent, []).append(str(referenced))
    return {i: sorted(keys) for i, keys in depends.items()}
