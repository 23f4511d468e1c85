"""What people call an object, and which one they mean."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pgdrift.core.model import ObjectId
from pgdrift.core.shown.called import alike, called

KEYS = (
    "table:public.orders",
    "table:app.orders",
    'table:public."Order"',
    'table:public."a.b"',
    "column:public.orders.id",
    "function:public.total(integer, numeric(10,2))",
    "function:public.total(text)",
    "function:public.one()",
    "index:public.both",
    "view:app.both",
)


@pytest.mark.parametrize(
    ("word", "found"),
    [
        ("table:public.orders", ["table:public.orders"]),
        ("public.orders", ["table:public.orders"]),
        ("public.orders.id", ["column:public.orders.id"]),
        ("orders.id", ["column:public.orders.id"]),
        ("orders", ["table:app.orders", "table:public.orders"]),
        ("both", ["index:public.both", "view:app.both"]),
        ("view:both", ["view:app.both"]),
        ("public.one", ["function:public.one()"]),
        ("one", ["function:public.one()"]),
        ("public.total(text)", ["function:public.total(text)"]),
        (
            "public.total",
            ["function:public.total(integer, numeric(10,2))", "function:public.total(text)"],
        ),
        ('public."Order"', ['table:public."Order"']),
        ("public.Order", ['table:public."Order"']),
        ('"public"."orders"', ["table:public.orders"]),
        ('public."a.b"', ['table:public."a.b"']),
        ("public.a.b", []),
        ("nowhere", []),
        ("", []),
        ("index:public.orders", []),
    ],
)
def test_a_word_means_what_people_mean_by_it(word: str, found: list[str]) -> None:
    assert list(called(word, KEYS)) == found


@given(st.text(min_size=1), st.lists(st.text(min_size=1), min_size=1, max_size=3))
def test_a_key_is_always_its_own_object(kind: str, path: list[str]) -> None:
    key = str(ObjectId(kind, tuple(path)))
    assert called(key, [*KEYS, key]) == (key,)


def test_who_misspells_the_schema_is_told_what_there_is() -> None:
    assert alike("pulic.orders", KEYS) == (
        "column:public.orders.id",
        "table:app.orders",
        "table:public.orders",
    )
    assert alike("", KEYS) == ()
    assert alike("public.ordrs", KEYS)[0] == "table:public.orders"
    assert alike("view:app.bth", KEYS) == ("view:app.both",)
    assert alike("nosuch.o", KEYS) == (), "a letter is in many names"
