"""A statement that somebody ran in, the same without its literals out: nothing secret is left.

What a statement is about are names and keywords, which stay. Strings and numbers go, and so does
all behind what cannot be read for certain: a comment, a string that does not end.
"""

from __future__ import annotations

from collections.abc import Iterator

from pgdrift.core.texts.tokens import Token, TokenType, tokens

# Of a long statement the beginning says what it was.
_MOST = 400


def without_literals(statement: str) -> str:
    """Return the statement on one line: `…` for each string, `?` for each number, shortened.

    Empty where nothing of it can be told.
    """
    told = "".join(_told(statement[: _MOST * 20])).strip()
    return told if len(told) <= _MOST else told[: _MOST - 1] + "…"


def _told(statement: str) -> Iterator[str]:
    for token in tokens(statement):
        match token.type:
            case TokenType.ODD:
                yield "…"
                return
            case TokenType.STRING if _may_go_on(token):
                yield "…"
                return
            case TokenType.STRING:
                yield "'…'"
            case TokenType.NUMBER:
                yield "?"
            case TokenType.SPACE:
                yield " "
            case _:
                yield token.text


def _may_go_on(token: Token) -> bool:
    """Tell whether a server with standard_conforming_strings off would read on behind its end."""
    return token.text.endswith("\\'") and token.text[0] not in "eE$"
