"""Slack's error words in, the one error that the outbox understands, with a hint, out."""

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from urllib.parse import urlsplit

from slack_sdk.errors import SlackApiError

from pgdrift.errors import SinkError
from pgdrift.sinks.faults import NETWORK, broken, rate_limited, unreachable

_AUTHENTICATION = frozenset(
    {
        "invalid_auth",
        "not_authed",
        "account_inactive",
        "token_revoked",
        "token_expired",
        "org_login_required",
        "ekm_access_denied",
        "no_permission",
        "missing_scope",
        "not_allowed_token_type",
        "access_denied",
    }
)
_RATE = frozenset({"ratelimited", "rate_limited", "message_limit_exceeded"})
_PASSING = frozenset({"service_unavailable", "request_timeout", "team_added_to_org"})
# Slack says of these that a part of what was asked for may have been done.
_IN_DOUBT = frozenset({"internal_error", "fatal_error"})
_HINTS = {
    "channel_not_found": "write the channel as #name or by its id, which survives a renaming; if "
    "it is private invite the app with /invite",
    "not_in_channel": "invite the app to the channel: /invite @pgdrift",
    "is_archived": "the channel is archived: choose another one",
    "missing_scope": "give the Slack app the scope that it needs (docs/alerts.md) and install it "
    "again",
    "token_revoked": "install the Slack app again and put its new bot token in place",
    "invalid_auth": "check the token: it is the app's bot token and begins with xoxb-",
    "token_expired": "put the app's new token in place; one in a file is read at each message",
    "not_allowed_token_type": "app_token is the app-level token, xapp-…, with connections:write; "
    "token is the bot token, xoxb-…",
    "restricted_action": "a workspace setting forbids the app to post there",
}


@dataclass(frozen=True, slots=True)
class Answer:
    """What Slack said: its error word, the HTTP status, the headers."""

    code: str
    status: int
    headers: Mapping[str, str]


def answer_of(error: SlackApiError) -> Answer:
    """Return what Slack said. The error word is empty when the answer was not Slack's JSON."""
    response = error.response
    data = getattr(response, "data", None)
    code = data.get("error") if isinstance(data, dict) else None
    status = getattr(response, "status_code", None) or getattr(response, "status", None) or 0
    return Answer(str(code or ""), int(status), getattr(response, "headers", None) or {})


@asynccontextmanager
async def translated(base_url: str, place: str, *, rotates: bool) -> AsyncIterator[None]:
    """Turn what the SDK and the network raise into SinkError.

    A token that `rotates` comes from a file: a refused one may be replaced before the next try.
    """
    host = urlsplit(base_url).hostname or base_url
    try:
        yield
    except SlackApiError as error:
        raise _refusal(answer_of(error), host, place, rotates=rotates) from None
    except NETWORK as error:
        raise unreachable(host, error) from None


def _refusal(answer: Answer, host: str, place: str, *, rotates: bool) -> SinkError:
    if answer.status == 429 or answer.code in _RATE:
        return rate_limited(host, answer.headers)
    said = answer.code or f"HTTP status {answer.status}"
    message = f"Slack did not take the message for {place}: {said}"
    hint = _HINTS.get(answer.code, "")
    if answer.code in _AUTHENTICATION:
        hint = hint or _HINTS["invalid_auth"]
        return SinkError(message, reason="authentication", hint=hint, retry=rotates)
    if answer.code in _PASSING | _IN_DOUBT:
        doubt = answer.code in _IN_DOUBT
        return SinkError(message, reason="refused", retry=True, in_doubt=doubt)
    if answer.status >= 500:
        return broken(host, message, answer.status, answer.headers)
    if answer.code in _HINTS:
        return SinkError(message, reason="invalid", hint=hint, retry=False)
    return SinkError(message, reason="refused", hint=hint, retry=False)
