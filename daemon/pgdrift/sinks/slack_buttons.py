"""What a person can do with an incident in Slack: its buttons, and the modal to choose findings.

Writes them and knows their names; what happens when one is pressed is decided elsewhere.
"""

import json
from collections.abc import Sequence
from datetime import timedelta

from pgdrift.core.alerts.facts import fact
from pgdrift.core.alerts.incident import Incident, State
from pgdrift.core.alerts.marks import Mark, Verb
from pgdrift.core.alerts.plannable import can_be_planned
from pgdrift.core.model import CHANNELS, DRILL, Finding
from pgdrift.core.shown import render
from pgdrift.sinks.kit import (
    Block,
    actions,
    button,
    context,
    date,
    menu,
    mrkdwn,
    plain_text,
    section,
)
from pgdrift.sinks.mrkdwn import code_span, escape

ACK, ACCEPT, PLAN = "ack", "accept", "plan"
SILENCES = {"silence_4h": timedelta(hours=4), "silence_24h": timedelta(hours=24)}
FOR = {"1d": timedelta(days=1), "7d": timedelta(days=7), "30d": timedelta(days=30), "ever": None}
"""For how long findings can be accepted, by the value of the choice."""

CHOSEN, REASON, UNTIL = "findings", "reason", "until"
"""The fields of the modal, by their action_id."""

MARK, BUTTONS = "mark", "buttons"
"""The block_id of the line that says who has said what, and of the row of buttons."""

MENU = "menu"
"""The action_id of the menu beside an incident in a digest; what it is about is its block_id."""

LINES = 2
"""How many lines an incident has in a digest; below them stands what was said of it last."""

_MOST_CHOICES = 100
_MOST_REASON = 500
_MOST_BLOCK_ID = 255
_WORDS = {"1d": "1 day", "7d": "7 days", "30d": "30 days", "ever": "until it changes again"}
_DONE = {Verb.ACK: "👀 acknowledged", Verb.SILENCE: "🔕 silenced", Verb.ACCEPT: "☑️ accepted"}


def buttons(incident: Incident, channel: str, marks: Sequence[Mark] = ()) -> list[Block]:
    """Return what can be done with an incident, none when it is over.

    `channel` is the name of the channel in the configuration, whose `actors` may press them;
    what `marks` say already need not be said again.
    """
    if not _can_be_answered(incident):
        return []
    about = json.dumps({"incident": incident.id, "channel": channel}, separators=(",", ":"))
    taken = any(m.verb is Verb.ACK for m in marks)
    row = [
        button(name, words, about, style="primary" if name == ACK else "")
        for name, words in _choices(incident).items()
        if not (taken and name == ACK)
    ]
    return [actions(BUTTONS, row)]


def beside(incident: Incident, channel: str, number: int) -> Block:
    """Return what an incident's paragraph in a digest has beside its text: a menu, or nothing.

    `number` is the paragraph's: one incident may stand there with several threads.
    """
    about = {"incident": incident.id, "channel": channel, "number": number}
    name = json.dumps(about, separators=(",", ":"))
    if not _can_be_answered(incident) or len(name) > _MOST_BLOCK_ID:
        return {}
    return {"block_id": name, "accessory": menu(MENU, _choices(incident))}


def _can_be_answered(incident: Incident) -> bool:
    # A drill is nobody's incident, and a channel comes back by itself.
    return incident.state is not State.RESOLVED and incident.environment not in {DRILL, CHANNELS}


def _choices(incident: Incident) -> dict[str, str]:
    """Return what can be done with an incident, by the name of the action."""
    choices = {ACK: "Acknowledge"}
    choices |= {n: f"Silence {wait.total_seconds() / 3600:.0f} h" for n, wait in SILENCES.items()}
    choices |= {ACCEPT: "Accept…"} if incident.findings else {}
    return choices | ({PLAN: "Show plan"} if can_be_planned(incident) else {})


def mark_words(mark: Mark) -> str:
    """Return who said what until when and why, as mrkdwn."""
    until = f" until {date(mark.until)}" if mark.until else ""
    what = ""
    if mark.verb is Verb.ACCEPT:
        keys = sorted({f.key for f in mark.findings})
        what = ": " + ", ".join(code_span(k, 100) for k in keys[:3])
        what += f" and {len(keys) - 3} more" if len(keys) > 3 else ""
    said = f"{_DONE.get(mark.verb, mark.verb.value)} by {escape(render.one_line(mark.actor), 100)}"
    return f"{said}{until}{what} · {escape(render.one_line(mark.reason), 300)}"


def mark_line(marks: Sequence[Mark]) -> list[Block]:
    """Return the line that stands in an incident's message while marks hold, the latest last."""
    if not marks:
        return []
    return [context(mrkdwn("\n".join(mark_words(m) for m in marks[-3:])), MARK)]


def with_mark(blocks: Sequence[Block], mark: Mark) -> list[Block]:
    """Return a message's blocks with the line of a new mark, above its buttons."""
    kept = [_without(mark, b) for b in blocks if b.get("block_id") != MARK]
    at = next((i for i, b in enumerate(kept) if b.get("block_id") == BUTTONS), len(kept))
    return [*kept[:at], *mark_line([mark]), *kept[at:]]


def with_mark_beside(blocks: Sequence[Block], name: str, mark: Mark) -> list[Block]:
    """Return a digest's blocks with a new mark below the paragraph of that block_id."""
    return [_marked(b, mark) if b.get("block_id") == name else b for b in blocks]


def _marked(block: Block, mark: Mark) -> Block:
    told = str(block["text"]["text"]).split("\n")[:LINES]
    text = block["text"] | {"text": "\n".join([*told, mark_words(mark)])}
    chosen = block["accessory"]
    left = [o for o in chosen["options"] if mark.verb is not Verb.ACK or o["value"] != ACK]
    return block | {"text": text, "accessory": chosen | {"options": left}}


def _without(mark: Mark, block: Block) -> Block:
    """Return a block without the button that a mark makes pointless."""
    if block.get("block_id") != BUTTONS or mark.verb is not Verb.ACK:
        return block
    return block | {"elements": [e for e in block["elements"] if e.get("action_id") != ACK]}


def accept_modal(incident: Incident, metadata: str) -> Block:
    """Return the modal in which somebody chooses what is right, for how long, and says why.

    `metadata` comes back with the answer.
    """
    ordered = sorted(incident.findings, key=lambda f: -f.severity.rank)
    options = [_option(f) for f in ordered[:_MOST_CHOICES]]
    element: Block = {"type": "multi_static_select", "action_id": CHOSEN, "options": options}
    if len(options) == 1:
        element["initial_options"] = options
    more = len(ordered) - len(options)
    what = f"What is accepted is no drift of {code_span(incident.environment, 100)} any more, "
    what += "until the object changes again."
    what += f" Here are the {len(options)} gravest of {len(ordered)} findings." if more else ""
    return {
        "type": "modal",
        "callback_id": ACCEPT,
        "private_metadata": metadata,
        "title": plain_text("Accept findings", 24),
        "submit": plain_text("Accept", 24),
        "close": plain_text("Cancel", 24),
        "blocks": [
            section(what),
            _input(CHOSEN, "Which findings are right?", element),
            _input(REASON, "Why?", _reason()),
            _input(UNTIL, "For how long?", _until()),
        ],
    }


def _option(finding: Finding) -> Block:
    # The value is what the finding is, not where it stands: it may move while the modal is open.
    return {"text": plain_text(render.label(finding.change), 75), "value": fact(finding)}


def _reason() -> Block:
    return {"type": "plain_text_input", "action_id": REASON, "max_length": _MOST_REASON}


def _until() -> Block:
    options = [{"text": plain_text(_WORDS[value], 75), "value": value} for value in FOR]
    return {
        "type": "static_select",
        "action_id": UNTIL,
        "options": options,
        "initial_option": options[-1],
    }


def _input(name: str, label: str, element: Block) -> Block:
    return {"type": "input", "block_id": name, "label": plain_text(label, 150), "element": element}
