"""A Slack message in, HTML as a person would see it out: blocks, attachments, mrkdwn.

Everything that is not markup is escaped; links go to http, https and mailto only. What is not
known here is shown by its type, never left out.
"""

import re
from collections.abc import Iterable, Iterator, Mapping
from datetime import UTC, datetime
from typing import Any

from markupsafe import Markup, escape

_TOKEN = re.compile(
    r"```(?P<pre>.*?)```"
    r"|`(?P<code>[^`\n]+)`"
    r"|<(?P<target>[^<>|\n]+)(?:\|(?P<label>[^<>\n]*))?>"
    r"|(?<![\w*])\*(?P<bold>[^*\n]+)\*(?![\w*])"
    r"|(?<![\w_])_(?P<italic>[^_\n]+)_(?![\w_])"
    r"|(?<![\w~])~(?P<strike>[^~\n]+)~(?![\w~])"
    r"|:(?P<emoji>[a-z0-9_+-]+):"
    r"|(?P<newline>\n)",
    re.DOTALL,
)
_TAGS = {"code": "code", "bold": "strong", "italic": "em", "strike": "s"}
_EMOJI = {
    "white_check_mark": "✅",
    "heavy_check_mark": "✔",
    "rotating_light": "🚨",
    "red_circle": "🔴",
    "large_orange_circle": "🟠",
    "large_yellow_circle": "🟡",
    "large_blue_circle": "🔵",
    "large_green_circle": "🟢",
    "warning": "⚠️",
    "information_source": "\N{INFORMATION SOURCE}️",
    "lock": "🔒",
    "unlock": "🔓",
    "eyes": "👀",
    "bell": "🔔",
    "question": "❓",
}
_SAFE_LINK = re.compile(r"(https?://|mailto:)[^\s\"'<>]+\Z", re.IGNORECASE)
_COLOR = re.compile(r"#?[0-9a-f]{6}\Z", re.IGNORECASE)
_NAMED_COLORS = {"good": "#2eb886", "warning": "#daa038", "danger": "#a30200"}

Json = Mapping[str, Any]


def message_html(message: Json) -> Markup:
    """Return the body of a message as Slack shows it: its blocks, else its text; attachments."""
    blocks = message.get("blocks") or []
    body = blocks_html(blocks) if blocks else _paragraph(mrkdwn(str(message.get("text") or "")))
    files = Markup("").join(map(_file, message.get("files") or []))
    return body + files + Markup("").join(map(_attachment, message.get("attachments") or []))


def blocks_html(blocks: Iterable[Json]) -> Markup:
    """Return blocks as HTML, one below the other."""
    return Markup("\n").join(_block(b) for b in blocks)


def mrkdwn(text: str) -> Markup:
    """Return Slack's markup as HTML. In it, & < > are written as entities and mean themselves."""
    return Markup("").join(_pieces(text))


def _pieces(text: str) -> Iterator[Markup]:
    end = 0
    for found in _TOKEN.finditer(text):
        yield _plain(text[end : found.start()])
        yield _token(found)
        end = found.end()
    yield _plain(text[end:])


def _token(found: re.Match[str]) -> Markup:
    kind = found.lastgroup or ""
    if found["target"] is not None:
        return _link(found["target"], found["label"])
    if kind == "newline":
        return Markup("<br>")
    if kind == "pre":
        return Markup("<pre>{}</pre>").format(_plain(found["pre"].strip("\n")))
    if kind == "emoji":
        return escape(_EMOJI.get(found["emoji"], found.group()))
    inner = _plain(found[kind]) if kind == "code" else mrkdwn(found[kind])
    return Markup("<{0}>{1}</{0}>").format(_TAGS[kind], inner)


def _link(target: str, label: str | None) -> Markup:
    if _SAFE_LINK.match(target):
        words = _plain(label or target)
        return Markup('<a href="{}" target="_blank" rel="noreferrer">{}</a>').format(
            _plain(target), words
        )
    if target.startswith("!date^"):
        return _date(target, label)
    if target[0] in "@#!":
        # A mention: <!here>, <@U123>, <#C123|name>. It is what must never come from a name.
        return Markup('<span class="mention">{}</span>').format(_plain(label or target))
    return _plain(f"&lt;{target}&gt;")


def _date(target: str, label: str | None) -> Markup:
    seconds = target.split("^")[1]
    if label or not seconds.isdigit():
        return _plain(label or target)
    return escape(f"{datetime.fromtimestamp(int(seconds), UTC):%Y-%m-%d %H:%M:%S} UTC")


def _plain(text: str) -> Markup:
    return escape(text.replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&"))


def _text(value: Json | None) -> Markup:
    """Return a text object: `mrkdwn` is markup, `plain_text` only has its emoji."""
    if not value:
        return Markup("")
    text = str(value.get("text", ""))
    if value.get("type") == "mrkdwn":
        return mrkdwn(text)
    if value.get("emoji", True):
        text = re.sub(r":([a-z0-9_+-]+):", lambda m: _EMOJI.get(m[1], m[0]), text)
    return Markup("<br>").join(_plain(line) for line in text.split("\n"))


def _block(block: Json) -> Markup:
    match block.get("type"):
        case "header":
            return Markup("<h3>{}</h3>").format(_text(block.get("text")))
        case "section":
            return _section(block)
        case "context":
            elements = Markup(" ").join(_element(e) for e in block.get("elements", ()))
            return Markup('<p class="context">{}</p>').format(elements)
        case "actions":
            elements = Markup(" ").join(_element(e) for e in block.get("elements", ()))
            return Markup('<p class="actions">{}</p>').format(elements)
        case "divider":
            return Markup("<hr>")
        case "rich_text":
            parts = (_rich(e) for e in block.get("elements", ()))
            return Markup('<div class="rich">{}</div>').format(Markup("").join(parts))
        case "markdown":
            return Markup("<pre>{}</pre>").format(str(block.get("text", "")))
        case other:
            return Markup('<p class="context">[{}]</p>').format(other)


def _section(block: Json) -> Markup:
    fields = Markup("").join(
        Markup('<div class="field">{}</div>').format(_text(f)) for f in block.get("fields") or ()
    )
    text = _paragraph(_text(block.get("text"))) if block.get("text") else Markup("")
    side = Markup("")
    if block.get("accessory"):
        side = Markup('<div class="side">{}</div>').format(_element(block["accessory"]))
    grid = Markup('<div class="fields">{}</div>').format(fields) if fields else Markup("")
    return side + text + grid


def _element(element: Json) -> Markup:
    match element.get("type"):
        case "mrkdwn" | "plain_text":
            return Markup("<span>{}</span>").format(_text(element))
        case "button" if _SAFE_LINK.match(str(element.get("url", ""))):
            return Markup(
                '<a class="button" href="{}" target="_blank" rel="noreferrer">{}</a>'
            ).format(element["url"], _text(element.get("text")))
        case "button":
            style = "button primary" if element.get("style") == "primary" else "button"
            return Markup('<span class="{}">{}</span>').format(style, _text(element.get("text")))
        case "overflow":
            words = Markup(", ").join(_text(o.get("text")) for o in element.get("options") or ())
            return Markup('<span class="button" title="{}">⋯</span>').format(words)
        case other:
            return Markup("<span>[{}]</span>").format(other)


def _rich(element: Json) -> Markup:
    inner = Markup("").join(_rich_leaf(e) for e in element.get("elements") or ())
    match element.get("type"):
        case "rich_text_preformatted":
            return Markup("<pre>{}</pre>").format(inner)
        case "rich_text_quote":
            return Markup("<blockquote>{}</blockquote>").format(inner)
        case "rich_text_list":
            items = (_rich(e) for e in element.get("elements") or ())
            rows = Markup("").join(Markup("<li>{}</li>").format(i) for i in items)
            return Markup("<ul>{}</ul>").format(rows)
        case _:
            return Markup("<div>{}</div>").format(inner)


def _rich_leaf(leaf: Json) -> Markup:
    text: Markup = escape(str(leaf.get("text", leaf.get("url", ""))))
    match leaf.get("type"):
        case "link":
            return _link(str(leaf.get("url", "")), str(leaf.get("text") or leaf.get("url", "")))
        case "emoji":
            return escape(_EMOJI.get(str(leaf.get("name")), f":{leaf.get('name')}:"))
    for name, tag in (("code", "code"), ("bold", "strong"), ("italic", "em"), ("strike", "s")):
        if (leaf.get("style") or {}).get(name):
            text = Markup("<{0}>{1}</{0}>").format(tag, text)
    return text


def _file(file: Json) -> Markup:
    lines = str(file.get("content", "")).splitlines()
    shown = "\n".join(lines[:8]) + (f"\n… {len(lines) - 8} more lines" if len(lines) > 8 else "")
    name = Markup('<p class="context">{} · {}</p>').format(file.get("name"), file.get("title"))
    return name + Markup("<pre>{}</pre>").format(shown)


def _attachment(attachment: Json) -> Markup:
    given = str(attachment.get("color", ""))
    color = _NAMED_COLORS.get(given) or (
        f"#{given.lstrip('#')}" if _COLOR.match(given) else "#dddddd"
    )
    return Markup('<div class="attachment" style="border-color:{}">{}</div>').format(
        color, message_html(attachment)
    )


def _paragraph(inner: Markup) -> Markup:
    return Markup("<div class=text>{}</div>").format(inner)
