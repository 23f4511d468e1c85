"""What the host decides and not the schema, told as on the other host.

A collation is made with the version of the C library or of ICU that its server runs on. On
another host, or after a dump and restore, the same collation has another one, and nobody has
changed anything; in one and the same database a new version means that somebody refreshed it.
"""

from __future__ import annotations

from dataclasses import replace

from pgdrift.core.alike.apart import Edits, Pair

HOST_VERSION = "host_version"
"""The version of a part of the host with which an object was made."""


def hosts(told: Pair) -> Edits:
    """Return what differs with the other host's versions, where both sides read them."""
    return {
        i: replace(mine, attributes={**mine.attributes, HOST_VERSION: theirs})
        for i, mine in told.ours.items()
        if (other := told.theirs.get(i)) is not None
        and HOST_VERSION in mine.attributes
        and (theirs := other.attributes.get(HOST_VERSION, mine.attributes[HOST_VERSION]))
        != mine.attributes[HOST_VERSION]
    }
