"""Where the page is served: what is understood, and what is refused with a reason."""

import pytest
from aiohttp import web
from pydantic import ValidationError

from pgdrift.errors import ConfigError
from pgdrift.web import WebSettings, serve
from pgdrift.web.listen import parse_address


@pytest.mark.parametrize(
    ("listen", "address"),
    [
        ("0.0.0.0:8080", ("0.0.0.0", 8080)),
        ("[::1]:80", ("::1", 80)),
        (":9000", (None, 9000)),
        ("localhost:0", ("localhost", 0)),
    ],
)
def test_addresses_are_read(listen: str, address: tuple[str | None, int]) -> None:
    assert parse_address(listen) == address


@pytest.mark.parametrize(
    "listen", ["8080", "localhost", "host:", "host:http", "::1:80", "h:65536", "h:-1"]
)
def test_what_is_no_address_is_refused(listen: str) -> None:
    with pytest.raises(ValidationError):
        WebSettings(listen=listen)


async def test_a_taken_port_is_the_operators_to_solve() -> None:
    runner = await serve(web.Application(), "127.0.0.1:0")
    taken = f"127.0.0.1:{runner.addresses[0][1]}"
    with pytest.raises(ConfigError, match=f"cannot listen on {taken}: another program") as error:
        await serve(web.Application(), taken)
    assert "web.listen" in error.value.hint
    await runner.cleanup()


@pytest.mark.parametrize(
    ("listen", "why"),
    [
        ("192.0.2.1:8080", "this machine has no such address"),
        ("no-such-host.invalid:8080", "the name or address is not known"),
        ("nonsense", "must be an address and a port"),
    ],
)
async def test_an_address_that_is_not_to_be_had_is_named(listen: str, why: str) -> None:
    with pytest.raises(ConfigError, match=why):
        await serve(web.Application(), listen)


def test_a_public_address_loses_its_last_slash() -> None:
    settings = WebSettings(public_url="https://drift.example.org/db/")
    assert settings.public_url == "https://drift.example.org/db"


@pytest.mark.parametrize("url", ["drift.example.org", "ftp://x", "https://me:word@x", "https://"])
def test_a_public_address_is_one_that_may_be_shown(url: str) -> None:
    with pytest.raises(ValidationError) as error:
        WebSettings(public_url=url)
    assert error.value.errors()[0]["loc"] == ("public_url",)


def test_unknown_settings_are_refused() -> None:
    with pytest.raises(ValidationError):
        WebSettings.model_validate({"listne": ":80"})
