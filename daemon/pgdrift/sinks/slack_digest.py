"""Several incidents that are told as one message: their notices in, a headline and blocks out."""

from collections.abc import Sequence

from pgdrift.core.alerts.incident import Notice, Reason
from pgdrift.core.alerts.plannable import can_be_planned
from pgdrift.core.shown import render
from pgdrift.sinks.kit import Block, context, date, fitting, header, mrkdwn, section, size
from pgdrift.sinks.mrkdwn import code_span, escape
from pgdrift.sinks.slack_buttons import beside
from pgdrift.sinks.slack_words import environment_url, mark, plan_page

_MOST_LINES = 40
_MOST_UNITS = 9000
_MOST_MENUS = 6  # each takes the room of a line


def headline(parts: Sequence[Notice]) -> str:
    """Return the digest on one line, unescaped: how many incidents where, and the worst of them."""
    ordered = _ordered(parts)
    places = {n.incident.environment for n in parts}
    where = f"{len(places)} environments" if len(places) > 1 else render.one_line(places.pop())
    over = sum(n.reason is Reason.RESOLVED for n in parts)
    resolved = f", {over} of them resolved" if over else ""
    worst = render.headline(ordered[0])
    return f"{mark(ordered[0])} {len(parts)} incidents in {where}{resolved}, first: {worst}"


def blocks(
    parts: Sequence[Notice],
    line: str,
    above: list[Block],
    link: str | None,
    *,
    channel: str | None = None,
) -> list[Block]:
    """Return the digest: one line for each incident, the gravest first; the rest is counted.

    With `channel`, whose `actors` may do so, the gravest can be answered from a menu beside them.
    """
    ordered = _ordered(parts)
    lines = (
        _incident(notice, link, channel if number < _MOST_MENUS else None, number)
        for number, notice in enumerate(ordered[:_MOST_LINES])
    )
    shown = fitting(lines, _MOST_UNITS - size(above))
    more = len(ordered) - len(shown)
    rest = [context(mrkdwn(f"and {more} more"))] if more else []
    return [header(line), *above, *shown, *rest]


def _ordered(parts: Sequence[Notice]) -> list[Notice]:
    return sorted(parts, key=lambda n: (n.reason is Reason.RESOLVED, -n.incident.severity.rank))


def _incident(notice: Notice, link: str | None, channel: str | None, number: int) -> Block:
    menu = {} if channel is None else beside(notice.incident, channel, number)
    return section(_line(notice, link)) | menu


def _line(notice: Notice, link: str | None) -> str:
    incident = notice.incident
    words = escape(render.headline(notice), 400)
    small = [f"since {date(incident.opened_at)}", code_span(incident.id)]
    if link:
        small.append(f"<{escape(environment_url(link, incident.environment))}|open in pgdrift>")
        if notice.reason is not Reason.RESOLVED and can_be_planned(incident):
            small.append(f"<{escape(plan_page(link, incident))}|plan>")
    return f"{mark(notice)} {words}\n{' · '.join(small)}"
