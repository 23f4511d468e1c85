import base64
import hashlib
import hmac
import json
import time
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from pydantic import TypeAdapter, ValidationError

from pgdrift.core.alerts import drill
from pgdrift.core.alerts.facts import about
from pgdrift.core.alerts.incident import Notice
from pgdrift.errors import SinkError
from pgdrift.sinks import Channel, WebhookChannel, deliver, payload
from tests.sinks import samples
from tests.sinks.receiver import Receiver, Request, receiver
from tests.sinks.samples import LINK, on_its_way

SECRET = "whsec_" + base64.b64encode(b"a key of 24 bytes or so.").decode()
SCHEMA = Path(__file__).parents[2] / "docs" / "webhook.schema.json"

read = TypeAdapter[Any](Channel).validate_python


@pytest.fixture
async def there() -> AsyncIterator[Receiver]:
    async with receiver() as running:
        yield running


@pytest.fixture
def hook(there: Receiver) -> WebhookChannel:
    return WebhookChannel(type="webhook", url=f"{there.url}/hooks/T0/verysecret", secret=SECRET)


def verified(request: Request, key: bytes) -> bool:
    """Verify as a receiver does, from what it was sent and nothing else."""
    sent = request.headers
    signed = f"{sent['webhook-id']}.{sent['webhook-timestamp']}.".encode() + request.body
    expected = base64.b64encode(hmac.new(key, signed, hashlib.sha256).digest()).decode()
    return f"v1,{expected}" in sent["webhook-signature"].split(" ")


async def test_a_message_is_signed_and_says_it_all(there: Receiver, hook: WebhookChannel) -> None:
    before = int(time.time())
    delivery = on_its_way(samples.night())
    assert await deliver(hook, delivery, link=LINK) == {"incident": "4be1f9a0c2d3"}

    [request] = there.requests
    assert request.path == "/hooks/T0/verysecret"
    assert request.headers["Content-Type"] == "application/json"
    assert verified(request, b"a key of 24 bytes or so.")
    assert not verified(replace(request, body=request.body + b" "), b"a key of 24 bytes or so.")
    assert before <= int(request.headers["webhook-timestamp"]) <= time.time()

    said = request.said
    assert said["delivery"] == request.headers["webhook-id"] == delivery.id
    assert not said["repeated"]
    [notice] = said["notices"]
    assert notice["headline"].startswith("production is ahead of staging: 3 findings")
    assert notice["url"] == f"{LINK}/environments/production"
    assert notice["incident"]["severity"] == "critical"
    assert notice["findings"][0]["name"] == "public.invoice.tenant_isolation"
    assert notice["findings"][1]["attributes"]["type"] == ["character varying(40)", "text"]
    assert notice["findings_total"] == 3
    assert not notice["drill"]
    assert sum(f["dependants"]["count"] for f in notice["findings"]) > 0


async def test_a_digest_is_one_message_with_all_its_notices(
    there: Receiver, hook: WebhookChannel
) -> None:
    night, unseen = samples.night(), samples.cannot_look()
    threads = (("4be1f9a0c2d3", "class=security"), ("5cf2aa01d3e4", ""))
    digest = replace(on_its_way(night), parts=(night, unseen), threads=threads)
    await deliver(hook, digest, link=LINK)
    [request] = there.requests
    assert [n["incident"]["against"] for n in request.said["notices"]] == ["staging", "reach"]
    assert [n["group"] for n in request.said["notices"]] == ["class=security", ""]


async def test_a_repetition_has_the_same_id_and_says_so(
    there: Receiver, hook: WebhookChannel
) -> None:
    delivery = on_its_way(samples.night())
    await deliver(hook, delivery, link=LINK)
    await deliver(hook, replace(delivery, uncertain=True), link=LINK)
    first, second = there.requests
    assert first.headers["webhook-id"] == second.headers["webhook-id"]
    assert (first.said["repeated"], second.said["repeated"]) == (False, True)
    assert first.said["notices"] == second.said["notices"]


async def test_any_text_is_a_secret_and_is_read_at_each_message(
    there: Receiver, tmp_path: Path
) -> None:
    secret, url = tmp_path / "secret", tmp_path / "url"
    secret.write_text("pässwörd\n")
    url.write_text(f"{there.url}/a\n")
    channel = WebhookChannel(type="webhook", url_file=url, secret_file=secret)
    await deliver(channel, on_its_way(samples.night()), link=None)
    secret.write_text("rotated")
    await deliver(channel, on_its_way(samples.night()), link=None)
    first, second = there.requests
    assert verified(first, "pässwörd".encode())
    assert verified(second, b"rotated")
    assert first.said["notices"][0]["url"] is None


@pytest.mark.parametrize(
    ("status", "reason", "retry"),
    [
        (301, "invalid", False),
        (400, "refused", False),
        (401, "authentication", False),
        (404, "invalid", False),
        (408, "refused", True),
        (410, "invalid", False),
        (413, "refused", False),
        (503, "refused", True),
    ],
)
async def test_what_it_answers_becomes_ours(
    there: Receiver, hook: WebhookChannel, status: int, reason: str, retry: bool
) -> None:
    there.status, there.text = status, "no\r\n\x1b[31m" + "x" * 1000
    there.headers = {"Location": f"{there.url}/elsewhere"}
    with pytest.raises(SinkError) as caught:
        await deliver(hook, on_its_way(samples.night()), link=LINK)
    assert (caught.value.reason, caught.value.retry) == (reason, retry)
    assert "verysecret" not in str(caught.value)
    assert "\x1b" not in str(caught.value)
    assert len(there.requests) == 1


async def test_a_limit_says_for_how_long(there: Receiver, hook: WebhookChannel) -> None:
    there.status, there.headers = 429, {"Retry-After": "7"}
    with pytest.raises(SinkError) as caught:
        await deliver(hook, on_its_way(samples.night()), link=LINK)
    assert (caught.value.reason, caught.value.retry_after) == ("rate_limited", 7)


async def test_a_lost_answer_leaves_it_in_doubt(there: Receiver, hook: WebhookChannel) -> None:
    there.hangs_up = True
    with pytest.raises(SinkError) as caught:
        await deliver(hook, on_its_way(samples.night()), link=LINK)
    assert (caught.value.reason, caught.value.in_doubt) == ("unreachable", True)


async def test_a_file_with_no_key_is_refused(there: Receiver, tmp_path: Path) -> None:
    (tmp_path / "s").write_text("whsec_not base64")
    channel = WebhookChannel(type="webhook", url=there.url, secret_file=tmp_path / "s")
    with pytest.raises(SinkError, match="no base64") as caught:
        await deliver(channel, on_its_way(samples.night()), link=LINK)
    assert (caught.value.reason, caught.value.retry) == ("authentication", True)
    assert "not base64" not in str(caught.value)


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"url": "https://h/x"}, "no secret: give secret_file"),
        ({"secret": "s"}, "no url: give url_file"),
        ({"url": "ftp://h/x", "secret": "s"}, "whole address"),
        ({"url": "https://h/x", "secret": "whsec_%"}, "no base64"),
        ({"url": "https://h/x", "secret": "s", "secret_file": "/f"}, "two sources"),
    ],
)
def test_settings_that_cannot_be_meant_are_refused(settings: dict[str, Any], words: str) -> None:
    with pytest.raises(ValidationError, match=words):
        read({"type": "webhook", **settings})


# What is sent is what the schema says


def told() -> list[Any]:
    night = samples.night()
    notices = [night, samples.changed(night), samples.resolved(night), samples.cannot_look()]
    notices.append(drill.opened(samples.NOW))
    return [json.loads(payload.body(on_its_way(n), link=LINK)) for n in notices]


def test_a_message_names_the_plan_that_is_kept_and_where_it_will_be() -> None:
    night = samples.night()
    incident = night.incident

    def plan(notice: Notice, plans: payload.Plans, link: str | None = LINK) -> Any:
        told = json.loads(payload.body(on_its_way(notice), link=link, plans=plans))
        return told["notices"][0]["plan"]

    page = f"{LINK}/incidents/{incident.id}/plan"
    assert plan(night, {}) == {"id": None, "current": False, "url": page}
    kept = {incident.id: ("abc", about(incident.findings)), "another": ("def", "")}
    assert plan(night, kept) == {"id": "abc", "current": True, "url": page}
    assert plan(samples.changed(night), kept, None) == {"id": "abc", "current": False, "url": None}
    # What no plan mends has none, nor what is over.
    for other in (samples.resolved(night), samples.cannot_look(), drill.opened(samples.NOW)):
        assert plan(other, kept) is None


def test_every_message_fits_the_schema() -> None:
    jsonschema = pytest.importorskip("jsonschema", reason="jsonschema comes with requirements.lock")
    schema = json.loads(SCHEMA.read_text(encoding="utf-8"))
    validator = jsonschema.Draft202012Validator(schema)
    validator.check_schema(schema)
    for message in told():
        validator.validate(message)
    with_plan = payload.body(
        on_its_way(samples.night()), link=LINK, plans={"4be1f9a0c2d3": ("a", "b")}
    )
    validator.validate(json.loads(with_plan))
    assert told()[-1]["notices"][0]["drill"]
    broken = told()[0]
    broken["notices"][0]["reason"] = "because"
    assert not validator.is_valid(broken)


def test_the_schema_knows_all_that_a_finding_says() -> None:
    from pgdrift.core.shown.render import finding_json

    said = finding_json(samples.function_added())
    fields = {f.alias or name for name, f in payload.FindingBody.model_fields.items()}
    assert {*said, "dependants"} == fields
    assert isinstance(said["blame"], dict)
    assert set(said["blame"]) == set(payload.BlameBody.model_fields)


def test_500_findings_of_100_kilobytes_stay_a_message_that_can_be_read() -> None:
    findings = [samples.hostile(f"t{i}", text="x" * 100_000) for i in range(500)]
    whole = payload.body(on_its_way(samples.opened(*findings)), link=LINK)
    [notice] = json.loads(whole)["notices"]
    assert len(whole) < 2_000_000
    assert (len(notice["findings"]), notice["findings_total"]) == (200, 500)
    assert notice["findings"][0]["attributes"]["comment"][1].endswith("…")
