"""One group of a packed snapshot: objects in, one compressed run of bytes out, and back.

A group holds, of objects in order of digest: how many they are, their digests, and compressed
their parents and contents. Equal groups are equal bytes. Oids lie beside it, so that databases
of one schema can share groups.
"""

from __future__ import annotations

import json
import zlib
from array import array
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from collections.abc import Set as AbstractSet
from functools import lru_cache
from hashlib import blake2b
from typing import TypeAlias

from pgdrift.core.digest import SIZE, canonical
from pgdrift.core.held.objects import Object, ObjectId, Value
from pgdrift.core.held.once import once

Group: TypeAlias = bytes
Oids: TypeAlias = bytes
"""One unsigned word for each object, in the order of the group."""

_COUNT = 4
# The quickest; equal text lies so close together that more effort gains little.
_EFFORT = 1
# Text so short gains too little by compression for the time that each beginning of one takes.
_SHORT = 600


def folded(objects: Sequence[Object]) -> tuple[Group, Oids]:
    """Return objects as one group, and their oids."""
    # In order of digest, so that equal groups are equal bytes.
    told = sorted(map(_hashed, objects), key=lambda h: h[0])
    at = {o.id: n for n, (_, _, o) in enumerate(told)}
    parents = [None if o.parent is None else at.get(o.parent, o.parent) for _, _, o in told]
    group = fold(
        [digest for digest, _, _ in told],
        canonical(parents).encode("utf-8", "surrogatepass"),
        (text for _, text, _ in told),
    )
    return group, array("I", [o.oid for _, _, o in told]).tobytes()


def fold(digests: Sequence[bytes], parents: bytes, contents: Iterable[bytes]) -> Group:
    """Return one group of objects that are in order of digest.

    `parents` is a JSON list: for each object null, the place of its parent in this very group,
    or the parent's identity. A content is the text of which the digest is the hash.
    """
    # A line feed within JSON text is always escaped, so those here end contents.
    text = b"\n".join((parents, *contents))
    if len(text) > _SHORT:
        text = zlib.compress(text, _EFFORT)
    return _one(b"".join((len(digests).to_bytes(_COUNT, "big"), *digests, text)))


_one: Callable[[Group], Group] = once(1 << 13)


def unfold(group: Group, oids: Oids) -> Iterator[Object]:
    """Give the objects of a group."""
    parents, *rows = json.loads(b"[" + _text(group).replace(b"\n", b",") + b"]")
    ids = [ObjectId(kind, tuple(path), args) for kind, path, args, _ in rows]
    told = zip(ids, rows, parents, array("I", oids), digests(group), strict=True)
    for i, row, parent, oid, digest in told:
        o = Object(i, row[3], _parent(parent, ids), oid)
        o.know(digest.hex())
        yield o


def unfold_but(group: Group, oids: Oids, known: AbstractSet[bytes]) -> Iterator[Object]:
    """Give the objects of a group but for those of these digests, which cost nothing."""
    numbers = [n for n, digest in enumerate(digests(group)) if digest not in known]
    return _unfold_these(group, oids, _text(group).split(b"\n"), numbers)


def unfold_some(group: Group, oids: Oids, ids: Iterable[ObjectId]) -> Iterator[Object]:
    """Give those of these objects that lie in a group; the others cost nothing."""
    names = (canonical([i.kind, i.path, i.args]) for i in ids)
    heads = tuple(f"{name[:-1]},".encode("utf-8", "surrogatepass") for name in names)
    texts = _text(group).split(b"\n")
    numbers = [n for n, text in enumerate(texts[1:]) if text.startswith(heads)]
    return _unfold_these(group, oids, texts, numbers)


def _unfold_these(
    group: Group, oids: Oids, texts: Sequence[bytes], numbers: Iterable[int]
) -> Iterator[Object]:
    places, words, known = json.loads(texts[0]), array("I", oids), list(digests(group))
    rows: dict[int, tuple[ObjectId, dict[str, Value]]] = {}

    def row(n: int) -> tuple[ObjectId, dict[str, Value]]:
        if n not in rows:
            kind, path, args, attributes = json.loads(texts[n + 1])
            rows[n] = ObjectId(kind, tuple(path), args), attributes
        return rows[n]

    for n in numbers:
        (i, attributes), at = row(n), places[n]
        parent = row(at)[0] if isinstance(at, int) else _parent(at, ())
        o = Object(i, attributes, parent, words[n])
        o.know(known[n].hex())
        yield o


# Databases of one schema have the same groups.
@lru_cache(maxsize=1 << 13)
def kinds(group: Group) -> tuple[tuple[str, int], ...]:
    """Return the kinds of a group's objects, each with how many there are, without unfolding it."""
    # A content begins with its kind, in which nothing is escaped.
    told = (text[2 : text.index(b'"', 2)].decode() for text in contents(group))
    return tuple(Counter(told).items())


def identities(group: Group) -> Iterator[ObjectId]:
    """Give the identities of a group's objects in order."""
    for kind, path, args, _ in json.loads(b"[" + b",".join(contents(group)) + b"]"):
        yield ObjectId(kind, tuple(path), args)


def size(group: Group) -> int:
    """Return how many objects lie in a group."""
    return int.from_bytes(group[:_COUNT], "big")


def head(group: Group) -> bytes:
    """Return what is equal where all contents are equal."""
    return group[: _COUNT + size(group) * SIZE]


def digests(group: Group) -> Iterator[bytes]:
    """Give the digests in order."""
    return (group[at : at + SIZE] for at in range(_COUNT, _COUNT + size(group) * SIZE, SIZE))


def contents(group: Group) -> list[bytes]:
    """Return the contents in order."""
    return _text(group).split(b"\n")[1:]


def content(o: Object) -> bytes:
    """Return an object's content: the very text whose hash its digest is."""
    text = canonical([o.id.kind, o.id.path, o.id.args, dict(o.attributes)])
    return text.encode("utf-8", "surrogatepass")


def _hashed(o: Object) -> tuple[bytes, bytes, Object]:
    """Return an object's digest and content, made once for both."""
    text = content(o)
    digest = blake2b(text, digest_size=SIZE)
    o.know(digest.hexdigest())
    return digest.digest(), text, o


def _parent(told: object, ids: Sequence[ObjectId]) -> ObjectId | None:
    if isinstance(told, int):
        return ids[told]
    if isinstance(told, list):
        kind, path, args = told
        return ObjectId(kind, tuple(path), args)
    return None


def _text(group: Group) -> bytes:
    text = group[_COUNT + size(group) * SIZE :]
    # A list of parents begins what was left as it is, and nothing that is compressed.
    return text if text.startswith(b"[") else zlib.decompress(text)
