"""How environments stand, for people and for machines."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest
from hypothesis import example, given
from markdown_it import MarkdownIt

from pgdrift.core.alerts.incident import Incident, State
from pgdrift.core.model import (
    SYNC,
    Against,
    Direction,
    HistoryFinding,
    HistoryState,
    How,
    Outcome,
    Severity,
    Standing,
    SyncPoint,
)
from pgdrift.core.shown.report import (
    findings_json,
    oldest,
    standing_json,
    standing_markdown,
    standing_text,
)
from pgdrift.core.why.migrations import as_json
from tests.core.build import NOW, added, after, changed, finding, names, policy, table_id

OLD = finding(changed(table_id("old"), owner=("a", "b")), first_seen=after(days=-2))
NEW = finding(added(policy("p").id), Severity.CRITICAL, Direction.AHEAD)
LATE = HistoryFinding("flyway", "public.h", "V1", HistoryState.OUT_OF_ORDER, "a\x1b[31mb")

STANDING = Standing(
    environment="production",
    outcome=Outcome.DRIFTED,
    follows="staging",
    protected=True,
    looked_at=NOW,
    seen_at=NOW,
    server_version=150004,
    objects=7,
    sync_point=SyncPoint("production", after(days=-3), "released", "ann", 1),
    against=(
        Against(SYNC, Outcome.DRIFTED, (OLD,)),
        Against("staging", Outcome.DRIFTED, (NEW, OLD), migrations_missing=2, histories=(LATE,)),
    ),
    not_compared={"text_search": 2},
    notes=("policy not read: no right",),
)


def test_an_environment_of_which_nothing_was_declared_starts_at_its_first_look() -> None:
    point = SyncPoint("production", NOW, "first look", "pgdrift", 1, how=How.FIRST_LOOK)
    standing = replace(STANDING, sync_point=point)
    first = "its first look of 2026-11-22 12:00 UTC, for nothing was declared yet"
    assert f"  against {first}: 1 finding" in standing_text(standing).splitlines()
    assert first in standing_markdown(standing)
    assert standing_json(standing)["sync_point"] == {
        "id": 1,
        "at": NOW.isoformat(),
        "reason": "first look",
        "actor": "pgdrift",
        "how": "first_look",
        "migration": None,
    }


def test_text_has_the_outcome_each_yardstick_and_what_was_not_compared() -> None:
    lines = standing_text(STANDING).splitlines()
    assert lines[0] == "production: drifted"
    assert "  against its sync point of 2026-11-19 12:00 UTC: 1 finding" in lines
    state = "  against staging: 2 findings, 2 migrations missing, 1 migration out of order"
    assert state in lines
    late = "    migration V1 of flyway in public.h was applied in another order than upstream"
    assert f"{late} (a\\u001b[31mb)" in lines
    assert "  note: policy not read: no right" in lines
    assert "  note: not compared: 2 text search" in lines


def test_unknown_is_said_with_its_reason_and_never_as_in_sync() -> None:
    unknown = Standing(
        "production",
        Outcome.UNKNOWN,
        reason="no route to host",
        against=(Against(SYNC, Outcome.UNKNOWN, reason="no route to host"),),
    )
    assert "unknown: no route to host" in standing_text(unknown)
    assert "unknown: `no route to host`" in standing_markdown(unknown)
    for text in (standing_text(unknown), standing_markdown(unknown)):
        assert "in sync" not in text


def test_json_counts_findings_and_says_the_worst_and_the_oldest() -> None:
    told = standing_json(STANDING)
    assert json.loads(json.dumps(told)) == told
    assert told["outcome"] == "drifted"
    assert told["sync_point"] == {
        "at": "2026-11-19T12:00:00+00:00",
        "reason": "released",
        "actor": "ann",
        "id": 1,
        "how": "declared",
        "migration": None,
    }
    assert told["against"] == [
        {
            "yardstick": "sync",
            "outcome": "drifted",
            "reason": "",
            "findings": 1,
            "severity": "warning",
            "oldest_finding": "2026-11-20T12:00:00+00:00",
            "migrations_missing": None,
            "histories": [],
            "accepted": 0,
            "ignored": 0,
            "ignored_by": {},
        },
        {
            "yardstick": "staging",
            "outcome": "drifted",
            "reason": "",
            "findings": 2,
            "severity": "critical",
            "oldest_finding": "2026-11-20T12:00:00+00:00",
            "migrations_missing": 2,
            "histories": [as_json(LATE)],
            "accepted": 0,
            "ignored": 0,
            "ignored_by": {},
        },
    ]


def test_json_has_the_incidents_of_this_environment_alone() -> None:
    mine, other = (
        Incident(name, name, SYNC, State.OPEN, Severity.WARNING, NOW, NOW, NOW)
        for name in ("production", "staging")
    )
    told = standing_json(STANDING, [other, mine])["incidents"]
    assert isinstance(told, list)
    assert [i["id"] for i in told] == ["production"]


def test_every_finding_says_where_and_against_what() -> None:
    told = findings_json(STANDING)
    assert [(f["environment"], f["against"], f["name"]) for f in told] == [
        ("production", "sync", "public.old"),
        ("production", "staging", "public.orders.p"),
        ("production", "staging", "public.old"),
    ]


def test_before_a_first_look_there_is_little_to_say() -> None:
    new = Standing("new", Outcome.UNKNOWN, reason="not looked at yet")
    assert standing_text(new) == "new: unknown: not looked at yet"
    assert standing_json(new)["looked_at"] is None
    assert oldest(()) is None


@given(names, names)
def test_hostile_names_stay_on_their_lines(one: str, two: str) -> None:
    plain, hostile = (
        standing_text(
            Standing(
                name,
                Outcome.UNKNOWN,
                reason=why,
                against=(Against(why, Outcome.UNKNOWN, (finding(),), reason=why),),
                notes=(why,),
            )
        )
        for name, why in (("a", "b"), (one, two))
    )
    assert len(plain.splitlines()) == len(hostile.splitlines())


HOSTILE = "<img src=x onerror=alert(1)> [a](http://evil) **b** `c` | # @all"


def _hostile(name: str, why: str) -> Standing:
    against = (
        Against(name, Outcome.UNKNOWN, (finding(added(table_id(name))),), reason=why),
        Against(why, Outcome.DRIFTED, (finding(),)),
    )
    return Standing(name, Outcome.UNKNOWN, reason=why, against=against, notes=(why,))


@given(names.filter(str.strip), names.filter(str.strip))
@example(HOSTILE, HOSTILE)
@example("`", "a\n\n<b>\n# x")
def test_in_markdown_what_others_named_or_said_is_code_and_nothing_else(
    name: str, why: str
) -> None:
    def shape(text: str) -> list[str]:
        tokens = MarkdownIt("commonmark").parse(text)
        return [t.type for token in tokens for t in (token, *(token.children or ()))]

    hostile = shape(standing_markdown(_hostile(name, why)))
    assert hostile == shape(standing_markdown(_hostile("a", "b")))
    assert not {"html_block", "html_inline", "link_open", "image"} & set(hostile)


@pytest.mark.parametrize("direction", list(Direction))
def test_a_finding_in_markdown_names_environments_as_code(direction: Direction) -> None:
    found = finding(added(table_id("t")), direction=direction)
    text = standing_markdown(
        Standing("<b>", Outcome.DRIFTED, against=(Against("<i>", Outcome.DRIFTED, (found,)),))
    )
    tokens = MarkdownIt("commonmark").parse(text)
    assert not [t for token in tokens for t in token.children or () if t.type == "html_inline"]
