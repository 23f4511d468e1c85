"""A snapshot ↔ pages of lines: pure, no database.

A line is one object: digest, and marks (hashes of identities) of what it depends on. Lines whose
digests begin alike share a page, and a page is named by its own hash. So two snapshots that differ
in one object share all pages but two, whatever the size of the schema, and databases of one schema
share them all: their oids lie beside.
"""

from __future__ import annotations

import json
import struct
import sys
from array import array
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from hashlib import blake2b
from itertools import chain
from typing import TypeAlias

from pgdrift.core.held.dependencies import Dependencies
from pgdrift.core.held.group import Group, content, digests, head, identities, size
from pgdrift.core.held.packed import Packed
from pgdrift.core.model import Object, ObjectId, Snapshot

Pairs: TypeAlias = tuple[tuple[ObjectId, ObjectId], ...]

_HEAD = struct.Struct(">16sII")
_MARK = 16
_LINES = 128  # most lines of a page, on average


@dataclass(frozen=True, slots=True)
class Page:
    """Some objects of a snapshot: those whose digests begin with `bucket`."""

    digest: bytes
    bucket: str
    body: bytes


@dataclass(frozen=True, slots=True)
class Line:
    """One object of a page: hex digest, oid (only in old pages), marks of what it depends on."""

    digest: str
    oid: int
    marks: tuple[bytes, ...]


@dataclass(frozen=True, slots=True)
class Manifest:
    """A snapshot made ready to be kept. `loose` are dependencies that no line can hold.

    `oids` are in order of digest.
    """

    snapshot: Snapshot
    pages: tuple[Page, ...]
    loose: Pairs
    oids: bytes


# Of so many schemas the pages stay, for the next database that has one of them.
_LATEST = 8
_paged: dict[bytes, tuple[tuple[Page, ...], Pairs]] = {}


def paginate(snapshot: Snapshot) -> Manifest:
    """Return the snapshot as pages."""
    key = _content_key(snapshot)
    if key is None or (known := _paged.get(key)) is None:
        known = _pages_of(snapshot)
        if key is not None:
            # Threads may do this at once: whoever forgets something works it out again.
            for old in list(_paged)[: 1 - _LATEST]:
                _paged.pop(old, None)
            _paged[key] = known
    return Manifest(snapshot, *known, _oids(snapshot.packed))


def _content_key(snapshot: Snapshot) -> bytes | None:
    """Return what is equal where objects and dependencies are, told without unfolding them."""
    depends, groups = snapshot.dependencies, snapshot.packed.groups
    if depends and not _by_place(snapshot):
        return None
    ends = depends.words if isinstance(depends, Dependencies) else b""
    made = blake2b(ends, digest_size=32)
    for key, group in groups.items():
        made.update(f"{len(key)} {size(group)} {key}".encode("utf-8", "surrogatepass"))
        made.update(head(group))
    return made.digest()


def _by_place(snapshot: Snapshot) -> bool:
    """Tell whether the dependencies are known by the places of these very objects."""
    depends = snapshot.dependencies
    return isinstance(depends, Dependencies) and depends.are_of(snapshot.packed)


def _pages_of(snapshot: Snapshot) -> tuple[tuple[Page, ...], Pairs]:
    groups = snapshot.packed.groups.values()
    named, pairs, loose = b"".join(map(_marks, groups)), *_places(snapshot)
    marks: dict[int, list[bytes]] = defaultdict(list)
    for dependent, referenced in pairs:
        marks[dependent].append(named[referenced * _MARK : (referenced + 1) * _MARK])
    width = _width(len(snapshot.objects))
    buckets: dict[str, list[bytes]] = defaultdict(list)
    for place, digest in enumerate(chain.from_iterable(map(digests, groups))):
        buckets[digest.hex()[:width]].append(_line(digest, sorted(marks.get(place, ()))))
    pages = (_page(bucket, b"".join(sorted(lines))) for bucket, lines in buckets.items())
    return tuple(pages), loose


def _places(snapshot: Snapshot) -> tuple[Iterable[tuple[int, int]], Pairs]:
    """Return the pairs whose ends are both there, by place, and the others by name."""
    depends = snapshot.dependencies
    if isinstance(depends, Dependencies) and _by_place(snapshot):
        ends = depends.ends
        return zip(ends[::2], ends[1::2], strict=True), ()
    at = {id_: place for place, id_ in enumerate(snapshot.objects)} if depends else {}
    pairs, loose = list[tuple[int, int]](), list[tuple[ObjectId, ObjectId]]()
    for pair in depends:
        dependent, referenced = map(at.get, pair)
        if dependent is None or referenced is None:
            loose.append(pair)
        else:
            pairs.append((dependent, referenced))
    return pairs, tuple(loose)


def _oids(objects: Packed) -> bytes:
    """Return the oids of all objects, in order of their digests."""
    told = sorted(
        pair
        for key, group in objects.groups.items()
        for pair in zip(digests(group), array("I", objects.oids[key]), strict=True)
    )
    return b"".join(oid.to_bytes(4, "big") for _, oid in told)


def with_oids(objects: Packed, oids: bytes) -> Packed:
    """Return the same objects with the oids of another database, in order of digest."""
    words = array("I", oids)
    if sys.byteorder == "little":
        words.byteswap()
    ordered = sorted(digest for group in objects.groups.values() for digest in digests(group))
    at = dict(zip(ordered, words, strict=True))
    return Packed(
        objects.groups,
        {
            key: array("I", [at[digest] for digest in digests(group)]).tobytes()
            for key, group in objects.groups.items()
        },
    )


def _width(objects: int) -> int:
    width = 0
    while objects > _LINES * 16**width:
        width += 1
    return width


def buckets_of(digest: str) -> tuple[str, ...]:
    """Return every bucket that may hold an object of this digest, whatever a snapshot's size."""
    return tuple(digest[:width] for width in range(7))


def _page(bucket: str, body: bytes) -> Page:
    return Page(page_digest(bucket, body), bucket, body)


def page_digest(bucket: str, body: bytes) -> bytes:
    """Return the name of a page."""
    return blake2b(body, digest_size=16, key=bucket.encode()).digest()


def _line(digest: bytes, marks: Sequence[bytes]) -> bytes:
    return _HEAD.pack(digest, 0, len(marks)) + b"".join(marks)


def lines(body: bytes) -> Iterator[Line]:
    """Give the lines of a page that is whole."""
    at = 0
    while at < len(body):
        digest, oid, count = _HEAD.unpack_from(body, at)
        at += _HEAD.size
        marks = tuple(body[i : i + _MARK] for i in range(at, at + count * _MARK, _MARK))
        at += count * _MARK
        yield Line(digest.hex(), oid, marks)


def _mark(id_: ObjectId) -> bytes:
    text = json.dumps((id_.kind, id_.path, id_.args))
    return blake2b(text.encode(), digest_size=_MARK).digest()


# Of a schema that changes, most groups are as they were; databases of one schema have the same. All
# groups of a large one are asked for in turn: if they do not fit, none is found.
@lru_cache(maxsize=1 << 16)
def _marks(group: Group) -> bytes:
    """Return the marks of a group's objects, one after the other."""
    return b"".join(_mark(id_) for id_ in identities(group))


def dependencies(objects: Mapping[str, Object], all_lines: list[Line], loose: Pairs) -> Pairs:
    """Return the sorted pairs that these lines stand for; `objects` are keyed by digest.

    Raises KeyError when a line depends on what is not there.
    """
    if not any(line.marks for line in all_lines):
        return loose
    named = {_mark(o.id): o.id for o in objects.values()}
    pairs = [(objects[ln.digest].id, named[mark]) for ln in all_lines for mark in ln.marks]
    return tuple(sorted([*pairs, *loose], key=_order))


def _order(pair: tuple[ObjectId, ObjectId]) -> tuple[object, ...]:
    # The order of ObjectId itself, but an order of magnitude quicker to compare.
    a, b = pair
    return (a.kind, a.path, a.args, b.kind, b.path, b.args)


body_of = content


def object_of(digest: str, body: bytes, parent: ObjectId | None) -> Object:
    """Return the object of a content. Raises ValueError when it is not what its digest says."""
    if blake2b(body, digest_size=16).hexdigest() != digest:
        raise ValueError("a content that is not what its digest says")
    kind, path, args, attributes = json.loads(body)
    return _known(Object(ObjectId(kind, tuple(path), args), attributes, parent), digest)


def at_oid(o: Object, oid: int) -> Object:
    """Return the object with this oid; one content has another oid in every database."""
    return o if o.oid == oid else _known(Object(o.id, o.attributes, o.parent, oid), o.digest)


def _known(o: Object, digest: str) -> Object:
    o.know(digest)
    return o
