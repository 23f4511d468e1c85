"""The methods of the Web API: a workspace and the arguments of a call in, Slack's answer out."""

import json
from collections.abc import Callable, Mapping
from typing import Any

from pgdrift.demo.slack.limits import problem, view_problem
from pgdrift.demo.slack.workspace import MOST_TEXT, Json, Workspace

Method = Callable[[Workspace, Json], Json]

_MOST_FILE = 1_000_000_000


def error(code: str, **more: Any) -> Json:
    """Return the answer to a call that failed."""
    return {"ok": False, "error": code, **more}


def auth_test(_: Workspace, __: Json) -> Json:
    """Tell who asks."""
    return {
        "ok": True,
        "url": "https://demo.slack.example/",
        "team": "demo",
        "team_id": "T0DEMO",
        "user": "pgdrift",
        "user_id": "U0PGDRIFT",
        "bot_id": "B0",
    }


def _place(w: Workspace, given: Json, *, writes: bool = True) -> tuple[str, Json | None]:
    """Return the channel of a call by its id, or what is wrong with it. A name is no id."""
    channel = str(given.get("channel") or given.get("channel_id") or "")
    if channel not in w.channels.values():
        return channel, error("channel_not_found")
    if channel in w.outside:
        return channel, error("not_in_channel")
    if writes and channel in w.archived:
        return channel, error("is_archived")
    return channel, None


def post_message(w: Workspace, given: Json) -> Json:
    """Post, to a channel's id or name."""
    channel, wrong = _place(w, given | {"channel": w.channel(str(given.get("channel", "")))})
    if wrong := wrong or problem(given):
        return wrong
    thread = given.get("thread_ts")
    if thread and w.find(channel, str(thread)) is None:
        return error("thread_not_found")
    message = w.keep(channel, given, via="api")
    return {"ok": True, "channel": channel, "ts": message["ts"], "message": message}


def post_ephemeral(w: Workspace, given: Json) -> Json:
    """Show one person what no other sees and nothing keeps."""
    channel, wrong = _place(w, given)
    if wrong := wrong or problem(given):
        return wrong
    if not given.get("user"):
        return error("user_not_in_channel")
    w.private.append({**given, "channel": channel})
    return {"ok": True, "message_ts": w.ts()}


def update(w: Workspace, given: Json) -> Json:
    """Edit a message. Unlike a post, an edit takes a channel's id only."""
    channel, wrong = _place(w, given)
    if wrong:
        return wrong
    message = w.find(channel, str(given.get("ts", "")))
    if message is None:
        return error("message_not_found")
    if wrong := problem(given):
        return wrong
    message["edits"].append({"text": message["text"], "blocks": message["blocks"]})
    message["edited"] = {"user": "U0PGDRIFT", "ts": w.ts()}
    message["text"] = str(given.get("text") or "")[:MOST_TEXT]
    message["blocks"] = given.get("blocks") or []
    message["metadata"] = given.get("metadata", message["metadata"])
    return {"ok": True, "channel": channel, "ts": message["ts"], "text": message["text"]}


def delete(w: Workspace, given: Json) -> Json:
    """Delete a message."""
    channel, wrong = _place(w, given)
    if wrong:
        return wrong
    if w.find(channel, str(given.get("ts", ""))) is None:
        return error("message_not_found")
    w.delete(str(given["ts"]))
    return {"ok": True, "channel": channel, "ts": given["ts"]}


def history(w: Workspace, given: Json) -> Json:
    """List a channel's messages, the newest first, without the replies."""
    channel, wrong = _place(w, given, writes=False)
    if wrong:
        return wrong
    oldest = float(given.get("oldest") or 0)
    found = [
        m
        for m in w.messages
        if m["channel"] == channel and "thread_ts" not in m and float(m["ts"]) > oldest
    ]
    return _page("messages", [_seen(m, given) for m in reversed(found)], given)


def thread(w: Workspace, given: Json) -> Json:
    """List a message and its replies, the oldest first."""
    root = w.find(str(given.get("channel")), str(given.get("ts")))
    if root is None:
        return error("thread_not_found")
    return _page("messages", [_seen(m, given) for m in (root, *w.replies(root["ts"]))], given)


def conversations(w: Workspace, given: Json) -> Json:
    """List channels. Private ones have a scope of their own, and there are none here."""
    private = given.get("types") == "private_channel"
    scope = "groups:read" if private else "channels:read"
    if scope not in w.scopes:
        return error("missing_scope", needed=scope)
    ids = [] if private else list(w.channels.values())
    return _page("channels", [_channel(w, i) for i in ids], given)


def info(w: Workspace, given: Json) -> Json:
    """Describe a channel."""
    channel = str(given.get("channel", ""))
    if channel not in w.channels.values():
        return error("channel_not_found")
    return {"ok": True, "channel": _channel(w, channel)}


def join(w: Workspace, given: Json) -> Json:
    """Become a member of a channel."""
    found = info(w, given)
    if found["ok"] and found["channel"]["is_archived"]:
        return error("is_archived")
    w.outside.discard(str(given.get("channel")))
    return found


def rename(w: Workspace, given: Json) -> Json:
    """Give a channel another name."""
    channel, wrong = _place(w, given)
    if wrong:
        return wrong
    if (name := str(given.get("name") or "")) in {"", *w.channels}:
        return error("name_taken" if name else "invalid_name_required")
    w.rename(w.name_of(channel), name)
    return info(w, given)


def archive(w: Workspace, given: Json) -> Json:
    """Archive a channel."""
    channel = str(given.get("channel", ""))
    if channel not in w.channels.values():
        return error("channel_not_found")
    if channel in w.archived:
        return error("already_archived")
    w.archived.add(channel)
    return {"ok": True}


def begin_upload(w: Workspace, given: Json) -> Json:
    """Give the address that a file is sent to."""
    length = str(given.get("length", ""))
    if not given.get("filename") or not length.isdecimal():
        return error("invalid_arguments")
    if not 0 < int(length) < _MOST_FILE:
        return error("upload_file_size_restricted" if int(length) else "invalid_arguments")
    id_ = w.name("F")
    w.uploads[id_] = {"id": id_, "name": str(given["filename"]), "length": int(length)}
    return {"ok": True, "file_id": id_, "upload_url": f"{given['origin']}/upload/v1/{id_}"}


def complete_upload(w: Workspace, given: Json) -> Json:
    """Share what was sent, in a channel or in a thread."""
    files = given.get("files") or []
    files = json.loads(files) if isinstance(files, str) else files
    found: list[Json] = [w.uploads.get(str(f.get("id"))) or {} for f in files]
    if not found or any("content" not in f for f in found):
        return error("file_not_found" if found else "invalid_arguments")
    pairs = zip(found, files, strict=True)
    kept = [{**f, "title": asked.get("title", f["name"])} for f, asked in pairs]
    if given.get("channel_id"):
        channel, wrong = _place(w, given)
        if wrong:
            return wrong
        if given.get("thread_ts") and w.find(channel, str(given["thread_ts"])) is None:
            return error("thread_not_found")
        said: Json = {"text": given.get("initial_comment"), "thread_ts": given.get("thread_ts")}
        w.keep(channel, {**said, "files": kept}, via="upload")
    return {"ok": True, "files": [{"id": f["id"], "title": f["title"]} for f in kept]}


def open_view(w: Workspace, given: Json) -> Json:
    """Show a modal to whoever pulled the trigger; each serves once."""
    trigger, view = str(given.get("trigger_id", "")), given.get("view")
    if trigger not in w.triggers:
        return error("invalid_trigger_id" if not trigger else "expired_trigger_id")
    w.triggers.discard(trigger)
    shown: Json = json.loads(view) if isinstance(view, str) else view or {}
    if wrong := view_problem(shown):
        return error("invalid_arguments", response_metadata={"messages": [wrong]})
    w.views.append({**shown, "id": w.name("V"), "hash": "0.0"})
    return {"ok": True, "view": w.views[-1]}


METHODS: Mapping[str, tuple[str, Method]] = {
    "auth.test": ("", auth_test),
    "chat.postMessage": ("chat:write", post_message),
    "chat.postEphemeral": ("chat:write", post_ephemeral),
    "chat.update": ("chat:write", update),
    "chat.delete": ("chat:write", delete),
    "conversations.archive": ("channels:manage", archive),
    "conversations.history": ("channels:history", history),
    "conversations.info": ("channels:read", info),
    "conversations.join": ("channels:join", join),
    "conversations.list": ("", conversations),
    "conversations.rename": ("channels:manage", rename),
    "conversations.replies": ("channels:history", thread),
    "files.completeUploadExternal": ("files:write", complete_upload),
    "files.getUploadURLExternal": ("files:write", begin_upload),
    "users.conversations": ("", conversations),
    "views.open": ("", open_view),
}
"""Each method with the scope that it needs of the bot token."""


def _channel(w: Workspace, channel: str) -> Json:
    return {
        "id": channel,
        "name": w.name_of(channel),
        "is_channel": True,
        "is_member": channel not in w.outside,
        "is_archived": channel in w.archived,
        "previous_names": w.previous_names.get(channel, []),
    }


def _seen(message: Json, given: Json) -> Json:
    metadata = str(given.get("include_all_metadata", "0")).lower() in {"1", "true"}
    return {k: v for k, v in message.items() if k != "metadata" or (metadata and v is not None)}


def _page(key: str, entries: list[Json], given: Json) -> Json:
    start, size = int(given.get("cursor") or 0), int(given.get("limit") or 100)
    after = start + size
    more = str(after) if after < len(entries) else ""
    return {"ok": True, key: entries[start:after], "response_metadata": {"next_cursor": more}}
