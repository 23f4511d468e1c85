"""Nothing that could be secret is left of a statement."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pgdrift.core.texts.without_literals import without_literals


@pytest.mark.parametrize(
    ("statement", "told"),
    [
        ("alter table t\n  add column c int", "alter table t add column c int"),
        (
            "create user MAPPING for a server s options (password 'pass''word')",
            "create user MAPPING for a server s options (password '…')",
        ),
        ("alter table t alter c set default 4111", "alter table t alter c set default ?"),
        ("create function f() as $x$ select 'secret' $x$", "create function f() as '…'"),
        ("select E'it\\'s' , U&'s', $1", "select '…' , '…', $1"),
        ("select 'secret\\' , secret', x", "select …"),
        ("alter table t -- secret\n add c int", "alter table t …"),
        ("/* secret */ drop table t", "…"),
        ("select 'secret", "select …"),
        ('drop table "Order"', 'drop table "Order"'),
        ("", ""),
    ],
)
def test_names_and_keywords_stay_and_literals_go(statement: str, told: str) -> None:
    assert without_literals(statement) == told


@given(st.text(), st.sampled_from(["'", "E'", "$$", "$a$", "/*", "--", "'\\'"]), st.text())
def test_what_stands_behind_the_beginning_of_a_literal_is_gone(
    before: str, opens: str, after: str
) -> None:
    secret = "zzsecretzz"
    closes = {"E'": "'", "/*": "*/", "--": "\n", "'\\'": "'"}.get(opens, opens)
    told = without_literals(f"select {opens}{secret}{closes} {after}")
    assert secret not in told
    assert len(without_literals(before)) <= 400
