"""An address and a body in, one POST; what the other side said, as the outbox understands it, out.

One try, no redirect. The address may be a secret: no error repeats more of it than the host.
"""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated
from urllib.parse import urlsplit

import aiohttp
from pydantic import AfterValidator, SecretStr

from pgdrift.core.shown.render import one_line
from pgdrift.errors import SinkError
from pgdrift.sinks.faults import NETWORK, broken, rate_limited, unreachable
from pgdrift.sinks.hosts import check_url
from pgdrift.sinks.secret import read_secret

_TIMEOUT = 15.0  # seconds
_PASSING = frozenset({408, 425})


def _secret_url(url: SecretStr | None) -> SecretStr | None:
    if url is not None:
        check_url(url.get_secret_value())
    return url


SecretUrl = Annotated[SecretStr | None, AfterValidator(_secret_url)]
"""An HTTP address whose path may be a secret."""


async def read_url(url: SecretStr | None, url_file: Path | None) -> str:
    """Return the address, from its file if it is in one. Raises SinkError."""
    address = await read_secret("url", url, url_file)
    try:
        return check_url(address)
    except ValueError as error:
        raise SinkError(
            f"url_file {url_file} holds no address: it {error}",
            reason="invalid",
            hint="it must hold the whole address, https://…",
            retry=True,
        ) from None


async def post(url: str, body: bytes, headers: Mapping[str, str], *, rotates: bool = False) -> None:
    """Send a JSON body, once. Raises SinkError unless the answer is a 2xx.

    Where the secret `rotates`, it comes from a file, and a refused one may be replaced.
    """
    host = urlsplit(url).hostname or "the receiver"
    headers = {"Content-Type": "application/json", "User-Agent": "pgdrift", **headers}
    timeout = aiohttp.ClientTimeout(total=_TIMEOUT)
    try:
        async with (
            aiohttp.ClientSession(timeout=timeout, trust_env=True) as session,
            session.post(url, data=body, headers=headers, allow_redirects=False) as answer,
        ):
            said = (await answer.content.read(200)).decode("utf-8", "replace")
            status, told = answer.status, answer.headers
    except NETWORK as error:
        raise unreachable(host, error) from None
    if not 200 <= status < 300:
        raise _refusal(host, status, one_line(said), told, rotates=rotates)


def _refusal(
    host: str, status: int, said: str, headers: Mapping[str, str], *, rotates: bool
) -> SinkError:
    if status == 429:
        return rate_limited(host, headers)
    message = f"{host} did not take the message: HTTP status {status}, {json.dumps(said)}"
    if status >= 500:
        return broken(host, message, status, headers)
    if status in _PASSING:
        return SinkError(message, reason="refused", retry=True)
    if status in {401, 403}:
        hint = "check the secret that both sides share"
        return SinkError(message, reason="authentication", hint=hint, retry=rotates)
    if status in {404, 410} or status < 400:
        hint = "nobody takes messages at this address any more: check url"
        return SinkError(message, reason="invalid", hint=hint, retry=rotates)
    return SinkError(message, reason="refused", retry=False)
