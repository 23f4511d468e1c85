"""Content hashes: one canonical form, one hash, so that equal content has an equal digest.

A digest is 32 hex digits: BLAKE2b of 16 bytes, which keeps a snapshot of a million objects free
of chance collisions. It identifies, it does not authenticate.
"""

import json
from collections.abc import Iterable, Mapping
from functools import lru_cache
from hashlib import blake2b
from json.encoder import encode_basestring as quote

_SIZE = 16
_ENCODER = json.JSONEncoder(sort_keys=True, separators=(",", ":"), ensure_ascii=False)


def canonical(value: object) -> str:
    """Return the one JSON text of a JSON value: sorted keys, no spaces, no escapes but needed."""
    return _ENCODER.encode(value)


def content_text(
    kind: str, path: tuple[str, ...], args: str, attributes: Mapping[str, object]
) -> bytes:
    """Return what the digest of one object is made from: the canonical form of all it holds."""
    names, template = _layout(tuple(attributes))
    # As JSONEncoder writes it, in half its time: there are as many as objects in a snapshot.
    text = template % (
        quote(kind),
        ",".join(map(quote, path)),
        quote(args),
        *["null" if (v := attributes[n]) is None else _text(v) for n in names],
    )
    # Surrogates cannot come from a server, but a snapshot file may hold anything.
    return text.encode("utf-8", "surrogatepass")


def content_digest(
    kind: str, path: tuple[str, ...], args: str, attributes: Mapping[str, object]
) -> str:
    """Return the digest of one object."""
    text = content_text(kind, path, args, attributes)
    return blake2b(text, digest_size=_SIZE).hexdigest()


def root_digest(digests: Iterable[str]) -> str:
    """Return one digest over a set of digests, whatever their order."""
    return blake2b("".join(sorted(digests)).encode(), digest_size=_SIZE).hexdigest()


@lru_cache(maxsize=500)
def _layout(names: tuple[str, ...]) -> tuple[list[str], str]:
    """Return the names of a kind's attributes in order, and a template for all but the values."""
    ordered = sorted(names)
    members = ",".join(quote(name).replace("%", "%%") + ":%s" for name in ordered)
    return ordered, "[%s,[%s],%s,{" + members + "}]"


def _text(value: object) -> str:
    if value.__class__ is str:
        return quote(value)
    if value is True or value is False:
        return "true" if value else "false"
    return canonical(value)
