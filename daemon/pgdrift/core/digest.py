"""Content hashes: one canonical form, one hash, so that equal content has an equal digest.

A digest is 32 hex digits: BLAKE2b of 16 bytes, which keeps a snapshot of a million objects free
of chance collisions. It identifies, it does not authenticate.
"""

import json
from collections.abc import Iterable, Mapping
from hashlib import blake2b

_SIZE = 16
_ENCODER = json.JSONEncoder(sort_keys=True, separators=(",", ":"), ensure_ascii=False)


def canonical(value: object) -> str:
    """Return the one JSON text of a JSON value: sorted keys, no spaces, no escapes but needed."""
    return _ENCODER.encode(value)


def content_digest(
    kind: str, path: tuple[str, ...], args: str, attributes: Mapping[str, object]
) -> str:
    """Return the digest of one object."""
    # Surrogates cannot come from a server, but a snapshot file may hold anything.
    text = canonical([kind, path, args, dict(attributes)]).encode("utf-8", "surrogatepass")
    return blake2b(text, digest_size=_SIZE).hexdigest()


def root_digest(digests: Iterable[str]) -> str:
    """Return one digest over a set of digests, whatever their order."""
    return blake2b("".join(sorted(digests)).encode(), digest_size=_SIZE).hexdigest()
