"""A real server settles what two texts mean: one or two; and nothing that it is given harms it."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from pgdrift.core.alike.align import unsettled
from pgdrift.core.alike.normalise import Options
from pgdrift.core.alike.spelling import Answers, Dispute, Spelt
from pgdrift.core.model import Object, ObjectId, Snapshot
from pgdrift.sources.catalog import snapshot
from pgdrift.sources.connection import connection
from pgdrift.sources.embedded import EmbeddedServer
from pgdrift.sources.scratch import Scratch
from pgdrift.sources.settle import Settlement
from tests.conftest import MakeDatabase
from tests.core.build import NOW

pytestmark = pytest.mark.db

SCHEMA = """
create schema app;
create type app.mood as enum ('sad', 'it''s fine');
create domain app.score as integer check (value > 0);
create type app.pair as (a app.mood, b text);
create function app.twice(i integer) returns integer language sql immutable as 'select i * 2';
create function app.note() returns trigger language plpgsql as 'begin return new; end';
create table app."T" (id integer primary key, v varchar(20), t text, n numeric(10,2),
    m app.mood default 'sad', s app.score, p app.pair, at timestamptz default now(),
    big text generated always as (upper(t)) stored,
    constraint c check (v in ('x', 'y')));
create index i on app."T" (lower(v)) where m = 'sad';
create view app.seen as select id, v from app."T" where v in ('x', 'y');
create view app.over as select id from app.seen;
create materialized view app.kept as select id, m from app."T";
create policy p on app."T" using (v = 'x') with check (app.twice(id) > 1);
create trigger g before update on app."T" for each row when (new.v = 'x') execute function app.note();
create rule r as on delete to app."T" where old.id = 1 do instead nothing;
"""


@pytest.fixture
def settlement(server: EmbeddedServer) -> Settlement:
    return Settlement(Scratch(server.dsn), seconds=120)


@pytest.fixture
async def read(make_database: MakeDatabase) -> Snapshot:
    dsn = await make_database(sql=SCHEMA)
    async with connection(dsn) as session:
        return await snapshot(session)


def _with(read: Snapshot, i: ObjectId, attribute: str, text: str) -> Snapshot:
    found = read.objects[i]
    told = Object(i, {**found.attributes, attribute: text}, found.parent, found.oid)
    return replace(read, objects={**read.objects, i: told})


def _dispute(read: Snapshot, i: ObjectId, attribute: str, text: str) -> Dispute:
    other = read.objects[i].attributes[attribute]
    assert isinstance(other, str)
    assert other != text
    return Dispute(Spelt(i, attribute, text, other), _with(read, i, attribute, text), read)


def _id(kind: str, *path: str) -> ObjectId:
    return ObjectId(kind, ("app", *path))


ONE = [
    (_id("column", "T", "at"), "default", "transaction_timestamp()"),
    (_id("column", "T", "m"), "default", "('sad'::app.mood)"),
    (_id("column", "T", "big"), "generation_expression", "upper((t)::text)"),
    (_id("constraint", "T", "c"), "definition", "CHECK (v::text IN ('x'::varchar, 'y'::varchar))"),
    (_id("constraint", "T", "c"), "definition", "CHECK (((v)::text = ANY (ARRAY['x', 'y'])))"),
    (_id("index", "i"), "definition", "USING btree (lower(v::text)) WHERE (m)::app.mood = 'sad'"),
    (_id("view", "seen"), "definition", 'SELECT x.id, x.v FROM app."T" x WHERE x.v IN (\'x\', \'y\')'.replace(" x ", " ").replace("x.", '"T".')),
    (_id("view", "over"), "definition", " SELECT seen.id FROM app.seen;"),
    (_id("materialized_view", "kept"), "definition", 'SELECT "T".id, m FROM app."T"'),
    (_id("policy", "T", "p"), "using", "v = 'x'"),
    (_id("policy", "T", "p"), "check", "((app.twice(id)) > (1))"),
    (_id("trigger", "T", "g"), "definition", "CREATE TRIGGER g BEFORE UPDATE ON app.\"T\" FOR EACH ROW WHEN (new.v = 'x') EXECUTE PROCEDURE app.note()"),
    (_id("rule", "T", "r"), "definition", 'CREATE RULE r AS ON DELETE TO app."T" WHERE old.id = 1 DO INSTEAD NOTHING'),
]  # fmt: skip

TWO = [
    (_id("column", "T", "at"), "default", "clock_timestamp()"),
    (_id("column", "T", "m"), "default", "'it''s fine'::app.mood"),
    (_id("column", "T", "big"), "generation_expression", "lower(t)"),
    (_id("constraint", "T", "c"), "definition", "CHECK (v IN ('x', 'z'))"),
    (_id("index", "i"), "definition", "USING btree (lower(t)) WHERE m = 'sad'"),
    (_id("view", "over"), "definition", ' SELECT id FROM app."T";'),
    (_id("policy", "T", "p"), "using", "((v = 'x'::text) OR true)"),
    (_id("trigger", "T", "g"), "definition", "CREATE TRIGGER g BEFORE UPDATE ON app.\"T\" FOR EACH ROW WHEN (old.v = 'x') EXECUTE FUNCTION app.note()"),
]  # fmt: skip


async def test_one_meaning_is_settled(settlement: Settlement, read: Snapshot) -> None:
    disputes = [_dispute(read, *one) for one in ONE]
    answers = await settlement.settle(disputes)
    assert [d.spelt for d in disputes if d.spelt not in answers.settled] == []
    turned = {d.spelt._replace(one=d.spelt.other, other=d.spelt.one) for d in disputes}
    assert turned <= answers.settled
    assert not answers.different


async def test_two_meanings_are_told_apart(settlement: Settlement, read: Snapshot) -> None:
    disputes = [_dispute(read, *two) for two in TWO]
    answers = await settlement.settle(disputes)
    assert not answers.settled
    assert {d.spelt for d in disputes} <= answers.different


HOSTILE = [
    "CHECK (true); DROP SCHEMA app CASCADE",
    "CHECK (true)) ; --",
    "CHECK (true), ADD COLUMN x integer DEFAULT (1",
    "CHECK ('",
    "CHECK (nothing_like_it(v))",
    "",
]


@pytest.mark.parametrize("text", HOSTILE)
async def test_what_cannot_be_made_stays_open(
    settlement: Settlement, read: Snapshot, text: str
) -> None:
    i = _id("constraint", "T", "c")
    assert await settlement.settle([_dispute(read, i, "definition", text)]) == Answers()


@pytest.mark.parametrize(
    "text",
    [
        "COPY (SELECT 1) TO PROGRAM 'true'",
        "CREATE EXTENSION file_fdw",
        "DROP SCHEMA app CASCADE",
        'CREATE TRIGGER g BEFORE UPDATE ON app."T" EXECUTE FUNCTION app.note(); DROP SCHEMA app',
    ],
)
async def test_a_whole_statement_is_of_its_kind_or_is_not_run(
    settlement: Settlement, read: Snapshot, text: str
) -> None:
    i = _id("trigger", "T", "g")
    assert await settlement.settle([_dispute(read, i, "definition", text)]) == Answers()


async def test_an_answer_is_remembered_as_long_as_its_world_is(
    settlement: Settlement, read: Snapshot
) -> None:
    disputes = [_dispute(read, *ONE[0]), _dispute(read, *TWO[0])]
    answers = await settlement.settle(disputes)
    assert len(answers.settled) == len(answers.different) == 2
    # Whoever asks now gets no answer.
    settlement.seconds = 0.0
    assert await settlement.settle(disputes) == answers
    later = [d._replace(to=replace(d.to, taken_at=NOW)) for d in disputes]
    assert await settlement.settle(later) == answers
    moved = _with(read, _id("column", "T", "id"), "type", "bigint")
    moved = replace(moved, taken_at=NOW + timedelta(seconds=1))
    assert await settlement.settle([d._replace(to=moved) for d in disputes]) == Answers()


async def test_without_a_server_nothing_is_settled_and_nobody_is_troubled(read: Snapshot) -> None:
    nowhere = Scratch(lambda: "postgresql://nobody@127.0.0.1:1/nothing")
    for scratch in (nowhere, Scratch(embedded=False)):
        assert await Settlement(scratch).settle([_dispute(read, *ONE[0])]) == Answers()


async def test_an_extension_is_made_where_a_text_needs_it(
    settlement: Settlement, make_database: MakeDatabase, server: EmbeddedServer
) -> None:
    if server.major < 15:
        pytest.skip("its own version of pg_trgm would be asked for")
    dsn = await make_database(
        sql="create schema x; create extension pg_trgm schema x; create table x.t (a text);"
        " create index i on x.t using gin (a x.gin_trgm_ops) where a = 'b'"
    )
    async with connection(dsn) as session:
        read = await snapshot(session)
    i = ObjectId("index", ("x", "i"))
    dispute = _dispute(read, i, "definition", "USING gin (a x.gin_trgm_ops) WHERE a::text = 'b'")
    assert dispute.spelt in (await settlement.settle([dispute])).settled


async def test_what_rules_settle_is_not_asked(read: Snapshot) -> None:
    side = _with(read, _id("column", "T", "at"), "default", "CURRENT_TIMESTAMP")
    assert unsettled(side, read, Options()) == ()
