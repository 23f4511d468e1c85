"""The outbox: durable before it is sent, in order, never twice without saying so."""

from __future__ import annotations

from dataclasses import replace

import pytest

from pgdrift.core.alerts.incident import Incident, Reason, State
from pgdrift.core.book import Step
from pgdrift.errors import StoreError
from pgdrift.store import Lane, Store, open_store
from tests.store.nouns import MINUTE, NOW, incident, notice

LATER = NOW + MINUTE


async def tell(store: Store, *about: Incident, channels: tuple[str, ...] = ("oncall",)) -> None:
    notices = tuple((notice(i), channels) for i in about)
    await store.save(Step("prod", NOW, incidents=about, notices=notices))


def revisions(count: int, id_: str = "a") -> list[Incident]:
    return [incident(id_, revision=n) for n in range(1, count + 1)]


async def ids_due(store: Store, now: object = NOW) -> list[str]:
    return [d.id for d in await store.due(now)]  # type: ignore[arg-type]


async def test_a_decision_is_due_at_once_on_each_of_its_channels(store: Store) -> None:
    about = incident("a")
    await tell(store, about, channels=("oncall", "dba"))

    due = await store.due(NOW)

    assert [(d.id, d.channel) for d in due] == [("a-1-oncall", "oncall"), ("a-1-dba", "dba")]
    assert due[0].notice == notice(about)
    assert (due[0].attempts, due[0].uncertain, due[0].thread) == (0, False, None)
    assert await store.next_due(NOW) == NOW
    assert await store.waiting() == 2


async def test_of_one_incident_a_channel_hears_one_thing_at_a_time_oldest_first(
    store: Store,
) -> None:
    await tell(store, *revisions(3), incident("b"))

    heard = []
    for _ in range(3):
        first, *others = await store.due(NOW)
        heard.append(first.id)
        assert [d.id for d in others] == ["b-1-oncall"]
        first = await store.begin(first, NOW)
        assert await ids_due(store) == ["b-1-oncall"]
        await store.done(first, NOW, {})

    assert heard == ["a-1-oncall", "a-2-oncall", "a-3-oncall"]


async def test_a_channel_that_fails_holds_up_no_other(store: Store) -> None:
    await tell(store, *revisions(2), channels=("oncall", "dba"))
    oncall, dba = [await store.begin(d, NOW) for d in await store.due(NOW)]

    await store.failed(oncall, NOW, "unreachable", LATER)
    await store.done(dba, NOW, {})

    assert await ids_due(store) == ["a-2-dba"]
    assert await ids_due(store, LATER) == ["a-2-dba", "a-1-oncall"]


async def test_a_failed_try_is_due_again_at_its_time(store: Store) -> None:
    await tell(store, incident("a"))
    (one,) = await store.due(NOW)
    one = await store.begin(one, NOW)
    assert await store.next_due(NOW) is None

    await store.failed(one, NOW, "rate_limited", LATER)

    assert await store.due(NOW) == ()
    assert await store.next_due(NOW) == LATER
    assert await store.next_due(LATER + MINUTE) == LATER + MINUTE
    (again,) = await store.due(LATER)
    assert again == replace(one, attempts=1, uncertain=False)


async def test_a_delivery_given_up_makes_way_for_the_next(store: Store) -> None:
    await tell(store, *revisions(2))
    (one,) = await store.due(NOW)

    await store.failed(await store.begin(one, NOW), NOW, "refused", None)

    assert await ids_due(store) == ["a-2-oncall"]
    assert await store.waiting() == 1


async def test_what_the_channel_returned_last_is_the_thread_of_the_later_ones(
    store: Store,
) -> None:
    await tell(store, *revisions(4), incident("b"))
    threads = []
    for n, ref in enumerate([None, {"ts": "1"}, {"ts": "2"}]):
        one = await store.begin((await store.due(NOW))[0], NOW)
        threads.append(one.thread)
        if ref is None:
            await store.failed(one, NOW, f"refused {n}", None)
        else:
            await store.done(one, NOW, ref)

    last, other = await store.due(NOW)

    assert threads == [None, None, {"ts": "1"}]
    assert (last.id, last.thread) == ("a-4-oncall", {"ts": "2"})
    assert (other.id, other.thread) == ("b-1-oncall", None)


async def test_what_a_crashed_daemon_was_telling_comes_back_as_uncertain(
    store: Store, url: str
) -> None:
    await tell(store, *revisions(2), incident("b"))
    first, other = await store.due(NOW)
    await store.begin(first, NOW)

    async with open_store(url) as restarted:
        assert await ids_due(restarted) == [other.id]  # a command line looks on, no more
        assert await restarted.recover() == 1

        still, back = await restarted.due(NOW)
        assert (back.id, back.uncertain, back.attempts) == (first.id, True, 1)
        assert (still.id, still.uncertain) == (other.id, False)

        again = await restarted.begin(back, NOW)
        assert (again.uncertain, again.attempts) == (True, 2)
        await restarted.failed(again, NOW, "unreachable", LATER)
        assert [d.uncertain for d in await restarted.due(LATER)] == [False, True]
        assert await restarted.recover() == 0


async def test_nobody_begins_what_another_has_begun(store: Store) -> None:
    await tell(store, incident("a"))
    (one,) = await store.due(NOW)
    await store.begin(one, NOW)

    with pytest.raises(StoreError, match="not pending any more") as caught:
        await store.begin(one, NOW)

    assert caught.value.reason == "stale"


async def test_an_end_needs_a_beginning(store: Store) -> None:
    await tell(store, incident("a"))
    (one,) = await store.due(NOW)

    with pytest.raises(StoreError, match="not attempting any more"):
        await store.done(one, NOW, {})

    assert await ids_due(store) == ["a-1-oncall"]


async def test_due_gives_what_is_in_a_lane_and_no_more_than_asked_for(store: Store) -> None:
    await tell(store, *(incident(f"i{n}") for n in range(5)))
    await tell(store, incident("j"), channels=("dba",))
    oncall, others = Lane(only=frozenset({"oncall"})), Lane(but=frozenset({"oncall"}))

    assert await ids_due_of(store, limit=3) == ["i0", "i1", "i2"]
    assert await ids_due_of(store, lane=oncall) == ["i0", "i1", "i2", "i3", "i4"]
    assert await ids_due_of(store, lane=others) == ["j"]


async def test_what_was_begun_in_another_lane_is_not_taken_back(store: Store) -> None:
    await tell(store, incident("a"), channels=("oncall", "dba"))
    for one in await store.due(NOW):
        await store.begin(one, NOW)

    assert await store.recover(Lane(only=frozenset({"dba"}))) == 1
    assert await ids_due(store) == ["a-1-dba"]
    assert await store.recover(Lane(but=frozenset({"dba"}))) == 1


async def test_what_failed_before_stands_behind_what_was_never_tried(store: Store) -> None:
    await tell(store, incident("a"), incident("b"))
    one, _ = await store.due(NOW)
    await store.failed(await store.begin(one, NOW), NOW, "unreachable", LATER)

    assert await ids_due(store, LATER) == ["b-1-oncall", "a-1-oncall"]


async def test_what_waits_for_a_channel_that_is_down_waits_for_the_same_moment(
    store: Store,
) -> None:
    late, much_later = LATER + MINUTE, LATER + 9 * MINUTE
    await tell(store, incident("a"), incident("b"), incident("c"))
    await tell(store, incident("d"), channels=("oncall", "dba"))
    first, second, *_ = await store.due(NOW)
    await store.failed(await store.begin(first, NOW), NOW, "unreachable", LATER)
    await store.failed(await store.begin(second, NOW), NOW, "rate_limited", much_later)

    await store.postpone("oncall", late)

    assert await ids_due(store) == ["d-1-dba"]
    assert await ids_due(store, late) == ["c-1-oncall", "d-1-oncall", "d-1-dba", "a-1-oncall"]
    assert len(await store.due(much_later)) == 5


async def ids_due_of(store: Store, *, lane: Lane = Lane(), limit: int = 100) -> list[str]:  # noqa: B008  frozen
    return [d.notice.incident.id for d in await store.due(NOW, lane=lane, limit=limit)]


async def told(store: Store, ref: str) -> None:
    for delivery in await store.due(NOW):
        await store.done(await store.begin(delivery, NOW), NOW, {"ref": ref})


async def test_what_was_told_last_and_is_not_over_stands(store: Store) -> None:
    """Of each open incident the last, nothing while more is on its way, nothing that was ended."""
    a, b = incident("a"), incident("b")
    await tell(store, a, b, incident("elsewhere"), channels=("oncall", "am"))
    assert await store.standing("am") == ()
    await told(store, "first")
    assert [d.id for d in await store.standing("am")] == ["a-1-am", "b-1-am", "elsewhere-1-am"]
    assert (await store.standing("am"))[0].thread == {"ref": "first"}

    await tell(store, replace(a, revision=2), channels=("am",))
    assert [d.id for d in await store.standing("am")] == ["b-1-am", "elsewhere-1-am"]
    await told(store, "second")
    assert [d.id for d in await store.standing("am")] == ["b-1-am", "elsewhere-1-am", "a-2-am"]

    await tell(store, replace(a, revision=3), channels=("am",))
    (lost,) = await store.due(NOW)
    await store.failed(await store.begin(lost, NOW), NOW, "refused", None)
    assert "a-2-am" in [d.id for d in await store.standing("am")], "what was told before stands"

    over = replace(notice(replace(b, revision=2)), reason=Reason.RESOLVED)
    await store.save(Step("prod", NOW, notices=((over, ("am",)),)))
    assert "b-1-am" not in [d.id for d in await store.standing("am")]
    await told(store, "third")
    assert [d.id for d in await store.standing("am")] == ["elsewhere-1-am", "a-2-am"]
    assert len(await store.standing("oncall")) == 3

    await store.save(Step("prod", NOW, incidents=(replace(a, state=State.RESOLVED, revision=4),)))
    assert [d.id for d in await store.standing("am")] == ["elsewhere-1-am"]
