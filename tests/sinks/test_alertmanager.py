"""A real Alertmanager takes, groups, keeps and ends what it is told."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from pydantic import TypeAdapter, ValidationError

from pgdrift.core.alerts import drill
from pgdrift.core.alerts.incident import Delivery, Notice
from pgdrift.core.model import Severity
from pgdrift.errors import SinkError, StoreError
from pgdrift.sinks import AlertmanagerChannel, Channel, alertmanager, deliver
from pgdrift.sinks.alive import Alive
from tests.sinks import samples
from tests.sinks.alertmanager import COMMAND, Alertmanager
from tests.sinks.alertmanager import alertmanager as run
from tests.sinks.receiver import Receiver, receiver
from tests.sinks.samples import LINK, on_its_way

read = TypeAdapter[Any](Channel).validate_python


@dataclass
class Place:
    """An Alertmanager, whom it tells, and the channel that leads to it."""

    am: Alertmanager
    people: Receiver
    channel: AlertmanagerChannel

    async def told(self, is_it: Callable[[list[Any]], bool]) -> list[Any]:
        """Wait until people were told what is waited for; return all that they were told."""
        async with asyncio.timeout(60):
            while not is_it(said := [r.said for r in self.people.requests]):
                await asyncio.sleep(0.05)  # Alertmanager tells when its group's time has come
        return said


@pytest.fixture
async def place(tmp_path: Path) -> AsyncIterator[Place]:
    if not COMMAND:
        pytest.skip("no alertmanager on this machine (Debian: prometheus-alertmanager)")
    async with AsyncExitStack() as stack:
        people = await stack.enter_async_context(receiver())
        am = await stack.enter_async_context(run(tmp_path, f"{people.url}/people"))
        channel = AlertmanagerChannel(type="alertmanager", urls=(am.url,), labels={"team": "db"})
        yield Place(am, people, channel)


def incident(notice: Notice, **more: Any) -> Notice:
    return replace(notice, incident=replace(notice.incident, **more))


def nobody(channel: str, reason: str) -> None:
    raise AssertionError(f"{channel} failed: {reason}")


def ended(said: list[Any]) -> bool:
    return any(one["status"] == "resolved" for one in said)


async def test_it_takes_groups_and_resolves(place: Place) -> None:
    """One group per environment, told when it begins, changes and ends: nothing fires for ever."""
    night = incident(samples.night(), severity=Severity.CRITICAL)
    unseen = incident(samples.cannot_look(), id="other")
    elsewhere = incident(night, environment='hostile "name"\n<!channel>', id="third")
    refs = [await deliver(place.channel, on_its_way(n), link=LINK) for n in (night, unseen)]
    await deliver(place.channel, on_its_way(elsewhere), link=LINK)

    def both(said: list[Any]) -> bool:
        return any(len(one["alerts"]) == 2 for one in said)

    groups = await place.told(lambda said: both(said) and len({g["groupKey"] for g in said}) == 2)
    whole = next(one for one in groups if len(one["alerts"]) == 2)
    assert whole["groupLabels"] == {"environment": "production"}
    drift = next(a for a in whole["alerts"] if a["labels"]["alertname"] == "PgdriftDrift")
    assert drift["labels"] == {
        "alertname": "PgdriftDrift",
        "environment": "production",
        "against": "staging",
        "severity": "critical",
        "class": "security",
        "team": "db",
    }
    assert drift["generatorURL"] == f"{LINK}/environments/production"
    assert datetime.fromisoformat(drift["startsAt"]) == samples.NOW
    assert "policy public.invoice.tenant_isolation" in drift["annotations"]["summary"]
    assert "by maría" in drift["annotations"]["description"]

    # It became less grave: that is another alert, and the one of before is over.
    calmer = incident(samples.changed(night), severity=Severity.WARNING)
    ref = await deliver(place.channel, on_its_way(calmer, dict(refs[0])), link=LINK)
    open_ = {a["labels"]["severity"] for a in await place.am.alerts() if "against" in a["labels"]}
    assert open_ == {"critical", "warning"}  # that of the other environment is critical still
    mine = [a for a in await place.am.alerts() if a["labels"]["environment"] == "production"]
    assert {a["labels"]["severity"] for a in mine} == {"warning"}

    await deliver(place.channel, on_its_way(samples.resolved(night), dict(ref)), link=LINK)
    await deliver(
        place.channel,
        on_its_way(incident(samples.resolved(unseen), id="other"), dict(refs[1])),
        link=LINK,
    )
    said = await place.told(ended)
    assert said[-1]["groupLabels"] == {"environment": "production"}
    left = await place.am.alerts()
    assert [a["labels"]["environment"] for a in left] == ['hostile "name"\\n<!channel>']


async def test_it_ends_by_itself_unless_it_is_kept_alive(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(alertmanager, "_LIFETIME", timedelta(seconds=30))
    delivery = on_its_way(samples.night())
    ref = await deliver(place.channel, delivery, link=LINK)
    (before,) = await place.am.alerts()

    standing = [replace(delivery, thread=ref)]

    async def stands(name: str) -> list[Delivery]:
        return standing

    alive = Alive({"am": place.channel}, stands, LINK, failed=nobody, may_send=lambda: True)
    await alive.refresh("am", place.channel)
    (kept,) = await place.am.alerts()
    assert kept["endsAt"] > before["endsAt"]
    assert kept["fingerprint"] == before["fingerprint"]
    assert kept["annotations"] == before["annotations"]

    # The last sign of life of another one: nobody says that it ended, and it is over soon after.
    monkeypatch.setattr(alertmanager, "_LIFETIME", timedelta(seconds=1))
    silent = incident(samples.night(), environment="silent")
    await deliver(place.channel, on_its_way(silent), link=LINK)
    said = await place.told(ended)
    assert said[-1]["groupLabels"] == {"environment": "silent"}
    (left,) = await place.am.alerts()
    assert left["labels"]["environment"] == "production"


# The rest of it needs no Alertmanager


async def test_one_member_of_a_cluster_is_enough() -> None:
    async with receiver() as here, receiver() as broken:
        broken.status = 503
        both = AlertmanagerChannel(type="alertmanager", urls=(broken.url, here.url))
        await deliver(both, on_its_way(samples.night()), link=LINK)
        assert len(here.requests) == len(broken.requests) == 1
        assert here.requests[0].path == "/api/v2/alerts"

        alone = AlertmanagerChannel(type="alertmanager", urls=(broken.url,))
        with pytest.raises(SinkError) as caught:
            await deliver(alone, on_its_way(samples.night()), link=LINK)
        assert (caught.value.reason, caught.value.retry) == ("refused", True)


async def test_a_login_is_sent_and_a_refused_one_is_told(tmp_path: Path) -> None:
    (tmp_path / "p").write_text("topsecret")
    async with receiver() as here:
        channel = AlertmanagerChannel(
            type="alertmanager", urls=(here.url,), username="u", password_file=tmp_path / "p"
        )
        await deliver(channel, on_its_way(samples.night()), link=LINK)
        assert here.requests[0].headers["Authorization"] == "Basic dTp0b3BzZWNyZXQ="
        here.status = 401
        with pytest.raises(SinkError) as caught:
            await deliver(channel, on_its_way(samples.night()), link=LINK)
        assert (caught.value.reason, caught.value.retry) == ("authentication", True)


async def test_what_goes_wrong_with_keeping_alive_ends_nothing_and_is_counted() -> None:
    tried: list[str] = []
    counted: list[tuple[str, str]] = []

    async def no_store(name: str) -> list[Delivery]:
        tried.append(name)
        raise StoreError("gone", reason="locked")

    async def bug(name: str) -> list[Delivery]:
        tried.append(name)
        raise LookupError

    async def one(name: str) -> list[Delivery]:
        tried.append(name)
        return [on_its_way(samples.night(), {"labels": '{"4be1f9a0c2d3 ": {"alertname": "a"}}'})]

    channel = AlertmanagerChannel(type="alertmanager", urls=("http://127.0.0.1:9",))
    for standing in (no_store, bug, one):
        alive = Alive(
            {"am": channel}, standing, None, lambda *why: counted.append(why), lambda: True
        )
        await alive.refresh("am", channel)
    assert tried == ["am", "am", "am"]
    assert counted == [("am", "unreachable")]


async def test_who_slept_while_it_read_what_stands_tells_nothing_of_it() -> None:
    """It may have been told as resolved by another replica since."""
    awake = True
    ref = {"labels": '{"4be1f9a0c2d3 ": {"alertname": "a"}}'}

    async def stands(name: str) -> list[Delivery]:
        nonlocal awake
        awake = not awake
        return [on_its_way(samples.night(), ref)]

    async with receiver() as here:
        channel = AlertmanagerChannel(type="alertmanager", urls=(here.url,))
        alive = Alive({"am": channel}, stands, None, nobody, lambda: awake)
        await alive.refresh("am", channel)
        assert here.requests == []
        await alive.refresh("am", channel)
        assert len(here.requests) == 1


async def test_what_was_told_as_one_are_alerts_of_their_own() -> None:
    """A digest is for people: here each thread begins, goes on and ends by itself."""
    night, unseen = samples.night(), incident(samples.cannot_look(), id="other")
    threads = ((night.incident.id, ""), ("other", "owner=dba"))
    digest = replace(on_its_way(night), parts=(night, unseen), threads=threads)
    async with receiver() as here:
        channel = AlertmanagerChannel(type="alertmanager", urls=(here.url,))
        ref = await deliver(channel, digest, link=LINK)
        end = incident(samples.resolved(unseen), id="other", severity=Severity.INFO)
        await deliver(channel, on_its_way(end, dict(ref), group="owner=dba"), link=LINK)
        first, last = (r.said for r in here.requests)
    assert [a["labels"]["alertname"] for a in first] == ["PgdriftDrift", "PgdriftUnknown"]
    assert first[1]["labels"]["group"] == "owner=dba"
    assert [a["labels"] for a in last] == [first[1]["labels"]]
    assert last[0]["endsAt"] < first[0]["endsAt"]


async def test_a_drill_is_called_so_and_ends() -> None:
    async with receiver() as here:
        channel = AlertmanagerChannel(type="alertmanager", urls=(here.url,))
        first = drill.opened(samples.NOW)
        ref = await deliver(channel, on_its_way(first), link=LINK)
        over = drill.ended(first, samples.NOW + timedelta(seconds=1))
        await deliver(channel, on_its_way(over, dict(ref)), link=LINK)
        [begun], [ended] = (r.said for r in here.requests)
    assert begun["labels"]["alertname"] == "PgdriftDrill"
    assert begun["generatorURL"] == LINK, "it has no page of its own"
    assert begun["labels"] == ended["labels"]
    assert ended["endsAt"] == over.at.isoformat()


async def test_a_thousand_alerts_are_told_again_in_few_requests() -> None:
    async with receiver() as here:
        channel = AlertmanagerChannel(type="alertmanager", urls=(here.url,))
        one = on_its_way(samples.night(), {"labels": '{"4be1f9a0c2d3 ": {"alertname": "a"}}'})
        await alertmanager.refresh(channel, [one] * 1000, link=LINK)
        assert sum(len(r.said) for r in here.requests) == 1000
        assert len(here.requests) == 5


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"urls": []}, "at least 1 item"),
        ({"urls": ["am:9093"]}, "whole address"),
        ({"urls": ["http://u:p@am:9093"]}, "must hold no password"),
        ({"urls": ["http://am"], "labels": {"a-b": "x"}}, "should match pattern"),
        ({"urls": ["http://am"], "username": "u"}, "no password: give password_file"),
        ({"urls": ["http://am"], "password": "p"}, "a password without a username"),
    ],
)
def test_settings_that_cannot_be_meant_are_refused(settings: dict[str, Any], words: str) -> None:
    with pytest.raises(ValidationError, match=words):
        read({"type": "alertmanager", **settings})
