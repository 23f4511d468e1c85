"""Every kind that is compared can be planned, or says by name why not."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pgdrift.core.kind import Kind
from pgdrift.core.kinds import KINDS
from pgdrift.core.names import dotted
from pgdrift.core.plan.kinds import WRITERS
from pgdrift.core.plan.kinds.conversions import conversion
from pgdrift.core.plan.kinds.routines import _dollars, _value
from pgdrift.core.plan.sql import leading, literal, operator, without_arguments

# Read to be known, or told by the attribute itself.
_ASIDE = {"named_after", "as_initdb", "from_its_whole", "owner", "comment"}
_PLANNED = [k for k in KINDS if not k.cluster and not k.database]


@pytest.mark.parametrize("kind", _PLANNED, ids=lambda k: k.name)
def test_every_attribute_is_written_rebuilt_or_left_by_hand(kind: Kind) -> None:
    writer = WRITERS[kind.name]
    names = {a.name for a in kind.attributes} - _ASIDE
    assert names == set(writer.change)


def test_no_writer_is_for_a_kind_that_is_not_compared() -> None:
    assert set(WRITERS) == {k.name for k in _PLANNED}


@given(st.text(st.characters(exclude_characters="\x00", exclude_categories=["Cs"])))
def test_a_body_is_between_dollars_that_it_does_not_hold(body: str) -> None:
    said = _dollars(body)
    tag = re.match(r"\$\w*\$", said)
    assert tag
    assert said == f"{tag[0]}{body}{tag[0]}"
    assert said.find(tag[0], len(tag[0])) == len(said) - len(tag[0])


@given(st.text(min_size=1), st.text(min_size=1), st.text())
def test_arguments_are_cut_off_whatever_the_name(schema: str, name: str, argument: str) -> None:
    said = dotted((schema, name))
    argument = dotted((argument or "x",))
    assert without_arguments(f"{said}({argument},integer)") == said


@pytest.mark.parametrize(
    ("said", "expected"),
    [
        ("=(integer,integer)", "OPERATOR(pg_catalog.=)"),
        ("public.<->(point,point)", "OPERATOR(public.<->)"),
    ],
)
def test_an_operator_is_written_with_its_schema(said: str, expected: str) -> None:
    assert operator(said) == expected


def test_literals_hold_whatever_a_backslash_means() -> None:
    assert literal("it's") == "'it''s'"
    assert literal("a\\b'") == "E'a\\\\b'''"


def test_a_quoted_name_is_read_as_it_is_written() -> None:
    assert leading('"a "" b" integer') == ('"a "" b"', "integer")
    assert leading("a integer") == ("a", "integer")


@pytest.mark.parametrize(
    ("name", "value", "expected"),
    [
        ("search_path", '""', "''"),
        ("search_path", 'app, "Two words"', "'app', 'Two words'"),
        ("work_mem", "4MB", "'4MB'"),
        ("DateStyle", "ISO, MDY", "'ISO, MDY'"),
    ],
)
def test_a_setting_is_written_so_that_it_reads_back(name: str, value: str, expected: str) -> None:
    assert _value(name, value) == expected


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("integer", "bigint"),
        ("character varying(10)", "character varying(20)"),
        ("character varying(10)", "text"),
        ("numeric(5,2)", "numeric(8,3)"),
        ("integer", "text"),
    ],
)
def test_what_only_widens_loses_nothing(old: str, new: str) -> None:
    assert not conversion(old, new).loses


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("numeric", "integer"),
        ("bigint", "integer"),
        ("double precision", "real"),
        ("timestamp with time zone", "date"),
        ("numeric(8,3)", "numeric(8,2)"),
        ("jsonb", "integer"),
        ("jsonb", "name"),
        ("text", "name"),
    ],
)
def test_what_may_lose_says_so(old: str, new: str) -> None:
    assert conversion(old, new).loses


def test_a_shorter_text_is_refused_by_the_server_and_never_cut() -> None:
    # An explicit cast to varchar(n) cuts in silence.
    assert not conversion("text", "character varying(5)").using
    assert conversion("text", "character varying(5)").fails
