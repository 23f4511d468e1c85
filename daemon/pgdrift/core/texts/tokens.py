"""A text that a server printed in, its tokens out; and the same as nested groups.

Joined, the tokens are the text again, whatever it is. Knows no meaning: what is a name and what
a keyword the place decides, and who reads the tokens.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from enum import StrEnum
from typing import NamedTuple, TypeAlias


class TokenType(StrEnum):
    """What a token is."""

    SPACE = "space"
    WORD = "word"
    QUOTED = "quoted"
    STRING = "string"
    NUMBER = "number"
    SIGN = "sign"
    ODD = "odd"


class Token(NamedTuple):
    """One token as it stands. A word is a name or keyword without quotes, a sign all else.

    `odd` is what no printed expression holds: comments, and what is opened and never closed.
    """

    type: TokenType
    text: str


@dataclass(frozen=True, slots=True)
class Group:
    """What stands between two brackets."""

    bracket: str
    items: Phrase


Item: TypeAlias = str | Group
"""One token's text, or a group."""

Phrase: TypeAlias = tuple[Item, ...]
"""The tokens of a text but its spaces, with what stands in brackets as groups."""

# The order counts: the first that fits is taken. As with standard_conforming_strings, a backslash
# means something only after E. A dollar quote ends with its own tag.
_TOKEN = re.compile(
    r"""(?P<space>[ \t\n\r\f\v]+)
      | (?P<odd>--|/\*)
      | (?P<string>(?:[Ee]'(?:[^'\\]|\\.|'')*'
                   |(?:[BbXxNn]|[Uu]&)?'(?:[^']|'')*'
                   |\$(?P<tag>(?:[^\W\d]\w*)?)\$.*?\$(?P=tag)\$))
      | (?P<quoted>(?:[Uu]&)?"(?:[^"]|"")+")
      | (?P<word>[^\W\d][\w$]*)
      | (?P<number>(?:\d+(?:\.\d*)?|\.\d+)(?:[eE][+-]?\d+)?)
      | (?P<sign>::|\$\d+|[-+*/<>=~!@\#%^&|`?]+|[()\[\],;.:{}])
    """,
    re.VERBOSE | re.DOTALL,
)

_CLOSES = {"(": ")", "[": "]"}
_COMMENT = re.compile(r"--|/\*")


def tokens(text: str) -> Iterator[Token]:
    """Give the tokens of a text, spaces among them."""
    at = 0
    while at < len(text):
        found = _TOKEN.match(text, at)
        if found is None or found.lastgroup is None:
            yield Token(TokenType.ODD, text[at])
            at += 1
            continue
        token_type, word = TokenType(found.lastgroup), found.group()
        if token_type is TokenType.SIGN and (inside := _COMMENT.search(word)):
            # An operator ends where a comment begins.
            word = word[: inside.start()]
        yield Token(token_type, word)
        at += len(word)


def words(text: str) -> tuple[str, ...]:
    """Return the texts of all tokens but spaces."""
    return tuple(t.text for t in tokens(text) if t.type is not TokenType.SPACE)


def is_closed(text: str) -> bool:
    """Tell whether a text can stand within another and not change how that one is read.

    All that it opens it closes, it closes nothing else, and holds neither comment nor semicolon.
    """
    return grouped(text) is not None and ";" not in words(text)


def grouped(text: str) -> Phrase | None:
    """Return the tokens with what stands in brackets as groups; None for a text that is odd."""
    open_groups: list[tuple[str, list[Item]]] = [("", [])]
    for token_type, word in tokens(text):
        if token_type is TokenType.SPACE:
            continue
        if token_type is TokenType.ODD:
            return None
        if word in _CLOSES:
            open_groups.append((word, []))
        elif word in _CLOSES.values():
            bracket, items = open_groups.pop()
            if _CLOSES.get(bracket) != word:
                return None
            open_groups[-1][1].append(Group(bracket, tuple(items)))
        else:
            open_groups[-1][1].append(word)
    return tuple(open_groups[0][1]) if len(open_groups) == 1 else None


def within(items: Phrase, rule: Callable[[Phrase], Phrase]) -> Phrase:
    """Return the phrase with a rule applied to each group in it, the innermost first."""
    return rule(
        tuple(
            Group(item.bracket, within(item.items, rule)) if isinstance(item, Group) else item
            for item in items
        )
    )


def parts(items: Phrase, by: str = ",") -> list[Phrase]:
    """Return what stands between the commas of one group, or between another word."""
    found: list[list[Item]] = [[]]
    for item in items:
        if item == by:
            found.append([])
        else:
            found[-1].append(item)
    return [tuple(part) for part in found]


def joined(some: Iterable[Phrase], by: str = ",") -> Phrase:
    """Return parts as one phrase again."""
    items: list[Item] = []
    for n, part in enumerate(some):
        items += [by, *part] if n else part
    return tuple(items)
