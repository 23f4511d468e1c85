"""What people read: the real before and after, and no name that moves or hides other text."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st
from markdown_it import MarkdownIt
from markdown_it.token import Token

from pgdrift.core.alerts.incident import Incident, Notice, Reason, State
from pgdrift.core.model import (
    REACH,
    SYNC,
    Blame,
    Change,
    ChangeType,
    Confidence,
    Direction,
    Finding,
    ObjectId,
    Origin,
    Renamed,
    Severity,
)
from pgdrift.core.shown.render import (
    change_json,
    change_markdown,
    change_text,
    code,
    detail,
    diff,
    difference,
    direction_words,
    finding_json,
    finding_markdown,
    finding_text,
    headline,
    label,
    one_line,
    printable,
    renames,
    value_text,
)
from tests.core.build import (
    NOW,
    added,
    changed,
    column,
    finding,
    ident,
    names,
    policy,
    removed,
    table_id,
    values,
)

# What moves the cursor, turns the direction of writing, breaks a line or has no width.
FORBIDDEN = {
    *map(chr, (*range(0x09), *range(0x0B, 0x20), *range(0x7F, 0xA0))),
    *"\u061c\u200b\u200c\u200d\u200e\u200f\u2028\u2029\u202a\u202b\u202c\u202d\u202e",
    *"\u2060\u2066\u2067\u2068\u2069\ufeff",
}
# What a snapshot file may hold beside what a server gives.
any_text = names | st.text(max_size=8)


# Text that can be printed


@given(any_text)
def test_printable_text_holds_nothing_that_moves_or_hides(text: str) -> None:
    shown = printable(text + "".join(FORBIDDEN))
    assert not FORBIDDEN & set(shown)
    assert shown.encode()


@given(any_text)
def test_one_line_is_one_line(text: str) -> None:
    shown = one_line(text + "\n\r\t\u2028")
    assert shown.splitlines() == [shown]
    assert "\t" not in shown


def test_what_is_not_printed_is_named() -> None:
    assert printable("a\x1b[2K\u202eb") == "a\\u001b[2K\\u202eb"
    assert one_line("a\nb") == "a\\nb"
    assert printable("\ud800") == "\\ud800"


def test_text_that_harms_nobody_stays_as_it_is() -> None:
    assert printable("Zürich 東京 🐘 <b> & \\n\n\t") == "Zürich 東京 🐘 <b> & \\n\n\t"


def test_a_label_has_the_kind_in_plain_words() -> None:
    assert label(changed(ident("materialized_view", "app", "M"))) == 'materialized view app."M"'
    assert label(changed(ident("function", "app", "f", args="(integer)"))) == (
        "function app.f(integer)"
    )


@given(st.lists(any_text, min_size=1, max_size=3), any_text)
def test_a_hostile_name_is_printed_on_one_line(path: list[str], kind: str) -> None:
    shown = label(changed(ObjectId(kind, tuple(path))))
    assert not FORBIDDEN & set(shown)
    assert len(shown.splitlines()) == 1


@given(any_text, any_text, any_text)
def test_whatever_a_finding_holds_its_text_is_harmless(one: str, two: str, three: str) -> None:
    blame = Blame(Confidence.EXACT, one, NOW, two, three)
    found = finding(
        changed(table_id(one, two), body=(three, [one])), origin=Origin.TRACKED, blame=blame
    )
    text = finding_text(found, one, two) + finding_markdown(found, one, two)
    text += change_text(found.change)
    assert not FORBIDDEN & set(text)


# Differences


def test_a_short_value_is_one_line_on_each_side() -> None:
    assert diff(changed(column("x").id, type=("integer", "bigint"))) == (
        "- type: integer",
        "+ type: bigint",
    )


def test_none_is_an_absent_side() -> None:
    assert diff(changed(column("x").id, default=(None, "now()"))) == ("+ default: now()",)
    assert diff(changed(column("x").id, default=("now()", None))) == ("- default: now()",)


def test_false_and_empty_are_values_where_an_object_changed() -> None:
    assert diff(changed(table_id(), rls=(True, False), options=([], ["a=1"]))) == (
        "- options: []",
        '+ options: ["a=1"]',
        "- rls: true",
        "+ rls: false",
    )


def test_what_came_or_went_says_only_what_is_there() -> None:
    assert diff(added(table_id(), owner="app", rls=False, comment="", options=[])) == (
        "+ owner: app",
    )
    assert diff(removed(table_id(), owner="app", rls=True)) == ("- owner: app", "- rls: true")


def test_a_longer_value_is_a_line_diff_below_its_name() -> None:
    old = "begin\n  a;\n  b;\nend"
    new = "begin\n  a;\n  c;\nend"
    assert diff(changed(ident("function", "f"), body=(old, new))) == (
        "  body:",
        "  begin",
        "    a;",
        "-   b;",
        "+   c;",
        "  end",
    )


def test_dots_stand_only_where_something_is_left_out() -> None:
    old = [f"line {n}" for n in range(20)]
    new = [*old[:9], "other", *old[10:18], "last"]
    shown = diff(changed(ident("function", "f"), body=("\n".join(old), "\n".join(new))))
    assert [n for n, line in enumerate(shown) if line == "  ..."] == [1, 8]
    first = diff(changed(ident("function", "f"), body=("a\nb", "c\nb")))
    assert first == ("  body:", "- a", "+ c", "  b")
    assert "  ..." not in diff(added(ident("function", "f"), body="a\nb"))
    assert "  ..." not in diff(removed(ident("function", "f"), body="a\nb"))


@pytest.mark.parametrize(
    ("before", "after"),
    [("a", "a\n"), ("a\n", "a\n\n"), ("a\nb", "a\nb\n"), ("\n", "\n\n"), ("a\n", "a \n")],
)
def test_a_line_feed_at_the_end_is_a_difference_that_is_shown(before: str, after: str) -> None:
    shown = diff(changed(ident("function", "f"), body=(before, after)))
    assert any(line.startswith(("- ", "+ ")) for line in shown)


@given(values, values)
def test_a_difference_is_shown_and_every_line_says_its_side(one: object, two: object) -> None:
    if one == two or printable(value_text(one)) == printable(value_text(two)):
        return
    shown = diff(changed(table_id(), x=(one, two)))
    assert all(line.startswith(("- ", "+ ", "  ")) for line in shown)
    assert all(len(line.splitlines()) <= 1 for line in shown)
    assert any(line.startswith(("- ", "+ ")) for line in shown)


def test_values_are_shown_as_people_read_them() -> None:
    assert value_text(None) == "(none)"
    assert value_text("né") == "né"
    assert value_text(True) == "true"
    assert value_text(["é", 1, None]) == '["é", 1, null]'


# A change


def test_a_change_as_text() -> None:
    assert change_text(changed(column("x").id, type=("integer", "bigint"))) == (
        "~ column public.orders.x changed\n    - type: integer\n    + type: bigint"
    )


def test_what_holds_others_is_told_with_its_own_content_and_what_it_holds_by_name() -> None:
    holds = (column("a").id, column("B").id, ident("index", "public", "i"), policy("p").id)
    change = removed(table_id(), *holds, owner="app", rls=True)
    assert change_text(change) == (
        "- table public.orders removed\n"
        "    - owner: app\n"
        "    - rls: true\n"
        "      with 1 index: i\n"
        "      with 1 policy: p\n"
        '      with 2 columns: a, "B"'
    )


def test_a_new_function_says_that_it_runs_as_its_owner_before_its_text() -> None:
    i = ident("function", "app", "f", args="(integer)")
    grant = ident("routine_privilege", "app", "f", "PUBLIC", args="(integer)")
    body = "select a;\nselect b"
    change = added(i, grant, body=body, security_definer=True, volatility="volatile", cost="100")
    assert difference(change) == (
        "+ security_definer: true",
        '  with 1 routine privilege: "PUBLIC"',
        "  body:",
        "+ select a;",
        "+ select b",
    )


def test_of_many_that_came_along_the_first_are_named_and_all_counted() -> None:
    holds = [column(f"c{n:02}").id for n in range(12)]
    (line,) = difference(added(table_id(), *holds))
    assert line == "  with 12 columns: " + ", ".join(f"c{n:02}" for n in range(10)) + " and 2 more"


def test_what_is_as_usual_is_said_only_where_it_changed() -> None:
    assert difference(added(table_id(), access_method="heap", owner="app")) == ("+ owner: app",)
    assert difference(added(table_id(), access_method="columnar")) == ("+ access_method: columnar",)
    moved = changed(table_id(), access_method=("columnar", "heap"))
    assert difference(moved) == ("- access_method: columnar", "+ access_method: heap")


def test_a_rename_is_told_by_its_new_name_alone() -> None:
    old = replace(removed(table_id("a"), owner="app"), renamed=Renamed(table_id("b"), sure=True))
    new = replace(added(table_id("b"), owner="app"), renamed=Renamed(table_id("a"), sure=True))
    assert change_text(old) == "- table public.a removed, renamed to public.b"
    assert change_text(new) == ("+ table public.b added, renamed from public.a\n    + owner: app")


def test_a_change_as_json() -> None:
    change = Change(
        table_id("Order"),
        ChangeType.CHANGED,
        {"b": (None, ["x"]), "a": (1, 2)},
        (column("id", "Order").id,),
    )
    assert change_json(change) == {
        "kind": "table",
        "name": 'public."Order"',
        "change": "changed",
        "attributes": {"a": [1, 2], "b": [None, ["x"]]},
        "contains": [{"kind": "column", "name": 'public."Order".id'}],
        "renamed": None,
        "spelling": [],
    }


@given(values, values)
def test_json_says_the_values_themselves(one: object, two: object) -> None:
    text = json.dumps(change_json(changed(table_id(), x=(one, two))))
    assert json.loads(text)["attributes"] == {"x": [one, two]}


# Markdown, as a parser of Markdown reads it


def parsed(text: str) -> list[Token]:
    return MarkdownIt("commonmark").parse(text)


@given(any_text.filter(lambda t: one_line(t).strip()))
def test_a_code_span_holds_the_text_whatever_its_backticks(text: str) -> None:
    inline = parsed(f"x {code(text)} x")[1].children
    assert inline
    assert [(t.type, t.content) for t in inline] == [
        ("text", "x "),
        ("code_inline", one_line(text)),
        ("text", " x"),
    ]


@pytest.mark.parametrize("text", ["a", "`", "``", "a`b", "`a``b`", " a", "a ", " a ", "` `", "\\`"])
def test_code_spans_keep_backticks_and_spaces(text: str) -> None:
    inline = parsed(f"x {code(text)}")[1].children
    assert inline
    assert inline[-1].content == text


@given(any_text.filter(bool), values, values)
def test_a_change_in_markdown_is_a_list_item_with_its_name_and_diff(
    name: str, one: object, two: object
) -> None:
    change = changed(table_id(name), x=(one, two))
    tokens = parsed(change_markdown(change))
    assert [t.content for t in tokens if t.type == "fence"] == (
        ["\n".join(difference(change)) + "\n"] if difference(change) else []
    )
    (inline,) = (t for t in tokens if t.type == "inline")
    assert [t.content for t in inline.children or () if t.type == "code_inline"] == [
        one_line(change.id.name)
    ]
    assert not any(t.type == "html_block" for t in tokens)


# A finding


def test_a_finding_as_text_says_who_moved_and_who_did_it() -> None:
    blame = Blame(Confidence.EXACT, "ann", NOW, "psql", "V7")
    found = finding(
        changed(column("x").id, type=("integer", "bigint")),
        Severity.CRITICAL,
        Direction.AHEAD,
        origin=Origin.MIGRATION,
        blame=blame,
    )
    assert finding_text(found, "production", "staging") == (
        "[critical] column public.orders.x: changed in production, ahead of staging\n"
        "    - type: integer\n"
        "    + type: bigint\n"
        "    — by ann with psql in migration V7 at 2026-11-22 12:00:00 UTC, exact"
    )


def test_nothing_known_is_nothing_said() -> None:
    found = finding(added(table_id()))
    assert finding_text(found, "production", SYNC) == (
        "[warning] table public.orders: added since the sync point"
    )


ALL_CHANGES = [added(table_id()), removed(table_id()), changed(table_id())]


@pytest.mark.parametrize("moved", list(Direction))
@pytest.mark.parametrize("change", ALL_CHANGES, ids=lambda c: c.change.value)
def test_every_direction_of_every_change_has_words_of_its_own(
    change: Change, moved: Direction
) -> None:
    words = direction_words(finding(change, direction=moved), "production", "staging")
    others = {
        direction_words(finding(change, direction=d), "production", "staging")
        for d in Direction
        if d is not moved
    }
    assert words not in others
    assert "\n" not in words


def test_what_is_late_is_overdue() -> None:
    waits = finding(direction=Direction.BEHIND)
    assert "waiting" in direction_words(waits, "a", "b")
    assert "overdue" in direction_words(replace(waits, late=True), "a", "b")


def test_a_finding_as_json_has_all_that_was_judged() -> None:
    found = finding(changed(column("x").id, type=("integer", "bigint")), origin=Origin.UNTRACKED)
    told = finding_json(found)
    assert json.loads(json.dumps(told)) == told
    assert told == {
        "kind": "column",
        "name": "public.orders.x",
        "change": "changed",
        "attributes": {"type": ["integer", "bigint"]},
        "contains": [],
        "renamed": None,
        "spelling": [],
        "direction": "changed",
        "severity": "warning",
        "class": "structure",
        "origin": "untracked",
        "first_seen": "2026-11-22T12:00:00+00:00",
        "late": False,
        "reason": "",
        "blame": {
            "confidence": "unknown",
            "who": None,
            "at": None,
            "application": None,
            "migration": None,
            "role": None,
            "address": None,
            "statement": None,
            "after": None,
            "until": None,
            "hearsay": None,
        },
    }


# A notice


def notice(reason: Reason, *findings: Finding, against: str = SYNC, where: str = "prod") -> Notice:
    state = State.RESOLVED if reason is Reason.RESOLVED else State.OPEN
    incident = Incident(
        "i", where, against, state, Severity.WARNING, NOW, NOW, NOW, findings=findings
    )
    return Notice(incident, reason, NOW)


ONE = finding(changed(table_id("one")), Severity.INFO)
WORST = finding(changed(table_id("two")), Severity.CRITICAL)


@pytest.mark.parametrize("reason", [Reason.FIRST, Reason.WORSE, Reason.CHANGED, Reason.REPEAT])
def test_a_headline_says_where_which_way_how_many_and_the_worst(reason: Reason) -> None:
    assert headline(notice(reason, ONE, WORST)) == (
        "prod has drifted from its sync point: 2 findings, worst: table public.two"
    )
    behind = replace(ONE, direction=Direction.BEHIND)
    assert headline(notice(reason, behind, against="staging")) == (
        "prod is behind staging: 1 finding, worst: table public.one"
    )


def test_a_headline_names_every_direction_once() -> None:
    found = [
        replace(ONE, direction=d)
        for d in (Direction.BEHIND, Direction.AHEAD, Direction.BEHIND, Direction.DIVERGED)
    ]
    assert headline(notice(Reason.CHANGED, *found, against="staging")).startswith(
        "prod is ahead of and is behind and has diverged from staging: 4 findings"
    )


def test_a_headline_says_that_it_is_over() -> None:
    assert headline(notice(Reason.RESOLVED)) == "prod is in sync with its sync point again"
    assert (
        headline(notice(Reason.RESOLVED, against="staging")) == "prod is in sync with staging again"
    )


def test_what_a_headline_says_is_not_said_again_below_it() -> None:
    over, looked = notice(Reason.RESOLVED), notice(Reason.FIRST, against=REACH)
    said = replace(over, incident=replace(over.incident, detail="is not watched any more"))
    assert headline(said) == "prod is not watched any more"
    assert detail(said) == detail(over) == ""
    assert (
        detail(replace(looked, incident=replace(looked.incident, detail="no route"))) == "no route"
    )


def test_a_headline_says_that_an_environment_cannot_be_looked_at() -> None:
    for reason in (Reason.FIRST, Reason.REPEAT):
        assert headline(notice(reason, against=REACH)) == "prod cannot be looked at"
    assert headline(notice(Reason.RESOLVED, against=REACH)) == "prod can be looked at again"


@given(names, names, names, st.sampled_from(list(Reason)))
def test_a_headline_is_one_harmless_line(
    where: str, against: str, name: str, reason: Reason
) -> None:
    found = finding(changed(table_id(name)))
    shown = headline(notice(reason, found, against=against, where=where))
    assert shown.splitlines() == [shown]
    assert not FORBIDDEN & set(shown)


def test_a_rename_counts_once_both_its_names_are_there() -> None:
    old = replace(removed(table_id("a")), renamed=Renamed(table_id("b")))
    new = replace(added(table_id("b")), renamed=Renamed(table_id("a")))
    assert renames([old, new, changed(table_id("c"))]) == 1
    assert renames([old]) == renames([new]) == 0
