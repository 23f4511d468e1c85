"""What a message has no room for, as a file in its thread: findings in, an upload out.

The message is told already: a file that cannot be sent is said in the log and fails nothing.
"""

import asyncio
from collections.abc import Mapping, Sequence

import aiohttp
from slack_sdk.errors import SlackApiError
from slack_sdk.web.async_client import AsyncWebClient

from pgdrift.core.alerts.incident import Delivery, Incident
from pgdrift.core.model import Finding
from pgdrift.core.shown import render
from pgdrift.log import get_logger
from pgdrift.sinks.faults import NETWORK
from pgdrift.sinks.slack_errors import answer_of

_MOST = 1_000_000  # bytes; Slack shows less of it at once
_CUT = b"\n... cut here: the page has all of it\n"

log = get_logger("sinks.slack")


def text(incident: Incident, findings: Sequence[Finding]) -> bytes:
    """Return findings as a text file, the gravest first, each with its whole difference."""
    ordered = sorted(findings, key=lambda f: -f.severity.rank)
    whole = bytearray()
    for finding in ordered:
        told = render.finding_text(finding, incident.environment, incident.against)
        whole += f"{told}\n\n".encode("utf-8", "replace")
        if len(whole) > _MOST:  # long differences take long to write: none is written for nothing
            return bytes(whole[: _MOST - len(_CUT)]) + _CUT
    return bytes(whole)


async def attach(
    client: AsyncWebClient,
    thread: Mapping[str, str],
    delivery: Delivery,
    findings: Sequence[Finding],
) -> None:
    """Put the findings as a file into the thread of a message that had no room for them."""
    incident = delivery.notice.incident
    content = await asyncio.to_thread(text, incident, findings)
    try:
        asked = await client.files_getUploadURLExternal(
            filename=f"{delivery.notice.id}.diff", length=len(content), snippet_type="diff"
        )
        await _upload(client, str(asked["upload_url"]), content)
        title = f"all of {len(findings)} findings"
        await client.files_completeUploadExternal(
            files=[{"id": str(asked["file_id"]), "title": title}],
            channel_id=thread["channel"],
            thread_ts=thread["ts"],
        )
    except SlackApiError as error:
        _not_sent(delivery, answer_of(error).code or "refused")
    except NETWORK as error:
        _not_sent(delivery, type(error).__name__)


async def _upload(client: AsyncWebClient, url: str, content: bytes) -> None:
    session = client.session
    if session is None:
        raise aiohttp.ClientConnectionError("the session is closed")
    async with session.post(url, data=content) as answer:
        answer.raise_for_status()


def _not_sent(delivery: Delivery, error: str) -> None:
    hint = "give the app the scope files:write" if error == "missing_scope" else ""
    log.info("slack.file_not_sent", delivery=delivery.id, error=error, hint=hint)
