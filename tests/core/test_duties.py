"""Shares: everybody decides alike, whoever comes or goes, and it comes to rest."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from pgdrift.core.duties import Muster, orders, share

DUTIES = [f"d{n}" for n in range(7)]
members = st.sets(st.integers(1, 99), min_size=1, max_size=6)
duties = st.sets(st.integers(0, 60).map("d{}".format), max_size=40)


@given(members, st.integers(0, 200))
def test_shares_are_all_there_is_and_differ_by_one(found: set[int], count: int) -> None:
    shares = [share(count, found, me) for me in found]
    assert sum(shares) == count
    assert max(shares) - min(shares) <= 1


@given(members, duties, st.data())
def test_whatever_is_held_it_comes_to_rest_with_each_having_its_share(
    found: set[int], wanted: set[str], data: st.DataObject
) -> None:
    holder = st.sampled_from(sorted(found))
    held = data.draw(st.dictionaries(st.sampled_from(sorted(wanted)), holder)) if wanted else {}
    order = data.draw(st.permutations(sorted(found)))
    for _ in range(2):
        for me in order:
            said = orders(Muster(dict.fromkeys(found, ""), held), wanted, me)
            assert all(held[d] == me for d in said.give)
            for duty in said.give:
                del held[duty]
            held |= {duty: me for duty in said.take if duty not in held}
    counts = {me: sum(of == me for of in held.values()) for me in found}
    assert counts == {me: share(len(wanted), found, me) for me in found}
    assert held.keys() == wanted
    again = [orders(Muster(dict.fromkeys(found, ""), held), wanted, me) for me in found]
    assert not any(o.take or o.give for o in again)


def test_who_comes_first_reaches_for_others_than_who_comes_second() -> None:
    muster = Muster({1: "a", 2: "b"})
    first, second = orders(muster, DUTIES, 1), orders(muster, DUTIES, 2)
    assert not set(first.take) & set(second.take)
    assert len(first.take) == 4


def test_what_is_no_longer_a_duty_is_no_share() -> None:
    muster = Muster({1: "a"}, {"old": 1, "d0": 1})
    assert orders(muster, ["d0", "d1"], 1).take == ("d1",)
