"""What people say: kept when it can be meant, refused when not; in book and timeline."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from pgdrift.core.alerts.incident import State
from pgdrift.core.alerts.marks import Matcher, Order, Verb, right
from pgdrift.core.book import Step
from pgdrift.core.model import Against, Direction, Outcome
from pgdrift.errors import ConfigError
from pgdrift.store import Store
from tests.core.build import changed, finding, table_id
from tests.store.nouns import MINUTE, NOW, incident

DAY = timedelta(days=1)
ONE = finding(changed(table_id("one"), owner=("a", "b")))
TWO = finding(changed(table_id("two"), owner=("a", "b")))
ACK = Order(Verb.ACK, "ada", "on it", incident="i1")
SILENCE = Order(Verb.SILENCE, "ada", "release", NOW + DAY, matcher=Matcher("prod*", "table:*"))
ACCEPT = Order(Verb.ACCEPT, "ada", "hotfix", incident="i1")


async def drifted(store: Store) -> None:
    """Keep a look that found two, with an incident that is open, and one that was resolved."""
    against = (Against("sync", Outcome.DRIFTED, (ONE, TWO)),)
    gone = incident("gone", state=State.RESOLVED, resolved_at=NOW)
    mine = (incident("i1"), incident("i12"), gone)
    for name in ("prod", "dev"):
        step = Step(name, NOW, Outcome.DRIFTED, against=against)
        await store.save(replace(step, incidents=mine) if name == "prod" else step)


async def test_what_is_said_is_in_the_book_until_it_ends(store: Store) -> None:
    await drifted(store)
    ack, silence, accept = [await store.mark(o, NOW) for o in (ACK, SILENCE, ACCEPT)]
    assert (await store.load("prod")).marks == (ack, silence, accept)
    assert (ack.id, ack.incident, ack.environment) == (1, "i1", "prod")
    assert accept.findings == (right(ONE, "sync"), right(TWO, "sync"))
    assert (await store.load("dev")).marks == ()
    assert (await store.load("production")).marks == (silence,)  # never looked at as yet

    end = Order(Verb.END, "bob", "back", mark=ack.id)
    ended = await store.mark(end, NOW + MINUTE)
    assert ended == replace(ack, ended_at=NOW + MINUTE, ended_by="bob")
    assert (await store.load("prod")).marks == (silence, accept)
    assert await store.marks() == (accept, silence, ended)
    assert await store.marks(holding_at=NOW + DAY) == (accept,)
    assert await store.marks("dev") == ()


async def test_a_mark_whose_time_came_is_in_the_book_of_the_look_that_tells_so(
    store: Store,
) -> None:
    await drifted(store)
    silence = await store.mark(SILENCE, NOW)
    await store.save(Step("prod", NOW + DAY - MINUTE, Outcome.DRIFTED))
    assert (await store.load("prod")).marks == (silence,)
    await store.save(Step("prod", NOW + DAY, Outcome.DRIFTED))
    assert (await store.load("prod")).marks == ()


async def test_each_is_told_in_the_timeline_where_it_holds(store: Store) -> None:
    await drifted(store)
    for order in (ACK, SILENCE, replace(ACCEPT, findings=(ONE.key,))):
        await store.mark(order, NOW)
    await store.mark(Order(Verb.END, "bob", "back", mark=2), NOW)
    ended, accepted, silenced, acknowledged = await store.timeline("prod")
    assert acknowledged.text == "incident i1 in prod acknowledged by ada: on it"
    assert silenced.text == ("table:* in prod* silenced by ada until 2026-11-23 09:30 UTC: release")
    assert (accepted.verb, accepted.subject) == ("accepted", ONE.key)
    assert ended.text == "table:* in prod* no longer silenced: bob ended it: back"
    assert await store.timeline("dev") == ()


async def test_whoever_waits_can_tell_that_something_was_said(store: Store) -> None:
    await drifted(store)
    seen = {await store.marks_moved()}
    await store.mark(ACK, NOW)
    seen.add(await store.marks_moved())
    await store.mark(Order(Verb.END, "bob", "back", mark=1), NOW)
    seen.add(await store.marks_moved())
    assert len(seen) == 3
    assert await store.marks_moved() in seen


@pytest.mark.parametrize(
    ("order", "said"),
    [
        (replace(ACK, reason=" "), "must say why"),
        (replace(ACK, actor=""), "must say why"),
        (replace(ACK, until=NOW), "over already"),
        (replace(ACK, incident=None), "names no incident"),
        (replace(ACK, incident="x"), "there is no incident 'x'"),
        (replace(ACK, incident=""), "there is no incident"),
        (replace(ACK, incident="%"), "there is no incident"),
        (replace(ACK, incident="i"), "more than one incident begins with 'i'"),
        (replace(ACK, incident="gone"), "is resolved"),
        (replace(SILENCE, until=None), "a silence has an end"),
        (replace(SILENCE, matcher=None), "one incident, or for what a matcher says"),
        (replace(SILENCE, incident="i1"), "one incident, or for what a matcher says"),
        (replace(ACCEPT, incident=None), "names no finding"),
        (replace(ACCEPT, findings=("table:public.tow",)), "did you mean table:public.two?"),
        (replace(ACCEPT, incident=None, environment="x", findings=("a",)), "x has no finding"),
        (Order(Verb.END, "bob", "back"), "names nothing to end"),
        (Order(Verb.END, "bob", "back", mark=9), "nothing has the number 9"),
    ],
)
async def test_what_cannot_be_meant_is_refused(store: Store, order: Order, said: str) -> None:
    await drifted(store)
    with pytest.raises(ConfigError, match="incidents") as refused:
        await store.mark(order, NOW)
    assert said in str(refused.value)
    assert await store.marks() == ()


async def test_what_ended_cannot_be_ended_again(store: Store) -> None:
    await drifted(store)
    await store.mark(ACK, NOW)
    end = Order(Verb.END, "bob", "back", mark=1)
    await store.mark(end, NOW)
    with pytest.raises(ConfigError, match="ack 1 has ended already"):
        await store.mark(end, NOW)


async def test_an_acceptance_names_its_incident_or_an_environment(store: Store) -> None:
    await drifted(store)
    order = Order(Verb.ACCEPT, "ada", "hotfix", environment="dev", findings=(TWO.key,))
    mark = await store.mark(order, NOW)
    assert (mark.environment, mark.findings) == ("dev", (right(TWO, "sync"),))
    again = replace(TWO, change=changed(table_id("two"), owner=("a", "c")))
    assert right(again, "sync") not in mark.findings
    assert right(replace(TWO, direction=Direction.AHEAD), "sync") in mark.findings


async def test_what_ended_long_ago_is_forgotten(store: Store) -> None:
    await drifted(store)
    for order in (ACK, SILENCE, ACCEPT):
        await store.mark(order, NOW)
    await store.mark(Order(Verb.END, "bob", "back", mark=1), NOW)
    await store.prune(NOW + 2 * DAY, timedelta(hours=12))
    assert [m.verb for m in await store.marks()] == [Verb.ACCEPT]
