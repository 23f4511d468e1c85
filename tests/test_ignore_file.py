"""Rules are added to a file behind what is there, however that is written; nothing of it is lost."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pgdrift.cli.ignore import appended
from pgdrift.core.ignore import Ignore
from pgdrift.errors import ConfigError
from pgdrift.sections.comparing import parse_ignore_file
from tests.core.build import HOSTILE

FILE = Path("ignore.yaml")
MORE = (
    Ignore("index:public.x", "right", date(2027, 1, 31), ("tablespace",), ("production",)),
    Ignore("table:public.y", "right"),
)
printable = st.sampled_from([n for n in HOSTILE if n.isprintable()]) | st.text(
    st.characters(codec="utf-8", categories=["L", "M", "N", "P", "S"], include_characters=" "),
    min_size=1,
    max_size=8,
)
rules = st.lists(
    st.builds(
        Ignore,
        printable,
        printable,
        st.none() | st.dates(date(2020, 1, 1)),
        st.lists(printable, max_size=2).map(tuple),
        st.lists(printable, max_size=2).map(tuple),
    ),
    max_size=3,
)


def read(text: str) -> list[Ignore]:
    return [
        Ignore(r.object, r.reason, r.until, r.attributes, r.environments)
        for r in parse_ignore_file(text, FILE).ignore
    ]


@pytest.mark.parametrize(
    "before",
    [
        "# kept\nignore:\n- {object: a, reason: r}\n",
        "ignore:\n- object: a  # kept\n  reason: r",
        "ignore:\n  - object: a\n    reason: r\n",
        "ignore: [{object: a, reason: r}]\n",
        "---\nignore:\n- object: a\n  reason: r\n...\n",
    ],
)
def test_the_rules_that_are_there_stay_and_stay_first(before: str) -> None:
    after = appended(before, MORE, FILE)
    assert read(after) == [Ignore("a", "r"), *MORE]
    assert ("# kept" in after) == ("# kept" in before)


@pytest.mark.parametrize("before", ["", "\n", "# nothing yet\n", "ignore: []\n"])
def test_a_file_without_rules_gets_them(before: str) -> None:
    after = appended(before, MORE, FILE)
    assert read(after) == list(MORE)


def test_a_file_of_something_else_is_refused_and_not_overwritten() -> None:
    with pytest.raises(ConfigError, match=r"ignore\.yaml:1"):
        appended("environments: {}\n", MORE, FILE)


@given(first=rules, more=rules)
def test_whatever_is_added_is_read_as_it_was_added(first: list[Ignore], more: list[Ignore]) -> None:
    assert read(appended(appended("", first, FILE), more, FILE)) == [*first, *more]
