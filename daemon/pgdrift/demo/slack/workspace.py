"""One workspace with one app: its channels, messages, files and views, as Slack's JSON has them.

A message has channel (id), channel_name, ts, text, blocks, metadata (or None), thread_ts (of
replies only), edited (`ts` of the last edit, once there was one), edits (earlier versions, the
oldest first), files (of uploads only) and via (`api`, `webhook` or `upload`). Knows no HTTP.
"""

import time
from collections.abc import Mapping
from itertools import count
from typing import Any

Json = dict[str, Any]

ALL_SCOPES = frozenset(
    {
        "chat:write",
        "channels:read",
        "groups:read",
        "channels:history",
        "groups:history",
        "channels:join",
        "channels:manage",
        "files:write",
        "commands",
    }
)

MOST_TEXT = 40_000


class Workspace:
    """What is there, all of it public: a test may look at it, and play the people who use it."""

    def __init__(self, channels: Mapping[str, str] | None = None) -> None:
        """Make a workspace. `channels` maps names to ids; without it every name is a channel."""
        self.channels = dict(channels or {})
        self.any_channel = channels is None
        self.previous_names: dict[str, list[str]] = {}
        self.archived: set[str] = set()
        self.outside: set[str] = set()
        self.scopes = set(ALL_SCOPES)
        self.messages: list[Json] = []
        self.private: list[Json] = []
        self.uploads: dict[str, Json] = {}
        self.views: list[Json] = []
        self.triggers: set[str] = set()
        self._number = count(1)
        self._clock = 0

    def replies(self, ts: str) -> list[Json]:
        """Return the thread below a message."""
        return [m for m in self.messages if m.get("thread_ts") == ts]

    def delete(self, ts: str) -> None:
        """Delete a message, as a person may."""
        self.messages = [m for m in self.messages if m["ts"] != ts]

    def rename(self, old: str, new: str) -> None:
        """Give a channel another name, as a person may; its id stays."""
        place = self.channels.pop(old)
        self.channels[new] = place
        self.previous_names.setdefault(place, []).append(old)

    def archive(self, name: str) -> None:
        """Archive a channel, as a person may."""
        self.archived.add(self.channels[name])

    def name_of(self, channel: str) -> str:
        """Return the name of a channel by its id."""
        return next(n for n, i in self.channels.items() if i == channel)

    def channel(self, given: str) -> str | None:
        """Return a channel's id by its id or name, or None."""
        if given in self.channels.values():
            return given
        name = given.removeprefix("#")
        if self.any_channel and name not in self.channels:
            self.channels[name] = f"C{len(self.channels):08d}"
        return self.channels.get(name)

    def find(self, channel: str, ts: str) -> Json | None:
        """Return a message, or None."""
        found = (m for m in self.messages if m["channel"] == channel and m["ts"] == ts)
        return next(found, None)

    def keep(self, channel: str, given: Json, *, via: str) -> Json:
        """Keep what was said as a message of the channel, and return it."""
        message: Json = {
            "type": "message",
            "channel": channel,
            "channel_name": self.name_of(channel),
            "ts": self.ts(),
            "text": str(given.get("text") or "")[:MOST_TEXT],
            "blocks": given.get("blocks") or [],
            "metadata": given.get("metadata"),
            "edits": [],
            "via": via,
        }
        if given.get("thread_ts"):
            message["thread_ts"] = str(given["thread_ts"])
            message["broadcast"] = str(given.get("reply_broadcast")).lower() in {"true", "1"}
        if given.get("files"):
            message["files"] = given["files"]
        self.messages.append(message)
        return message

    def name(self, kind: str) -> str:
        """Return an id that nothing else has, as Slack writes them: a letter, then a number."""
        return f"{kind}{next(self._number):010d}"

    def ts(self) -> str:
        """Return now, never the same twice: a message's name in its channel."""
        self._clock = max(self._clock + 1, time.time_ns() // 1000)
        return f"{self._clock // 1_000_000}.{self._clock % 1_000_000:06d}"
