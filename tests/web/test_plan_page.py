"""The page of a plan: what it does, what it costs, how it is taken; and the way to it."""

from __future__ import annotations

import pytest

from tests.web import plan_sample, sample
from tests.web.conftest import Shown
from tests.web.test_browser import Tab
from tests.web.test_browser import tab as tab  # noqa: PLC0414  a fixture

ID = plan_sample.KEPT.id
ESCAPED = "&lt;script&gt;alert"


async def test_a_plan_shows_each_statement_with_what_it_costs_and_what_became_of_it(
    site: Shown,
) -> None:
    answer, page = await site.get(f"/plans/{ID}")
    assert answer.status == 200
    assert "Make production as staging" in page
    for words in (
        "ALTER TABLE shop.customer ENABLE ROW LEVEL SECURITY;",
        "ACCESS EXCLUSIVE",
        "loses digits after the second",
        "fails where a value is greater than 99999999.99",
        "rewrites the table",
        "cannot run in a transaction",
        "its options were not read",
        f"pgdrift plans export {ID}",
        f"pgdrift apply plans/{ID} --on production",
        "lock timeout",
        "approved by eve",
        'href="#down-4"',
    ):
        assert words in page, words
    assert page.count('<span class="tag ok">done</span>') == 3
    assert page.count('<span class="tag critical">failed</span>') == 1
    assert page.count('<span class="tag unknown">pending</span>') == 1
    assert "<script>alert" not in page
    assert ESCAPED in page


async def test_an_incident_leads_to_its_plan_or_says_why_there_is_none(site: Shown) -> None:
    site.why_no_plan = "it is being made <b>"
    answer, page = await site.get("/incidents/inc-7f3a/plan")
    assert (answer.status, "it is being made &lt;b&gt;" in page) == (200, True)
    assert "pgdrift plans make inc-7f3a" in page
    _, own = await site.get("/environments/production")
    assert 'href="../incidents/inc-7f3a/plan"' in own

    site.plans, site.why_no_plan = {"inc-7f3a": ID}, "more was found since it was made"
    answer, page = await site.get("/incidents/inc-7f3a/plan")
    assert answer.url.path == f"/plans/{ID}"
    assert "Made of what was found before: more was found since it was made" in page
    _, own = await site.get("/environments/production")
    assert f'href="../plans/{ID}"' in own
    status = await site.json("/api/v1/status")
    environments = status["environments"]
    assert isinstance(environments, list)
    (incident,) = next(e for e in environments if e["name"] == "production")["incidents"]
    assert incident["plan"] == ID


@pytest.mark.parametrize("path", ["/plans/0000", "/plans/", "/incidents/nobody/plan"])
async def test_what_is_not_kept_is_not_found(site: Shown, path: str) -> None:
    answer, _ = await site.get(path)
    assert answer.status == 404


@pytest.mark.parametrize("scheme", ["light", "dark"])
async def test_in_a_browser_it_is_no_wider_than_a_phone_and_readable(tab: Tab, scheme: str) -> None:
    await tab.page.emulate_media(color_scheme=scheme)
    await tab.page.set_viewport_size({"width": 390, "height": 844})
    await tab.page.goto(f"{tab.url}/plans/{ID}", wait_until="networkidle")
    assert await tab.page.evaluate("document.documentElement.scrollWidth") <= 390
    await tab.page.click('a[href="#down-4"]')
    assert await tab.page.locator("#down-4").is_visible()
    assert (tab.complaints, tab.elsewhere) == ([], [])
    shown = await tab.page.inner_text("main")
    assert "\\u202egnp.exe" in shown
    assert sample.HOSTILE not in shown
