"""A store from a SQLite file into an empty one on a server: all of it, or nothing.

What is read is a copy of the file, brought to this program's tables; the file stays as it is. It
goes over in one transaction, which ends only when what arrived was found to be what left.
"""

from __future__ import annotations

import os
import sqlite3
import tempfile
from collections.abc import AsyncIterator, Iterable, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from hashlib import blake2b
from pathlib import Path

from sqlalchemy import Integer, RowMapping, Table, func, insert, select, text
from sqlalchemy.ext.asyncio import AsyncConnection

from pgdrift.errors import ConfigError, StoreError
from pgdrift.store import engine, lock, postgres, tables
from pgdrift.store.failures import translated
from pgdrift.store.session import Session
from pgdrift.store.store import LEAD, Store

_LEASE = 3600.0  # seconds that the copying may take between two of its statements
_BATCH = 500
# What an empty store has as well: the key comes from the file, who worked on it is added.
_OWN = (tables.seal, tables.opened_by, tables.member, tables.duty)
_COPIED = tuple(t for t in tables.metadata.sorted_tables if t not in _OWN)


@dataclass(frozen=True, slots=True)
class Moved:
    """What one table had: how many rows, and a hash over what is in them, in whatever order."""

    table: str
    rows: int
    digest: str


async def move(source: str, target: str) -> tuple[Moved, ...]:
    """Copy all that the store at one URL holds into the empty one at another; return what that was.

    Raises ConfigError where these are not a file and a server, or the target is not empty;
    StoreError, `locked` while a daemon works on either, `unproved` when what arrived is not what
    left. Nothing is there then.
    """
    path = _path(source)
    if not postgres.is_server(target):
        msg = "the store to move to is none on a PostgreSQL server"
        raise ConfigError(msg, reason="usage", hint="give its URL: postgresql://user@host/database")
    with lock.hold(path), tempfile.TemporaryDirectory(prefix="pgdrift-move-") as folder:
        copy = Path(folder) / "pgdrift.db"
        with translated(path):
            _copy(path, copy)
        async with (
            await Store.open(f"sqlite:///{copy}") as old,
            await Store.open(target, fenced=True) as new,
        ):
            session = await new.join("pgdrift store migrate", _LEASE, counts=False)
            return await _move(old, session, postgres.where(target))


def _path(source: str) -> str:
    if postgres.is_server(source):
        msg = "the store to move from is none in a file"
        raise ConfigError(msg, reason="usage", hint="give its URL: sqlite:////path/of/pgdrift.db")
    path = str(engine.parse(source).database)
    if not os.path.exists(path):  # noqa: PTH110
        raise ConfigError(f"there is no store at {path}", reason="usage", hint="check its path")
    return path


def _copy(path: str, copy: Path) -> None:
    os.close(os.open(copy, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600))
    with closing(sqlite3.connect(f"{Path(path).absolute().as_uri()}?mode=ro", uri=True)) as store:
        store.execute("VACUUM INTO ?", (str(copy),))


async def _move(old: Store, session: Session, where: str) -> tuple[Moved, ...]:
    if not await session.take([LEAD]):
        raise StoreError(
            f"a pgdrift daemon works on the store {where}",
            reason="locked",
            hint="end all replicas first, and let them come when this is done",
        )
    async with old.reading() as source, session.speaking() as target:
        await _refuse_what_is_there(target, where)
        left = [await _copied(source, target, table) for table in _COPIED]
        await _own(source, target)
        arrived = [await _counted(target, table) for table in _COPIED]
        if wrong := [a.table for a, b in zip(left, arrived, strict=True) if a != b]:
            raise StoreError(
                f"what arrived in {', '.join(wrong)} is not what left; nothing was kept",
                reason="unproved",
                hint="report it as a bug; the file is as it was",
            )
    return tuple(left)


async def _refuse_what_is_there(c: AsyncConnection, where: str) -> None:
    """See that nothing is there, and that nobody writes until this is done."""
    await c.execute(text("LOCK TABLE environment, incident, snapshot IN SHARE ROW EXCLUSIVE MODE"))
    for table in _COPIED:
        if (await c.execute(select(func.count()).select_from(table))).scalar_one():
            raise ConfigError(
                f"the store {where} is not empty: there are rows in {table.name}",
                reason="usage",
                hint="move into an empty database, or drop the tables of pgdrift there",
            )


async def _copied(source: AsyncConnection, target: AsyncConnection, table: Table) -> Moved:
    """Copy one table; return what was read of it."""
    count, total = 0, 0
    async for rows in _batches(source, table):
        await target.execute(insert(table), [dict(row) for row in rows])
        count, total = count + len(rows), total + _hash(rows)
    await _go_on_counting(source, target, table)
    return _moved(table, count, total)


async def _counted(c: AsyncConnection, table: Table) -> Moved:
    count, total = 0, 0
    async for rows in _batches(c, table):
        count, total = count + len(rows), total + _hash(rows)
    return _moved(table, count, total)


def _moved(table: Table, count: int, total: int) -> Moved:
    return Moved(table.name, count, f"{total % 2**128:032x}")


async def _batches(c: AsyncConnection, table: Table) -> AsyncIterator[Sequence[RowMapping]]:
    # Read to its end, or the transaction ends with an error: there is nothing to close by hand.
    result = (await c.stream(select(table))).mappings()
    async for rows in result.partitions(_BATCH):
        yield rows


def _hash(rows: Iterable[RowMapping]) -> int:
    """Return a number that rows in any order add up to."""
    each = (blake2b(repr(tuple(row.values())).encode(), digest_size=16).digest() for row in rows)
    return sum(int.from_bytes(one, "big") for one in each)


async def _own(source: AsyncConnection, target: AsyncConnection) -> None:
    """Take over what a new store has of its own: what secrets are sealed with, and its past."""
    key = (await source.execute(select(tables.seal.c.key))).scalar_one()
    await target.execute(tables.seal.update().values(key=key))
    known = {*(await target.execute(select(tables.opened_by.c.version))).scalars()}
    for row in (await source.execute(select(tables.opened_by))).mappings():
        if row["version"] not in known:
            await target.execute(insert(tables.opened_by).values(dict(row)))


async def _go_on_counting(source: AsyncConnection, target: AsyncConnection, table: Table) -> None:
    """Let a number that was used once, as of a snapshot, never name another thing."""
    column = next((c for c in table.primary_key if isinstance(c.type, Integer)), None)
    if column is None or len(table.primary_key) > 1:
        return
    query = text("SELECT coalesce(max(seq), 0) FROM sqlite_sequence WHERE name = :name")
    used = (await source.execute(query, {"name": table.name})).scalar_one()
    last = (await source.execute(select(func.max(column)))).scalar_one() or 0
    if highest := max(used, last):
        values: Mapping[str, object] = {"table": table.name, "column": column.name, "last": highest}
        sequence = "pg_get_serial_sequence(quote_ident(:table), :column)"
        await target.execute(text(f"SELECT setval({sequence}, :last)"), values)
