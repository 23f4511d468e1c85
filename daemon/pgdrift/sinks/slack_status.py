"""How every environment stands, as the answer to `/pgdrift status`: standings in, blocks out."""

from collections.abc import Iterable, Mapping, Sequence

from pgdrift.core.alerts.incident import Incident
from pgdrift.core.model import Outcome, Standing
from pgdrift.core.shown import render
from pgdrift.sinks.kit import Block, context, date, fitting, mrkdwn, section
from pgdrift.sinks.mrkdwn import code_span, escape
from pgdrift.sinks.slack_words import DOTS, environment_url

_MOST = 30
_MOST_UNITS = 9000
_USAGE = "`/pgdrift status` shows how every environment stands, `/pgdrift status NAME` one of them."
_MARKS = {Outcome.IN_SYNC: "✅", Outcome.DRIFTED: "🟠", Outcome.UNKNOWN: "❔"}
_WORDS = {Outcome.IN_SYNC: "in sync", Outcome.UNKNOWN: "unknown"}


def answer(
    words: Sequence[str],
    standings: Mapping[str, Standing],
    incidents: Iterable[Incident],
    link: str | None,
) -> Block:
    """Return the answer to a slash command; only who asked sees it."""
    if not words or words[0] != "status" or len(words) > 2:
        return _private(_USAGE, [section(_USAGE)])
    shown = [s for n, s in standings.items() if len(words) == 1 or n == words[1]]
    if not shown:
        what = f"There is no environment {code_span(words[1])}." if len(words) > 1 else "Nothing."
        return _private(what, [section(what)])
    open_ = list(incidents)
    # What is not in sync is what somebody wants to see of many.
    shown.sort(key=lambda s: (s.outcome is Outcome.IN_SYNC, s.environment))
    blocks = fitting((_line(s, open_, link) for s in shown[:_MOST]), _MOST_UNITS)
    if more := len(shown) - len(blocks):
        blocks.append(context(mrkdwn(f"and {more} more")))
    return _private(f"{len(shown)} environments", blocks)


def _line(standing: Standing, incidents: Iterable[Incident], link: str | None) -> Block:
    of = [i for i in incidents if i.environment == standing.environment]
    worst = max((i.severity for i in of), key=lambda s: s.rank, default=None)
    mark = DOTS[worst] if worst and standing.outcome is Outcome.DRIFTED else None
    name = code_span(standing.environment, 100)
    if link:
        name = f"<{escape(environment_url(link, standing.environment))}|open> {name}"
    text = f"{mark or _MARKS[standing.outcome]} {name} {_state(standing)}"
    return section("\n".join([text, *(_incident(i) for i in of[:3])]))


def _state(standing: Standing) -> str:
    text = _WORDS.get(standing.outcome, "")
    if standing.outcome is Outcome.DRIFTED:
        count = sum(len(a.findings) for a in standing.against)
        text = f"{count} finding{'' if count == 1 else 's'}"
    if standing.reason:
        text += f": {escape(render.one_line(standing.reason), 200)}"
    if standing.looked_at:
        text += f" · looked at {date(standing.looked_at)}"
    return text


def _incident(incident: Incident) -> str:
    words = incident.detail or "cannot be looked at"
    if incident.findings:
        words = render.summary(incident)
    since = f"since {date(incident.opened_at)}"
    return f"• {code_span(incident.id)} {escape(render.one_line(words), 300)} · {since}"


def _private(text: str, blocks: list[Block]) -> Block:
    return {"response_type": "ephemeral", "text": text, "blocks": blocks}
