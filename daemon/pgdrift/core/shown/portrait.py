"""One object and all that belongs to it, as a snapshot has it, told as text or JSON.

It knows no kind, and nothing of time: which snapshot that is, the caller knows.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

from pgdrift.core.model import Object, ObjectId, Snapshot, Value
from pgdrift.core.shown.render import code, is_usual, one_line, value_text


def portrait(snapshot: Snapshot, i: ObjectId) -> tuple[tuple[int, Object], ...]:
    """Return an object and all that it holds, each with its depth, parents before children."""
    children: dict[ObjectId, list[Object]] = {}
    for o in snapshot.objects.values():
        if o.parent is not None:
            children.setdefault(o.parent, []).append(o)
    return tuple(_below(snapshot.objects[i], children, 0))


def portrait_text(parts: Iterable[tuple[int, Object]]) -> str:
    """Return an object and what it holds as indented text."""
    return "\n".join(line for depth, o in parts for line in _lines(o, "  " * depth))


def portrait_markdown(parts: Iterable[tuple[int, Object]]) -> str:
    """Return an object and what it holds as a nested Markdown list."""
    rows = []
    for depth, o in parts:
        pad = "  " * depth
        rows.append(f"{pad}- {o.id.kind.replace('_', ' ')} {code(o.id.name)}")
        rows += [f"{pad}  - {code(name)}: {code(value_text(value))}" for name, value in _told(o)]
    return "\n".join(rows)


def portrait_json(parts: Iterable[tuple[int, Object]]) -> list[dict[str, Value]]:
    """Return an object and what it holds as JSON, with every attribute that was read."""
    return [
        {
            "kind": o.id.kind,
            "name": o.id.name,
            "parent": str(o.parent) if o.parent else None,
            "attributes": dict(sorted(o.attributes.items())),
        }
        for _, o in parts
    ]


def _below(
    o: Object, children: Mapping[ObjectId, list[Object]], depth: int
) -> Iterator[tuple[int, Object]]:
    yield depth, o
    for child in sorted(children.get(o.id, ()), key=_order):
        yield from _below(child, children, depth + 1)


def _order(o: Object) -> tuple[str, int, ObjectId]:
    position = o.attributes.get("position")
    return o.id.kind, position if isinstance(position, int) else 0, o.id


def _lines(o: Object, pad: str) -> Iterator[str]:
    yield pad + one_line(f"{o.id.kind.replace('_', ' ')} {o.id.name}")
    for name, value in _told(o):
        first, *more = value_text(value).split("\n")
        if not more:
            yield f"{pad}    {name}: {first}"
            continue
        yield f"{pad}    {name}:"
        yield from (f"{pad}      {line}" for line in (first, *more))


def _told(o: Object) -> Iterator[tuple[str, Value]]:
    for name, value in sorted(o.attributes.items()):
        if not is_usual(name, value):
            yield name, value
