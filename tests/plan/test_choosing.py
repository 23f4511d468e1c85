"""Only some of what differs: what it needs comes along, the rest is told, and the plan is proved."""

from __future__ import annotations

import pytest

from pgdrift.core.alike.normalise import Options
from pgdrift.core.model import Snapshot
from pgdrift.core.plan.choosing import Chosen, UnknownWordError, choose
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
