"""A delivery in, an e-mail out: headers of one conversation, plain text and HTML. Sends nothing.

A delivery always has the same Message-ID, so that a mailbox can tell a copy from a new mail.
"""

import re
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import format_datetime, parseaddr
from hashlib import blake2b
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined, select_autoescape

from pgdrift.core import render
from pgdrift.core.incident import Delivery, Notice, Reason
from pgdrift.core.model import ChangeClass, Finding, Severity
from pgdrift.sinks.blocks import REPEATED, incident_url

_MOST_FINDINGS = 30
_MOST_LINES = 20
_MOST_COLUMNS = 300
_MOST_SUBJECT = 200

_WORDS = {
    Reason.OPENED: "A new incident.",
    Reason.WORSE: "The incident became worse.",
    Reason.CHANGED: "The incident changed.",
    Reason.REPEAT: "The incident is still open.",
    Reason.RESOLVED: "The incident is resolved.",
}
_COLORS = {
    "critical": "#b3261e",
    "warning": "#9a5b00",
    "info": "#1f5fa8",
    "resolved": "#1b7f3b",
}
_LINE_STYLES = {
    "-": "background:#fdecea;color:#7d1a14",
    "+": "background:#e6f4ea;color:#14532d",
}

_templates = Environment(
    loader=PackageLoader("pgdrift.sinks"),
    autoescape=select_autoescape(["html"]),
    undefined=StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
)


def compose(
    delivery: Delivery, *, sender: str, recipients: Sequence[str], link: str | None
) -> EmailMessage:
    """Return the mail that tells a delivery."""
    notice = delivery.notice
    domain = _domain(sender)
    message = EmailMessage(policy=SMTP)
    message["From"] = sender
    message["To"] = ", ".join(recipients)
    message["Subject"] = _subject(delivery)
    message["Date"] = format_datetime(datetime.now(UTC))
    message["Message-ID"] = f"<{_hash(delivery.id)}@{domain}>"
    message["List-Id"] = f"<{_label(notice.incident.environment)}.pgdrift.{domain}>"
    message["Auto-Submitted"] = "auto-generated"
    message["X-Auto-Response-Suppress"] = "All"
    if delivery.thread is not None and (first := delivery.thread.get("message_id")):
        message["In-Reply-To"] = first
        message["References"] = first
    if notice.incident.severity is Severity.CRITICAL and notice.reason is not Reason.RESOLVED:
        message["Importance"] = "high"
    words = _content(delivery, link)
    message.set_content(_templates.get_template("mail.txt").render(words))
    message.add_alternative(_templates.get_template("mail.html").render(words), subtype="html")
    return message


def conversation(message: EmailMessage, delivery: Delivery) -> Mapping[str, str]:
    """Return the conversation that a mail belongs to: its first mail's `message_id`, `subject`."""
    if delivery.thread is not None:
        return dict(delivery.thread)
    return {"message_id": str(message["Message-ID"]), "subject": _headline(delivery.notice)}


def _subject(delivery: Delivery) -> str:
    # Mail programs keep a conversation together only while its subject stays the same; what
    # happened stands in the first line, which they show beside the subject.
    first = (delivery.thread or {}).get("subject")
    subject = f"Re: {first}" if first else _headline(delivery.notice)
    return f"({REPEATED}) {subject}" if delivery.uncertain else subject


def _headline(notice: Notice) -> str:
    line = f"[{notice.incident.severity.value}] {render.headline(notice)}"
    return line if len(line) <= _MOST_SUBJECT else line[: _MOST_SUBJECT - 1] + "…"


def _content(delivery: Delivery, link: str | None) -> dict[str, Any]:
    notice = delivery.notice
    incident = notice.incident
    resolved = notice.reason is Reason.RESOLVED
    open_findings = () if resolved else incident.findings
    findings = sorted(open_findings, key=lambda f: -f.severity.rank)
    return {
        "headline": render.headline(notice),
        "what": _WORDS[notice.reason] + (f" ({REPEATED})" if delivery.uncertain else ""),
        "detail": render.printable(incident.detail)[:2000],
        "findings": [_finding(f, notice) for f in findings[:_MOST_FINDINGS]],
        "more": max(0, len(findings) - _MOST_FINDINGS),
        "gone": [render.label(f.change) for f in notice.gone[:_MOST_FINDINGS]],
        "gone_more": max(0, len(notice.gone) - _MOST_FINDINGS),
        "color": _COLORS["resolved" if resolved else incident.severity.value],
        "incident": render.one_line(incident.id),
        "since": f"{incident.opened_at:%Y-%m-%d %H:%M:%S} UTC",
        "at": f"{notice.at:%Y-%m-%d %H:%M:%S} UTC",
        "url": incident_url(link, incident) if link else "",
    }


def _finding(finding: Finding, notice: Notice) -> dict[str, Any]:
    incident = notice.incident
    return {
        "severity": finding.severity.value,
        "color": _COLORS[finding.severity.value],
        "new": notice.reason is not Reason.OPENED and finding.key in notice.new,
        "kind": finding.change.id.kind.replace("_", " "),
        "name": render.one_line(finding.change.id.name),
        "security": finding.cls is ChangeClass.SECURITY,
        "words": render.direction_words(finding, incident.environment, incident.against),
        "blame": render.blame_words(finding),
        "lines": [(_LINE_STYLES.get(line[:1], ""), line) for line in _lines(finding)],
    }


def _lines(finding: Finding) -> list[str]:
    lines = render.diff(finding.change)
    shown = [line[:_MOST_COLUMNS] for line in lines[:_MOST_LINES]]
    if len(lines) > _MOST_LINES:
        shown.append(f"  … {len(lines) - _MOST_LINES} more lines")
    return shown


def _domain(sender: str) -> str:
    domain = parseaddr(sender)[1].rpartition("@")[2]
    try:
        return domain.encode("idna").decode("ascii")
    except UnicodeError:
        return "pgdrift.invalid"


def _label(name: str) -> str:
    plain = re.sub(r"[^a-z0-9-]+", "-", name.lower()).strip("-")
    return plain[:50] or _hash(name)


def _hash(text: str) -> str:
    return blake2b(text.encode("utf-8", "surrogatepass"), digest_size=16).hexdigest()
