"""The rows of a ledger on their way to a file, before it is taken out: one JSON object a line.

In comes a session whose transaction is open, out comes a file that only its owner may read; what
goes wrong removes it. Knows nothing of what the rows mean.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import asyncpg

from pgdrift.core.names import quote_ident
from pgdrift.errors import ConfigError

_TABLES = """
SELECT c.relname::text FROM pg_catalog.pg_class c
JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
WHERE n.nspname = $1 AND c.relkind = 'r' ORDER BY c.relname
"""
_BATCH = 1_000


@contextmanager
def kept_in(path: Path) -> Iterator[int]:
    """Give the descriptor of a new file, which is whole on the disk at the end, or gone.

    Raises ConfigError where there is a file already, or none can be made.
    """
    try:
        file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except OSError as error:
        msg = f"cannot keep rows in {path}: {error.strerror}"
        hint = "name a new file in a folder that can be written to"
        raise ConfigError(msg, reason="usage", hint=hint) from error
    try:
        yield file
    except BaseException:
        with suppress(OSError):
            path.unlink()
        raise
    finally:
        os.close(file)


async def write_rows(session: asyncpg.Connection, schema: str, file: int) -> int:
    """Write all rows of a schema's tables, and return how many they were."""
    written = 0
    for (table,) in await session.fetch(_TABLES, schema):
        query = (
            f"SELECT pg_catalog.to_jsonb(t)::text FROM {quote_ident(schema)}.{quote_ident(table)} t"
        )
        statement = await session.prepare(query)
        async for (row,) in statement.cursor(prefetch=_BATCH):
            line = json.dumps({"table": table, "row": json.loads(row)}, ensure_ascii=False)
            os.write(file, line.encode() + b"\n")
            written += 1
    os.fsync(file)
    return written
