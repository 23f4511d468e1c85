"""A secret is seen to change, and not to be found by trying; two keys do not compare."""

from __future__ import annotations

from hashlib import sha256

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pgdrift.core.compare import compare
from pgdrift.core.model import Value
from pgdrift.core.seal import alike, key_id, seal
from tests.core.build import snap, table

ONE, OTHER = b"1" * 32, b"2" * 32


def secret(text: str) -> str:
    return f"secret:{sha256(text.encode()).hexdigest()}"


def options(key: bytes, **values: str) -> list[str]:
    told = seal([f"{name}={secret(value)}" for name, value in sorted(values.items())], key)
    assert isinstance(told, list)
    return told


@given(st.text(), st.text(), st.binary(min_size=1, max_size=64))
def test_a_changed_secret_is_seen_and_an_equal_one_is_not(a: str, b: str, key: bytes) -> None:
    assert (options(key, password=a) == options(key, password=b)) == (a == b)
    assert alike(options(key, password=a), options(key, password=b)) == (a == b)


@given(st.text(), st.binary(min_size=1, max_size=64))
def test_nothing_of_the_hash_that_the_server_gave_is_left(text: str, key: bytes) -> None:
    hashed = sha256(text.encode()).hexdigest()
    told = str(options(key, password=text))
    assert not any(hashed[n : n + 12] in told for n in range(52))
    assert seal(options(key, password=text), key) == options(key, password=text)


@pytest.mark.parametrize("value", [None, 1, True, "text", ["a=b", "host=sha256:00"], [], {"a": 1}])
def test_what_is_no_secret_stays_as_it_is(value: Value) -> None:
    assert seal(value, ONE) == value


def test_a_text_alone_is_sealed_too() -> None:
    sealed = seal(secret("hunter2"), ONE)
    assert isinstance(sealed, str)
    assert sealed.startswith(f"sealed:{key_id(ONE)}:")


def test_equal_values_under_two_names_do_not_look_equal() -> None:
    one, other = options(ONE, a="x", b="x")
    assert one.partition("=")[2] != other.partition("=")[2]


def test_seals_under_two_keys_say_nothing_of_each_other() -> None:
    assert alike(options(ONE, password="a"), options(OTHER, password="b"))
    assert alike(seal(secret("a"), ONE), seal(secret("b"), OTHER))


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (options(ONE, password="a"), options(OTHER, password="a", user="u")),
        (options(ONE, password="a"), options(OTHER, passwort="a")),
        (["host=sha256:1", *options(ONE, p="a")], ["host=sha256:2", *options(OTHER, p="a")]),
        (options(ONE, password="a"), ["password=open"]),
        (options(ONE, password="a"), []),
        (options(ONE, password="a"), None),
        (["a"], ["b"]),
        (None, ""),
        (1, 2),
    ],
)
def test_what_differs_beside_the_seals_is_a_difference(one: Value, other: Value) -> None:
    assert not alike(one, other)
    assert not alike(other, one)


def test_the_comparer_asks() -> None:
    here, there, changed = (
        snap(table(options=options(key, password=password)))
        for key, password in ((ONE, "a"), (OTHER, "b"), (ONE, "b"))
    )
    assert compare(here, there).changes == ()
    assert (compare(here, there).sealed, compare(here, changed).sealed) == (1, 0)
    (change,) = compare(here, changed).changes
    assert list(change.attributes) == ["options"]
