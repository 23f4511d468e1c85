"""What is told alike, on a real server: names as the server makes them, and what children inherit."""

from __future__ import annotations

import pytest

from pgdrift.core.alike.align import align
from pgdrift.core.alike.made_names import is_generated
from pgdrift.core.alike.normalise import Options, normalise
from pgdrift.core.compare import compare
from pgdrift.core.model import ObjectId, Snapshot
from pgdrift.sources.catalog import snapshot
from pgdrift.sources.connection import connection
from pgdrift.sources.embedded import EmbeddedServer
from tests.conftest import MakeDatabase

pytestmark = pytest.mark.db

UNNAMED = """
create table short (id serial primary key, a int unique, b int references short,
    c int check (c > 0), d int check (d > 0) check (d < 9), e int4range, unique (a, b),
    check (a > b), check (b > a), foreign key (a) references short,
    exclude using gist (e with &&), unique (a) include (b, c));
create index on short (a);
create index on short (a);
create index on short (lower(d::text), a);
create index on short ((a + 1), (a + 2));
create index on short (a) include (b);
create unique index on short (b desc) where b > 0;
create table pair (a int, b int, primary key (a, b), foreign key (b, a) references pair);
create table LONG (id serial primary key, COLUMN int unique, c int check (c > 0),
    foreign key (COLUMN) references LONG, unique (COLUMN, c));
create index on LONG (c);
create index on LONG (COLUMN, c);
create table "WIDE" ("WIDE" serial primary key, b int unique, "HALF" int check ("HALF" > 0));
create index on "WIDE" ("WIDE", b, "HALF");
create table "It's ODD" ("A b" serial primary key, "%s" int unique references short);
create index on "It's ODD" ("%s", "A b");
create domain positive as int check (value > 0) check (value < 9);
create table whole (id int primary key, a int references short) partition by list (id);
create table part partition of whole for values in (1);
create index on whole (a);
create table x1 (x1_key1 int unique);
"""
for _short, _name in {
    "LONG": "l" * 63,
    "COLUMN": "c" * 63,
    "WIDE": "ü" * 31,
    "HALF": "é" * 20,
    "ODD": '""odd""',
}.items():
    UNNAMED = UNNAMED.replace(_short, _name)
_KINDS = {"constraint", "index", "sequence"}


async def _read(make_database: MakeDatabase, sql: str) -> Snapshot:
    async with connection(await make_database(sql=sql)) as session:
        return await snapshot(session)


def _parts(read: Snapshot) -> dict[ObjectId, list[str]]:
    """Return what the names of constraints, indexes and sequences would be made of."""
    parts = {i: o.attributes["named_after"] for i, o in read.objects.items() if i.kind in _KINDS}
    return {i: p if isinstance(p, list) else [] for i, p in parts.items()}


def _told(one: Snapshot, other: Snapshot, options: Options = Options()) -> list[str]:  # noqa: B008
    found = normalise(other, options)
    changes = compare(align(normalise(one, options), found, options), found).changes
    return [f"{c.change.value} {c.id}" for c in changes]


async def test_every_name_that_the_server_makes_is_known_as_such(
    make_database: MakeDatabase,
) -> None:
    read = await _read(make_database, UNNAMED)
    parts = _parts(read)
    assert len(parts) > 40
    given = [str(i) for i, made_of in parts.items() if not is_generated(i.path[-1], made_of)]
    assert not given


async def test_names_that_people_give_are_none_of_the_servers(make_database: MakeDatabase) -> None:
    read = await _read(
        make_database,
        "create table t (a int constraint t_uniq unique constraint t_a_chk check (a > 0), b int,"
        " constraint t_b_key unique (a, b)); create index t_a_b_idx on t (b, a);"
        " create index a on t (a); create sequence t_a_seq owned by t.b; create sequence free",
    )
    named = _parts(read)
    assert len(named) == 7
    assert named.pop(ObjectId("sequence", ("public", "free"))) == []
    assert not [str(i) for i, parts in named.items() if is_generated(i.path[-1], parts)]


async def test_a_table_and_a_column_that_were_renamed_keep_their_old_names_in_silence(
    make_database: MakeDatabase,
) -> None:
    made = (
        "primary key, a int unique check (a > 0) references {0}, b int generated always as identity"
    )
    new = await _read(
        make_database,
        f"create table t (id serial {made.format('t')}); create index on t (a, b);"
        " grant usage on sequence t_id_seq, t_b_seq to pg_monitor;"
        " alter table t replica identity using index t_pkey",
    )
    renamed = await _read(
        make_database,
        f"create table old (id serial {made.format('old')}); create index on old (a, b);"
        " grant usage on sequence old_id_seq, old_b_seq to pg_monitor;"
        " alter table old replica identity using index old_pkey;"
        " alter table old rename to t; alter table t rename a to z; alter table t rename z to a",
    )
    assert _told(new, renamed) == _told(renamed, new) == []
    assert len(_told(new, renamed, Options(constraint_names=True))) > 6


PARTS = "".join(f"create table p{n} partition of whole for values in ({n});" for n in range(30))
PARTITIONED = (
    "create table r (id int primary key);"
    " create table whole (id int primary key, a int default 0 references r, b text, check (a > 0))"
    f" partition by list (id); create index on whole (b); {PARTS}"
)


async def test_what_is_done_to_the_whole_is_told_once(make_database: MakeDatabase) -> None:
    one = await _read(make_database, PARTITIONED)
    for done, told in {
        "alter table whole add c int not null default 1": ["added column:public.whole.c"],
        "alter table whole drop b": [
            "removed column:public.whole.b",
            "removed index:public.whole_b_idx",
        ],
        "alter table whole alter a type bigint": ["changed column:public.whole.a"],
        "alter table whole alter a set default 9": ["changed column:public.whole.a"],
        "alter table whole add unique (id, a)": ["added constraint:public.whole.whole_id_a_key"],
        "create index on whole (a)": ["added index:public.whole_a_idx"],
    }.items():
        other = await _read(make_database, f"{PARTITIONED}; {done}")
        assert _told(one, other) == told, done
    other = await _read(make_database, f"{PARTITIONED}; alter table whole add c int")
    assert len(_told(one, other, Options(inherited=True))) == 31


@pytest.mark.parametrize(
    ("done", "told"),
    [
        ("alter table p7 alter a set default 9", "changed column:public.p7.a"),
        ("alter table p7 alter a set not null", "changed column:public.p7.a"),
        ("alter table p7 alter b set statistics 9", "changed column:public.p7.b"),
        ("comment on column p7.b is 'x'", "changed column:public.p7.b"),
        ("alter table p7 add check (b <> '')", "added constraint:public.p7.p7_b_check"),
        ("alter table p7 disable trigger all", "added constraint:public.p7.whole_a_fkey"),
        ("alter index p7_pkey set (fillfactor = 50)", "added constraint:public.p7.p7_pkey"),
        ("alter index p7_b_idx set (fillfactor = 50)", "added index:public.p7_b_idx"),
        ("comment on constraint p7_pkey on p7 is 'x'", "added constraint:public.p7.p7_pkey"),
        ("create index on p7 (a)", "added index:public.p7_a_idx"),
    ],
)
async def test_a_part_that_goes_its_own_way_is_told(
    make_database: MakeDatabase, done: str, told: str
) -> None:
    one = await _read(make_database, PARTITIONED)
    other = await _read(make_database, f"{PARTITIONED}; {done}")
    assert _told(one, other) == [told]


LACKING = (
    "create table whole (id int not null, a int) partition by list (id);"
    " create table m partition of whole for values in (1, 2) partition by list (id);"
    " create table p1 partition of m for values in (1);"
    " create table p2 partition of m for values in (2);"
    " create table p3 partition of whole for values in (3);"
    " create index i on only whole (a); create index mi on only m (a);"
    " alter index i attach partition mi;"
    " create index p1i on p1 (a); alter index mi attach partition p1i;"
    " alter table only whole add constraint k unique (id);"
    " alter table m add constraint mk unique (id); alter index k attach partition mk;"
)
_REST = {
    "p2i": "create index p2i on p2 (a); alter index mi attach partition p2i;",
    "p3i": "create index p3i on p3 (a); alter index i attach partition p3i;",
    "p3k": "alter table p3 add constraint p3k unique (id); alter index k attach partition p3k;",
}


@pytest.mark.parametrize(
    ("of_one", "of_other", "told"),
    [
        ("", "", []),
        ("p2i p3i p3k", "p2i p3i p3k", []),
        ("", "p3k", ["changed constraint:public.whole.k"]),
        ("p2i", "p2i p3i", ["changed index:public.i"]),
        ("p3i", "p2i p3i", ["changed index:public.i", "removed index:public.mi"]),
        # Neither whole is valid: one part more is that.
        ("", "p3i", ["added index:public.p3i"]),
        ("p3i", "", ["removed index:public.p3i"]),
    ],
)
async def test_parts_of_an_index_that_lacks_some_are_told_unless_the_whole_tells_it(
    make_database: MakeDatabase, of_one: str, of_other: str, told: list[str]
) -> None:
    one, other = [
        await _read(make_database, LACKING + "".join(_REST[name] for name in of.split()))
        for of in (of_one, of_other)
    ]
    assert _told(one, other) == told


async def test_a_childs_own_state_of_an_inherited_check_is_told(
    make_database: MakeDatabase,
) -> None:
    made = (
        "create table parent (a int); create table child () inherits (parent);"
        " alter table parent add constraint sane check (a > 0) not valid;"
    )
    one = await _read(make_database, made)
    other = await _read(make_database, f"{made} alter table child validate constraint sane")
    assert _told(one, other) == ["added constraint:public.child.sane"]
    assert _told(one, await _read(make_database, made)) == []


async def test_on_one_major_what_is_said_of_not_null_is_told(
    make_database: MakeDatabase, server: EmbeddedServer
) -> None:
    if server.major < 18:
        pytest.skip("constraints of NOT NULL have been rows since 18")
    plain = await _read(make_database, "create table t (a int not null)")
    given = await _read(make_database, "create table t (a int constraint nn not null)")
    other = await _read(make_database, "create table t (a int constraint mm not null)")
    alone = await _read(make_database, "create table t (a int not null no inherit)")
    unsure = await _read(
        make_database, "create table t (a int); alter table t add not null a not valid"
    )
    assert _told(plain, given) == ["added constraint:public.t.nn"]
    assert _told(given, other) == [
        "added constraint:public.t.mm",
        "removed constraint:public.t.nn",
    ]
    assert _told(plain, alone) == _told(plain, unsure) == ["added constraint:public.t.t_a_not_null"]
    assert _told(alone, unsure) == ["changed constraint:public.t.t_a_not_null"]
