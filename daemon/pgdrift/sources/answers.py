"""Kinds in, the rows of each out, batch by batch, in the transaction that the caller opened.

What is done with rows it does not know.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from typing import Any

import asyncpg

from pgdrift.core.kind import Kind
from pgdrift.sources.connection import Connection
from pgdrift.sources.query import ATTRIBUTES, query, some
from pgdrift.sources.told import Telling, telling

# Rows of one answer: the fewer answers, the less a server waits to be asked for the next.
_BATCH = 2_000


@dataclass(frozen=True, slots=True)
class Answer:
    """Some rows of a kind, and how they are told.

    `first` and `last` of the kind's; a `refused` kind is one that the role may not read: what came
    of it before is to be forgotten. The last has no rows where they came to an end before.
    """

    kind: Kind
    how: Telling | None = None
    rows: Sequence[Sequence[Any]] = ()
    first: bool = False
    last: bool = False
    refused: str = ""


async def answers(
    connection: Connection,
    kinds: Sequence[Kind],
    major: int,
    excluded: list[str],
    key: bytes,
    again: list[int] | None = None,
) -> AsyncIterator[Answer]:
    """Give all rows of those of the kinds that a server of this major version has, in order.

    `again`: only those that are told with something that has one of these OIDs.
    """
    asked = (excluded,) if again is None else (excluded, again)
    # One savepoint serves all: reading changes nothing that going back to it could undo.
    await connection.execute("SAVEPOINT kind")
    for kind in kinds:
        if kind.since > major:
            continue
        first = True
        try:
            async for answer in _of_kind(connection, kind, major, asked, key):
                yield answer
                first = False
        except asyncpg.InsufficientPrivilegeError as error:
            await connection.execute("ROLLBACK TO SAVEPOINT kind")
            yield Answer(kind, first=first, last=True, refused=str(error))
    await connection.execute("RELEASE SAVEPOINT kind")


async def _of_kind(
    connection: Connection, kind: Kind, major: int, asked: tuple[list[Any], ...], key: bytes
) -> AsyncIterator[Answer]:
    text = query(kind, major) if len(asked) == 1 else some(kind, major)
    statement = await connection.prepare(text)
    types = [column.type.name for column in statement.get_attributes()[ATTRIBUTES:]]
    how = telling(kind, major, types, key)
    if len(asked) > 1:
        # These are few: one question less for each kind.
        yield Answer(kind, how, await statement.fetch(*asked), first=True, last=True)
        return
    cursor = await statement.cursor(*asked)
    first, last = True, False
    while not last:
        rows = await cursor.fetch(_BATCH)
        last = len(rows) < _BATCH
        yield Answer(kind, how, rows, first, last)
        first = False
