import re
import ssl
import subprocess
from collections.abc import AsyncIterator
from dataclasses import replace
from email.message import EmailMessage
from pathlib import Path

import pytest
from aiosmtpd.smtp import AuthResult

from pgdrift.errors import SinkError
from pgdrift.sinks import EmailChannel, deliver
from tests.sinks import samples
from tests.sinks.mailserver import MailServer
from tests.sinks.samples import LINK, on_its_way


def part(message: EmailMessage, kind: str) -> str:
    body = message.get_body((kind,))
    assert body is not None
    return str(body.get_content())


async def test_a_mail_says_it_all_in_text_and_in_html(
    server: MailServer, dba: EmailChannel
) -> None:
    await deliver(dba, on_its_way(samples.night()), link=LINK)

    [message] = server.mails
    assert server.recipients == ["dba@example.org", "oncall@example.org"]
    assert str(message["From"]) == "pgdrift <pgdrift@example.org>"
    assert str(message["Subject"]).startswith("[critical] production is ahead of staging")
    assert message["Auto-Submitted"] == "auto-generated"
    assert message["List-Id"] == "<production.pgdrift.example.org>"
    assert message["Date"].datetime.tzinfo is not None
    assert message["Importance"] == "high"
    assert message["In-Reply-To"] is None
    assert message.get_content_type() == "multipart/alternative"
    for kind in ("plain", "html"):
        text = part(message, kind)
        assert "policy" in text
        assert "public.invoice.tenant_isolation" in text
        assert "by maría" in text
        assert "on it: " in text, "what hangs on an object"
        assert "- type: character varying(40)" in text
        assert f"{LINK}/environments/production" in text


async def test_an_incident_is_one_conversation(server: MailServer, dba: EmailChannel) -> None:
    first = samples.night()
    ref = await deliver(dba, on_its_way(first), link=LINK)
    changed = on_its_way(samples.changed(first), dict(ref))
    assert await deliver(dba, changed, link=LINK) == ref
    await deliver(dba, on_its_way(samples.resolved(first), dict(ref)), link=LINK)

    root, *later = server.mails
    assert len({m["Message-ID"] for m in server.mails}) == 3
    for message in later:
        assert message["In-Reply-To"] == root["Message-ID"]
        assert message["References"] == root["Message-ID"]
        assert str(message["Subject"]) == f"Re: {root['Subject']}"
    assert "The incident is resolved." in part(later[1], "plain")
    assert later[1]["Importance"] is None


async def test_a_digest_is_one_mail_and_what_follows_begins_anew(
    server: MailServer, dba: EmailChannel
) -> None:
    night = samples.night()
    over = samples.resolved(replace(night, incident=replace(night.incident, environment="tenant")))
    digest = replace(on_its_way(night), parts=(over, samples.cannot_look(), night))
    ref = await deliver(dba, digest, link=LINK)
    after = on_its_way(samples.changed(night), {**ref, "digest": digest.id})
    own = await deliver(dba, after, link=LINK)
    end = on_its_way(samples.resolved(night), dict(own))
    assert await deliver(dba, end, link=LINK) == own

    first, second, third = server.mails
    assert str(first["Subject"]).startswith("[critical] 3 incidents in 2 environments, 1 resolved;")
    assert (first["List-Id"], first["Importance"]) == ("<digest.pgdrift.example.org>", "high")
    assert (first["X-Pgdrift-Reason"], first["X-Pgdrift-Severity"]) == ("digest", "critical")
    for kind in ("plain", "html"):
        said = part(first, kind)
        heads = ["is ahead of staging", "cannot be looked at", "is in sync with staging again"]
        body = said.partition("Told together.")[2].partition("Told together.")[2] or said
        places = [body.rindex(head) for head in heads]
        assert places == sorted(places), "the gravest first, what is over last"
        assert "policy" in said
        assert f"{LINK}/environments/tenant" in said
        # One of the three can be mended: that is where its plan will be.
        assert said.count("How it can be mended: ") == 1
        assert f"{LINK}/incidents/{night.incident.id}/plan" in said
    assert str(second["Subject"]).startswith("[critical] production is ahead of staging")
    assert second["In-Reply-To"] == first["Message-ID"]
    assert str(third["Subject"]) == f"Re: {second['Subject']}"
    assert third["In-Reply-To"] == second["Message-ID"]


async def test_an_end_that_begins_a_conversation_is_not_called_grave(
    server: MailServer, dba: EmailChannel
) -> None:
    over = on_its_way(samples.resolved(samples.night()), {"message_id": "<1@x>", "digest": "d"})
    await deliver(dba, over, link=LINK)
    assert server.mails[0]["Subject"].startswith("[resolved] production is in sync")


async def test_a_repetition_is_the_same_mail_and_says_so(
    server: MailServer, dba: EmailChannel
) -> None:
    delivery = on_its_way(samples.night())
    await deliver(dba, delivery, link=LINK)
    await deliver(dba, replace(delivery, uncertain=True, attempts=3), link=LINK)
    first, second = server.mails
    assert first["Message-ID"] == second["Message-ID"]
    assert str(second["Subject"]) == f"(repeated: delivery was interrupted) {first['Subject']}"


async def test_the_identity_of_a_mail_depends_on_the_delivery_alone(
    server: MailServer, dba: EmailChannel
) -> None:
    delivery = on_its_way(samples.night())
    await deliver(dba, delivery, link=LINK)
    await deliver(dba, replace(delivery, id="other"), link=LINK)
    assert server.mails[0]["Message-ID"] != server.mails[1]["Message-ID"]
    assert re.fullmatch(r"<[0-9a-f]{32}@example\.org>", server.mails[0]["Message-ID"])


@pytest.mark.parametrize(
    "name",
    [
        samples.NEWLINES,
        samples.PINGS,
        samples.BIDI,
        "Überweisung 請求書 😀",
        "<script>alert(1)</script>",
    ],
)
async def test_no_name_becomes_a_header_or_markup(
    server: MailServer, dba: EmailChannel, name: str
) -> None:
    notice = samples.opened(samples.hostile(name), environment=name, against=name)
    notice = replace(notice, incident=replace(notice.incident, detail=name, id=name))
    delivery = replace(on_its_way(notice), id=name)
    ref = await deliver(dba, delivery, link=LINK)
    await deliver(dba, on_its_way(samples.resolved(notice), dict(ref)), link=LINK)

    assert server.recipients == ["dba@example.org", "oncall@example.org"] * 2
    for message in server.mails:
        assert message["Bcc"] is None
        assert not message.defects
        assert message["List-Id"].isascii()
        html = part(message, "html")
        assert not re.search("<(script|!channel|@U|https)", html)
        assert not re.search("[\u202a-\u202e\u2066-\u2069\u200b]", html + str(message["Subject"]))
    if name.startswith("Ü"):
        assert name in str(server.mails[0]["Subject"])
        assert name in part(server.mails[0], "html")


async def test_500_findings_of_100_kilobytes_stay_a_readable_mail(
    server: MailServer, dba: EmailChannel
) -> None:
    lines = "\n".join(f"select {i};" for i in range(6000))
    findings = [samples.hostile(f"t{i}", text=lines) for i in range(400)]
    findings += [samples.hostile(f"u{i}", text="x" * 100_000) for i in range(100)]
    await deliver(dba, on_its_way(samples.opened(*findings)), link=LINK)
    [message] = server.mails
    assert "and 470 more" in part(message, "plain")
    assert len(message.as_bytes()) < 200_000
    assert len(str(message["Subject"])) < 250


@pytest.mark.parametrize(
    ("answer", "retry"),
    [("451 greylisted", True), ("452 full", True), ("550 no such user", False), ("554 no", False)],
)
async def test_what_the_server_refuses_for_now_is_tried_again(
    server: MailServer, dba: EmailChannel, answer: str, retry: bool
) -> None:
    server.data = answer
    with pytest.raises(SinkError) as caught:
        await deliver(dba, on_its_way(samples.night()), link=LINK)
    assert (caught.value.reason, caught.value.retry) == ("refused", retry)
    assert answer in str(caught.value)


async def test_one_refused_recipient_does_not_keep_the_mail_from_the_others(
    server: MailServer, dba: EmailChannel
) -> None:
    server.recipient["dba@example.org"] = "550 unknown"
    await deliver(dba, on_its_way(samples.night()), link=LINK)
    assert server.recipients == ["oncall@example.org"]


@pytest.mark.parametrize(("other", "retry"), [("550 unknown", False), ("450 later", True)])
async def test_no_recipient_left_is_a_refusal(
    server: MailServer, dba: EmailChannel, other: str, retry: bool
) -> None:
    server.recipient = {"dba@example.org": "550 unknown", "oncall@example.org": other}
    with pytest.raises(SinkError) as caught:
        await deliver(dba, on_its_way(samples.night()), link=LINK)
    assert (caught.value.reason, caught.value.retry) == ("refused", retry)


async def test_a_server_that_is_away_is_unreachable(server: MailServer, dba: EmailChannel) -> None:
    await server.stop()
    with pytest.raises(SinkError) as caught:
        await deliver(dba, on_its_way(samples.night()), link=LINK)
    assert (caught.value.reason, caught.value.retry) == ("unreachable", True)


async def test_a_server_that_says_nothing_is_unreachable(
    server: MailServer, dba: EmailChannel, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("pgdrift.sinks.email._TIMEOUT", 0.2)
    server.greets = False
    with pytest.raises(SinkError) as caught:
        await deliver(dba, on_its_way(samples.night()), link=LINK)
    assert (caught.value.reason, caught.value.retry) == ("unreachable", True)


# Login and encryption


@pytest.fixture(scope="session")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("tls")
    command = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2"]
    command += ["-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost"]
    command += ["-keyout", str(folder / "key.pem"), "-out", str(folder / "cert.pem")]
    subprocess.run(command, check=True, capture_output=True)
    return folder / "cert.pem"


@pytest.fixture
def tls(certificate: Path, monkeypatch: pytest.MonkeyPatch) -> ssl.SSLContext:
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, certificate.with_name("key.pem"))
    return context


@pytest.fixture
async def encrypted(tls: ssl.SSLContext) -> AsyncIterator[MailServer]:
    mail_server = MailServer(tls)
    await mail_server.start()
    yield mail_server
    await mail_server.stop()


async def test_encryption_is_used_where_it_is_offered(encrypted: MailServer) -> None:
    await deliver(encrypted.channel(), on_its_way(samples.night()), link=LINK)
    assert encrypted.encrypted == [True]


async def test_starttls_none_stays_in_clear(encrypted: MailServer) -> None:
    await deliver(encrypted.channel(starttls="none"), on_its_way(samples.night()), link=LINK)
    assert encrypted.encrypted == [False]


async def test_encryption_that_is_required_is_used_or_nothing_is_sent(
    encrypted: MailServer, server: MailServer
) -> None:
    night = on_its_way(samples.night())
    await deliver(encrypted.channel(starttls="require"), night, link=LINK)
    assert encrypted.encrypted == [True]
    with pytest.raises(SinkError) as caught:
        await deliver(server.channel(starttls="require"), night, link=LINK)
    assert (caught.value.reason, caught.value.retry) == ("refused", False)
    assert server.mails == []


async def test_tls_from_the_first_byte(tls: ssl.SSLContext) -> None:
    mail_server = MailServer(tls, implicit=True)
    await mail_server.start()
    channel = mail_server.channel(starttls="tls", username="pgdrift", password="p")
    await deliver(channel, on_its_way(samples.night()), link=LINK)
    await mail_server.stop()
    assert mail_server.encrypted == [True]


async def test_a_certificate_that_nobody_signed_is_not_trusted(
    encrypted: MailServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("SSL_CERT_FILE")
    with pytest.raises(SinkError, match="not trusted") as caught:
        await deliver(encrypted.channel(), on_its_way(samples.night()), link=LINK)
    assert (caught.value.reason, caught.value.retry) == ("unreachable", True)
    assert encrypted.mails == []


async def test_a_login_with_a_password_from_a_file(encrypted: MailServer, tmp_path: Path) -> None:
    file = tmp_path / "password"
    file.write_text("pässwörd\n")
    channel = encrypted.channel(username="pgdrift", password_file=str(file))
    await deliver(channel, on_its_way(samples.night()), link=LINK)
    assert encrypted.encrypted == [True]


async def test_a_refused_login_is_not_repeated(encrypted: MailServer) -> None:
    encrypted.login = AuthResult(success=False, handled=False, message="535 5.7.8 bad")
    channel = encrypted.channel(username="pgdrift", password="topsecret")
    with pytest.raises(SinkError) as caught:
        await deliver(channel, on_its_way(samples.night()), link=LINK)
    assert (caught.value.reason, caught.value.retry) == ("authentication", False)
    assert "topsecret" not in str(caught.value)


async def test_a_password_is_never_sent_in_clear_unasked(server: MailServer) -> None:
    channel = server.channel(username="pgdrift", password="topsecret")
    with pytest.raises(SinkError) as caught:
        await deliver(channel, on_its_way(samples.night()), link=LINK)
    assert (caught.value.reason, caught.value.retry) == ("refused", False)
    assert "STARTTLS" in str(caught.value)


async def test_a_name_that_the_resolver_cannot_ask_for_is_unreachable(dba: EmailChannel) -> None:
    channel = dba.model_copy(update={"host": "smtp..example.org"})
    with pytest.raises(SinkError) as caught:
        await deliver(channel, on_its_way(samples.night()), link=LINK)
    assert (caught.value.reason, caught.value.in_doubt) == ("unreachable", False)
