"""A delivery in, the blocks of a Slack message out. Knows Slack's limits, sends nothing.

Slack takes 50 blocks, 3000 characters in a section, 150 in a header, and in all some 11 000
characters of blocks (found by others, documented nowhere); a message here stays below 9000.
"""

import json
from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any, TypeAlias
from urllib.parse import quote

from pgdrift.core import render
from pgdrift.core.incident import Delivery, Incident, Notice, Reason
from pgdrift.core.model import REACH, ChangeClass, Finding, Severity
from pgdrift.sinks.mrkdwn import code_block, code_span, escape, units

Block: TypeAlias = dict[str, Any]

REPEATED = "repeated: delivery was interrupted"
"""How a message is marked that may have arrived before."""

_MOST_FINDINGS = 8
_MOST_NAMES = 10
_MOST_UNITS = 9000
_DOTS = {Severity.CRITICAL: "🔴", Severity.WARNING: "🟠", Severity.INFO: "🔵"}
_WORDS = {
    Reason.OPENED: "opened again",
    Reason.WORSE: "worse",
    Reason.CHANGED: "changed",
    Reason.REPEAT: "still open",
    Reason.RESOLVED: "resolved",
}


def headline(delivery: Delivery, *, repeated: bool = False) -> str:
    """Return the message on one line, unescaped: mark, environment, direction, count, the worst."""
    prefix = f"{REPEATED}. " if repeated else ""
    return f"{_mark(delivery.notice)} {prefix}{render.headline(delivery.notice)}"


def reply_line(delivery: Delivery, *, repeated: bool = False) -> str:
    """Return a later notice on one line, unescaped: mark, why now, and how it stands."""
    notice = delivery.notice
    prefix = f"{REPEATED}. " if repeated else ""
    return f"{_mark(notice)} {prefix}{_WORDS[notice.reason]}: {render.headline(notice)}"


def standing(delivery: Delivery, *, link: str | None, repeated: bool = False) -> list[Block]:
    """Return the incident as it stands: what the one message of an incident always shows."""
    return _standing(delivery.notice, headline(delivery, repeated=repeated), link)


def alone(delivery: Delivery, *, link: str | None, repeated: bool = False) -> list[Block]:
    """Return a later notice as a message of its own, where no thread holds it."""
    return _standing(delivery.notice, reply_line(delivery, repeated=repeated), link)


def reply(delivery: Delivery, *, link: str | None, repeated: bool = False) -> list[Block]:
    """Return what a later notice adds: why now, what came, what went."""
    notice = delivery.notice
    head = [_plain(reply_line(delivery, repeated=repeated)), *_detail(notice)]
    foot = [_gone(notice)] if notice.gone else []
    return _message(head, _news(notice), foot, notice.incident, link)


def incident_url(link: str, incident: Incident) -> str:
    """Return the page of the environment that an incident is about."""
    return f"{link.rstrip('/')}/environments/{quote(incident.environment, safe='')}"


def _mark(notice: Notice) -> str:
    return "✅" if notice.reason is Reason.RESOLVED else _DOTS[notice.incident.severity]


def _standing(notice: Notice, line: str, link: str | None) -> list[Block]:
    resolved = notice.reason is Reason.RESOLVED
    foot = [_gone(notice)] if resolved and notice.gone else []
    foot.append(_footer(notice, link))
    findings = () if resolved else notice.incident.findings
    head = [_header(line), *_detail(notice)]
    return _message(head, findings, foot, notice.incident, link)


def _news(notice: Notice) -> tuple[Finding, ...]:
    findings = notice.incident.findings
    new = frozenset(notice.new)
    if new or notice.gone or notice.reason not in {Reason.CHANGED, Reason.WORSE}:
        return tuple(f for f in findings if f.key in new)
    return findings  # the same objects as before, but not the same difference


def _message(
    head: list[Block],
    findings: Sequence[Finding],
    foot: list[Block],
    incident: Incident,
    link: str | None,
) -> list[Block]:
    ordered = sorted(findings, key=lambda f: -f.severity.rank)
    room = _MOST_UNITS - _size(head) - _size(foot) - 300
    shown: list[Block] = []
    told = 0
    for finding in ordered[:_MOST_FINDINGS]:
        blocks = _finding(finding, incident)
        if (room := room - _size(blocks)) < 0:
            break
        shown += blocks
        told += 1
    return [*head, *shown, *_rest(len(ordered) - told, incident, link), *foot]


def _finding(finding: Finding, incident: Incident) -> list[Block]:
    kind = escape(finding.change.id.kind.replace("_", " "))
    words = render.direction_words(finding, incident.environment, incident.against)
    text = f"{_DOTS[finding.severity]} *{kind}* {code_span(finding.change.id.name)}: "
    text += escape(words, 300)
    if finding.cls is ChangeClass.SECURITY:
        text += " · *security*"
    if lines := _difference(finding):
        text += "\n" + code_block(lines, columns=120)
    section = {"type": "section", "text": _mrkdwn(text)}
    blame = render.blame_words(finding)
    return [section, _context(_plain_text(blame, 300))] if blame else [section]


def _difference(finding: Finding) -> tuple[str, ...]:
    contains = len(finding.change.contains)
    if contains and finding.change.change.value != "changed":
        return (f"  with {contains} object{'s' if contains > 1 else ''} of its own",)
    return render.diff(finding.change)


def _rest(count: int, incident: Incident, link: str | None) -> list[Block]:
    if not count:
        return []
    text = f"and {count} more"
    if link:
        text += f": <{escape(incident_url(link, incident))}|see all>"
    return [_context(_mrkdwn(text))]


def _detail(notice: Notice) -> list[Block]:
    if not (detail := notice.incident.detail):
        return []
    if notice.incident.against == REACH:
        word = "was" if notice.reason is Reason.RESOLVED else "why"
        detail = f"{word}: {detail}"
    return [_plain(detail)]


def _gone(notice: Notice) -> Block:
    names = [_label(f) for f in notice.gone[:_MOST_NAMES]]
    more = len(notice.gone) - len(names)
    return _context(_mrkdwn("gone: " + ", ".join(names) + (f" and {more} more" if more else "")))


def _label(finding: Finding) -> str:
    return code_span(render.label(finding.change), 120)


def _footer(notice: Notice, link: str | None) -> Block:
    incident = notice.incident
    parts = [f"since {_date(incident.opened_at)}"]
    if incident.resolved_at:
        parts.append(f"resolved {_date(incident.resolved_at)}")
    parts.append(f"incident {code_span(incident.id)}")
    if link:
        parts.append(f"<{escape(incident_url(link, incident))}|open in pgdrift>")
    return _context(_mrkdwn(" · ".join(parts)))


def _date(at: datetime) -> str:
    # Slack shows it in the reader's own time zone.
    return f"<!date^{int(at.timestamp())}^{{date_short_pretty}} {{time}}|{at:%Y-%m-%d %H:%M} UTC>"


def _header(text: str) -> Block:
    return {"type": "header", "text": _plain_text(render.one_line(text), 150)}


def _plain(text: str) -> Block:
    return {"type": "section", "text": _plain_text(text, 1000)}


def _context(element: Block) -> Block:
    return {"type": "context", "elements": [element]}


def _plain_text(text: str, most: int) -> Block:
    # No emoji: `:skull:` in a name is a name.
    return {"type": "plain_text", "text": escape(text, most), "emoji": False}


def _mrkdwn(text: str) -> Block:
    # Verbatim: otherwise Slack makes mentions and links of what only looks like them.
    return {"type": "mrkdwn", "text": text, "verbatim": True}


def _size(blocks: Iterable[Block]) -> int:
    return sum(units(json.dumps(b, ensure_ascii=False)) for b in blocks)
