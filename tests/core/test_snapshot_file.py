"""A snapshot as text and back: nothing is lost, and nothing is believed that was tampered with."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pgdrift.core.compare import compare
from pgdrift.core.model import FORMAT, Snapshot
from pgdrift.core.snapshot_file import dump, holds, parse, parse_file
from tests.core.build import (
    NOW,
    attributes,
    column,
    function,
    names,
    policy,
    snap,
    snapshots,
    table,
    table_id,
)

SOME = snap(
    table(options=["fillfactor=70"]),
    column("id", not_null=True, default=None),
    policy("p", using="(owner = CURRENT_USER)\nOR true"),
    function("f", "(integer)", 4711),
    unread={"trigger": "permission denied"},
)


@given(snapshots())
def test_what_is_written_is_read_back(one: Snapshot) -> None:
    back = parse(dump(one))
    assert back == one
    assert back.root == one.root
    assert {i: o.parent for i, o in back.objects.items()} == {
        i: o.parent for i, o in one.objects.items()
    }
    assert compare(one, back).changes == compare(back, one).changes == ()


@given(attributes)
def test_any_value_is_read_back(content: dict[str, object]) -> None:
    one = snap(table(**content))
    back = parse(dump(one))
    assert back == one
    assert back.root == one.root


@given(snapshots(), st.randoms())
def test_the_same_snapshot_gives_the_same_text_in_any_order(one: Snapshot, random: Any) -> None:
    items = list(one.objects.items())
    random.shuffle(items)
    other = Snapshot(
        dict(items),
        one.kinds,
        one.server_version,
        one.taken_at,
        one.database,
        dict(reversed(list(one.unread.items()))),
        one.dependencies,
    )
    assert dump(other) == dump(one)


def test_the_order_inside_of_a_value_is_no_content() -> None:
    one, two = snap(table(rules={"a": 1, "b": 2})), snap(table(rules={"b": 2, "a": 1}))
    assert one == two
    assert dump(one) == dump(two)


def test_the_text_shows_a_change_as_the_lines_that_changed() -> None:
    before, after = dump(snap(table(owner="app"))), dump(snap(table(owner="root")))
    differing = [
        (one.strip(), two.strip())
        for one, two in zip(before.splitlines(), after.splitlines(), strict=True)
        if one != two
    ]
    assert ('"owner": "app"', '"owner": "root"') in differing
    assert len(differing) == 2  # and the root
    assert before.endswith("}\n")


def test_oids_stay_out() -> None:
    assert "4711" not in dump(SOME)
    assert all(o.oid == 0 for o in parse(dump(SOME)).objects.values())


@given(names)
def test_text_of_every_script_can_be_written_as_utf_8(name: str) -> None:
    one = snap(table(name))
    assert parse(dump(one).encode().decode()) == one


def tampered(change: Callable[[Any], object], one: Snapshot = SOME) -> str:
    body = json.loads(dump(one))
    change(body)
    return json.dumps(body)


def by_kind(body: Any, kind: str) -> Any:
    return next(row for row in body["objects"] if row["kind"] == kind)


@pytest.mark.parametrize(
    "change",
    [
        lambda b: by_kind(b, "policy")["attributes"].update(using="true"),
        lambda b: by_kind(b, "policy")["attributes"].pop("using"),
        lambda b: by_kind(b, "policy")["attributes"].update(extra=1),
        lambda b: b["objects"].pop(),
        lambda b: b["objects"].clear(),
        lambda b: by_kind(b, "table")["path"].append("x"),
        lambda b: by_kind(b, "table").update(kind="view"),
        lambda b: by_kind(b, "function").pop("args"),
        lambda b: b["pgdrift"].update(root="0" * 32),
        lambda b: b["pgdrift"].pop("root"),
    ],
)
def test_what_was_edited_is_refused(change: Callable[[Any], object]) -> None:
    with pytest.raises(ValueError, match=r"\w"):
        parse(tampered(change))


@pytest.mark.parametrize("at", range(0, len(dump(SOME)) - 2, 97))
def test_what_was_cut_is_refused(at: int) -> None:
    with pytest.raises(ValueError, match=r"\w"):
        parse(dump(SOME)[:at])


def test_a_newer_format_is_refused_by_its_number() -> None:
    with pytest.raises(ValueError, match=f"{FORMAT + 1}.*{FORMAT}"):
        parse(tampered(lambda b: b["pgdrift"].update(format=FORMAT + 1)))


@pytest.mark.parametrize(
    "text",
    [
        "",
        "null",
        "[]",
        "{}",
        "1",
        '"x"',
        "CREATE TABLE t ();",
        '{"pgdrift": 1}',
        "[" * 9999,
        '{"pgdrift": {"format": 1}, "objects": []}',
        '{"pgdrift": {"format": null}}',
        "\x00",
        "\ufeff",
    ],
    ids=lambda t: t[:12],
)
def test_what_is_no_snapshot_is_refused_in_words(text: str) -> None:
    with pytest.raises(ValueError, match=r"\w \w"):
        parse(text)


def head(**values: object) -> Callable[[Any], object]:
    return lambda body: body["pgdrift"].update(values)


def row(**values: object) -> Callable[[Any], object]:
    return lambda body: by_kind(body, "table").update(values)


@pytest.mark.parametrize(
    "change",
    [
        head(kinds="table"),
        head(kinds=[1]),
        head(kinds=None),
        head(unread=None),
        head(unread=["policy"]),
        head(unread={"policy": 1}),
        head(server_version="150000"),
        head(server_version=None),
        head(database=None),
        head(taken_at="2026-11-22T12:00:00"),  # of no zone
        head(taken_at="yesterday"),
        head(taken_at=1),
        head(format="1"),
        row(path="ab"),
        row(path=[1, 2]),
        row(path=[]),
        row(path=None),
        row(args=None),
        row(args=[]),
        row(kind=None),
        row(attributes=[]),
        row(attributes=None),
        row(parent="public"),
        row(parent={"kind": "schema"}),
        row(parent={"kind": "schema", "path": "public"}),
        row(depends_on="x"),
        row(depends_on=["table:public.nowhere"]),
        lambda b: b.update(objects={}),
        lambda b: b.update(objects=[1]),
        lambda b: b["objects"].append(b["objects"][0]),
        # Whoever takes a kind off the list hides what is of that kind.
        lambda b: b["pgdrift"]["kinds"].remove("policy"),
    ],
)
def test_values_of_another_shape_are_refused(change: Callable[[Any], object]) -> None:
    with pytest.raises(ValueError, match=r"\w \w"):
        parse(tampered(change))


def test_an_object_that_is_its_own_ancestor_is_refused() -> None:
    # Whoever follows parents upwards would never come to an end.
    own = {"kind": "table", "path": ["public", "orders"]}
    with pytest.raises(ValueError, match=r"\w \w"):
        parse(tampered(row(parent=own)))
    child = {"kind": "column", "path": ["public", "orders", "id"]}
    with pytest.raises(ValueError, match=r"\w \w"):
        parse(tampered(row(parent=child)))


def refuses_or_keeps(one: Snapshot) -> None:
    """A snapshot that no server gives is refused when it is read back."""
    with pytest.raises(ValueError, match=r"\w \w"):
        parse(dump(one))


@pytest.mark.parametrize("text", ["\x00", "\ud800", "a\udfffb"])
def test_text_that_no_server_can_hold_is_refused(text: str) -> None:
    # It could be neither stored nor printed.
    refuses_or_keeps(snap(table(text)))
    refuses_or_keeps(snap(table(comment=text)))
    refuses_or_keeps(snap(table(options=[{"a": text}])))


@pytest.mark.parametrize("word", ["Table", "a b", "a\nb", "", "a:b", "<b>"])
def test_a_kind_or_an_attribute_that_is_no_plain_word_is_refused(word: str) -> None:
    one = snap(table(**{word: 1}))
    refuses_or_keeps(one)
    other = tampered(row(kind=word))
    with pytest.raises(ValueError, match=r"\w \w"):
        parse(other)


@pytest.mark.parametrize("depth", [*range(200, 1000, 50), 5000])
def test_a_value_of_any_depth_is_read_or_refused(depth: int) -> None:
    text = dump(snap(table(options=1))).replace(
        '"options": 1', f'"options": {"[" * depth}{"]" * depth}'
    )
    with pytest.raises(ValueError, match=r"\w \w"):
        parse(text)


def test_a_file_of_todays_format_stays_readable() -> None:
    # Written by hand: what was kept in somebody's repository must be read for ever.
    text = """{
     "pgdrift": {"format": 1, "database": "shop", "server_version": 150004,
      "taken_at": "2026-11-22T12:00:00+00:00", "root": "ROOT", "kinds": ["column", "table"],
      "unread": {}},
     "objects": [
      {"kind": "column", "path": ["public", "Order", "id"],
       "parent": {"kind": "table", "path": ["public", "Order"]}, "attributes": {"type": "bigint"},
       "depends_on": ["table:public.\\"Order\\""]},
      {"kind": "table", "path": ["public", "Order"], "attributes": {"owner": "app"}}]}"""
    one = snap(table("Order"), column("id", "Order", type="bigint"))
    read = parse(text.replace("ROOT", one.root))
    assert read.objects.keys() == one.objects.keys()
    assert read.objects[column("id", "Order").id].parent == table_id("Order")
    assert read.dependencies == ((column("id", "Order").id, table_id("Order")),)
    assert read.taken_at == NOW


def test_what_was_not_compared_is_read_back() -> None:
    counts = {"extension_member_index": 3, "pg_class.relnew": 1}
    assert parse_file(dump(SOME, counts)) == (SOME, counts)
    assert parse_file(dump(SOME)) == (SOME, {})


@pytest.mark.parametrize("count", ["1", True, -1, 1.5, None, [1]])
def test_a_count_that_is_none_is_refused(count: object) -> None:
    body = json.loads(dump(SOME))
    body["pgdrift"]["not_compared"] = {"cast": count}
    with pytest.raises(ValueError, match="no snapshot file"):
        parse(json.dumps(body))


def test_what_is_counted_is_named_in_plain_words() -> None:
    body = json.loads(dump(SOME))
    body["pgdrift"]["not_compared"] = {"<b>": 1}
    with pytest.raises(ValueError, match="nothing that is counted"):
        parse(json.dumps(body))


def test_a_file_of_before_that_counts_nothing_is_read() -> None:
    body = json.loads(dump(SOME))
    del body["pgdrift"]["not_compared"]
    assert parse_file(json.dumps(body)) == (SOME, {})


def _sealed(key: str, name: str = "password") -> Snapshot:
    return snap(table(options=[f"{name}=sealed:{key * 8}:{key * 16}", "host=h"]), column("id"))


def test_a_file_holds_what_only_time_and_seals_would_change() -> None:
    text = dump(_sealed("1"), {"owner": 2})
    assert holds(text, _sealed("1"), {"owner": 2})
    assert holds(text, _sealed("2"), {"owner": 2})
    assert holds(text, replace(_sealed("2"), taken_at=NOW + timedelta(days=1)), {"owner": 2})


@pytest.mark.parametrize(
    "other",
    [
        snap(table(options=["password=sealed:11111111:2222222222222222", "host=h"]), column("id")),
        _sealed("2", name="passcode"),
        snap(table(options=["host=h"]), column("id")),
        snap(*_sealed("1").objects.values(), column("x")),
        snap(*list(_sealed("1").objects.values())[:1]),
        replace(_sealed("1"), server_version=_sealed("1").server_version + 1),
        replace(_sealed("1"), database="another"),
        replace(_sealed("1"), unread={"trigger": "no right"}),
        replace(_sealed("1"), kinds=_sealed("1").kinds | {"kind_of_tomorrow"}),
    ],
)
def test_a_file_does_not_hold_what_is_another_schema(other: Snapshot) -> None:
    assert not holds(dump(_sealed("1")), other, {})


def test_what_was_counted_belongs_to_what_a_file_holds() -> None:
    assert not holds(dump(SOME, {"owner": 2}), SOME, {"owner": 3})
    assert not holds("", SOME, {})
    assert not holds(dump(SOME).replace("70", "71"), SOME, {})
