"""All other services, by the library Apprise: Teams, Discord, PagerDuty, Opsgenie and their like.

It tells only whether a message went out, so every notice is a short message of its own, in plain
text of which no part can become a mention, a link or markup wherever it goes.
"""

import asyncio
import importlib
import logging
from collections.abc import Mapping
from pathlib import Path
from types import ModuleType
from typing import Any, Literal, Self

from pydantic import BaseModel, Field, SecretStr, model_validator

from pgdrift.core.alerts.incident import Delivery, Notice, Reason
from pgdrift.core.model import Severity
from pgdrift.core.shown import render
from pgdrift.errors import SinkError
from pgdrift.sinks.blocks import REPEATED, incident_url
from pgdrift.sinks.secret import SETTINGS, check_one_source, read_secret

_TIMEOUT = 60.0  # seconds, for all that one address stands for
_MOST_FINDINGS = 10
_MOST_NOTICES = 20
_MOST_CHARACTERS = 300  # of one line
_TYPES = {Severity.CRITICAL: "failure", Severity.WARNING: "warning", Severity.INFO: "info"}

# What some service makes a mention, a link or markup of, as something that looks like it.
_HARMLESS = str.maketrans(
    {
        "<": "\N{SINGLE LEFT-POINTING ANGLE QUOTATION MARK}",
        ">": "\N{SINGLE RIGHT-POINTING ANGLE QUOTATION MARK}",
        "@": "\N{FULLWIDTH COMMERCIAL AT}",
        "#": "\N{FULLWIDTH NUMBER SIGN}",
        "`": "\N{MODIFIER LETTER GRAVE ACCENT}",
        "[": "\N{FULLWIDTH LEFT SQUARE BRACKET}",
        "]": "\N{FULLWIDTH RIGHT SQUARE BRACKET}",
        "|": "\N{FULLWIDTH VERTICAL LINE}",
    }
)

# It writes addresses, which are secrets, to its logger.
_log = logging.getLogger("apprise")
_log.setLevel(logging.CRITICAL + 1)
_log.propagate = False


class AppriseChannel(BaseModel):
    """One address of a service, as Apprise writes them; the address is a secret.

    Needs the extra `apprise`.
    """

    model_config = SETTINGS

    type: Literal["apprise"]
    url: SecretStr | None = Field(None, description="as discord://… or pagerduty://…")
    url_file: Path | None = Field(None, description="file with it, read at each message")

    @model_validator(mode="after")
    def _one_url(self) -> Self:
        check_one_source("url", self.url, self.url_file)
        return self


async def send(
    channel: AppriseChannel, delivery: Delivery, *, link: str | None
) -> Mapping[str, str]:
    """Tell one notice, or all of a digest; return the incident's id. Raises SinkError."""
    library = _library()
    url = await read_secret("url", channel.url, channel.url_file)
    services = library.Apprise(asset=library.AppriseAsset(app_id="pgdrift", app_url=link or ""))
    if not services.add(url):
        raise SinkError(
            "Apprise knows no service of this address",
            reason="invalid",
            hint="write url as Apprise does: the service's name, ://, and what it needs",
            retry=channel.url_file is not None,
        )
    try:
        async with asyncio.timeout(_TIMEOUT):
            sent = await services.async_notify(**_message(delivery, link))
    except TimeoutError:
        sent = False
    if not sent:
        raise SinkError(
            "the service did not take the message; Apprise does not say why",
            reason="refused",
            hint="try the same address with the command line of Apprise: it tells more",
            retry=True,
            in_doubt=True,
        )
    return {"incident": delivery.notice.incident.id}


def missing() -> str:
    """Say what is not installed and how that is mended; empty for nothing."""
    try:
        _library()
    except SinkError as error:
        return f"{error.args[0]}: {error.hint}"
    return ""


def _library() -> ModuleType:
    try:
        return importlib.import_module("apprise")
    except ImportError:
        raise SinkError(
            "a channel of type apprise needs the library Apprise, which is not installed",
            reason="invalid",
            hint="install the extra apprise; in a checkout: pip install '.[apprise]'",
            retry=False,
        ) from None


def _message(delivery: Delivery, link: str | None) -> dict[str, Any]:
    notice = delivery.notice
    notices = delivery.parts or (notice,)
    title = _title(notice) if len(notices) == 1 else f"pgdrift: {len(notices)} incidents"
    worst = max((n.incident.severity for n in notices), key=lambda s: s.rank)
    over = all(n.reason is Reason.RESOLVED for n in notices)
    return {
        "title": f"({REPEATED}) {title}" if delivery.uncertain else title,
        "body": "\n".join(_body(notice, link) if len(notices) == 1 else _digest(notices)),
        "notify_type": "success" if over else _TYPES[worst],
        "body_format": "text",
        "interpret_escapes": False,
    }


def _title(notice: Notice) -> str:
    resolved = notice.reason is Reason.RESOLVED
    word = "resolved" if resolved else notice.incident.severity.value
    return _line(f"({word}) {render.headline(notice)}")


def _body(notice: Notice, link: str | None) -> list[str]:
    incident = notice.incident
    findings = sorted(incident.findings, key=lambda f: -f.severity.rank)
    if notice.reason is Reason.RESOLVED:
        findings = []
    lines = [_line(detail)] if (detail := render.detail(notice)) else []
    for f in findings[:_MOST_FINDINGS]:
        words = render.direction_words(f, incident.environment, incident.against)
        blame = render.blame_words(f)
        said = f"{f.severity.value}: {render.label(f.change)}: {words}"
        lines.append(_line(f"{said}, {blame}" if blame else said))
    if more := len(findings) - _MOST_FINDINGS:
        lines += [f"and {more} more"] if more > 0 else []
    lines.append(_line(f"incident {incident.id}"))
    return [*lines, incident_url(link, incident)] if link else lines


def _digest(notices: tuple[Notice, ...]) -> list[str]:
    lines = [_title(n) for n in notices[:_MOST_NOTICES]]
    more = len(notices) - len(lines)
    return [*lines, f"and {more} more"] if more else lines


def _line(text: str) -> str:
    plain = render.one_line(text).translate(_HARMLESS).replace("://", "\N{FULLWIDTH COLON}//")
    return plain if len(plain) <= _MOST_CHARACTERS else plain[: _MOST_CHARACTERS - 1] + "…"
