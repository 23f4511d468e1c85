"""Names as the server makes them; tests/test_align.py asks servers for theirs."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pgdrift.core.alike.made_names import is_generated, made_name
from tests.core.build import names


@pytest.mark.parametrize(
    ("name", "parts"),
    [
        ("orders_pkey", ("orders", "pkey")),
        ("orders_pkey2", ("orders", "pkey")),
        ("orders_a_b_key", ("orders", "key", "a", "b")),
        ("orders_a_b_fkey", ("orders", "fkey", "a", "b")),
        ("orders_a_fkey", ("orders", "fkey", "a", "b")),
        ("orders_check1", ("orders", "check")),
        ("orders_a_check", ("orders", "check", "a")),
        ("orders_lower_a_idx10", ("orders", "idx", "lower", "a")),
        ("or ders_A_seq", ("or ders", "seq", "A")),
        ("x1_key1", ("x1", "key")),
    ],
)
def test_what_the_server_would_name_so_is_generated(name: str, parts: tuple[str, ...]) -> None:
    assert is_generated(name, parts)


@pytest.mark.parametrize(
    ("name", "parts"),
    [
        ("orders_pk", ("orders", "pkey")),
        ("old_orders_pkey", ("orders", "pkey")),
        ("orders_pkey0", ("orders", "pkey")),
        ("orders_pkey01", ("orders", "pkey")),
        ("orders_pkey_1", ("orders", "pkey")),
        ("orders_b_key", ("orders", "key", "a")),
        ("orders_b_a_key", ("orders", "key", "a", "b")),
        ("orders_key", ("orders", "key", "a")),
        ("orders_b_fkey", ("orders", "fkey", "a", "b")),
        ("orders_a_idx\n", ("orders", "idx", "a")),
        ("orders_a_idx\u0661", ("orders", "idx", "a")),
        ("", ("orders", "idx")),
    ],
)
def test_what_it_would_name_otherwise_was_given(name: str, parts: tuple[str, ...]) -> None:
    assert not is_generated(name, parts)


@pytest.mark.parametrize(
    ("owner", "column", "made"),
    [
        ("t" * 63, "c", "t" * 56 + "_c_fkey"),
        ("t", "c" * 63, "t_" + "c" * 56 + "_fkey"),
        ("t" * 63, "c" * 63, "t" * 29 + "_" + "c" * 28 + "_fkey"),
        ("t" * 63, "", "t" * 58 + "_fkey"),
        # Two bytes each: a character that does not fit is left out whole.
        ("ü" * 31, "c", "ü" * 28 + "_c_fkey"),
        ("ü" * 31, "cc", "ü" * 27 + "_cc_fkey"),
    ],
)
def test_the_longer_part_is_cut_until_all_fits(owner: str, column: str, made: str) -> None:
    assert made_name(owner, column, "fkey") == made
    assert len(made.encode()) <= 63


@given(names, st.lists(names, max_size=3), st.sampled_from(["key", "idx", "seq"]), st.integers(1))
def test_no_name_is_too_long_and_each_is_known_again(
    owner: str, columns: list[str], label: str, number: int
) -> None:
    made = made_name(owner, "_".join(columns), f"{label}{number % 1000 or ''}")
    assert len(made.encode()) <= 63
    assert is_generated(made, (owner, label, *columns))
