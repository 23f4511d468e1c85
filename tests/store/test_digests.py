"""What waits in the outbox together becomes one message, and stays one however often it is tried."""

from __future__ import annotations

from dataclasses import replace

from pgdrift.core.alerts.incident import Incident, Notice, Reason
from pgdrift.core.alerts.route import WITHIN, Address
from pgdrift.core.book import Step
from pgdrift.store import Store, open_store
from tests.store.nouns import MINUTE, NOW, incident

SOON, LATER = NOW + MINUTE, NOW + 2 * MINUTE
OURS = Address("oncall", digest="by severity=critical")
NIGHT = Address("oncall", digest="quiet hours", not_before=SOON, mention=("U1",))


async def tell(
    store: Store, about: Incident, to: Address = OURS, reason: Reason = Reason.CHANGED
) -> None:
    told = ((Notice(about, reason, NOW), (to,)),)
    await store.save(Step(about.environment, NOW, incidents=(about,), notices=told))


async def test_what_waits_with_the_same_digest_is_one_delivery_and_ends_as_one(
    store: Store, url: str
) -> None:
    for name in "abc":
        await tell(store, incident(name, name))
    await tell(store, incident("d"), Address("oncall"))
    await tell(store, incident("e"), replace(OURS, digest="by severity=warning"))

    together, alone, other = await store.due(NOW)
    assert [n.incident.id for n in together.parts] == ["a", "b", "c"]
    assert (together.id, together.thread, len(together.covers)) == ("a-1-oncall", None, 3)
    assert [d.parts for d in (alone, other)] == [(), ()]

    begun = await store.begin(together, NOW)
    assert (begun.parts, begun.attempts) == (together.parts, 1)
    await tell(store, incident("f"))
    async with open_store(url) as restarted:
        assert await restarted.recover() == 3
        again = next(d for d in await restarted.due(NOW) if d.uncertain)
        # The receiver knows it by its id: nothing joins it, and nothing leaves it.
        assert (again.id, again.parts) == (together.id, together.parts)
        await restarted.done(await restarted.begin(again, NOW), NOW, {"ts": "1", "digest": "x"})
        assert [d.notice.incident.id for d in await restarted.due(NOW)] == ["d", "e", "f"]


async def test_a_message_waits_for_its_time_and_counts_from_then(store: Store) -> None:
    await tell(store, incident("a"), NIGHT)
    await tell(store, incident("b"), replace(NIGHT, mention=("U2", "U1")))
    assert await store.due(NOW) == ()
    assert await store.next_due(NOW) == SOON
    (one,) = await store.due(LATER)
    assert [n.incident.id for n in one.parts] == ["a", "b"]
    assert (one.mention, one.since) == (("U1", "U2"), SOON)


async def test_what_becomes_of_one_incident_while_it_waits_is_told_as_it_is_in_the_end(
    store: Store,
) -> None:
    for revision, reason in enumerate([Reason.WORSE, Reason.CHANGED, Reason.RESOLVED], 1):
        await tell(store, incident("a", revision=revision), NIGHT, reason)
    await tell(store, incident("b"), NIGHT)
    (one,) = await store.due(LATER)
    assert [(n.incident.id, n.reason) for n in one.parts] == [
        ("a", Reason.RESOLVED),
        ("b", Reason.CHANGED),
    ]
    assert len(one.covers) == 4


async def test_the_wait_of_one_thread_joins_no_other(store: Store) -> None:
    alone = Address("oncall", not_before=SOON, digest=WITHIN)
    for name in "ab":
        await tell(store, incident(name), alone)
        await tell(store, incident(name, revision=2), replace(alone, not_before=None))
    assert await store.due(NOW) == ()
    assert [(d.id, d.notice.incident.revision, d.parts) for d in await store.due(LATER)] == [
        ("a-1-oncall", 2, ()),
        ("b-1-oncall", 2, ()),
    ]


async def test_what_has_a_message_of_its_own_goes_on_there_and_what_has_a_digest_does_not(
    store: Store,
) -> None:
    own, shared = Address("oncall"), {"ts": "2", "digest": "x"}
    for name, ref in (("a", {"ts": "1"}), ("b", shared), ("c", shared)):
        await tell(store, incident(name), own)
        (one,) = await store.due(NOW)
        await store.done(await store.begin(one, NOW), NOW, ref)
    for name in "abc":
        await tell(store, incident(name, revision=2))

    thread, digest = await store.due(NOW)
    assert (thread.notice.incident.id, thread.thread, thread.parts) == ("a", {"ts": "1"}, ())
    assert [n.incident.id for n in digest.parts] == ["b", "c"]


async def test_a_thread_is_told_in_order_whatever_its_parts_wait_for(store: Store) -> None:
    await tell(store, incident("a"), replace(OURS, digest="by class=security", not_before=LATER))
    await tell(store, incident("a", revision=2), OURS)
    await tell(store, incident("b"), OURS)
    (one,) = await store.due(NOW)
    assert (one.notice.incident.id, one.parts) == ("b", ())
    await tell(store, incident("a", revision=3), replace(OURS, group="class=security"))
    assert [n.incident.revision for d in await store.due(NOW) for n in d.parts] == [1, 3]


async def test_what_becomes_grave_at_night_waits_for_no_morning(store: Store) -> None:
    await tell(store, incident("a"), NIGHT)
    await tell(store, incident("b"), NIGHT)
    assert await store.due(NOW) == ()
    await tell(store, incident("a", revision=2), Address("oncall"), Reason.WORSE)
    (woken,) = await store.due(NOW)
    assert (woken.notice.id, len(woken.covers), woken.mention) == ("a-2", 2, ("U1",))
    await store.done(await store.begin(woken, NOW), NOW, {"ts": "1"})
    (morning,) = await store.due(LATER)
    assert morning.notice.incident.id == "b"
