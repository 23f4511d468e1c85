"""A delivery in, what its mail says out: as text and as HTML. Knows no header.

A digest says of each incident how it stands, in few lines; any other mail says all of one.
"""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined, select_autoescape

from pgdrift.core.alerts.incident import Delivery, Notice, Reason
from pgdrift.core.alerts.plannable import can_be_planned
from pgdrift.core.model import ChangeClass, Finding
from pgdrift.core.shown import render
from pgdrift.sinks.blocks import REPEATED, incident_url
from pgdrift.sinks.slack_words import plan_page

_MOST_FINDINGS = 30
_MOST_LINES = 20
_MOST_COLUMNS = 300
_MOST_INCIDENTS = 50  # of a digest, each with so many findings:
_MOST_OF_EACH = 3

_WORDS = {
    Reason.FIRST: "A new incident.",
    Reason.WORSE: "The incident became worse.",
    Reason.CHANGED: "The incident changed.",
    Reason.REPEAT: "The incident is still open.",
    Reason.RESOLVED: "The incident is resolved.",
    Reason.REOPENED: "The incident is back.",
}
_COLORS = {
    "critical": "#b3261e",
    "warning": "#9a5b00",
    "info": "#1f5fa8",
    "resolved": "#1b7f3b",
}
_LINE_STYLES = {
    "-": ("minus", "background:#fdecea;color:#7d1a14"),
    "+": ("plus", "background:#e6f4ea;color:#14532d"),
}

_templates = Environment(
    loader=PackageLoader("pgdrift.sinks"),
    autoescape=select_autoescape(["html"]),
    undefined=StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
)


def worst(notices: Sequence[Notice]) -> Notice:
    """Return the gravest of what is told together; what is resolved is the least grave."""
    return max(notices, key=lambda n: (not _resolved(n), n.incident.severity.rank))


def digest_headline(notices: Sequence[Notice]) -> str:
    """Return a digest on one line: how many incidents, in how many environments, and the worst."""
    environments = len({n.incident.environment for n in notices})
    open_ = sum(not _resolved(n) for n in notices)
    where = "1 environment" if environments == 1 else f"{environments} environments"
    counted = f"{len(notices)} incidents in {where}"
    if not open_:
        return f"{counted}, all resolved"
    ended = f", {len(notices) - open_} resolved" if open_ < len(notices) else ""
    return f"{counted}{ended}; {render.headline(worst(notices))}"


def bodies(delivery: Delivery, link: str | None) -> tuple[str, str]:
    """Return the plain text and the HTML of a mail."""
    name, words = (
        ("digest", _digest(delivery, link)) if delivery.parts else ("mail", _one(delivery, link))
    )
    text, html = (_templates.get_template(f"{name}.{kind}") for kind in ("txt", "html"))
    return text.render(words), html.render(words)


def _one(delivery: Delivery, link: str | None) -> dict[str, Any]:
    notice = delivery.notice
    incident = notice.incident
    findings = _shown(notice)
    told = mood(notice)
    return {
        "headline": render.headline(notice),
        "what": _what(notice) + _repeated(delivery),
        "detail": render.printable(render.detail(notice))[:2000],
        "findings": [_finding(f, notice) for f in findings[:_MOST_FINDINGS]],
        "more": max(0, len(findings) - _MOST_FINDINGS),
        "gone": [render.label(f.change) for f in notice.gone[:_MOST_FINDINGS]],
        "gone_more": max(0, len(notice.gone) - _MOST_FINDINGS),
        "mood": told,
        "color": _COLORS[told],
        "url": incident_url(link, incident) if link else "",
        "plan": _plan(notice, link),
        "foot": f"pgdrift, incident {render.one_line(incident.id)}, open since"
        f" {_at(incident.opened_at)}, told {_at(notice.at)}",
    }


def _plan(notice: Notice, link: str | None) -> str:
    """Say where the plan is that is made for an incident; it comes a moment after the mail."""
    incident = notice.incident
    if _resolved(notice) or not can_be_planned(incident):
        return ""
    where = plan_page(link, incident) if link else ""
    return f"How it can be mended: {where or f'pgdrift plans show {render.one_line(incident.id)}'}"


def _digest(delivery: Delivery, link: str | None) -> dict[str, Any]:
    notices = sorted(delivery.parts, key=lambda n: (_resolved(n), -n.incident.severity.rank))
    told = mood(worst(notices))
    return {
        "headline": digest_headline(delivery.parts),
        "what": "Told together." + _repeated(delivery),
        "incidents": [_incident(n, link) for n in notices[:_MOST_INCIDENTS]],
        "more": max(0, len(notices) - _MOST_INCIDENTS),
        "mood": told,
        "color": _COLORS[told],
        "url": link or "",
        "foot": f"pgdrift, {len(notices)} incidents, told {_at(max(n.at for n in notices))}",
    }


def _incident(notice: Notice, link: str | None) -> dict[str, Any]:
    incident = notice.incident
    findings = _shown(notice)
    told = mood(notice)
    return {
        "word": told,
        "mood": told,
        "color": _COLORS[told],
        "headline": render.headline(notice),
        "detail": render.one_line(render.detail(notice))[:300],
        "findings": [_finding(f, notice) for f in findings[:_MOST_OF_EACH]],
        "more": max(0, len(findings) - _MOST_OF_EACH),
        "id": render.one_line(incident.id),
        "since": _at(incident.opened_at),
        "url": incident_url(link, incident) if link else "",
        "plan": _plan(notice, link),
    }


def _shown(notice: Notice) -> list[Finding]:
    """Return the findings that a notice is about, the gravest first."""
    findings = () if _resolved(notice) else notice.incident.findings
    return sorted(findings, key=lambda f: -f.severity.rank)


def _finding(finding: Finding, notice: Notice) -> dict[str, Any]:
    incident = notice.incident
    lines, hangs = _lines(finding), render.dependants_words(finding)
    return {
        "severity": finding.severity.value,
        "color": _COLORS[finding.severity.value],
        "new": notice.reason is not Reason.FIRST and finding.key in notice.new,
        "kind": finding.change.id.kind.replace("_", " "),
        "name": render.one_line(finding.change.id.name),
        "security": finding.cls is ChangeClass.SECURITY,
        "words": render.direction_words(finding, incident.environment, incident.against),
        "small": list(filter(None, (render.blame_words(finding), hangs))),
        "lines": [(*_LINE_STYLES.get(line[:1], ("same", "")), line) for line in lines],
    }


def _lines(finding: Finding) -> list[str]:
    lines = render.difference(finding.change)
    shown = [line[:_MOST_COLUMNS] for line in lines[:_MOST_LINES]]
    if len(lines) > _MOST_LINES:
        shown.append(f"  … {len(lines) - _MOST_LINES} more lines")
    return shown


def _what(notice: Notice) -> str:
    # With a detail it is over for another reason than that all is right again.
    over = _resolved(notice) and notice.incident.detail
    return "The incident is over." if over else _WORDS[notice.reason]


def _resolved(notice: Notice) -> bool:
    return notice.reason is Reason.RESOLVED


def mood(notice: Notice) -> str:
    """Return the word for how grave a notice is, or that it is over."""
    return "resolved" if _resolved(notice) else notice.incident.severity.value


def _repeated(delivery: Delivery) -> str:
    return f" ({REPEATED})" if delivery.uncertain else ""


def _at(moment: datetime) -> str:
    return f"{moment:%Y-%m-%d %H:%M:%S} UTC"
