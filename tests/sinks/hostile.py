"""Names and comments that mean harm, and what must not come of them wherever they are shown."""

from __future__ import annotations

import re
from dataclasses import replace
from html.parser import HTMLParser

from pgdrift.core.alerts.incident import Notice
from tests.sinks import samples

# As PostgreSQL takes them: any character but NUL, 63 bytes of a name, more of a comment.
HOSTILE = {
    "broadcast": "<!channel> <!here|x> <!everyone> <!subteam^S012>",
    "mention": "@here @everyone <@U012345> <@&42> #general <#C012|x>",
    "slack link": "<https://evil.example|the bill> mailto:x@evil.example",
    "escaped already": "&lt;!channel&gt; &amp; &#60;script&#62;",
    "script": "<script>alert(1)</script><img src=x onerror=alert(2)>",
    "attribute": "\"><svg/onload=alert(1)> ' onmouseover='alert(2)",
    "style": "</style></title><style>*{display:none}</style>",
    "header": "a\r\nBcc: thief@example.org\r\nX-Pgdrift-Severity: info\r\n\r\nbody",
    "line feed": "a\nb\tc\x0bd\x85e\u2028f",
    "right to left": "invoice\u202etxt.exe\u2066\u200b\u200f\ufeff",
    "terminal": "\x1b[2J\x1b]0;owned\x07\x1b[31mred\x9b31m\x08",
    "backticks": "a`b``c```d ~~~ ``` ",
    "pipes": "a|b||c \\| d \\",
    "markdown": "*b* _i_ ~s~ [x](https://evil.example) ![i](https://evil.example/i) <b>",
    "template": "{{ 7*7 }} {% raw %} ${x} %s {0} $(id)",
    "emoji": "🐘" * 15 + "abc",
    "emoji word": ":skull: :+1: 👩\u200d👧",
    "encoded word": "=?utf-8?q?=0d=0aBcc:_thief@example.org?=",
    "dots": ".\r\n.\r\nQUIT",
    "formula": "=HYPERLINK(1)",
}

CONTROLS = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200b-\u200f\u2028-\u202e\u2060-\u2069\ufeff]"
)
"""What moves or hides other text."""


def story(name: str) -> list[Notice]:
    """Return an incident that begins, changes and ends, with the name wherever a name can be."""
    first = samples.opened(
        samples.hostile(name), samples.index_added(name), environment=name, against=name
    )
    first = replace(first, incident=replace(first.incident, detail=name))
    blind = samples.cannot_look()
    blind = replace(blind, incident=replace(blind.incident, environment=name, detail=name))
    return [first, samples.changed(first), samples.resolved(first), blind]


class Page(HTMLParser):
    """The tags of a page, with all their attributes, and its text."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.tags: set[str] = set()
        self.attributes: list[tuple[str, str, str]] = []
        self.text = ""
        self.feed(html)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        self.attributes += [(tag, name, value or "") for name, value in attrs]

    def handle_data(self, data: str) -> None:
        self.text += data

    def runs(self) -> list[tuple[str, str, str]]:
        """Return the attributes that would run something, or lead to a place that is not ours."""
        return [
            (tag, name, value)
            for tag, name, value in self.attributes
            if name.startswith("on")
            or (name in {"href", "src", "action"} and "evil" in value.partition("?")[0][:30])
            or "javascript:" in value
        ]
