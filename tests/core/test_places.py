"""The table of where names of schemas and roles stand says what the kinds' own SQL says."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from pgdrift.core.alike.places import OTHER, PLACES, ROLE, SCHEMA, TEXT, places, stands_in
from pgdrift.core.held.objects import ObjectId
from pgdrift.core.kind import Kind
from pgdrift.core.kinds import KINDS


def _parts(sql: str) -> Iterator[str]:
    """Give the expressions of a path, as `ARRAY[a, b] || (c)`."""
    depth, part, square = 0, "", False
    for letter in sql.replace("||", "|"):
        if depth == 0 and letter in "[(":
            square = letter == "["
        depth += {"(": 1, "[": 1, ")": -1, "]": -1}.get(letter, 0)
        if (letter == "," and depth == 1 and square) or (letter == "|" and depth == 0):
            yield part
            part = ""
        else:
            part += letter
    yield part


def _what(sql: str) -> str:
    if "nspname" in sql:
        return SCHEMA
    if "pg_get_userbyid" in sql or "rolname" in sql:
        return ROLE
    return TEXT if "format_type" in sql else OTHER


@pytest.mark.parametrize("kind", KINDS, ids=lambda k: k.name)
def test_the_table_says_what_the_sql_says(kind: Kind) -> None:
    told = [_what(part) for part in _parts(kind.path)]
    while told and told[-1] == OTHER:
        told.pop()
    known = list(PLACES.get(kind.name, (SCHEMA,)))
    if kind.name == "security_label":
        # The names of what is labelled come as one array.
        assert (told, known.pop()) == ([], SCHEMA)
    while known and known[-1] == OTHER:
        known.pop()
    assert known == told


def test_the_table_names_no_kind_that_does_not_exist() -> None:
    assert set(PLACES) <= {kind.name for kind in KINDS}


def test_what_may_stand_in_a_schema_and_does_not_has_one_part_less() -> None:
    whole = ObjectId("default_privilege", ("app", "shop", "tables"))
    assert list(places(whole)) == [(0, ROLE), (1, SCHEMA)]
    assert list(places(ObjectId("default_privilege", ("app", "tables")))) == [(0, ROLE)]


def test_what_is_of_a_schema_does_not_stand_in_it() -> None:
    assert stands_in(ObjectId("table", ("cron", "job"))) == "cron"
    assert stands_in(ObjectId("privilege", ("cron", "job", "app"))) == "cron"
    assert stands_in(ObjectId("schema", ("cron",))) is None
    assert stands_in(ObjectId("schema_privilege", ("cron", "app"))) is None
    assert stands_in(ObjectId("extension", ("pg_cron",))) is None
