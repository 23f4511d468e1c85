"""The pages for people, and what stands around them: health, metrics, headers, errors."""

import re
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from pgdrift.core.alerts.letters import Letter, Tray
from pgdrift.core.alerts.marks import Mark, Matcher, Verb
from pgdrift.core.model import Against, Event, Outcome
from pgdrift.errors import StoreError
from tests.web import sample
from tests.web.conftest import Shown


def words(html: str) -> str:
    """Return what a person reads: no tags, single spaces."""
    return re.sub(r"\s+", " ", re.sub(r"<[^>]*>", " ", html))


async def test_the_first_line_says_who_drifted_and_how_badly(site: Shown) -> None:
    _, html = await site.get("/")
    text = words(html)
    assert "production and staging drifted" in text
    assert "2 critical 4 warning 1 info for 6 d" in text
    assert "tenant-acme cannot be judged" in text


async def test_one_drifted_environment_is_named_with_what_it_drifted_from(site: Shown) -> None:
    site.standings = {k: v for k, v in site.standings.items() if k in {"staging", "development"}}
    _, html = await site.get("/")
    assert "<title>staging drifted from development · pgdrift</title>" in html


async def test_a_clean_fleet_is_called_so_and_shows_no_findings(site: Shown) -> None:
    site.standings = sample.clean()
    _, html = await site.get("/")
    assert "Everything is in sync" in words(html)
    assert "<details" not in html
    assert "icon-ok.svg" in html


async def test_unknown_is_never_called_in_sync(site: Shown) -> None:
    clean = sample.clean()
    unknown = replace(clean["staging"], outcome=Outcome.UNKNOWN, reason="permission denied")
    site.standings = clean | {"staging": unknown}
    _, html = await site.get("/")
    assert "staging cannot be judged" in words(html)
    assert "Everything is in sync" not in words(html)
    assert "permission denied" in words(html)


async def test_an_unknown_upstream_is_said_even_where_the_rest_is_in_sync(site: Shown) -> None:
    clean = sample.clean()
    against = (
        Against("sync", Outcome.IN_SYNC),
        Against("staging", Outcome.UNKNOWN, reason="staging was never seen"),
    )
    site.standings = clean | {"production": replace(clean["production"], against=against)}
    _, html = await site.get("/")
    assert "production cannot be judged" in words(html)
    assert "staging was never seen" in words(html)


async def test_what_was_found_before_an_environment_went_out_of_sight_stays(site: Shown) -> None:
    production = site.standings["production"]
    against = tuple(replace(a, outcome=Outcome.UNKNOWN, reason="gone") for a in production.against)
    site.standings = {
        "production": replace(production, outcome=Outcome.UNKNOWN, reason="gone", against=against)
    }
    _, html = await site.get("/")
    assert "production drifted 2 critical" in words(html)
    assert "production cannot be judged" in words(html)
    assert "What follows is what was last seen" in words(html)


async def test_before_the_first_look_nothing_is_claimed(site: Shown) -> None:
    site.standings = {}
    _, html = await site.get("/")
    assert "No environment has been looked at yet" in words(html)


async def test_environments_stand_in_the_order_of_promotion(site: Shown) -> None:
    _, html = await site.get("/")
    chain = html[html.index('<ol class="chain"') : html.index("</ol>")]
    links = re.findall(r'href="environments/([^"]+)"', chain)
    assert links == ["development", "staging", "production", "tenant-acme"]


async def test_a_circle_of_upstreams_ends(site: Shown) -> None:
    clean = sample.clean()
    site.standings = clean | {"development": replace(clean["development"], follows="production")}
    answer, _ = await site.get("/")
    assert answer.status == 200


async def test_a_large_fleet_and_many_findings_say_what_is_left_off(site: Shown) -> None:
    many = tuple(
        sample.finding(
            ("table", "t", f"n{i}"),
            {"comment": ("a", "b")},
            sample.WAITING.direction,
            sample.WAITING.severity,
        )
        for i in range(40)
    )
    production = site.standings["production"]
    against = (Against("staging", Outcome.DRIFTED, many),)
    tenants = {f"t{i}": replace(production, environment=f"t{i}", against=against) for i in range(9)}
    site.standings = tenants
    _, html = await site.get("/")
    assert "chain fleet" in html
    assert "9 of 9 environments wait for promotion" in words(html)
    assert "25 more findings" in words(html)


async def test_the_page_of_a_very_large_fleet_stays_small(site: Shown) -> None:
    production = site.standings["production"]
    site.standings = {f"t{i}": replace(production, environment=f"t{i}") for i in range(200)}
    _, html = await site.get("/")
    assert html.count('<article class="card') == 200
    assert html.count('<section class="environment"') == 20
    assert "180 more environments are not in sync" in words(html)


async def test_an_environment_shows_before_and_after_line_by_line(site: Shown) -> None:
    _, html = await site.get("/environments/production")
    assert '<div class="del">- row_security: true</div>' in html
    assert '<div class="ins">+ row_security: false</div>' in html
    assert "FROM shop.order_line" in html
    assert "by j.miller with psql at 2026-11-22 11:49:00 UTC, exact" in words(html)


async def test_an_environment_shows_its_incident_and_its_past(site: Shown) -> None:
    _, html = await site.get("/environments/production")
    text = words(html)
    assert "Open incident against staging" in text
    assert "row_security: true → false, by j.miller with psql" in text
    assert "3 × operator class, 1 × text search parser" in text


async def test_a_lost_timeline_does_not_take_the_findings_along(site: Shown) -> None:
    async def lost(_: str) -> list[Event]:
        raise StoreError("the store is locked", reason="locked")

    site.timeline = lost
    answer, html = await site.get("/environments/production")
    assert answer.status == 200
    assert "The timeline cannot be read: the store is locked" in words(html)
    assert "row_security" in html


async def test_hostile_names_are_text_everywhere(site: Shown) -> None:
    hostile = f'a/b?c#d"><img src=x onerror=alert(1)>{sample.HOSTILE}'
    production = replace(
        site.standings["production"], environment=hostile, follows=hostile, reason=hostile
    )
    site.standings = {hostile: production}
    _, html = await site.get("/")
    link = re.search(r'href="(environments/[^"]+)"', html)
    assert link
    answer, page = await site.get("/" + link[1])
    assert answer.status == 200
    for text in (html, page):
        assert "<script>alert" not in text
        assert "<img" not in text
        assert "\u202e" not in text  # it would turn the rest of the line round
        assert "\\u202e" in text
        assert "\x1b" not in text


async def test_a_page_that_did_not_change_is_not_sent_again(site: Shown) -> None:
    first, _ = await site.get("/")
    again, body = await site.get("/", **{"If-None-Match": first.headers["ETag"]})
    assert (again.status, body) == (304, "")
    site.standings = sample.clean()
    changed, _ = await site.get("/", **{"If-None-Match": first.headers["ETag"]})
    assert changed.status == 200


@pytest.mark.parametrize(
    "path", ["/", "/environments/production", "/api/v1/status", "/metrics", "/none", "/healthz"]
)
async def test_every_answer_forbids_what_it_does_not_need(site: Shown, path: str) -> None:
    answer, _ = await site.get(path)
    policy = answer.headers["Content-Security-Policy"]
    assert "default-src 'none'" in policy
    assert "unsafe" not in policy
    assert "frame-ancestors 'none'" in policy
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    assert answer.headers["X-Frame-Options"] == "DENY"
    assert answer.headers["Referrer-Policy"] == "no-referrer"
    assert answer.headers["Server"] == "pgdrift"


async def test_no_page_has_inline_style_or_script_or_asks_elsewhere(site: Shown) -> None:
    for path in ("/", "/environments/production", "/none"):
        _, html = await site.get(path)
        assert not re.search(r"\sstyle=|<style|\son[a-z]+=|<script>|javascript:", html)
        assert not re.search(r'(?:src|href)="(?:https?:)?//', html)


async def test_what_a_page_asks_for_is_there(site: Shown) -> None:
    for path, base in (("/", "/"), ("/environments/production", "/environments/"), ("/a/b", "/a/")):
        _, html = await site.get(path)
        for link in re.findall(r'<(?:link|script)[^>]*(?:href|src)="([^"]+)"', html):
            answer, _ = await site.get(base + link)
            assert answer.status == 200, link


async def test_a_channel_that_does_not_take_what_it_is_told_is_shown(site: Shown) -> None:
    _, html = await site.get("/")
    assert "channel oncall" not in words(html)

    letter = Letter("oncall", "<b>production</b> is ahead", "refused", sample.NOW)
    waits = Tray("dba", waiting=3, oldest_at=sample.NOW, why="unreachable")
    site.trays = [Tray("oncall", given_up=1, dead=(letter,)), waits, Tray("calm", waiting=1)]
    _, html = await site.get("/")

    text = words(html)
    assert "channel oncall: 1 given up, never told:" in text
    assert "refused: &lt;b&gt;production&lt;/b&gt; is ahead" in text
    assert "channel dba: 3 waiting since" in text
    assert "calm" not in text
    shown: Any = (await site.json("/api/v1/status"))["channels"]
    dba = next(c for c in shown if c["name"] == "dba")
    assert (dba["waiting"], dba["why"], dba["given_up"]) == (3, "unreachable", 0)


async def test_what_people_said_stands_beside_what_they_said_it_of(site: Shown) -> None:
    first = next(i for i in sample.incidents() if i.environment == "production")
    at, until = sample.NOW, sample.NOW + timedelta(hours=4)
    matcher = Matcher("prod*", "index:*")
    site.marks = (
        Mark(1, Verb.ACK, "<b>ada</b>", "rolling it back", at, None, "production", first.id),
        Mark(2, Verb.SILENCE, "grace", "an audit", at, until, matcher=matcher),
    )
    _, html = await site.get("/environments/production")

    text = words(html)
    assert "Acknowledged incident" in text
    assert "by &lt;b&gt;ada&lt;/b&gt;: rolling it back" in text
    assert "silenced index:* in prod* by grace until" in text
    shown: Any = (await site.json("/api/v1/status"))["marks"]
    assert [(m["verb"], m["actor"]) for m in shown] == [("ack", "<b>ada</b>"), ("silence", "grace")]
    _, other = await site.get("/environments/staging")
    assert "grace" not in words(other)


async def test_what_is_not_watched_is_not_found(site: Shown) -> None:
    for path in ("/environments/nowhere", "/x", "/static/../app.py", "/static/"):
        answer, html = await site.get(path)
        assert answer.status in {403, 404}
        assert "<title>" in html


async def test_nothing_can_be_written(site: Shown) -> None:
    async with site.client.post(site.url + "/") as answer:
        assert answer.status == 405


async def test_a_page_that_fails_says_so_and_nothing_more(site: Shown) -> None:
    async def broken(_: str) -> list[Event]:
        raise RuntimeError("secret detail")

    site.timeline = broken
    answer, html = await site.get("/environments/production")
    assert answer.status == 500
    assert "secret detail" not in html
    assert (await site.get("/"))[0].status == 200


async def test_health_follows_the_loop_and_the_first_looks(site: Shown) -> None:
    assert (await site.get("/healthz"))[0].status == 200
    assert (await site.get("/readyz"))[0].status == 200
    site.ready, site.live = False, False
    assert (await site.get("/healthz"))[0].status == 503
    assert (await site.get("/readyz"))[0].status == 503


async def test_metrics_are_served_as_text(site: Shown) -> None:
    answer, text = await site.get("/metrics")
    assert answer.headers["Content-Type"].startswith("text/plain; version=0.0.4")
    assert 'pgdrift_in_sync{against="sync",environment="staging"} 1.0' in text
