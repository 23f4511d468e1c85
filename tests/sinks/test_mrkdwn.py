import re

from hypothesis import given
from hypothesis import strategies as st

from pgdrift.sinks.mrkdwn import code_block, code_span, escape, units

ENTITY = re.compile("&(?!amp;|lt;|gt;)")


@given(st.text(), st.integers(1, 60))
def test_nothing_escaped_is_markup_or_too_long_or_a_broken_entity(text: str, most: int) -> None:
    escaped = escape(text, most)
    assert units(escaped) <= most
    assert not re.search("[<>]", escaped)
    assert not ENTITY.search(escaped)


@given(st.text(alphabet=st.sampled_from("&<>a😀;"), max_size=40), st.integers(1, 20))
def test_a_cut_shows_that_it_is_one(text: str, most: int) -> None:
    escaped = escape(text, most)
    full = escape(text, 10_000)
    assert escaped == full or escaped.endswith("…")


@given(st.text())
def test_a_code_span_is_left_by_nothing_in_it(text: str) -> None:
    span = code_span(text)
    assert span[0] == span[-1] == "`"
    assert len(span) > 2
    assert not re.search("[`\n]", span[1:-1])


@given(st.lists(st.text(), max_size=40))
def test_a_code_block_is_left_by_nothing_in_it(lines: list[str]) -> None:
    block = code_block(lines, rows=5, columns=20)
    assert block.startswith("```\n")
    assert block.endswith("\n```")
    assert "`" not in block[4:-4]
    assert block.count("\n") <= 7


def test_what_is_cut_from_a_code_block_is_counted() -> None:
    assert "… 3 more lines" in code_block(["x"] * 8, rows=5)
