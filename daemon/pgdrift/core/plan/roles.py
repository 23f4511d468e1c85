"""A snapshot in, the roles that it names out: a scratch server must have all of them."""

from __future__ import annotations

from collections.abc import Iterator

from pgdrift.core.model import Object, Snapshot
from pgdrift.core.names import unquote
from pgdrift.core.plan.kinds.privileges import grantee
from pgdrift.core.plan.sql import texts

_GRANTEE_LAST = ("privilege", "user_mapping")


def roles(*snapshots: Snapshot) -> frozenset[str]:
    """Return the names of all roles that own, hold or are given anything."""
    named = {r for s in snapshots for o in s.objects.values() for r in _of(o)}
    return frozenset(named - {"PUBLIC", ""})


def _of(found: Object) -> Iterator[str]:
    kind, path = found.id.kind, found.id.path
    yield str(found.attributes.get("owner") or "")
    if kind == "default_privilege":
        yield path[0]
        for entry in texts(found.attributes.get("privileges")):
            yield unquote(entry.rpartition("=")[0])
    elif kind.endswith(_GRANTEE_LAST):
        yield unquote(grantee(path[-1]))
    elif kind == "policy":
        yield from map(unquote, texts(found.attributes.get("roles")))
