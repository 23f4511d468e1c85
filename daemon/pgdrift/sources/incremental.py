"""What was read before in, and what moved since; out comes the same as if all had been read now.

What has to be read again is read with the queries of the kinds, as ever, each narrowed to that. On
any doubt nothing comes out, and the caller reads it all.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import cast

from pgdrift.core.held.dependencies import Dependencies
from pgdrift.core.held.register import LostError, Register, merged
from pgdrift.core.kind import Kind
from pgdrift.core.kinds import KINDS
from pgdrift.core.model import Snapshot
from pgdrift.log import get_logger
from pgdrift.sources.answers import Answer, answers
from pgdrift.sources.catalog import Found, add, own_key, without_collector
from pgdrift.sources.connection import Connection, translated
from pgdrift.sources.dependencies import read_some
from pgdrift.sources.gate import Sums
from pgdrift.sources.needed import Needed, needed
from pgdrift.sources.query import ADDRESS, PARENT
from pgdrift.sources.touched import touched

log = get_logger("sources.incremental")

# The share of all groups of objects beyond which it is as well to read all.
_MOST = 8
_ALWAYS = 200


@dataclass(frozen=True, slots=True)
class Seen:
    """A snapshot as it was read, where each object was found (`held`), and the gate then.

    `there` are the kinds of which there was anything, `own` the schemas that were left out; secrets
    were sealed with `key`.
    """

    snapshot: Snapshot
    held: bytes = field(repr=False)
    there: frozenset[str]
    sums: Sums
    own: frozenset[str]
    key: bytes = field(repr=False)

    @property
    def dependencies(self) -> Dependencies:
        """The snapshot's, as they are held."""
        return cast("Dependencies", self.snapshot.dependencies)


async def read_again(
    connection: Connection, before: Seen, sums: Sums, *, own: Collection[str], cluster: bool
) -> tuple[Seen, Needed] | None:
    """Return what there is now and what was asked, or None where all has to be read to know.

    Reads inside the transaction that the caller opened, under the gate `sums`. Raises SourceError.
    """
    moved = sums.moved(before.sums)
    if moved.all or before.snapshot.unread or before.own != frozenset(own):
        return None
    with translated(connection.where), without_collector():
        most = max(_ALWAYS, len(before.snapshot.packed.groups) // _MOST)
        oids = await touched(connection, moved, most)
        if oids is None:
            return None
        again = {0, *oids, *moved.oids()}
        kinds = [k for k in KINDS if cluster or not k.cluster]
        asked = await needed(connection, kinds, before.there, moved, sums, oids)
        register = Register.of_held(before.snapshot.packed, before.held)
        found = await _read(connection, before, register, sorted(oids), again, asked.kinds)
        if found is None:
            return None
        objects, _ = found.packing.packed()
        put = merged(register, again, found.register(objects))
        ends = await read_some(connection, {*found.at} - {0}, put)
    try:
        dependencies = put.dependencies(before.dependencies, ends)
    except LostError:
        log.warning("incremental.doubt", database=before.snapshot.database)
        return None
    snapshot = replace(
        before.snapshot,
        objects=put.register.objects,
        dependencies=dependencies,
        taken_at=datetime.now(UTC),
    )
    there, held = before.there | found.there, put.register.held()
    return replace(before, snapshot=snapshot, held=held, there=there, sums=sums), asked


async def _read(
    connection: Connection,
    before: Seen,
    register: Register,
    oids: list[int],
    again: AbstractSet[int],
    kinds: Sequence[Kind],
) -> Found | None:
    """Return what is told with these OIDs, None where something of it may not be read."""
    major = before.snapshot.server_version // 10000
    found = Found(key=before.key or own_key())
    excluded = sorted(before.own)
    rows = answers(connection, kinds, major, excluded, found.key, oids)
    all_of = [answer async for answer in rows]
    if any(answer.refused for answer in all_of):
        return None
    found.elsewhere.update(_parents(register, again, all_of))
    for answer in all_of:
        if answer.how:
            add(found, answer)
    return found


def _parents(
    register: Register, again: AbstractSet[int], answers: Collection[Answer]
) -> dict[int, bytes]:
    """Return the parents that were not read again, by address."""
    read = {row[ADDRESS] for answer in answers for row in answer.rows}
    wanted = {row[PARENT] for answer in answers for row in answer.rows} - read
    places = {
        address: place
        for address, place in register.places(wanted - {0, None}).items()
        if register.told_with[place] not in again
    }
    names = register.names(places.values())
    return {address: names[place] for address, place in places.items()}
