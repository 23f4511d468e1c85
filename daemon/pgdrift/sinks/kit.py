"""A text, a moment in; one piece of Slack's Block Kit out, within its limits. Knows no incident."""

import json
from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any, TypeAlias

from pgdrift.core.shown.render import one_line
from pgdrift.sinks.mrkdwn import escape, units

Block: TypeAlias = dict[str, Any]

_MOST_HEADER = 150
_MOST_BUTTON = 75


def header(text: str) -> Block:
    """Return a headline, cut to what Slack takes."""
    return {"type": "header", "text": plain_text(one_line(text), _MOST_HEADER)}


def section(text: str) -> Block:
    """Return a paragraph of mrkdwn."""
    return {"type": "section", "text": mrkdwn(text)}


def plain(text: str) -> Block:
    """Return a paragraph in which nothing is markup."""
    return {"type": "section", "text": plain_text(text, 1000)}


def context(element: Block, name: str = "") -> Block:
    """Return a small grey line; `name` is its block_id, by which it is found again."""
    block = {"type": "context", "elements": [element]}
    return block | {"block_id": name} if name else block


def actions(name: str, buttons: Iterable[Block]) -> Block:
    """Return a row of buttons."""
    return {"type": "actions", "block_id": name, "elements": list(buttons)}


def button(action: str, text: str, value: str, *, style: str = "") -> Block:
    """Return a button; `action` says which it is, `value` what it is about."""
    block = {"type": "button", "action_id": action, "text": plain_text(text, _MOST_BUTTON)}
    return block | {"value": value} | ({"style": style} if style else {})


def menu(action: str, options: Mapping[str, str]) -> Block:
    """Return a menu of few choices, for the side of a paragraph; `options` maps values to words."""
    shown = [{"text": plain_text(o, _MOST_BUTTON), "value": value} for value, o in options.items()]
    return {"type": "overflow", "action_id": action, "options": shown}


def plain_text(text: str, most: int) -> Block:
    """Return text in which nothing is markup, at most so long."""
    # No emoji: `:skull:` in a name is a name.
    return {"type": "plain_text", "text": escape(text, most), "emoji": False}


def mrkdwn(text: str) -> Block:
    """Return text that is markup already."""
    # Verbatim: otherwise Slack makes mentions and links of what only looks like them.
    return {"type": "mrkdwn", "text": text, "verbatim": True}


def date(at: datetime) -> str:
    """Return a moment as mrkdwn; Slack shows it in the reader's own time zone."""
    return f"<!date^{int(at.timestamp())}^{{date_short_pretty}} {{time}}|{at:%Y-%m-%d %H:%M} UTC>"


def fitting(blocks: Iterable[Block], room: int) -> list[Block]:
    """Return the blocks, in their order, up to the first for which there is no room."""
    kept: list[Block] = []
    for block in blocks:
        if (room := room - size([block])) < 0:
            break
        kept.append(block)
    return kept


def size(blocks: Iterable[Block]) -> int:
    """Return how much of what Slack takes in all the blocks use up."""
    return sum(units(json.dumps(b, ensure_ascii=False)) for b in blocks)
