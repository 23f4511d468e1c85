"""The text of a SQL file in, its statements and psql lines out, each with its line.

Knows where a statement ends, as psql does: quotes, comments, parentheses, bodies. What a statement
means is left to a server. The rows of `COPY … FROM stdin` are data, and are left out.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field

# The words a statement is told by; the longest (COPY t (…) FROM stdin) needs no more.
_MOST_WORDS = 64

_TOKEN = re.compile(
    r"""
    (?P<space>\s++|--[^\n]*+)
    | (?P<comment>/\*)
    | (?P<escaped>[eE]'(?:[^'\\]|\\.|'')*+')
    | (?P<open_escaped>[eE]')
    | (?P<word>[A-Za-z_\x80-\U0010ffff][\w$\x80-\U0010ffff]*+)
    | (?P<dollar>\$(?:[A-Za-z_\x80-\U0010ffff][\w\x80-\U0010ffff]*+)?\$)
    | (?P<text>'[^']*+')
    | (?P<name>"[^"]*+")
    | (?P<open>[('"])
    | (?P<close>\))
    | (?P<end>;)
    | (?P<backslash>\\)
    | (?P<other>\d[\w.]*+|[^\s\w'"$();\\/-]++|.)
    """,
    re.VERBOSE | re.DOTALL,
)
# Where the server is told that a backslash escapes in every string.
_ESCAPED = re.compile(r"'(?:[^'\\]|\\.|'')*+'", re.DOTALL)
_COMMENT = re.compile(r"/\*|\*/")
_END_OF_DATA = re.compile(r"^\\\.[ \t\r]*$", re.MULTILINE)


class UnfinishedError(ValueError):
    """A quote, comment or body that never ends; `line` is where it begins."""

    def __init__(self, line: int, what: str) -> None:
        """Keep the line, and what it is that does not end."""
        super().__init__(what)
        self.line = line


@dataclass(frozen=True, slots=True)
class Statement:
    """One statement without its semicolon, and the line on which it begins.

    `words` are its first unquoted words outside of parentheses, in lower case.
    """

    line: int
    sql: str
    words: tuple[str, ...]

    def has(self, *words: str) -> bool:
        """Tell whether these words follow each other in it."""
        return any(self.words[at:][: len(words)] == words for at in range(len(self.words)))


@dataclass(frozen=True, slots=True)
class PsqlLine:
    r"""A command for psql: its name with the backslash, as `\connect`, and the rest of its line."""

    line: int
    name: str
    rest: str


def split(text: str) -> Iterator[Statement | PsqlLine]:
    """Give the statements of a text, in order. Raises UnfinishedError."""
    return _Splitter(text).run()


@dataclass(slots=True)
class _Splitter:
    """The text, how far it is read, and the statement that is being read."""

    text: str
    at: int = 0
    line: int = 1
    counted: int = 0
    backslash_escapes: bool = False
    begun: int = -1
    words: list[str] = field(default_factory=list)
    last: str = ""
    parentheses: int = 0
    bodies: int = 0

    def run(self) -> Iterator[Statement | PsqlLine]:
        while self.at < len(self.text):
            token = _TOKEN.match(self.text, self.at)
            assert token is not None  # noqa: S101  its last alternative takes anything
            kind = token.lastgroup or ""
            if kind == "end" and not self.parentheses and not self.bodies:
                yield from self._statement(self.at)
                self.at = self._past_data(token.end())
                self._reset()
            elif kind == "backslash":
                yield from self._statement(self.at)
                yield self._psql_line()
            elif kind != "space":
                self._take(kind, token)
            else:
                self.at = token.end()
        if self.bodies or self.parentheses:
            raise UnfinishedError(self._line_of(max(self.begun, 0)), "its statement never ends")
        yield from self._statement(len(self.text))

    def _take(self, kind: str, token: re.Match[str]) -> None:
        """Read one token of a statement, to its end."""
        if kind == "comment":
            self._past_comment()
            return
        if self.begun < 0:
            self.begun = self.at
        if kind in {"dollar", "open_escaped"} or token[0] in {"'", '"'}:
            self._past_quote(token)
        elif kind == "text" and self.backslash_escapes:
            self._past_escaped()
        else:
            self.at = token.end()
        if kind == "word":
            self._word(token[0].lower())
        elif token[0] == "(":
            self.parentheses += 1
        elif kind == "close":
            self.parentheses = max(0, self.parentheses - 1)
        self.last = token[0].lower() if kind == "word" else kind

    def _word(self, word: str) -> None:
        """Keep a word, and know by it whether a body of statements begins or ends."""
        if not self.parentheses and len(self.words) < _MOST_WORDS:
            self.words.append(word)
        if word == "atomic" and self.last == "begin" and self.words[:1] == ["create"]:
            self.bodies += 1
        elif self.bodies:
            self.bodies += (word == "case") - (word == "end")

    def _statement(self, end: int) -> Iterator[Statement]:
        if self.begun < 0:
            return
        sql = self.text[self.begun : end].rstrip()
        found = Statement(self._line_of(self.begun), sql, tuple(self.words))
        if found.has("standard_conforming_strings"):
            self.backslash_escapes = re.search(r"\boff\b|\bfalse\b", sql, re.IGNORECASE) is not None
        yield found

    def _reset(self) -> None:
        self.begun, self.words, self.last = -1, [], ""
        self.parentheses = self.bodies = 0

    def _past_data(self, at: int) -> int:
        r"""Return where the text goes on: behind `\.` after a COPY from the file itself."""
        if self.words[:1] != ["copy"] or not ({"stdin"} & set(self.words)):
            return at
        # The rows begin on the next line.
        line_end = self.text.find("\n", at)
        ending = _END_OF_DATA.search(self.text, line_end + 1) if line_end >= 0 else None
        return ending.end() if ending else len(self.text)

    def _psql_line(self) -> PsqlLine:
        end = self.text.find("\n", self.at)
        end = len(self.text) if end < 0 else end
        name, _, rest = self.text[self.at : end].strip().partition(" ")
        found = PsqlLine(self._line_of(self.at), name, rest.strip())
        self.at = end
        self._reset()
        return found

    def _past_quote(self, opening: re.Match[str]) -> None:
        """Go behind the end of a body between dollars; a quote that came here has no end."""
        end = self.text.find(opening[0], opening.end()) if opening.lastgroup == "dollar" else -1
        if end < 0:
            raise UnfinishedError(self._line_of(self.at), f"the quote {opening[0]} is never closed")
        self.at = end + len(opening[0])

    def _past_escaped(self) -> None:
        found = _ESCAPED.match(self.text, self.at)
        if found is None:
            raise UnfinishedError(self._line_of(self.at), "the quote ' is never closed")
        self.at = found.end()

    def _past_comment(self) -> None:
        """Go behind the end of a comment; there are comments in comments."""
        depth, at = 0, self.at
        while True:
            mark = _COMMENT.search(self.text, at)
            if mark is None:
                raise UnfinishedError(self._line_of(self.at), "the comment is never closed")
            depth += 1 if mark[0] == "/*" else -1
            at = mark.end()
            if not depth:
                self.at = at
                return

    def _line_of(self, at: int) -> int:
        """Return the line of a place, counted on from the last that was asked for."""
        if at < self.counted:
            return self.text.count("\n", 0, at) + 1
        self.line += self.text.count("\n", self.counted, at)
        self.counted = at
        return self.line
