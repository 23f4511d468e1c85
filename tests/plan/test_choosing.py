"""Only some of what differs: what it needs comes along, the rest is told, and the plan is proved."""

from __future__ import annotations

from dataclasses import replace

import pytest

from pgdrift.core.alike.normalise import Options
from pgdrift.core.compare import compare
from pgdrift.core.model import Snapshot
from pgdrift.core.plan.choosing import Chosen, UnknownWordError, choose, choose_found
from pgdrift.core.plan.making import make_plan
from pgdrift.sources.embedded import EmbeddedServer
from tests.conftest import MakeDatabase
from tests.plan.claimed import Side, claimed
from tests.plan.dumped import dump
from tests.plan.proving import read

pytestmark = pytest.mark.db

A = """
CREATE TABLE t (a integer UNIQUE);
CREATE TABLE gone (x integer);
CREATE VIEW on_gone AS SELECT x FROM gone;
CREATE TABLE other (z integer);
"""
B = """
CREATE TYPE mood AS ENUM ('good');
CREATE TABLE t (a bigint UNIQUE, m mood, CHECK (a > 0));
CREATE TABLE other (z bigint);
CREATE SCHEMA app;
CREATE TABLE app.new (x integer);
CREATE INDEX ON app.new (x);
CREATE VIEW on_t AS SELECT m FROM t;
"""


@pytest.fixture
async def sides(make_database: MakeDatabase) -> tuple[tuple[str, Snapshot], tuple[str, Snapshot]]:
    a, b = await make_database(sql=A), await make_database(sql=B)
    return (a, await read(a)), (b, await read(b))


@pytest.mark.parametrize(
    ("words", "drawn", "aside"),
    [
        (["on_t"], {"column:public.t.m", "enum:public.mood"}, {"column:public.t.a"}),
        (["gone"], {"view:public.on_gone"}, {"view:public.on_t", "schema:app"}),
        (["table:public.t", "app.new"], {"enum:public.mood", "schema:app"}, {"view:public.on_t"}),
        (["column:public.t.[a]"], set(), {"constraint:public.t.t_a_check", "enum:public.mood"}),
    ],
)
async def test_what_is_chosen_is_proved_and_the_rest_stays(
    words: list[str],
    drawn: set[str],
    aside: set[str],
    sides: tuple[tuple[str, Snapshot], tuple[str, Snapshot]],
    server: EmbeddedServer,
) -> None:
    (dsn, target), (_, source) = sides
    chosen = choose((target, source), words, Options())
    assert drawn <= {str(i) for i in chosen.drawn}
    assert aside <= {str(left.object) for left in chosen.aside}
    assert not {str(i) for i in chosen.drawn} & {str(left.object) for left in chosen.aside}

    before = await dump(dsn)
    here = Side(dsn, target, before)
    claim = await claimed(server, here, Side(dsn, chosen.source, b""), options=Options(), rows=2)
    assert claim.whole, (claim.plan.proof, claim.by_hand)
    assert claim.down == ()
    changed = {str(s.object) for s in claim.plan.up.statements}
    assert changed
    assert not changed & {str(left.object) for left in chosen.aside}


async def test_all_chosen_is_the_whole_and_a_word_that_names_nothing_is_refused(
    sides: tuple[tuple[str, Snapshot], tuple[str, Snapshot]],
) -> None:
    (_, target), (_, source) = sides
    chosen: Chosen = choose((target, source), ["*"], Options())
    assert (chosen.drawn, chosen.aside) == ((), ())
    assert set(chosen.source.objects) == set(source.objects)
    for word, said in (("nothing", "nothing called"), ("x", "say which"), ("no*", "nothing")):
        with pytest.raises(UnknownWordError, match=said):
            choose((target, source), [word], Options())


WHOLE = """
CREATE TABLE w (a integer, b integer, old text) PARTITION BY LIST (a);
CREATE TABLE w1 PARTITION OF w FOR VALUES IN (1) PARTITION BY LIST (b);
CREATE TABLE w11 PARTITION OF w1 FOR VALUES IN (1);
"""


async def test_columns_of_partitions_go_with_those_of_the_whole(
    make_database: MakeDatabase, server: EmbeddedServer
) -> None:
    target = await make_database(sql=WHOLE)
    source = await make_database(
        sql=WHOLE + "ALTER TABLE w DROP old, ADD n date, ADD more date; CREATE INDEX i ON w (a);"
    )
    before, wanted = await read(target), await read(source)
    words = ["column:public.w.old", "column:public.w.n"]
    chosen = choose((before, wanted), words, Options())
    one = Side(target, before, await dump(target))
    other = Side(source, chosen.source, b"")
    claim = await claimed(server, one, other, options=Options())
    assert claim.plan.proved, claim.plan.proof
    assert [s.step.sql for s in claim.plan.up.statements] == [
        "ALTER TABLE public.w ADD COLUMN n date",
        "ALTER TABLE public.w DROP COLUMN old",
    ]
    assert {"column:public.w.more", "index:public.i"} <= {str(o.object) for o in chosen.aside}


async def test_of_what_was_found_only_that_is_chosen(
    make_database: MakeDatabase, server: EmbeddedServer
) -> None:
    before, wanted = [
        await read(await make_database(sql=sql))
        for sql in (
            "CREATE TABLE t (a varchar(3), b integer); CREATE TABLE gone (x integer);",
            "CREATE TABLE t (a varchar(9) DEFAULT 'x', b bigint); COMMENT ON TABLE t IS 'x';",
        )
    ]
    all_of_it = compare(before, wanted).changes
    found = [
        replace(c, attributes={"type": c.attributes["type"]})
        for c in all_of_it
        if c.id.path[-1] == "a"
    ]
    gone = next(c for c in all_of_it if c.id.path[-1] == "gone")
    chosen = choose_found((before, wanted), [*found, gone], Options())
    left = {str(i.object): i.attributes for i in chosen.aside}
    assert left == {
        "column:public.t.a": ("default",),
        "column:public.t.b": ("type",),
        "table:public.t": ("comment",),
    }
    plan = make_plan((before, chosen.source), ("a", "b"), Options())
    assert [s.step.sql for s in plan.up.statements] == [
        "ALTER TABLE public.t ALTER COLUMN a TYPE character varying(9)",
        "DROP TABLE public.gone",
    ]
    # What differs no more is nothing to do.
    assert choose_found((wanted, wanted), all_of_it, Options()).aside == ()
