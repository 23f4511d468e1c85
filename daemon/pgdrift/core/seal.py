"""Secrets in, their seals out: it is seen that one changed, and by nobody what it is.

A plain hash of a short password is found by trying; a seal is not, without the key. The key is
the reader's, and never leaves it (docs/decisions/0005). Two seals under different keys say
nothing of each other.
"""

from __future__ import annotations

import re
from hashlib import blake2b

from pgdrift.core.model import Value

# What the SQL of a kind gives for a secret: perhaps a name, and the hash of the value.
_SECRET = re.compile(r"(.*)secret:([0-9a-f]{64})", re.DOTALL)
_SEALED = re.compile(r"(.*)sealed:([0-9a-f]{8}):[0-9a-f]{16}", re.DOTALL)


def seal(value: Value, key: bytes) -> Value:
    """Return an attribute as it may be kept and shown: each secret in it sealed with the key.

    It is a text or a list of texts; what is no secret stays as it is. The key is of 64 bytes at
    most.
    """
    if isinstance(value, list):
        return [seal(one, key) for one in value]
    found = _SECRET.fullmatch(value) if isinstance(value, str) else None
    if found is None:
        return value
    # With the name: two options of equal value do not show that it is one.
    sealed = blake2b(found[0].encode(), key=key, digest_size=8).hexdigest()
    return f"{found[1]}sealed:{key_id(key)}:{sealed}"


def is_sealed(value: Value) -> bool:
    """Tell whether an attribute has a seal in it."""
    return bool(_keys(value))


def key_id(key: bytes) -> str:
    """Return what a key is known by: 8 hex digits that tell nothing of it."""
    return blake2b(b"key", key=key, digest_size=4).hexdigest()


def alike(one: Value, other: Value) -> bool:
    """Tell whether two values are equal as far as that can be said: seals under two keys cannot."""
    if one == other:
        return True
    keys, others = _keys(one), _keys(other)
    return bool(keys and others) and keys.isdisjoint(others) and _open(one) == _open(other)


def _keys(value: Value) -> frozenset[str]:
    found = (_SEALED.fullmatch(text) for text in _texts(value))
    return frozenset(seal[2] for seal in found if seal)


def _open(value: Value) -> list[str]:
    """Return the texts of a value without their seals."""
    return [_SEALED.sub(r"\1", text) for text in _texts(value)]


def _texts(value: Value) -> list[str]:
    return [one for one in (value if isinstance(value, list) else [value]) if isinstance(one, str)]
