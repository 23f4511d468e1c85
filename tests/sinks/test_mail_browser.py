"""Mails in a real browser, as wide as a phone and as a desk: nothing runs out of the page."""

import shutil
from collections.abc import AsyncIterator
from dataclasses import replace
from typing import Any

import pytest

from pgdrift.core.alerts.incident import Delivery
from pgdrift.sinks import mail
from tests.sinks import samples
from tests.sinks.samples import LINK, on_its_way

playwright = pytest.importorskip("playwright.async_api", reason="playwright is not installed")
CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or ""
pytestmark = pytest.mark.skipif(not CHROMIUM, reason="chromium is not installed")

LOOK = """() => [
    document.documentElement.scrollWidth, getComputedStyle(document.body).backgroundColor
]"""
EVIL = "<img src=https://evil.example/x onerror=alert(1)><script>alert(2)</script>" + "x" * 63


@pytest.fixture
async def browser() -> AsyncIterator[Any]:
    async with playwright.async_playwright() as driver:
        running = await driver.chromium.launch(
            executable_path=CHROMIUM, args=["--no-sandbox", "--disable-gpu"], timeout=120_000
        )
        yield running
        await running.close()


def mails() -> dict[str, Delivery]:
    night = samples.night()
    endless = samples.hostile(EVIL, text="y" * 5000)
    evil = samples.opened(endless, samples.hostile("😀" * 15), environment=EVIL, against=EVIL)
    return {
        "changed": on_its_way(samples.changed(night)),
        "evil": on_its_way(evil),
        "digest": replace(on_its_way(night), parts=(night, evil, samples.cannot_look())),
    }


async def test_a_mail_fits_a_phone_and_a_dark_screen_and_asks_for_nothing(browser: Any) -> None:
    """One page for all of it: it is the browser that takes the time."""
    page = await browser.new_page()
    asked: list[str] = []
    page.on("request", lambda r: asked.append(r.url))
    page.on("dialog", lambda d: asked.append(d.message))
    for name, delivery in mails().items():
        made = mail.compose(delivery, sender="a@example.org", recipients=["b@c.org"], link=LINK)
        part = made.get_body(("html",))
        assert part is not None
        await page.set_content(part.get_content())
        assert "Open in pgdrift" in await page.inner_text("body")
        assert await page.locator("script, img").count() == 0
        for width, scheme in ((390, "light"), (390, "dark"), (1000, "light")):
            await page.set_viewport_size({"width": width, "height": 700})
            await page.emulate_media(color_scheme=scheme)
            wide, ground = await page.evaluate(LOOK)
            assert wide <= width, name
            assert (ground == "rgb(13, 17, 23)") == (scheme == "dark")
    assert asked == []
