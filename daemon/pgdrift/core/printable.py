"""Hostile text in, text that cannot move or hide other text out. Knows no place it goes to."""

import re

# Characters that move or hide text on a terminal or a page: C0 and C1 controls but line feed
# and tab, bidirectional controls, zero-width characters, line separators; and lone surrogates,
# which cannot be written at all.
_UNPRINTABLE = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200b-\u200f\u2028-\u202e\u2060-\u2069\ufeff\ud800-\udfff]"
)


def printable(text: str) -> str:
    """Return the text with characters that could move or hide other text as their code point."""
    return _UNPRINTABLE.sub(lambda m: f"\\u{ord(m.group()):04x}", text)


def one_line(text: str) -> str:
    """Return printable text on one line."""
    return printable(text).replace("\n", "\\n").replace("\t", " ")
