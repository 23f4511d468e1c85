"""Foreign servers and whom they let in: as much as each role may see, and never a false difference."""

from __future__ import annotations

from collections.abc import Mapping
from urllib.parse import urlsplit

import pytest

from pgdrift.core.compare import compare
from pgdrift.core.model import ObjectId, Snapshot, Value
from pgdrift.sources.catalog import count_not_compared, snapshot
from pgdrift.sources.connection import connection, reading
from tests.conftest import Execute, MakeDatabase, MakeRole

pytestmark = pytest.mark.db

SCENE = """
CREATE FOREIGN DATA WRAPPER w;
CREATE SERVER s FOREIGN DATA WRAPPER w;
CREATE USER MAPPING FOR PUBLIC SERVER s OPTIONS (password 'hunter2');
CREATE USER MAPPING FOR pg_monitor SERVER s;
"""


async def read(dsn: str) -> tuple[Snapshot, int]:
    """Return what this role sees, and of how many mappings it does not see the options."""
    async with connection(dsn) as session:
        found = await snapshot(session)
        async with reading(session):
            return found, (await count_not_compared(session)).get("user_mapping_options", 0)


def mappings(found: Snapshot) -> Mapping[str, Mapping[str, Value]]:
    return {i.path[1]: o.attributes for i, o in found.objects.items() if i.kind == "user_mapping"}


async def test_each_role_sees_the_options_that_the_server_shows_it(
    make_database: MakeDatabase, make_role: MakeRole, execute: Execute
) -> None:
    plain = await make_role(dsn := await make_database(sql=SCENE))
    name = urlsplit(plain).username
    await execute(dsn, f"CREATE USER MAPPING FOR {name} SERVER s OPTIONS (password 'own')")

    everything, hidden = await read(dsn)
    assert hidden == 0
    assert mappings(everything).keys() == {"PUBLIC", "pg_monitor", name}
    assert mappings(everything)["pg_monitor"] == {"options": []}

    seen, hidden = await read(plain)
    assert hidden == 3
    assert set(map(len, mappings(seen).values())) == {0}
    assert compare(everything, seen).changes == compare(seen, everything).changes == ()

    await execute(dsn, f"GRANT USAGE ON FOREIGN SERVER s TO {name}")
    seen, hidden = await read(plain)
    assert hidden == 2
    assert mappings(seen)[str(name)] == mappings(everything)[str(name)]

    await execute(dsn, f"ALTER SERVER s OWNER TO {name}")
    seen, hidden = await read(plain)
    assert hidden == 1
    assert mappings(seen)["PUBLIC"] == mappings(everything)["PUBLIC"]
    assert mappings(seen)["pg_monitor"] == {}


async def test_what_is_not_shown_is_no_difference_and_what_is_there_still_is(
    make_database: MakeDatabase, make_role: MakeRole, execute: Execute
) -> None:
    plain = await make_role(dsn := await make_database(sql=SCENE))
    before, _ = await read(plain)
    await execute(dsn, "ALTER USER MAPPING FOR PUBLIC SERVER s OPTIONS (SET password 'x')")
    assert compare(before, (await read(plain))[0]).changes == ()
    await execute(dsn, "DROP USER MAPPING FOR PUBLIC SERVER s")
    (change,) = compare(before, (await read(plain))[0]).changes
    assert str(change.id) == 'user_mapping:s."PUBLIC"'


async def test_a_role_that_is_named_public_is_not_everybody(
    make_database: MakeDatabase, make_role: MakeRole, execute: Execute
) -> None:
    dsn = await make_database(sql=SCENE)
    for name in ("PUBLIC", "public; drop"):
        await make_role(dsn, name)
        await execute(dsn, f'CREATE USER MAPPING FOR "{name}" SERVER s')
    found, _ = await read(dsn)
    assert mappings(found).keys() == {"PUBLIC", '"PUBLIC"', "public; drop", "pg_monitor"}


async def test_what_stands_on_an_extension_s_wrapper_is_told_and_goes_with_the_extension(
    make_database: MakeDatabase, execute: Execute
) -> None:
    dsn = await make_database(
        sql="CREATE EXTENSION postgres_fdw;"
        "CREATE SERVER s FOREIGN DATA WRAPPER postgres_fdw OPTIONS (host 'h');"
        "CREATE USER MAPPING FOR PUBLIC SERVER s OPTIONS (password 'hunter2');"
        "GRANT USAGE ON FOREIGN SERVER s TO pg_monitor;"
        "GRANT USAGE ON FOREIGN DATA WRAPPER postgres_fdw TO pg_monitor;"
    )
    before, _ = await read(dsn)
    server, extension = ObjectId("foreign_server", ("s",)), ObjectId("extension", ("postgres_fdw",))
    parents = {str(i): o.parent for i, o in before.objects.items() if o.parent}
    assert parents["foreign_server:s"] == extension
    assert parents['user_mapping:s."PUBLIC"'] == server
    assert parents["foreign_server_privilege:s.pg_monitor"] == server
    assert parents["foreign_data_wrapper_privilege:postgres_fdw.pg_monitor"] == extension
    assert ("user_mapping", "foreign_server") in {(a.kind, b.kind) for a, b in before.dependencies}

    await execute(dsn, "DROP EXTENSION postgres_fdw CASCADE")
    (change,) = compare(before, (await read(dsn))[0]).changes
    assert change.id == extension
    assert len(change.contains) == 4
