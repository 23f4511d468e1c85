"""A webhook for machines: JSON by POST, signed as Standard Webhooks (standardwebhooks.com) say.

`webhook-id` is the delivery's, the same at every try: by it a receiver knows a repetition.
"""

import base64
import binascii
import hashlib
import hmac
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Literal, Self

from pydantic import BaseModel, Field, SecretStr, model_validator

from pgdrift.core.alerts.incident import Delivery
from pgdrift.errors import SinkError
from pgdrift.sinks import payload
from pgdrift.sinks.posting import SecretUrl, post, read_url
from pgdrift.sinks.secret import SETTINGS, check_one_source, read_secret
from pgdrift.sinks.thread import own

_PREFIX = "whsec_"


class WebhookChannel(BaseModel):
    """Where to post, and the secret that both sides share, by which the receiver knows us."""

    model_config = SETTINGS

    type: Literal["webhook"]
    url: SecretUrl = Field(None, description="the whole address")
    url_file: Path | None = Field(None, description="file with it, read at each message")
    secret: SecretStr | None = Field(
        None, description="signs each message: any text, or whsec_ and the key in base64"
    )
    secret_file: Path | None = Field(None, description="file with it, read at each message")

    @model_validator(mode="after")
    def _one_source_each(self) -> Self:
        check_one_source("url", self.url, self.url_file)
        check_one_source("secret", self.secret, self.secret_file)
        if self.secret is not None:
            key_of(self.secret.get_secret_value())
        return self


async def send(
    channel: WebhookChannel,
    delivery: Delivery,
    *,
    link: str | None,
    plans: payload.Plans = payload.NO_PLANS,
) -> Mapping[str, str]:
    """Tell one notice; return the incident's id. Raises SinkError."""
    delivery = own(delivery, "incident")
    url = await read_url(channel.url, channel.url_file)
    secret = await read_secret("secret", channel.secret, channel.secret_file)
    rotates = channel.url_file is not None or channel.secret_file is not None
    body = payload.body(delivery, link=link, plans=plans)
    headers = signed(_key(secret, channel), delivery.id, int(time.time()), body)
    await post(url, body, headers, rotates=rotates)
    return {"incident": delivery.notice.incident.id}


def signed(key: bytes, id_: str, at: int, body: bytes) -> dict[str, str]:
    """Return the headers that sign a body: HMAC-SHA256 over `id.seconds.body`, in base64.

    `at` are seconds since 1970: by them a receiver refuses what somebody sends again later.
    """
    id_ = _printed(id_)
    content = b".".join((id_.encode("ascii"), str(at).encode("ascii"), body))
    signature = base64.b64encode(hmac.digest(key, content, hashlib.sha256)).decode("ascii")
    return {
        "webhook-id": id_,
        "webhook-timestamp": str(at),
        "webhook-signature": f"v1,{signature}",
    }


def key_of(secret: str) -> bytes:
    """Return the key that a secret stands for. Raises ValueError; its text does not repeat it."""
    if not secret.startswith(_PREFIX):
        return secret.encode("utf-8")
    try:
        return base64.b64decode(secret.removeprefix(_PREFIX), validate=True)
    except (binascii.Error, ValueError):
        raise ValueError("secret begins with whsec_, but what follows is no base64") from None


def _key(secret: str, channel: WebhookChannel) -> bytes:
    try:
        return key_of(secret)
    except ValueError as error:
        raise SinkError(
            f"secret_file {channel.secret_file}: {error}",
            reason="authentication",
            hint="put the secret in as the receiver gave it",
            retry=True,
        ) from None


def _printed(id_: str) -> str:
    # A delivery's id holds the channel's name, which may be any text; a header may not.
    plain = id_.isascii() and id_.isprintable() and " " not in id_ and "." not in id_
    return id_ if plain else hashlib.sha256(id_.encode("utf-8", "surrogatepass")).hexdigest()[:32]
