"""The pages in a real browser: what it shows, what it asks for, how it stays current."""

import shutil
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from tests.web import plan_sample, sample
from tests.web.conftest import Shown

playwright = pytest.importorskip("playwright.async_api", reason="playwright is not installed")
CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or ""
pytestmark = pytest.mark.skipif(not CHROMIUM, reason="chromium is not installed")
OPTIONS = (
    "--no-sandbox --disable-gpu --disable-quic --no-first-run --disable-background-networking"
    " --disable-component-update --disable-sync"
)

# In milliseconds, and waited only where something fails.
PATIENCE = 120_000


class Tab:
    """One page of a browser, with what it complained of and asked for."""

    def __init__(self, page: Any, url: str) -> None:
        self.page, self.url = page, url
        self.complaints: list[str] = []
        self.elsewhere: list[str] = []
        page.on("console", lambda m: self.complaints.append(m.text))
        page.on("pageerror", lambda e: self.complaints.append(str(e)))
        page.on("dialog", lambda d: self.complaints.append(f"dialog: {d.message}"))
        page.on("request", lambda r: self._note(r.url))

    def _note(self, address: str) -> None:
        if not address.startswith(self.url):
            self.elsewhere.append(address)


@pytest.fixture
async def tab(site: Shown) -> AsyncIterator[Tab]:
    async with playwright.async_playwright() as driver:
        browser = await driver.chromium.launch(
            executable_path=CHROMIUM, args=OPTIONS.split(), timeout=PATIENCE
        )
        page = await browser.new_page()
        page.set_default_timeout(PATIENCE)
        playwright.expect.set_options(timeout=PATIENCE)
        yield Tab(page, site.url)
        await browser.close()


async def test_hostile_names_are_text_without_complaint_or_request_elsewhere(tab: Tab) -> None:
    for path in ("/", "/environments/production"):
        await tab.page.goto(tab.url + path, wait_until="networkidle")
        shown = await tab.page.inner_text("main")
        assert '<script>alert(""x"")</script><!channel>\\u202egnp.exe 🐘' in shown
        assert await tab.page.locator("main script").count() == 0
    assert tab.complaints == []
    assert tab.elsewhere == []


async def test_no_page_is_wider_than_a_phone(tab: Tab) -> None:
    await tab.page.set_viewport_size({"width": 360, "height": 800})
    for path in ("/", "/environments/production", "/nowhere"):
        await tab.page.goto(tab.url + path)
        assert await tab.page.evaluate("document.documentElement.scrollWidth") <= 360
        for fact in await tab.page.locator(".about dd").all():
            assert (box := await fact.bounding_box())
            assert box["width"] > 300


async def test_a_page_is_all_there_without_script(site: Shown, tab: Tab) -> None:
    browser = tab.page.context.browser
    assert browser
    context = await browser.new_context(java_script_enabled=False)
    page = await context.new_page()
    await page.goto(site.url + "/environments/production")
    assert "row_security: false" in await page.inner_text("main")


async def test_a_finding_opens_with_the_keyboard(tab: Tab) -> None:
    await tab.page.goto(tab.url)
    summary = tab.page.locator("summary", has_text="order_total")
    body = tab.page.locator(".diff", has_text="discount")
    assert not await body.is_visible()
    await summary.focus()
    await tab.page.keyboard.press("Enter")
    assert await body.is_visible()


async def test_the_page_follows_what_changes_and_keeps_what_is_open(site: Shown, tab: Tab) -> None:
    await tab.page.clock.install()
    await tab.page.goto(tab.url)
    await tab.page.locator("summary", has_text="order_total").click()
    site.standings = {k: v for k, v in sample.standings().items() if k == "production"}
    await tab.page.clock.fast_forward(11_000)
    await playwright.expect(tab.page.locator("h1")).to_have_text("production drifted")
    assert await tab.page.locator(".diff", has_text="discount").is_visible()
    site.standings = sample.clean()
    await tab.page.clock.fast_forward(11_000)
    await playwright.expect(tab.page.locator("h1")).to_have_text("Everything is in sync")
    assert await tab.page.title() == "Everything is in sync · pgdrift"


async def test_an_old_page_does_not_look_like_a_current_one(tab: Tab) -> None:
    await tab.page.clock.install()
    await tab.page.goto(tab.url)
    await playwright.expect(tab.page.locator("#live")).to_have_text("live")
    await tab.page.route("**/*", lambda route: route.abort())
    await tab.page.clock.fast_forward(11_000)
    await playwright.expect(tab.page.locator("#live")).to_contain_text("not updated since")


CONTRAST = (Path(__file__).parent / "contrast.js").read_text(encoding="utf-8")


@pytest.mark.parametrize("scheme", ["light", "dark"])
async def test_every_text_can_be_read(tab: Tab, scheme: str) -> None:
    await tab.page.emulate_media(color_scheme=scheme)
    plan = f"/plans/{plan_sample.KEPT.id}"
    for path in ("/", "/environments/production", "/environments/tenant-acme", plan):
        await tab.page.goto(tab.url + path)
        await tab.page.evaluate("document.querySelectorAll('details').forEach(d => d.open = true)")
        assert await tab.page.evaluate(CONTRAST) == []
