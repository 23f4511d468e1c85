"""Plans against migra's scripts on the same pairs: how many really bring about what they say.

Each is run on a copy of the target and what there is then is held against the source twice: by our
own comparison, which migra cannot have written for, and by pg_dump, which knows neither. And how
long each takes to plan for a schema of many tables.
"""

from __future__ import annotations

import asyncio
import secrets
import subprocess
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import asyncpg

from bench import plan_two, rival
from bench.stage import Stage
from bench.timing import Ratio, amount, ratio
from pgdrift.core.alike.normalise import Options, normalise
from pgdrift.core.plan.likeness import left_over
from pgdrift.core.plan.making import make_plan
from pgdrift.reconcile.running import run
from pgdrift.sources.embedded import EmbeddedServer
from pgdrift.sources.scratch import drop_at

_SCENARIOS = Path(__file__).parents[1] / "tests" / "scenarios"
_LIMIT = 120.0
_OURS = Options()
# What pg_dump says of itself, and a word that it makes up anew each time.
_ASIDE = ("--", "\\restrict", "\\unrestrict", "SELECT pg_catalog.set_config", "SET ")

# Makes the first database as the second, and tells whether the server took all of it.
Bring = Callable[[str, str], Awaitable[bool]]


@dataclass(frozen=True, slots=True)
class Works:
    """How many of so many pairs one of them brought about, by our comparison and by pg_dump."""

    pairs: int
    ours: int
    dump: int


def pairs(corpus: Path | None, most: int) -> list[Path]:
    """Return folders with a.sql and b.sql, the same at each run: spread over all there are."""
    found = sorted(p.parent for p in _SCENARIOS.glob("*/a.sql"))
    if corpus is not None:
        found += sorted(p.parent for p in corpus.glob("pairs/*/*/a.sql"))
    step = max(1, len(found) // most)
    return found[::step][:most]


async def measure(stage: Stage, python: Path, folders: Sequence[Path], limit: float) -> list[Ratio]:
    """Return shares of the pairs in percent, how they relate, and how long a plan takes."""
    await _roles(stage.server, folders)
    ours = await works(stage.server, folders, bring_by_plan)
    theirs = await works(stage.server, folders, lambda a, b: _migra(python, a, b))
    async with stage.changed_copy() as other:
        mine = await asyncio.to_thread(rival.spent, rival.PLAN, f"{stage.dsn}\n{other}\n")
        its = await asyncio.to_thread(rival.migra, python, stage.dsn, other, limit)
    at_most = ", at most" if its.stopped else ""
    return [
        amount("pairs tried", ours.pairs, "pairs"),
        *(
            amount(f"pairs that {who} brings about, by {what}", 100 * share, "%")
            for who, found in (("pgdrift", ours), ("migra", theirs))
            for what, share in (
                ("our comparison", found.ours / max(1, found.pairs)),
                ("pg_dump", found.dump / max(1, found.pairs)),
            )
        ),
        ratio("pairs brought about, by pg_dump / migra", [ours.dump], [max(1, theirs.dump)]),
        ratio(f"time to plan / migra{at_most}", [mine.seconds], [its.seconds]),
    ]


async def _roles(server: EmbeddedServer, folders: Sequence[Path]) -> None:
    """Make the roles that pairs of the corpus name."""
    for file in {f.parents[1] / "roles.sql" for f in folders}:
        if file.is_file():
            await _execute(server.dsn(), file.read_text(encoding="utf-8"))


async def works(server: EmbeddedServer, folders: Sequence[Path], bring: Bring) -> Works:
    """Return how many pairs a planner really brings about; pairs that do not differ are none."""
    tried = ours = dump = 0
    for folder in folders:
        async with _loaded(server, folder) as both:
            if both is None:
                continue
            one, other = both
            if _dumped(server, one) == _dumped(server, other):
                continue
            tried += 1
            if await bring(one, other):
                ours += await _alike(one, other)
                dump += _dumped(server, one) == _dumped(server, other)
    return Works(tried, ours, dump)


@asynccontextmanager
async def _loaded(server: EmbeddedServer, folder: Path) -> AsyncIterator[tuple[str, str] | None]:
    """Give two databases that hold a pair; None where this server cannot."""
    names = [f"pair_{secrets.token_hex(4)}" for _ in range(2)]
    try:
        for name, file in zip(names, ("a.sql", "b.sql"), strict=True):
            await _execute(server.dsn(), f"CREATE DATABASE {name} TEMPLATE template0")
            await _execute(server.dsn(name), (folder / file).read_text(encoding="utf-8"))
        loaded: tuple[str, str] | None = (server.dsn(names[0]), server.dsn(names[1]))
    except asyncpg.PostgresError:
        loaded = None
    try:
        yield loaded
    finally:
        for name in names:
            await drop_at(server.dsn(), name)


async def _execute(dsn: str, sql: str) -> None:
    session = await asyncpg.connect(dsn)
    try:
        if sql.strip():
            await session.execute(sql)
    finally:
        await session.close()


async def bring_by_plan(one: str, other: str) -> bool:
    """Run our plan as `apply` does, transaction by transaction."""
    plan = make_plan((await plan_two.read(one), await plan_two.read(other)), ("a", "b"), _OURS)
    session = await asyncpg.connect(one)
    try:
        return await run(session, plan.up.statements) is None
    finally:
        await session.close()


async def _migra(python: Path, one: str, other: str) -> bool:
    command = [str(python.with_name("migra")), "--unsafe", "--with-privileges", one, other]
    done = await asyncio.to_thread(
        subprocess.run, command, capture_output=True, text=True, check=False, timeout=_LIMIT
    )
    if done.returncode not in rival.FINE:
        return False
    try:
        await _execute(one, done.stdout)
    except asyncpg.PostgresError:
        return False
    return True


async def _alike(one: str, other: str) -> bool:
    found, wanted = await plan_two.read(one), await plan_two.read(other)
    return not left_over(found, normalise(wanted, _OURS), (), _OURS)


def _dumped(server: EmbeddedServer, dsn: str) -> list[str]:
    """Return the lines of a dump in one order for all, so that columns may have changed places."""
    command = [str(server.bin / "pg_dump"), "--schema-only", "-d", dsn]
    done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=_LIMIT)
    return sorted(_lines(done.stdout))


def _lines(text: str) -> Iterator[str]:
    for line in text.splitlines():
        if line and not line.startswith(_ASIDE):
            yield line.rstrip(",;")
