"""Hostile text in, Slack's markup out: nothing in a name can ping, link, or leave its code span."""

from collections.abc import Sequence

from pgdrift.core.shown.render import one_line, printable

_ENTITIES = str.maketrans({"&": "&amp;", "<": "&lt;", ">": "&gt;"})
_BACKTICK = str.maketrans({"`": "\N{MODIFIER LETTER GRAVE ACCENT}"})
_CUT = "…"


def units(text: str) -> int:
    """Return the length as Slack may count it: an emoji is two."""
    return len(text.encode("utf-16-le", "surrogatepass")) // 2


def escape(text: str, most: int = 3000) -> str:
    """Return text of which no part is markup, at most so many units long; line feeds stay."""
    whole = printable(text).translate(_ENTITIES)
    if units(whole) <= most:
        return whole
    room = 2 * (most - units(_CUT))
    kept = whole.encode("utf-16-le", "surrogatepass")[:room].decode("utf-16-le", "ignore")
    # An entity is never cut in two: every ampersand here begins one, every one ends in `;`.
    start = kept.rfind("&")
    return (kept[:start] if start > kept.rfind(";") else kept) + _CUT


def code_span(text: str, most: int = 200) -> str:
    """Return text in a code span. A backtick becomes a look-alike: there it cannot be quoted."""
    return f"`{escape(one_line(text).translate(_BACKTICK), most) or ' '}`"


def code_block(lines: Sequence[str], *, rows: int = 12, columns: int = 160) -> str:
    """Return lines in a code block, cut to so many rows and columns; what is cut is counted."""
    kept = [escape(one_line(line).translate(_BACKTICK), columns) for line in lines[:rows]]
    if len(lines) > rows:
        kept.append(f"… {len(lines) - rows} more lines")
    return "```\n" + "\n".join(kept) + "\n```"
