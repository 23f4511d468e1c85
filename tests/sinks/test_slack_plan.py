"""The plan of an incident in Slack: what it says, how little it may be, and that no name is markup."""

from __future__ import annotations

import json
from dataclasses import replace

from pgdrift.core.model import ObjectId
from pgdrift.core.plan.kept import KeptPlan
from pgdrift.core.plan.model import LeftOut, Proof
from pgdrift.sinks.kit import size
from pgdrift.sinks.slack_plan import answer
from tests.web.plan_sample import KEPT, PLAN


def words(kept: KeptPlan, remark: str = "", link: str | None = None) -> str:
    return json.dumps(answer(kept, remark, link), ensure_ascii=False)


def test_it_says_what_is_done_what_can_go_wrong_and_how_to_take_it() -> None:
    said = words(KEPT, "more was found since it was made", "https://pgdrift.example.org/")
    for part in (
        "`production` as `staging`, 5 statements",
        "not proved",
        "⚠️ more was found since it was made",
        "1 × drop index",
        'statement 3, `change type of column shop.\\"order\\".total`: loses digits',
        "by hand: user mapping",
        f"pgdrift plans export {KEPT.id}",
        f"pgdrift prove plans/{KEPT.id}",
        f"<https://pgdrift.example.org/plans/{KEPT.id}|all statements>",
    ):
        assert part in said, part


def test_no_name_is_markup() -> None:
    said = words(KEPT)
    assert "<!channel>" not in said
    assert "<script>" not in said
    assert "&lt;!channel&gt;" in said
    assert "\u202e" not in said


def test_a_plan_that_is_proved_needs_no_proof_and_a_huge_one_is_cut() -> None:
    proof = Proof("", "", 180001, PLAN.binding)
    assert "pgdrift prove" not in words(replace(KEPT, plan=replace(PLAN, proof=proof)))
    long = ObjectId("table", ("public", "<&>" * 300))
    many = [replace(s, object=long).called(f"a {n}") for n, s in enumerate(PLAN.up.statements * 99)]
    hand = (LeftOut(long, "<&>" * 300),) * 99
    up = replace(PLAN.up, statements=tuple(many), by_hand=hand)
    blocks = answer(replace(KEPT, plan=replace(PLAN, up=up)), "", None)
    assert size(blocks) < 10_000
    assert "more hazards" in json.dumps(blocks)
    assert all(len(b["text"]["text"]) <= 3000 for b in blocks)
