"""When a notification leads to a look, and what is left of what it says."""

from __future__ import annotations

import json

import pytest

from pgdrift.core.model import Hint
from pgdrift.core.wakeup import Burst, due, heard, hint, rest

SAID = {
    "v": 1,
    "tag": "ALTER TABLE",
    "objects": ["table public.t"],
    "more": 2,
    "by": "alice",
    "application": "psql",
}


def burst(*times: float) -> Burst:
    made: Burst | None = None
    for at in times:
        made = heard(made, "", at)
    assert made
    return made


def test_a_lone_notification_is_answered_when_it_is_sure_to_be_alone() -> None:
    assert due(burst(100.0), rested=0.0) == pytest.approx(100.05)


def test_a_burst_is_one_look_after_its_end() -> None:
    found = burst(100.0, 100.04, 100.08)
    assert due(found, rested=0.0) == pytest.approx(100.13)
    assert found.count == 3


def test_a_stream_that_never_pauses_puts_no_look_off() -> None:
    stream = burst(*(100 + n / 100 for n in range(1000)))
    assert due(stream, rested=0.0) == pytest.approx(100.25)


@pytest.mark.parametrize("took", [0.01, 1.0, 20.0])
def test_looks_for_nothing_fill_no_more_than_half_of_the_time(took: float) -> None:
    """From the end of one look to the end of the next, as the watch goes."""
    now = 100.0
    began = due(burst(now), rested=now + rest(took, saw=False))
    assert began - now >= max(took, 0.25)


def test_a_look_that_saw_something_is_worth_another_soon() -> None:
    assert rest(20.0, saw=True) == pytest.approx(0.25)


def test_what_a_notification_says() -> None:
    expected = Hint("ALTER TABLE", ("table public.t",), 2, "alice", "psql")
    assert hint(json.dumps(SAID)) == expected
    again = heard(heard(None, json.dumps(SAID), 1.0), json.dumps(SAID), 2.0)
    assert again.hints == (expected,)


@pytest.mark.parametrize(
    "payload",
    [
        "",
        "a word",
        "[]",
        "1",
        "{}",
        json.dumps(SAID | {"v": 2}),
        json.dumps(SAID | {"by": "x" * 2000}),
        "[" * 2000,
        '{"v":' * 300,
        '{"v": ' + "1" * 1990 + "}",
        "\x00",
        '{"v": NaN}',
    ],
)
def test_what_is_not_ours_says_nothing(payload: str) -> None:
    assert hint(payload) is None
    assert heard(None, payload, 1.0) == Burst(1.0, 1.0)


@pytest.mark.parametrize(
    "wrong", [None, True, -1, 1.5, 2**40, "text", [], {}, ["x"], {"a": "b"}, [[["t"]]], [None]]
)
def test_what_is_of_another_type_is_as_if_it_were_not_there(wrong: object) -> None:
    said = hint(json.dumps({"v": 1} | dict.fromkeys(("tag", "by", "application"), wrong)))
    assert said is not None
    assert (said.tag == "text") == (wrong == "text")
    more = hint(json.dumps({"v": 1, "more": wrong, "objects": wrong}))
    assert more == Hint(objects=("x",) if wrong == ["x"] else ())


def test_names_are_cut_made_printable_and_can_be_written() -> None:
    evil = "\x1b[2J\n\u202egnp.exe\x00\ud800 " + "x" * 500
    found = hint(json.dumps({"v": 1, "by": evil, "objects": [evil]})) or Hint()
    assert found.by == found.objects[0]
    assert len(found.by) == 200
    assert found.by.isprintable()
    found.by.encode()


def test_a_flood_of_hints_is_counted_and_not_kept() -> None:
    flood: Burst | None = None
    for number in range(10_000):
        flood = heard(flood, json.dumps({"v": 1, "tag": str(number)}), float(number))
    assert flood
    assert flood.count == 10_000
    assert len(flood.hints) == 50
    many = hint(json.dumps({"v": 1, "objects": ["t"] * 100})) or Hint()
    assert len(many.objects) == 20
