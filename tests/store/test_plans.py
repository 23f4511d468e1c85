"""Kept plans and what was run: byte for byte, one per incident, and forgotten when they are old."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from pgdrift.core.model import ObjectId
from pgdrift.core.plan.kept import MADE_HERE, KeptPlan
from pgdrift.core.plan.model import End, LeftOut, Plan, Statement, Verb, Way
from pgdrift.core.plan.step import Lock, Step
from pgdrift.core.why.enacted import CLOSELY, Enactment, Result
from pgdrift.errors import ConfigError
from pgdrift.store import Store
from tests.store.nouns import MINUTE, NOW

KEEP = timedelta(days=30)
HOSTILE = "a\"'\\<b>\u202e\n`🐘"
TABLE = ObjectId("table", ("public", HOSTILE))


def plan(sql: str = "DROP TABLE t") -> Plan:
    step = Step(sql, "", Lock.ACCESS_EXCLUSIVE, ("public.t",), loses="the rows")
    way = Way((Statement(1, TABLE, Verb.DROP, step),), (LeftOut(TABLE, "no right"),), ("look",))
    return Plan(End("production", "aa", 150001), End("staging", "bb", 160001), way, Way())


def kept(sql: str = "DROP TABLE t", **more: object) -> KeptPlan:
    return replace(KeptPlan(plan(sql), NOW, "ada"), **more)  # type: ignore[arg-type]


def run(of: KeptPlan, **more: object) -> Enactment:
    began = Enactment(of.id, "production", "up", "bob", HOSTILE, NOW, ("eve",), left={"a": "b"})
    return replace(began, **more)  # type: ignore[arg-type]


async def test_a_plan_comes_back_as_it_was_byte_for_byte(store: Store) -> None:
    files = {"plan.yaml": bytes(range(256)), "up.sql": HOSTILE.encode() + b"\r\n"}
    await store.keep_plan(kept(), files)
    assert await store.plan(kept().id[:4]) == kept()
    assert await store.plan_files(kept().id) == files
    # Proved meanwhile, it is the same plan with other files.
    await store.keep_plan(kept(made_by="bob"), {"plan.yaml": b"proved"})
    assert await store.plan_files(kept().id) == {"plan.yaml": b"proved"}
    assert await store.plans() == (kept(made_by="bob"),)
    assert await store.plans("staging") == ()
    assert await store.plan(kept().id[:3]) is None, "too short to name anything"
    assert await store.plan("") is None


async def test_a_beginning_of_several_names_is_refused(store: Store) -> None:
    twins: dict[str, KeptPlan] = {}
    one = other = kept()
    for n in range(2000):
        one = kept(f"DROP TABLE t{n}")
        if (other := twins.setdefault(one.id[:4], one)) is not one:
            break
    await store.keep_plan(one, {})
    await store.keep_plan(other, {})
    with pytest.raises(ConfigError) as caught:
        await store.plan(one.id[:4])
    assert one.id in str(caught.value)
    assert await store.plan(one.id) == one


async def test_an_incident_has_one_plan_and_what_was_run_stays(store: Store) -> None:
    first = kept("one", incident="i1", about="x", made_by=MADE_HERE)
    second = kept("two", incident="i1", about="y", made_by=MADE_HERE, made_at=NOW + MINUTE)
    third = kept("three", incident="i1", about="z", made_by=MADE_HERE, made_at=NOW + 2 * MINUTE)
    await store.keep_plan(first, {"a": b"1"})
    await store.keep_plan(second, {"a": b"2"})
    assert await store.plans() == (second,)
    assert await store.plan_files(first.id) == {}
    assert await store.plans_made() == {"i1": (second.id, "y")}
    assert await store.plan("i1") == second
    await store.keep_enactment(run(second))
    # Whoever runs it keeps it as a plan of his; it is still the incident's.
    await store.keep_plan(replace(second, made_by="bob", incident="", about=""), {"a": b"2"})
    assert await store.plan("i1") == replace(second, made_by="bob")
    await store.keep_plan(third, {"a": b"3"})
    assert [k.id for k in await store.plans()] == [third.id, second.id]


async def test_what_is_run_is_known_to_the_looks_until_it_is_long_over(store: Store) -> None:
    moved = await store.enactments_moved()
    began = await store.keep_enactment(run(kept()))
    assert (began.id, began.result) == (1, Result.RUNNING)
    assert await store.enactments_moved() != moved
    assert await store.enacted("production", NOW + KEEP) == (began,)
    assert await store.enacted("staging", None) == ()
    ended = replace(began, ended_at=NOW + MINUTE, result=Result.DONE, entries=({"event": "x"},))
    assert await store.keep_enactment(ended) == ended
    assert await store.enacted("production", NOW + MINUTE + CLOSELY / 2) == (ended,)
    assert await store.enacted("production", NOW + MINUTE + CLOSELY) == ()
    assert await store.enactments(kept().id) == (ended,)


async def test_what_was_begun_and_never_ended_is_over_when_another_begins(store: Store) -> None:
    await store.keep_enactment(run(kept()))
    await store.keep_enactment(run(kept(), environment="staging"))
    await store.keep_enactment(run(kept(), began_at=NOW + MINUTE))
    again, elsewhere, cut_off = await store.enactments(kept().id)
    assert (again.result, elsewhere.result) == (Result.RUNNING, Result.RUNNING)
    assert (cut_off.result, cut_off.ended_at) == (Result.CUT_OFF, NOW + MINUTE)


async def test_old_plans_go_but_for_those_that_were_run_lately(store: Store) -> None:
    old, late = NOW - timedelta(days=31), NOW - timedelta(days=2)
    for name in ("never", "long ago", "lately"):
        await store.keep_plan(kept(name, made_at=old), {"a": b"1"})
    await store.keep_enactment(run(kept("long ago"), began_at=old, ended_at=old))
    await store.keep_enactment(run(kept("lately"), began_at=late, ended_at=late))
    await store.keep_plan(kept("new", made_at=late), {"a": b"1"})
    while await store.prune(NOW, KEEP):
        pass
    assert {k.id for k in await store.plans()} == {kept("lately").id, kept("new").id}
    assert await store.plan_files(kept("never").id) == {}
    assert len(await store.enactments(kept("long ago").id)) == 0


async def test_alike_databases_and_yardsticks_have_each_a_plan_of_their_own(store: Store) -> None:
    of = plan()
    expected = replace(of, source=replace(of.source, name="production@expected"))
    tenant = replace(of, target=replace(of.target, name="tenant"))
    made = [KeptPlan(p, NOW, MADE_HERE, f"i{n}", "x") for n, p in enumerate((of, expected, tenant))]
    for each in made:
        await store.keep_plan(each, {})
    assert await store.plans_made() == {k.incident: (k.id, "x") for k in made}
    assert [await store.plan(k.incident) for k in made] == made
