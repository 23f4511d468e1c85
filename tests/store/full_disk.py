"""Run on a small file system of its own: fills it up, then makes it read-only.

Prints what the store says of it; see test_opening.py.
"""

from __future__ import annotations

import asyncio
import subprocess
import sys

from pgdrift.errors import StoreError
from pgdrift.store import open_store
from tests.store.crashes import say
from tests.store.nouns import look


async def fill(url: str) -> None:
    async with open_store(url) as store:
        k = 0
        try:
            while k < 2000:
                k += 1
                await store.save(look(k))
        except StoreError as error:
            say(error.reason)
        book = await store.load("prod")
        say("consistent" if book.failures == k - 1 else f"look {book.failures} after {k}")


async def reopen(url: str) -> None:
    try:
        async with open_store(url):
            say("opened")
    except StoreError as error:
        say(error.reason)


if __name__ == "__main__":
    folder = sys.argv[1]
    asyncio.run(fill(f"sqlite:///{folder}/pgdrift.db"))
    subprocess.run(["mount", "-o", "remount,ro", folder], check=True)
    asyncio.run(reopen(f"sqlite:///{folder}/pgdrift.db"))
