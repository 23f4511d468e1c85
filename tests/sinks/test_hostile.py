"""One table of hostile names, through every place where people and machines read them."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from typing import Any

import pytest
from markdown_it import MarkdownIt

from pgdrift.core.model import Against, Event, Outcome, Standing
from pgdrift.core.shown import past, render, report
from pgdrift.demo.slack import SlackDouble
from pgdrift.errors import SourceError
from pgdrift.sinks import (
    AlertmanagerChannel,
    EmailChannel,
    SlackChannel,
    SlackWebhookChannel,
    WebhookChannel,
    apprise,
    deliver,
)
from tests.sinks import samples
from tests.sinks.hostile import CONTROLS, HOSTILE, Page, story
from tests.sinks.mailserver import MailServer
from tests.sinks.receiver import receiver
from tests.sinks.samples import LINK, on_its_way
from tests.web import sample
from tests.web.conftest import Shown, site  # noqa: F401  a fixture

# In Slack's markup a `<` begins something: of these two only.
OURS = re.compile(rf"<!date\^\d+\^[^<>]*>|<{re.escape(LINK)}/?[^<>|\s]*\|[^<>]*>")


def strings(value: Any) -> list[str]:
    """Return all texts of a message."""
    if isinstance(value, dict):
        return [s for inner in value.values() for s in strings(inner)]
    if isinstance(value, list):
        return [s for inner in value for s in strings(inner)]
    return [value] if isinstance(value, str) else []


def markup(value: Any) -> list[dict[str, Any]]:
    """Return all parts of a message that Slack reads as markup."""
    if isinstance(value, dict):
        mine = [value] if value.get("type") == "mrkdwn" else []
        return mine + [m for inner in value.values() for m in markup(inner)]
    if isinstance(value, list):
        return [m for inner in value for m in markup(inner)]
    return []


async def test_slack_shows_them_and_obeys_none(
    slack: SlackDouble, oncall: SlackChannel, hook: SlackWebhookChannel
) -> None:
    """The double refuses what breaks a limit or is no block."""
    for name in HOSTILE.values():
        thread = None
        for notice in story(name):
            delivery = on_its_way(notice, dict(thread) if thread else None)
            if notice.incident.against == "reach":
                delivery = replace(delivery, thread=None)
            thread = await deliver(oncall, delivery, link=LINK)
        await deliver(hook, on_its_way(story(name)[0]), link=LINK)
        parts = tuple(
            replace(n, incident=replace(n.incident, id=f"{i}")) for i, n in enumerate(story(name))
        )
        await deliver(oncall, replace(on_its_way(parts[0]), parts=parts), link=LINK)

    assert len(slack.messages) >= len(HOSTILE) * 5
    for message in slack.messages:
        said = [message["text"], message.get("blocks", []), message.get("edits", [])]
        assert all(m["verbatim"] for m in markup(said))
        for text in strings(said):
            assert not CONTROLS.search(text), text
            assert "<" not in OURS.sub("", text), text
            assert "`" * 4 not in text


async def test_mail_has_no_header_and_no_tag_of_theirs(
    server: MailServer, dba: EmailChannel
) -> None:
    known: set[str] | None = None
    for name in HOSTILE.values():
        thread = None
        for notice in story(name)[:3]:
            thread = await deliver(
                dba, on_its_way(notice, dict(thread) if thread else None), link=LINK
            )
        await deliver(
            dba, replace(on_its_way(story(name)[3]), parts=tuple(story(name)[:2])), link=LINK
        )

    assert len(server.mails) == len(HOSTILE) * 4
    assert set(server.recipients) == {"dba@example.org", "oncall@example.org"}
    for message in server.mails:
        known = known or {*message.keys(), "In-Reply-To", "References"}
        assert set(message.keys()) <= known
        assert not message.defects
        assert message["X-Pgdrift-Severity"] == "critical"
        assert message["List-Id"].isascii()
        assert not CONTROLS.search(str(message["Subject"]))
        assert [p.get_content_type() for p in message.iter_parts()] == ["text/plain", "text/html"]
        plain, html = (p.get_content().replace("\r\n", "\n") for p in message.iter_parts())
        assert not CONTROLS.search(plain + html)
        page = Page(html)
        assert page.tags <= set("html head meta title style body div p h1 span strong a s".split())
        assert page.runs() == []
        links = {v for _, attribute, v in page.attributes if attribute == "href"}
        assert all(link.startswith(LINK) for link in links)


async def test_machines_get_them_as_they_are_and_as_data() -> None:
    async with receiver() as here:
        hook = WebhookChannel(type="webhook", url=here.url, secret="s")
        am = AlertmanagerChannel(type="alertmanager", urls=(here.url,))
        for name in HOSTILE.values():
            first = story(name)[0]
            await deliver(hook, replace(on_its_way(first), id=name), link=LINK)
            told, here.requests[-1:] = here.requests[-1], []
            assert told.body.isascii()
            assert "\n" not in told.headers["webhook-id"]
            [notice] = told.said["notices"]
            assert notice["incident"]["environment"] == name
            assert notice["findings"][0]["name"] == first.incident.findings[0].change.id.name
            assert notice["findings"][0]["attributes"]["comment"][0] == name
            assert not CONTROLS.search(notice["headline"] + notice["url"])

            await deliver(am, on_its_way(first), link=LINK)
            [alert] = here.requests.pop().said
            assert not any(CONTROLS.search(text) for text in strings(alert))
            assert set(alert["labels"]) == set(
                "alertname environment against severity class".split()
            )


def test_what_apprise_is_given_is_markup_nowhere() -> None:
    for name in HOSTILE.values():
        for notice in story(name):
            message = apprise._message(on_its_way(notice), LINK)
            said = f"{message['title']}\n{message['body']}"
            assert not CONTROLS.search(said)
            assert not set("<>@`#[]|") & set(said), said
            assert "://" not in said.replace(LINK, "")


def spans(markdown: str) -> set[str]:
    """Return the code spans of a text in which nothing else is any markup of theirs."""
    made = MarkdownIt("commonmark").parse(markdown)
    inner = [t for token in made for t in (token, *(token.children or ()))]
    kinds = {t.type for t in inner}
    assert not kinds & {"link_open", "image", "html_inline", "html_block"}, markdown
    return {t.content.strip() for t in inner if t.type == "code_inline"}


def test_the_terminal_moves_nowhere_and_markdown_stays_what_it_was() -> None:
    for name in HOSTILE.values():
        first = story(name)[0]
        for finding in first.incident.findings:
            assert not CONTROLS.search(render.finding_text(finding, name, name))
            said = spans(render.finding_markdown(finding, name, name))
            assert render.one_line(finding.change.id.name).strip() in said
        assert not CONTROLS.search(render.headline(first))
        assert "\n" not in render.headline(first)

        standing = whole(sample.standings()["production"], name)
        assert not CONTROLS.search(report.standing_text(standing))
        assert render.one_line(name).strip() in spans(report.standing_markdown(standing))
        event = Event(name, samples.NOW, "changed", name, f"table:{name}")
        assert not CONTROLS.search(past.event_text(event))
        spans(past.event_markdown(event))
        error = SourceError(f"the server says {name}", reason="refused", hint=name)
        assert not CONTROLS.search(str(error))


def whole(standing: Standing, name: str) -> Standing:
    """Return a standing with the name wherever a name can be."""
    findings = story(name)[0].incident.findings
    against = (Against(name, Outcome.DRIFTED, findings, reason=name),)
    return replace(
        standing, environment=name, follows=name, reason=name, against=against, notes=(name,)
    )


async def test_the_page_has_no_tag_of_theirs(site: Shown) -> None:  # noqa: F811
    production = site.standings["production"]
    _, before = await site.get("/environments/production")
    _, front = await site.get("/")
    tags = Page(before).tags | Page(front).tags
    for name in HOSTILE.values():
        first = story(name)[0]
        standing = whole(production, name)
        site.standings = {name: standing}
        site.incidents = [first.incident]
        _, front = await site.get("/")
        [link] = {
            v for tag, key, v in Page(front).attributes if key == "href" and "environments/" in v
        }
        answer, page = await site.get("/" + link)
        assert answer.status == 200, name
        for html in (front, page):
            shown = Page(html)
            assert shown.tags <= tags, shown.tags - tags
            assert shown.runs() == []
            assert not CONTROLS.search(html)
        assert (
            render.one_line(name) in " ".join(Page(page).text.split("\n")) or name.strip() != name
        )


@pytest.mark.parametrize("name", HOSTILE)
def test_a_delivery_id_of_any_name_is_one_header(name: str) -> None:
    from pgdrift.sinks.http import signed

    headers = signed(b"k", f"4be1-1-{HOSTILE[name]}", 1, b"{}")
    assert all(v.isascii() and v.isprintable() for v in headers.values())
    assert json.dumps(headers)


def test_the_table_holds_what_postgresql_takes() -> None:
    assert all(name and "\0" not in name for name in HOSTILE.values())
    assert max(len(samples.BIDI), len(HOSTILE["emoji"].encode())) == 63
