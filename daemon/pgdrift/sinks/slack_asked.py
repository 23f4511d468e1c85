"""What a person did in Slack: the payload of an envelope in, what is asked for out.

Only reads. What a payload holds is checked here, so that nobody behind it meets a missing key.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from pgdrift.core.shown.render import one_line
from pgdrift.sinks import slack_buttons as named
from pgdrift.sinks.slack_client import USER

Json = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Person:
    """Who asks. `id` is Slack's and decides what they may; `name` is only shown."""

    id: str
    name: str

    @property
    def words(self) -> str:
        """Who that is, as it is recorded."""
        return f"{self.name} ({self.id})" if self.name else self.id


@dataclass(frozen=True, slots=True)
class Press:
    """A button of an incident's message was pressed: `place` and `ts` are the message's.

    `beside` is the block_id of its paragraph where that message is a digest, else empty.
    """

    who: Person
    action: str
    incident: str
    channel: str
    place: str
    ts: str
    trigger: str
    text: str
    blocks: tuple[dict[str, Any], ...]
    beside: str = ""


@dataclass(frozen=True, slots=True)
class Choice:
    """The modal was sent off: which findings (by their facts), why, for how long.

    `beside` is as in the press that opened it.
    """

    who: Person
    incident: str
    channel: str
    place: str
    ts: str
    facts: frozenset[str]
    reason: str
    until: str
    beside: str = ""


@dataclass(frozen=True, slots=True)
class Words:
    """A slash command was typed."""

    who: Person
    words: tuple[str, ...]


Asked = Press | Choice | Words


def read(kind: str, payload: Json) -> Asked | None:
    """Return what is asked for; None for what was never offered, or cannot be read."""
    try:
        match kind, payload.get("type"):
            case "slash_commands", _:
                who = _person(payload["user_id"], payload.get("user_name"))
                return Words(who, tuple(str(payload.get("text") or "").split()))
            case "interactive", "block_actions":
                return _press(payload)
            case "interactive", "view_submission":
                return _choice(payload)
    except (KeyError, TypeError, ValueError, AttributeError, IndexError):
        return None
    return None


def about(press: Press) -> str:
    """Return what a modal has to remember of the message that it was opened from."""
    return json.dumps(
        {
            "incident": press.incident,
            "channel": press.channel,
            "place": press.place,
            "ts": press.ts,
            "beside": press.beside,
        }
    )


def _press(payload: Json) -> Press:
    action, container = payload["actions"][0], payload["container"]
    chosen = action["action_id"] == named.MENU
    beside = str(action["block_id"]) if chosen else ""
    value, message = json.loads(beside or action["value"]), payload.get("message") or {}
    return Press(
        _person(payload["user"]["id"], payload["user"].get("username")),
        str(action["selected_option"]["value"] if chosen else action["action_id"]),
        str(value["incident"]),
        str(value["channel"]),
        str(container["channel_id"]),
        str(container["message_ts"]),
        str(payload.get("trigger_id") or ""),
        str(message.get("text") or ""),
        tuple(dict(b) for b in message.get("blocks") or ()),
        beside,
    )


def _choice(payload: Json) -> Choice:
    view = payload["view"]
    of, values = json.loads(view["private_metadata"]), view["state"]["values"]
    chosen = values[named.CHOSEN][named.CHOSEN]["selected_options"]
    until = values.get(named.UNTIL, {}).get(named.UNTIL, {}).get("selected_option") or {}
    return Choice(
        _person(payload["user"]["id"], payload["user"].get("username")),
        str(of["incident"]),
        str(of["channel"]),
        str(of["place"]),
        str(of["ts"]),
        frozenset(str(option["value"]) for option in chosen),
        str(values[named.REASON][named.REASON].get("value") or "").strip(),
        str(until.get("value") or "ever"),
        str(of.get("beside") or ""),
    )


def _person(id_: object, name: object) -> Person:
    if not USER.fullmatch(str(id_)):
        raise ValueError("no user")
    return Person(str(id_), one_line(str(name or ""))[:80])
