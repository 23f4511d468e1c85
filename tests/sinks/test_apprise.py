"""What Apprise hands on, to a service that runs here."""

import importlib
import sys
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import pytest

from pgdrift.cli.config import check_config
from pgdrift.errors import SinkError
from pgdrift.sinks import AppriseChannel, deliver
from tests.sinks import samples
from tests.sinks.receiver import Receiver, receiver
from tests.sinks.samples import LINK, on_its_way


@pytest.fixture
async def there() -> AsyncIterator[Receiver]:
    pytest.importorskip("apprise", reason="apprise comes with requirements.lock")
    async with receiver() as running:
        running.status = 200
        yield running


@pytest.fixture
def channel(there: Receiver) -> AppriseChannel:
    return AppriseChannel(type="apprise", url=there.url.replace("http://", "json://u:verysecret@"))


async def test_a_message_is_short_and_says_how_grave_it_is(
    there: Receiver, channel: AppriseChannel
) -> None:
    night = samples.night()
    ref = await deliver(channel, on_its_way(night), link=LINK)
    await deliver(channel, on_its_way(samples.resolved(night), dict(ref)), link=LINK)
    first, last = (r.said for r in there.requests)
    assert first["title"].startswith("(critical) production is ahead of staging: 3 findings")
    assert first["type"] == "failure"
    assert "critical: policy public.invoice.tenant_isolation: dropped" in first["message"]
    assert first["message"].endswith(f"{LINK}/environments/production")
    assert (last["type"], last["title"][:10]) == ("success", "(resolved)")


async def test_a_digest_is_one_message(there: Receiver, channel: AppriseChannel) -> None:
    parts = (samples.night(), samples.cannot_look())
    await deliver(channel, replace(on_its_way(parts[0]), parts=parts), link=LINK)
    [request] = there.requests
    assert request.said["title"] == "pgdrift: 2 incidents"
    assert "cannot be looked at" in request.said["message"]


async def test_what_may_have_arrived_is_marked(there: Receiver, channel: AppriseChannel) -> None:
    await deliver(channel, on_its_way(samples.night(), uncertain=True), link=LINK)
    assert there.requests[0].said["title"].startswith("(repeated: delivery was interrupted) (crit")


async def test_a_service_that_refuses_is_asked_again_and_nothing_secret_is_said(
    there: Receiver, channel: AppriseChannel, caplog: pytest.LogCaptureFixture
) -> None:
    there.status = 500
    with caplog.at_level("DEBUG"), pytest.raises(SinkError) as caught:
        await deliver(channel, on_its_way(samples.night()), link=LINK)
    assert (caught.value.reason, caught.value.retry, caught.value.in_doubt) == (
        "refused",
        True,
        True,
    )
    assert "verysecret" not in str(caught.value) + caplog.text


async def test_an_address_that_apprise_does_not_know(there: Receiver, tmp_path: Path) -> None:
    (tmp_path / "url").write_text("nosuch://verysecret")
    channel = AppriseChannel(type="apprise", url_file=tmp_path / "url")
    with pytest.raises(SinkError) as caught:
        await deliver(channel, on_its_way(samples.night()), link=LINK)
    assert (caught.value.reason, caught.value.retry) == ("invalid", True)
    assert "verysecret" not in str(caught.value)


async def test_without_the_extra_the_error_says_how_to_install_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    importlib.invalidate_caches()
    monkeypatch.setitem(sys.modules, "apprise", None)
    channel = AppriseChannel(type="apprise", url="json://localhost")
    with pytest.raises(SinkError) as caught:
        await deliver(channel, on_its_way(samples.night()), link=LINK)
    assert "pip install '.[apprise]'" in caught.value.hint
    assert not caught.value.retry


def test_the_check_of_a_configuration_says_what_a_channel_lacks(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setitem(sys.modules, "apprise", None)
    config = tmp_path / "pgdrift.yaml"
    channels = "{ others: { type: apprise, url_file: /nowhere/url } }"
    config.write_text(f"environments: {{}}\nalerts: {{ channels: {channels} }}\n")
    # Not as a command, which would begin a log that other tests then write to.
    assert check_config(config) == 0
    said = capsys.readouterr().out
    assert "warning: alerts.channels.others: url_file /nowhere/url is not there now" in said
    assert "warning: alerts.channels.others: a channel of type apprise needs" in said
    assert "pip install '.[apprise]'" in said
