"""What a dead channel was to be told is told by others, to the end of each thread, and once."""

from __future__ import annotations

from pgdrift.core.alerts.incident import Incident, Notice, Reason
from pgdrift.core.alerts.route import Address
from pgdrift.core.book import Step
from pgdrift.store import Lane, Store
from tests.store.nouns import MINUTE, NOW, incident

LATER = NOW + MINUTE
ONCALL = Lane(only=frozenset({"oncall"}))
TO = Address("oncall", fallback=("dba", "team"))


async def tell(store: Store, about: Incident, *to: Address) -> None:
    told = ((Notice(about, Reason.CHANGED, NOW), to or (TO,)),)
    await store.save(Step("prod", NOW, incidents=(about,), notices=told))


async def told_to(store: Store, channel: str) -> list[str]:
    """Deliver all that is due in a channel, and return what."""
    found = []
    while mine := [d for d in await store.due(LATER) if d.channel == channel]:
        for one in mine:
            await store.done(await store.begin(one, LATER), LATER, {"in": channel})
            found.append(f"{one.notice.id} {one.thread and one.thread['in']}")
    return found


async def fail(store: Store, reason: str = "unreachable", *, give_up: bool = False) -> None:
    (one,) = await store.due(NOW, lane=ONCALL, limit=1)
    await store.failed(await store.begin(one, NOW), NOW, reason, None if give_up else LATER)


async def test_how_a_channel_does_is_seen_from_its_deliveries(store: Store) -> None:
    await tell(store, incident("a"), TO, Address("quiet"))
    await fail(store)
    found = {h.channel: h for h in await store.health()}
    assert (found["oncall"].stuck_since, found["oncall"].why) == (NOW, "unreachable")
    assert found["quiet"].stuck_since is None
    await told_to(store, "oncall")
    (oncall, _) = sorted(await store.health(), key=lambda h: h.channel)
    assert (oncall.stuck_since, oncall.delivered_at) == (None, LATER)

    await tell(store, incident("b"))
    await fail(store, "authentication", give_up=True)
    (oncall, _) = sorted(await store.health(), key=lambda h: h.channel)
    assert (oncall.gave_up_at, oncall.why) == (NOW, "authentication")


async def test_what_waits_for_a_dead_channel_is_told_by_all_that_stand_in_and_once(
    store: Store,
) -> None:
    await tell(store, incident("a"))
    await tell(store, incident("b"))
    await fail(store)
    assert await store.cover("oncall", is_dead=False) == 0
    assert await store.cover("oncall", is_dead=True) == 4
    assert await store.cover("oncall", is_dead=True) == 0
    assert await told_to(store, "dba") == ["a-1 None", "b-1 None"]
    assert await told_to(store, "team") == ["a-1 None", "b-1 None"]
    # It is told there too, when it is back: nothing was taken away.
    assert await told_to(store, "oncall") == ["b-1 None", "a-1 None"]


async def test_who_began_to_hear_of_a_thread_hears_its_end(store: Store) -> None:
    one = Address("oncall", fallback=("dba",))
    await tell(store, incident("before"), one)
    await told_to(store, "oncall")
    await tell(store, incident("a"), one)
    await fail(store)
    await store.cover("oncall", is_dead=True)
    assert await told_to(store, "dba") == ["a-1 None"]
    await told_to(store, "oncall")

    await tell(store, incident("a", revision=2), one)
    await tell(store, incident("before", revision=2), one)
    assert await store.cover("oncall", is_dead=False) == 1
    assert await told_to(store, "dba") == ["a-2 dba"]
    assert await told_to(store, "oncall") == ["a-2 oncall", "before-2 oncall"]


async def test_a_stand_in_that_hears_of_it_anyway_has_a_thread_for_each(store: Store) -> None:
    await tell(store, incident("a"), Address("oncall", fallback=("dba",)), Address("dba"))
    await fail(store)
    assert await store.cover("oncall", is_dead=True) == 1
    assert await told_to(store, "dba") == ["a-1 None", "a-1 None"]


async def test_what_was_given_up_counts_until_something_arrives(store: Store) -> None:
    await tell(store, incident("a"))
    await fail(store, "authentication", give_up=True)
    await tell(store, incident("b"))
    await told_to(store, "oncall")
    assert await store.cover("oncall", is_dead=True) == 0
