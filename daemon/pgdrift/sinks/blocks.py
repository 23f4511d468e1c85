"""A delivery in, the blocks of a Slack message out. Knows Slack's limits, sends nothing.

Slack takes 50 blocks, 3000 characters in a section, 150 in a header, and in all some 11 000
characters of blocks (found by others, documented nowhere); a message here stays below 9000.
"""

from collections.abc import Sequence

from pgdrift.core.alerts.incident import Delivery, Incident, Notice, Reason
from pgdrift.core.alerts.marks import Mark
from pgdrift.core.model import CHANNELS, DRILL, REACH, ChangeClass, Finding
from pgdrift.core.shown import render
from pgdrift.sinks import slack_digest
from pgdrift.sinks.kit import Block, context, date, header, mrkdwn, plain, plain_text, section, size
from pgdrift.sinks.mrkdwn import code_block, code_span, escape, units
from pgdrift.sinks.slack_buttons import buttons, mark_line
from pgdrift.sinks.slack_words import DOTS, environment_url, mark, mentioned

REPEATED = "repeated: delivery was interrupted"
"""How a message is marked that may have arrived before."""

_MOST_FINDINGS = 8
_MOST_NAMES = 10
_MOST_UNITS = 9000
_ROWS, _COLUMNS = 12, 120
_REST = "rest"
_WORDS = {
    Reason.FIRST: "opened again",
    Reason.WORSE: "worse",
    Reason.CHANGED: "changed",
    Reason.REPEAT: "still open",
    Reason.RESOLVED: "resolved",
    Reason.REOPENED: "opened again",
}


def headline(delivery: Delivery, *, repeated: bool = False) -> str:
    """Return the message on one line, unescaped: mark, environment, direction, count, the worst."""
    prefix = f"{REPEATED}. " if repeated else ""
    if delivery.parts:
        return f"{prefix}{slack_digest.headline(delivery.parts)}"
    return f"{mark(delivery.notice)} {prefix}{render.headline(delivery.notice)}"


def reply_line(delivery: Delivery, *, repeated: bool = False) -> str:
    """Return a later notice on one line, unescaped: mark, why now, and how it stands."""
    notice = delivery.notice
    prefix = f"{REPEATED}. " if repeated else ""
    return f"{mark(notice)} {prefix}{_WORDS[notice.reason]}: {render.headline(notice)}"


def standing(
    delivery: Delivery,
    *,
    link: str | None,
    repeated: bool = False,
    marks: Sequence[Mark] = (),
    pressed: bool = False,
) -> list[Block]:
    """Return the incident as it stands: what the one message of an incident always shows.

    `marks` are what people said of it and holds; `pressed` is for buttons that can be.
    """
    incident = delivery.notice.incident
    line = headline(delivery, repeated=repeated)
    if delivery.parts:
        channel = delivery.channel if pressed else None
        above = mentioned(delivery.mention)
        return slack_digest.blocks(delivery.parts, line, above, link, channel=channel)
    row = buttons(incident, delivery.channel, marks) if pressed else []
    return _standing(delivery, line, link, [*mark_line(marks), *row])


def alone(delivery: Delivery, *, link: str | None, repeated: bool = False) -> list[Block]:
    """Return a later notice as a message of its own, where no thread holds it."""
    if delivery.parts:
        return standing(delivery, link=link, repeated=repeated)
    return _standing(delivery, reply_line(delivery, repeated=repeated), link, [])


def reply(delivery: Delivery, *, link: str | None, repeated: bool = False) -> list[Block]:
    """Return what a later notice adds: why now, what came, what went."""
    notice = delivery.notice
    called = () if notice.reason is Reason.RESOLVED else delivery.mention
    line = plain(reply_line(delivery, repeated=repeated))
    head = [line, *mentioned(called), *_detail(notice)]
    foot = [_gone(notice)] if notice.gone else []
    return _message(head, news(notice), foot, notice.incident, link)


def is_cut(blocks: Sequence[Block], findings: Sequence[Finding]) -> bool:
    """Tell whether a message leaves out something of the findings that it is about."""
    return any(b.get("block_id") == _REST for b in blocks) or any(
        len(lines) > _ROWS or max(map(units, lines), default=0) > _COLUMNS
        for lines in (render.difference(f.change) for f in findings)
    )


def incident_url(link: str, incident: Incident) -> str:
    """Return the page of the environment that an incident is about, or the front page."""
    if incident.environment in {DRILL, CHANNELS}:
        return link
    return environment_url(link, incident.environment)


def news(notice: Notice) -> tuple[Finding, ...]:
    """Return the findings that a later notice adds."""
    findings = notice.incident.findings
    new = frozenset(notice.new)
    if new or notice.gone or notice.reason in {Reason.REPEAT, Reason.RESOLVED}:
        return tuple(f for f in findings if f.key in new)
    return findings  # the same objects as before, but not the same difference


def _standing(delivery: Delivery, line: str, link: str | None, below: list[Block]) -> list[Block]:
    notice = delivery.notice
    resolved = notice.reason is Reason.RESOLVED
    foot = [_gone(notice)] if notice.gone else []
    foot += [_footer(delivery, link), *below]
    findings = () if resolved else notice.incident.findings
    called = () if resolved else delivery.mention
    head = [header(line), *mentioned(called), *_detail(notice)]
    return _message(head, findings, foot, notice.incident, link)


def _message(
    head: list[Block],
    findings: Sequence[Finding],
    foot: list[Block],
    incident: Incident,
    link: str | None,
) -> list[Block]:
    ordered = sorted(findings, key=lambda f: -f.severity.rank)
    room = _MOST_UNITS - size(head) - size(foot) - 300
    shown: list[Block] = []
    told = 0
    for finding in ordered[:_MOST_FINDINGS]:
        blocks = _finding(finding, incident)
        if (room := room - size(blocks)) < 0:
            break
        shown += blocks
        told += 1
    return [*head, *shown, *_rest(len(ordered) - told, incident, link), *foot]


def _finding(finding: Finding, incident: Incident) -> list[Block]:
    kind = escape(finding.change.id.kind.replace("_", " "))
    words = render.direction_words(finding, incident.environment, incident.against)
    text = f"{DOTS[finding.severity]} *{kind}* {code_span(finding.change.id.name)}: "
    text += escape(words, 300)
    if finding.cls is ChangeClass.SECURITY:
        text += " · *security*"
    if lines := render.difference(finding.change):
        text += "\n" + code_block(lines, rows=_ROWS, columns=_COLUMNS)
    small = (render.blame_words(finding), render.dependants_words(finding))
    return [section(text), *(context(plain_text(words, 300)) for words in small if words)]


def _rest(count: int, incident: Incident, link: str | None) -> list[Block]:
    if not count:
        return []
    text = f"and {count} more"
    if link:
        text += f": <{escape(incident_url(link, incident))}|see all>"
    return [context(mrkdwn(text), _REST)]


def _detail(notice: Notice) -> list[Block]:
    if not (detail := render.detail(notice)):
        return []
    return [plain(f"why: {detail}" if notice.incident.against == REACH else detail)]


def _gone(notice: Notice) -> Block:
    names = [_label(f) for f in notice.gone[:_MOST_NAMES]]
    more = len(notice.gone) - len(names)
    return context(mrkdwn("gone: " + ", ".join(names) + (f" and {more} more" if more else "")))


def _label(finding: Finding) -> str:
    return f"~{code_span(render.label(finding.change), 120)}~"


def _footer(delivery: Delivery, link: str | None) -> Block:
    incident = delivery.notice.incident
    parts = [f"since {date(incident.opened_at)}"]
    if incident.resolved_at:
        parts.append(f"resolved {date(incident.resolved_at)}")
    parts.append(f"incident {code_span(incident.id)}")
    if delivery.group:
        parts.append(escape(render.one_line(delivery.group), 100))
    if link:
        parts.append(f"<{escape(incident_url(link, incident))}|open in pgdrift>")
    return context(mrkdwn(" · ".join(parts)))
