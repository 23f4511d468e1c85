"""Content hashes: one canonical form, one hash, so that equal content has an equal digest.

A digest is 32 hex digits: BLAKE2b of 16 bytes, which keeps a snapshot of a million objects free
of chance collisions. It identifies, it does not authenticate.
"""

import json
from collections.abc import Iterable, Mapping
from hashlib import blake2b

# Bytes of a digest.
SIZE = 16
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
    return blake2b(text, digest_size=SIZE).hexdigest()


def root_digest(digests: Iterable[bytes]) -> str:
    """Return one digest over a set of digests, whatever their order."""
    return blake2b(b"".join(sorted(digests)).hex().encode(), digest_size=SIZE).hexdigest()
