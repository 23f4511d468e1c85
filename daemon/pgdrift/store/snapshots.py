"""Snapshots in and out of the database, content by content; equal contents are kept once.

Within one write transaction a page that is there has all its contents there, too: so only the
contents of new pages are looked for, and only those that are missing are written.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterable, Iterator, MutableMapping, Sequence
from collections.abc import Set as AbstractSet
from datetime import datetime
from itertools import islice
from typing import Any, NoReturn, TypeAlias, TypeVar

from sqlalchemy import Row, Table, select
from sqlalchemy.ext.asyncio import AsyncConnection

from pgdrift.core.digest import root_digest
from pgdrift.core.held.dependencies import Dependencies
from pgdrift.core.held.group import digests as digests_of
from pgdrift.core.model import Object, Snapshot
from pgdrift.errors import StoreError
from pgdrift.store import codec, tables
from pgdrift.store.pages import (
    Line,
    Manifest,
    Page,
    at_oid,
    body_of,
    dependencies,
    lines,
    object_of,
    page_digest,
    with_oids,
)
from pgdrift.store.postgres import turn

T = TypeVar("T")
Known: TypeAlias = MutableMapping[tuple[frozenset[bytes], str], Snapshot]

_PAGES = select(tables.snapshot_page.c.page)

_BATCH = 1000

CONTENTS = " contents"
"""Whose turn it is to write or to forget what snapshots have in common."""


def batches(items: Iterable[T]) -> Iterable[list[T]]:
    """Give the items in lists that one statement can carry."""
    source = iter(items)
    while batch := list(islice(source, _BATCH)):
        yield batch


async def keep(
    c: AsyncConnection, environment: str, at: datetime, manifest: Manifest, *, seen: bool
) -> int:
    """Write a snapshot and return its row's id. `at` is the present, UTC.

    `seen`: the environment was like this at that time, and not only expected or agreed to be.
    """
    await turn(c, CONTENTS)
    new = await _missing(c, tables.page, {p.digest: p for p in manifest.pages})
    await _keep_contents(c, manifest.snapshot, new)
    rows = [{"digest": p.digest, "bucket": p.bucket, "body": p.body} for p in new]
    await insert_all(c, tables.page, rows)
    s = manifest.snapshot
    row = {
        "environment": environment,
        "kept_at": at,
        "taken_at": s.taken_at,
        "root": s.root,
        "database": s.database,
        "server_version": s.server_version,
        "format": s.format,
        "kinds": codec.KINDS.write(s.kinds),
        "unread": codec.TEXTS.write(dict(s.unread)),
        "loose": codec.PAIRS.write(manifest.loose),
        "seen": seen,
        "oids": manifest.oids,
        "objects": len(s.objects),
    }
    id_ = await insert(c, tables.snapshot, row)
    links = [{"snapshot_id": id_, "page": p.digest} for p in manifest.pages]
    await insert_all(c, tables.snapshot_page, links)
    return id_


async def _keep_contents(c: AsyncConnection, snapshot: Snapshot, new: Sequence[Page]) -> None:
    wanted = [bytes.fromhex(line.digest) for page in new for line in lines(page.body)]
    missing = frozenset(await _missing(c, tables.content, dict(zip(wanted, wanted, strict=True))))
    for batch in batches(_having(snapshot, missing)):
        await insert_all(c, tables.content, [_content(o) for o in batch])


def _having(snapshot: Snapshot, digests: AbstractSet[bytes]) -> Iterator[Object]:
    """Give the objects of these digests; only groups that hold any are unfolded."""
    for key, group in snapshot.packed.groups.items() if digests else ():
        if not digests.isdisjoint(digests_of(group)):
            objects = snapshot.packed.under(key).values()
            yield from (o for o in objects if bytes.fromhex(o.digest) in digests)


def _content(o: Object) -> dict[str, Any]:
    parent = codec.ID.write(o.parent)
    return {"digest": bytes.fromhex(o.digest), "body": body_of(o), "parent": parent}


async def _missing(c: AsyncConnection, table: Table, items: dict[bytes, T]) -> list[T]:
    there: set[bytes] = set()
    for batch in batches(items):
        found = await c.execute(select(table.c.digest).where(table.c.digest.in_(batch)))
        there.update(found.scalars())
    return [item for digest, item in items.items() if digest not in there]


async def insert(c: AsyncConnection, table: Table, row: dict[str, Any]) -> int:
    """Insert one row and return the id that it was given."""
    made = await c.execute(table.insert().values(row).returning(table.c.id))
    id_: int = made.scalar_one()
    return id_


async def insert_all(c: AsyncConnection, table: Table, rows: Sequence[dict[str, Any]]) -> None:
    """Insert many rows of one shape; none is fine."""
    if rows:
        await c.execute(table.insert(), rows)


async def read(
    c: AsyncConnection, id_: int, in_use: Iterable[Snapshot] = (), known: Known | None = None
) -> Snapshot:
    """Return a kept snapshot. Raises StoreError (damaged) when it is not what was kept.

    What it has in common with those in use is held once. `known` are those that were read, by
    their pages: one of the very same objects is made of them, and read no more.
    """
    row = (await c.execute(select(tables.snapshot).where(tables.snapshot.c.id == id_))).one()
    named = await c.execute(_PAGES.where(tables.snapshot_page.c.snapshot_id == id_))
    pages = frozenset(named.scalars()), row.loose
    if known is not None and row.oids is not None and (twin := known.get(pages)) is not None:
        return _as_twin(row, twin)
    all_lines = [line async for page in _pages(c, row) for line in lines(page.body)]
    objects = await _read_contents(c, row, {line.digest for line in all_lines})
    snapshot = await asyncio.to_thread(_assemble, row, all_lines, objects)
    for other in in_use:
        snapshot = snapshot.sharing(other)
    if known is not None:
        known[pages] = snapshot
    return snapshot


def _as_twin(row: Row[Any], twin: Snapshot) -> Snapshot:
    """Return what a row stands for, of the objects of a snapshot with the very same pages."""
    objects = with_oids(twin.packed, row.oids)
    depends = twin.dependencies
    return Snapshot(
        objects=objects,
        kinds=codec.KINDS.read(row.kinds),
        server_version=row.server_version,
        taken_at=row.taken_at,
        database=row.database,
        unread=codec.TEXTS.read(row.unread),
        dependencies=depends.over(objects) if isinstance(depends, Dependencies) else depends,
        format=row.format,
    )


async def size(c: AsyncConnection, id_: int | None) -> tuple[int, int] | None:
    """Return how many objects a snapshot has, and its server's version; None where not known."""
    s = tables.snapshot
    query = select(s.c.objects, s.c.server_version).where(s.c.id == id_, s.c.objects.is_not(None))
    row = (await c.execute(query)).one_or_none()
    return None if row is None else (row.objects, row.server_version)


async def _pages(c: AsyncConnection, row: Row[Any]) -> AsyncIterator[Row[Any]]:
    mine = tables.page.join(tables.snapshot_page)
    query = select(tables.page).select_from(mine)
    for page in await c.execute(query.where(tables.snapshot_page.c.snapshot_id == row.id)):
        if page_digest(page.bucket, page.body) != page.digest:
            _damaged(row)
        yield page


async def _read_contents(c: AsyncConnection, row: Row[Any], digests: set[str]) -> dict[str, Object]:
    found: dict[str, Object] = {}
    column = tables.content.c.digest
    for batch in batches(map(bytes.fromhex, digests)):
        query = select(tables.content).where(column.in_(batch))
        for digest, body, parent in await c.execute(query):
            try:
                o = object_of(digest.hex(), body, codec.ID.read(parent))
            except ValueError:
                _damaged(row)
            found[o.digest] = o
    return found


def _assemble(row: Row[Any], all_lines: list[Line], objects: dict[str, Object]) -> Snapshot:
    # Each content was held against its digest already.
    if root_digest(bytes.fromhex(line.digest) for line in all_lines) != row.root:
        _damaged(row)
    try:
        mine = [at_oid(objects[line.digest], oid) for line, oid in _with_oids(row, all_lines)]
        pairs = dependencies(objects, all_lines, codec.PAIRS.read(row.loose))
    except KeyError:
        _damaged(row)
    return Snapshot(
        objects={o.id: o for o in mine},
        kinds=codec.KINDS.read(row.kinds),
        server_version=row.server_version,
        taken_at=row.taken_at,
        database=row.database,
        unread=codec.TEXTS.read(row.unread),
        dependencies=pairs,
        format=row.format,
    )


def _with_oids(row: Row[Any], all_lines: list[Line]) -> Iterable[tuple[Line, int]]:
    if row.oids is None:
        return ((line, line.oid) for line in all_lines)
    if len(row.oids) != 4 * len(all_lines):
        _damaged(row)
    ordered = sorted(all_lines, key=lambda line: line.digest)
    oids = (int.from_bytes(row.oids[n : n + 4], "big") for n in range(0, len(row.oids), 4))
    return zip(ordered, oids, strict=True)


def _damaged(row: Row[Any]) -> NoReturn:
    raise StoreError(
        f"snapshot {row.id} of {row.environment} is not what was kept",
        reason="damaged",
        hint="restore the store from its latest backup",
    )
