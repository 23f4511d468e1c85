"""Writers of one store on a server take turns: who writes much makes no other fail."""

from __future__ import annotations

import asyncio

from sqlalchemy import text

from pgdrift.store import open_store, watching
from pgdrift.store.postgres import turn
from pgdrift.store.snapshots import CONTENTS
from tests.store.nouns import look

KINDS = ("postgresql",)


async def test_a_large_write_is_waited_for_and_other_locks_no_longer_than_before(url: str) -> None:
    async with (
        open_store(url, exclusive=True) as large,
        open_store(url, patience=0.3, exclusive=True) as small,
    ):
        session = await small.join("small", 5.0)
        await session.take([watching("prod")])
        async with large._writing() as c:
            await turn(c, CONTENTS)
            saving = asyncio.ensure_future(small.save(look(1)))
            done, _ = await asyncio.wait({saving}, timeout=2.0)
            assert not done, saving.exception()
        async with asyncio.timeout(60):
            await saving
        assert (await small.load("prod")).snapshot == look(1).snapshot
        assert session.fresh
        async with small._writing() as c:
            await turn(c, CONTENTS)
            assert (await c.execute(text("SHOW lock_timeout"))).scalar_one() == "300ms"
