"""What people stumble over when they compare schemas, each in both senses.

What is harmless is silent, what is real is seen, and what is silent can be made a difference.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import pytest

from pgdrift.core.alike.align import align
from pgdrift.core.alike.normalise import Options, normalise
from pgdrift.core.compare import compare
from pgdrift.core.model import Snapshot
from pgdrift.sources.catalog import snapshot
from pgdrift.sources.connection import connection
from tests.conftest import MakeDatabase

pytestmark = pytest.mark.db


@dataclass(frozen=True)
class Pitfall:
    """One schema, the same in other words, and one that only looks like it.

    `told_with` is the switch that makes a difference of the other words; empty for none: then the
    catalog holds the very same.
    """

    one: str
    same: str
    real: str
    told_with: str = ""


PITFALLS = {
    "types: another word for the same one": Pitfall(
        "create table t (a int, b varchar(50), c timestamptz, d decimal(8, 2), e int[], f float8)",
        "create table t (a integer, b character varying(50), c timestamp with time zone,"
        " d numeric(8, 2), e integer[3], f double precision)",
        "create table t (a integer, b text, c timestamp with time zone,"
        " d numeric(8, 2), e integer[3], f double precision)",
    ),
    "types: a modifier": Pitfall(
        "create table t (a varchar(50), b numeric(8, 2), c timestamp(6), d char, e varchar(9)[])",
        "create table t (a character varying(50), b numeric(8,2), c timestamp(6), d character(1),"
        " e character varying(9)[])",
        "create table t (a varchar(50), b numeric(8, 2), c timestamp(6), d char, e varchar(10)[])",
    ),
    "types: serial, and what it stands for": Pitfall(
        "create table t (id serial)",
        "create sequence t_id_seq as integer; create table t (id integer not null"
        " default nextval('t_id_seq')); alter sequence t_id_seq owned by t.id",
        "create sequence t_id_seq as integer;"
        " create table t (id integer not null default nextval('t_id_seq'))",
    ),
    "types: serial of a table that had another name": Pitfall(
        "create table t (id serial)",
        "create table old (id serial); alter table old rename to t",
        "create table old (id bigserial); alter table old rename to t",
        told_with="constraint_names",
    ),
    "constraint names: generated or given": Pitfall(
        "create table u (k int primary key);"
        " create table t (a int primary key, b int references u, c int unique, check (a > b))",
        "create table u (k int constraint u_pk primary key);"
        " create table t (a int constraint t_pk primary key, b int constraint t_u references u,"
        " c int constraint one_c unique, constraint sane check (a > b))",
        "create table u (k int constraint u_pk primary key);"
        " create table t (a int constraint t_pk primary key, b int constraint t_u references u"
        " on delete cascade, c int constraint one_c unique, constraint sane check (a > b))",
        told_with="constraint_names",
    ),
    "constraint names: numbered in another order": Pitfall(
        "create table t (a int check (a > 1) check (a < 9))",
        "create table t (a int check (a < 9) check (a > 1))",
        "create table t (a int check (a < 9) check (a > 2))",
        told_with="constraint_names",
    ),
    "index names: generated or given": Pitfall(
        "create table t (a int, b text); create index on t (a); create index on t (lower(b))",
        "create table t (a int, b text); create index by_a on t (a); create index by_b on t (lower(b))",
        "create table t (a int, b text); create index by_a on t (a desc);"
        " create index by_b on t (lower(b))",
        told_with="constraint_names",
    ),
    "index names: that of the replica identity": Pitfall(
        "create table t (a int not null unique); alter table t replica identity using index t_a_key",
        "create table t (a int not null constraint one unique);"
        " alter table t replica identity using index one",
        "create table t (a int not null constraint one unique)",
        told_with="constraint_names",
    ),
    "index names: numbered in another order, and the replica identity": Pitfall(
        "create table t (a int not null, b int not null);"
        " create unique index t_a_idx on t (a); create unique index t_b_idx on t (b);"
        " alter table t replica identity using index t_a_idx",
        "create table t (a int not null, b int not null);"
        " create unique index t_b_idx on t (a); create unique index t_a_idx on t (b);"
        " alter table t replica identity using index t_b_idx",
        "create table t (a int not null, b int not null);"
        " create unique index t_b_idx on t (a); create unique index t_a_idx on t (b);"
        " alter table t replica identity using index t_a_idx",
        told_with="constraint_names",
    ),
    "sequence names: swapped with what they are owned by": Pitfall(
        "create table t (id serial, k serial)",
        "create table t (id serial, k serial);"
        " alter sequence t_id_seq owned by t.k; alter sequence t_k_seq owned by t.id;"
        " alter table t alter id set default nextval('t_k_seq'),"
        " alter k set default nextval('t_id_seq')",
        "create table t (id serial, k serial);"
        " alter sequence t_id_seq owned by t.k; alter sequence t_k_seq owned by t.id",
        told_with="constraint_names",
    ),
    "defaults: now() and CURRENT_TIMESTAMP": Pitfall(
        "create table t (at timestamptz default now())",
        "create table t (at timestamptz default current_timestamp)",
        "create table t (at timestamptz default clock_timestamp())",
        told_with="spelling",
    ),
    "defaults: a cast that changes nothing": Pitfall(
        "create table t (a varchar(9) default 'x', b numeric(4, 1) default 0, c text default 'it''s')",
        "create table t (a varchar(9) default 'x'::text, b numeric(4, 1) default 0::numeric,"
        " c text default 'it''s'::varchar)",
        "create table t (a varchar(9) default 'X'::text, b numeric(4, 1) default 0::numeric,"
        " c text default 'it''s'::varchar)",
        told_with="spelling",
    ),
    "defaults: none and NULL": Pitfall(
        "create table t (a int, b text default 'x')",
        "create table t (a int default null, b text default 'x')",
        "create table t (a int default 0, b text)",
    ),
    "checks: one of several, as a dump spells it": Pitfall(
        "create table t (s varchar(9) check (s in ('new', 'old')))",
        "create table t (s varchar(9) check (((s)::text = any"
        " (array[('new'::character varying)::text, ('old'::character varying)::text]))))",
        "create table t (s varchar(9) check (s in ('new', 'bad')))",
        told_with="spelling",
    ),
    "checks: a function of the standard, of bytes and of their text": Pitfall(
        "create table t (b bytea check (length(substring(b from 1 for 2)) > 1))",
        "create table t (b bytea check (length(substring(b, 1, 2)) > 1))",
        "create table t (b bytea check (length(substring(b::text, 1, 2)) > 1))",
    ),
    "column order": Pitfall(
        "create table t (a int, b text)",
        "create table t (b text, a int)",
        "create table t (b text, a bigint)",
        told_with="column_order",
    ),
    "column order: a column that was dropped leaves a gap": Pitfall(
        "create table t (a int, b text)",
        "create table t (gone int, a int, b text); alter table t drop column gone",
        "create table t (gone int, a int, b text)",
    ),
    "order of options, grants and settings": Pitfall(
        "create table t (a int) with (fillfactor = 80, autovacuum_enabled = false);"
        " grant select, insert on t to pg_monitor; grant select on t to public",
        "create table t (a int) with (autovacuum_enabled = false, fillfactor = 80);"
        " grant select on t to public; grant insert, select on t to pg_monitor",
        "create table t (a int) with (autovacuum_enabled = false, fillfactor = 80);"
        " grant select on t to public; grant insert, select on t to pg_monitor with grant option",
    ),
}


async def _read(make_database: MakeDatabase, sql: str) -> Snapshot:
    async with connection(await make_database(sql=f"set search_path = public; {sql}")) as session:
        return await snapshot(session)


def _differ(before: Snapshot, after: Snapshot, options: Options) -> bool:
    found = normalise(after, options)
    return bool(compare(align(normalise(before, options), found, options), found).changes)


@pytest.mark.parametrize("pitfall", PITFALLS.values(), ids=PITFALLS)
async def test_the_harmless_is_silent_and_the_real_is_seen(
    pitfall: Pitfall, make_database: MakeDatabase
) -> None:
    one, same, real = [
        await _read(make_database, sql) for sql in (pitfall.one, pitfall.same, pitfall.real)
    ]
    quiet = Options()

    assert not _differ(one, same, quiet)
    assert not _differ(same, one, quiet)
    assert _differ(one, real, quiet)
    assert _differ(real, one, quiet)
    assert _differ(same, real, quiet)
    if pitfall.told_with:
        told = {pitfall.told_with: True}
        assert _differ(one, same, replace(quiet, **told))  # type: ignore[arg-type]
