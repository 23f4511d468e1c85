"""Collations of ICU, where the server has it: their versions are the host's."""

from __future__ import annotations

import asyncpg
import pytest

from pgdrift.core.alike.align import align
from pgdrift.core.alike.hosts import HOST_VERSION
from pgdrift.core.alike.normalise import Options
from pgdrift.core.compare import compare
from pgdrift.core.model import Object, ObjectId, Snapshot
from pgdrift.sources.catalog import snapshot
from pgdrift.sources.connection import connection
from tests.conftest import Execute, MakeDatabase

pytestmark = pytest.mark.db

SCENE = """
CREATE COLLATION i (provider = icu, locale = 'de-u-co-phonebk', deterministic = false);
CREATE COLLATION old (provider = icu, locale = 'de_DE');
CREATE COLLATION c (locale = 'C');
"""
BY_ICU = ObjectId("collation", ("public", "i"))


async def read(dsn: str) -> Snapshot:
    async with connection(dsn) as session:
        return await snapshot(session)


@pytest.fixture
async def dsn(make_database: MakeDatabase) -> str:
    try:
        return await make_database(sql=SCENE)
    except asyncpg.FeatureNotSupportedError:
        pytest.skip("this server was built without ICU")


async def test_each_provider_has_its_own_words(dsn: str) -> None:
    found = await read(dsn)
    told = {i.path[1]: _words(o) for i, o in found.objects.items() if i.kind == "collation"}
    assert told == {
        "i": ("icu", None, None, "de-u-co-phonebk", False),
        "old": ("icu", None, None, "de-DE", True),
        "c": ("libc", "C", "C", None, True),
    }


async def test_a_host_that_sorts_otherwise_is_told_and_another_host_is_not(
    dsn: str, execute: Execute
) -> None:
    before = await read(dsn)
    assert before.objects[BY_ICU].attributes["version_outdated"] is False
    assert before.objects[BY_ICU].attributes[HOST_VERSION]

    await execute(dsn, "UPDATE pg_collation SET collversion = '1' WHERE collname = 'i'")
    old = await read(dsn)
    (change,) = compare(before, old).changes
    assert change.attributes["version_outdated"] == (False, True)
    assert change.attributes.keys() == {"version_outdated", HOST_VERSION}

    await execute(dsn, "ALTER COLLATION i REFRESH VERSION")
    assert compare(before, await read(dsn)).changes == ()
    other_host = _with(before, version_outdated=False, host_version="42")
    assert compare(align(other_host, before, Options()), before).changes == ()


def _words(found: Object) -> tuple[object, ...]:
    names = ("provider", "collate", "ctype", "locale", "deterministic")
    return tuple(found.attributes[name] for name in names)


def _with(found: Snapshot, **attributes: object) -> Snapshot:
    old = found.objects[BY_ICU]
    new = Object(BY_ICU, {**old.attributes, **attributes}, old.parent, old.oid)
    return Snapshot(
        {**found.objects, BY_ICU: new}, found.kinds, found.server_version, found.taken_at
    )
