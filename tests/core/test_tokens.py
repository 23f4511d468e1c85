"""Printed texts as tokens: joined they are the text, whatever it is."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pgdrift.core.texts.tokens import Group, TokenType, grouped, is_closed, tokens, words

# Bits of SQL, whole and broken, in any order.
_BITS = ["'", "''", "E'", "\\", '"', '""', "$$", "$t$", "--", "/*", "(", ")", "[", "]", "::", ";"]
_TEXTS = st.lists(st.sampled_from(_BITS) | st.text(max_size=3)).map("".join)


@given(_TEXTS)
def test_joined_tokens_are_the_text(text: str) -> None:
    assert "".join(t.text for t in tokens(text)) == text


@given(_TEXTS)
def test_what_is_grouped_is_all_of_the_text(text: str) -> None:
    found = grouped(text)
    if found is not None:
        assert list(_flat(found)) == list(words(text))


def _flat(items: tuple[str | Group, ...]) -> list[str]:
    flat: list[str] = []
    for item in items:
        if isinstance(item, Group):
            closes = {"(": ")", "[": "]"}[item.bracket]
            flat += [item.bracket, *_flat(item.items), closes]
        else:
            flat.append(item)
    return flat


@given(st.text().filter(lambda t: "\0" not in t))
def test_a_literal_is_one_token_whatever_is_in_it(text: str) -> None:
    literal = "'" + text.replace("'", "''") + "'"
    assert [*tokens(f"a = {literal}::text")][-3:-2] == [(TokenType.STRING, literal)]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("(v)::text", ["(", "v", ")", "::", "text"]),
        (r"E'it\'s' || 'a\'", [r"E'it\'s'", "||", r"'a\'"]),
        ('"a ""b"" c".d', ['"a ""b"" c"', ".", "d"]),
        ("a<-1.5e3", ["a", "<-", "1.5e3"]),
        ("$1[2:3]", ["$1", "[", "2", ":", "3", "]"]),
        ("a OPERATOR(x.@>) b", ["a", "OPERATOR", "(", "x", ".", "@>", ")", "b"]),
    ],
)
def test_tokens(text: str, expected: list[str]) -> None:
    assert list(words(text)) == expected


@pytest.mark.parametrize("text", ["(", ")", "(]", "'", '"', "a -- b", "a /* b */", "a)(b", "+--1"])
def test_what_is_not_closed_is_odd(text: str) -> None:
    assert grouped(text) is None
    assert not is_closed(text)


def test_a_semicolon_ends_what_it_stands_in() -> None:
    assert not is_closed("1; DROP TABLE t")
    assert is_closed("';'::text")
