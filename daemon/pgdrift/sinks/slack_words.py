"""The small words of a Slack message: how grave it is, whom it calls, where there is more."""

import re
from collections.abc import Iterable
from urllib.parse import quote

from pgdrift.core.alerts.incident import Incident, Notice, Reason
from pgdrift.core.model import Severity
from pgdrift.sinks.kit import Block, section
from pgdrift.sinks.mrkdwn import escape

DOTS = {Severity.CRITICAL: "🔴", Severity.WARNING: "🟠", Severity.INFO: "🔵"}

_USER = re.compile(r"@?([UW][A-Z0-9]{2,20})")
_GROUP = re.compile(r"@?(S[A-Z0-9]{2,20})")
_ALL = re.compile(r"@?(here|channel|everyone)")


def mark(notice: Notice) -> str:
    """Return the sign that says how grave a notice is, or that it is over."""
    return "✅" if notice.reason is Reason.RESOLVED else DOTS[notice.incident.severity]


def environment_url(link: str, environment: str) -> str:
    """Return the page of an environment."""
    return f"{link.rstrip('/')}/environments/{quote(environment, safe='')}"


def plan_page(link: str, incident: Incident) -> str:
    """Return the page of the plan that is made for an incident, or of why there is none yet."""
    return f"{link.rstrip('/')}/incidents/{quote(incident.id, safe='')}/plan"


def mentioned(names: Iterable[str]) -> list[Block]:
    """Return the line that calls people by name; none for nobody.

    Names are the operator's: a user's or a group's id (`U…`, `S…`), or `here`, `channel`,
    `everyone`. Anything else is shown, and calls nobody.
    """
    found = [_mention(name.strip()) for name in names if name.strip()]
    return [section(" ".join(found))] if found else []


def _mention(name: str) -> str:
    if user := _USER.fullmatch(name):
        return f"<@{user[1]}>"
    if group := _GROUP.fullmatch(name):
        return f"<!subteam^{group[1]}>"
    if everybody := _ALL.fullmatch(name):
        return f"<!{everybody[1]}>"
    return escape(name, 100)
