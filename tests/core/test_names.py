"""Identifiers are quoted exactly where PostgreSQL would quote them."""

import pytest
from hypothesis import given

from pgdrift.core.model import ObjectId
from pgdrift.core.names import dotted, quote_ident, split_dotted, unquote
from tests.core.build import names


@pytest.mark.parametrize(
    ("name", "quoted"),
    [
        ("orders", "orders"),
        ("_x1", "_x1"),
        ("Orders", '"Orders"'),
        ("1st", '"1st"'),
        ("a b", '"a b"'),
        ("a.b", '"a.b"'),
        ('a"b', '"a""b"'),
        ("a$b", '"a$b"'),
        ("", '""'),
        ("orders\n", '"orders\n"'),
        ("é", '"é"'),
        # Digits and letters of other scripts are none to quote_ident().
        ("x٣", '"x٣"'),
        # Reserved, and reserved for functions, types and columns; "name" is an unreserved word.
        ("select", '"select"'),
        ("left", '"left"'),
        ("values", '"values"'),
        ("name", "name"),
        ("json_table", '"json_table"'),
    ],
)
def test_a_name_is_quoted_where_it_must_be(name: str, quoted: str) -> None:
    assert quote_ident(name) == quoted


def test_a_path_is_written_with_dots_between_its_names() -> None:
    assert dotted(("public", "Order", "id")) == 'public."Order".id'


@given(names)
def test_quotes_can_be_undone(name: str) -> None:
    assert unquote(quote_ident(name)) == name


@given(names, names, names)
def test_a_path_is_read_as_it_is_written(one: str, two: str, three: str) -> None:
    assert split_dotted(dotted((one, two, three))) == (one, two, three)


@given(names, names, names)
def test_names_cannot_be_mistaken_for_one_another(one: str, two: str, three: str) -> None:
    long, short = ObjectId("table", (one, two, three)), ObjectId("table", (one, f"{two}.{three}"))
    assert str(long) != str(short)
    called, named = ObjectId("f", (one,), "(integer)"), ObjectId("f", (f"{one}(integer)",))
    assert str(called) != str(named)


def test_an_identity_prints_as_kind_and_name() -> None:
    assert str(ObjectId("function", ("public", "Sum"), "(integer)")) == (
        'function:public."Sum"(integer)'
    )
