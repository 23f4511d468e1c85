"""Environments of a group told apart by what they are."""

from __future__ import annotations

from datetime import datetime

from pgdrift.core.model import Against, Finding, Outcome, Standing
from pgdrift.core.shown.variants import differs, group_json, group_text
from pgdrift.core.variants import count_words, groups
from tests.core.build import NOW, added, finding, ident, removed


def tenant(
    name: str, content: str, *found: Finding, seen_at: datetime | None = NOW, group: str = "tenants"
) -> Standing:
    outcome = Outcome.DRIFTED if found else Outcome.IN_SYNC
    against = (Against("sync", Outcome.IN_SYNC), Against("template", outcome, found))
    return Standing(
        name,
        outcome,
        "template",
        looked_at=NOW,
        seen_at=seen_at,
        against=against,
        group=group,
        content=content,
    )


MISSING = finding(removed(ident("index", "public", "slow_idx")))
EXTRA = finding(added(ident("table", "public", "hotfix")))
FLEET = [
    *(tenant(f"t{n:03}", "aa") for n in range(387)),
    *(tenant(f"u{n:02}", "bb", MISSING) for n in range(12)),
    tenant("v", "cc", EXTRA, MISSING),
    tenant("w", "aa", seen_at=None),
]


def test_how_many_are_alike_the_largest_first() -> None:
    (group,) = groups(FLEET)
    assert [len(v.members) for v in group.variants] == [387, 12, 1]
    assert (group.size, group.unknown, group.drifted) == (401, ("w",), 13)
    assert count_words(group) == "387 like this, 12 like that, 1 alone, 1 not known"


def test_who_cannot_be_looked_at_is_like_nobody() -> None:
    (group,) = groups([tenant("a", "aa"), tenant("b", "aa", seen_at=None), tenant("c", "")])
    assert [v.members for v in group.variants] == [("a",)]
    assert group.unknown == ("b", "c")


def test_how_each_differs_from_the_upstream() -> None:
    (group,) = groups(FLEET)
    said = [differs(v, group) for v in group.variants]
    assert said[0] == "as template"
    assert said[1] == "removed index public.slow_idx"
    assert "added table public.hotfix" in said[2]


def test_those_of_no_group_are_in_none_and_groups_are_apart() -> None:
    found = groups([tenant("a", "x", group=""), tenant("b", "x"), tenant("c", "x", group="other")])
    assert [(g.name, g.size) for g in found] == [("other", 1), ("tenants", 1)]


def test_text_and_json_say_the_same() -> None:
    (group,) = groups([tenant("a\x1b[31m", "aa", EXTRA), tenant("b", "bb")])
    text = group_text(group)
    assert "tenants: 2 environments: 2 alone" in text
    assert "\x1b" not in text
    variants = group_json(group)["variants"]
    assert isinstance(variants, list)
    assert sorted(v["count"] for v in variants) == [1, 1]


def test_many_variants_are_counted_together() -> None:
    fleet = [tenant(f"{v}{n}", f"{v}") for v in range(6) for n in range(2)]
    (group,) = groups(fleet)
    assert count_words(group) == "2 like this, 2 like that, 2 like that, 6 in 3 more variants"
