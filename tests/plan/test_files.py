"""A plan as a folder: byte for byte what it was, whatever stands in it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pgdrift.core.alike.normalise import Options
from pgdrift.core.alike.presets import Presets
from pgdrift.core.model import ObjectId, Snapshot
from pgdrift.core.plan.model import (
    FATES,
    End,
    Impact,
    LeftOut,
    Plan,
    Proof,
    Rows,
    Statement,
    Verb,
    Way,
)
from pgdrift.core.plan.shown import review, script
from pgdrift.core.plan.step import Held, Lock, Step
from pgdrift.core.plan.weight import Weight
from pgdrift.errors import ConfigError
from pgdrift.reconcile import planfile

_text = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\x00"))
_name = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\x00"), min_size=1)
_ids = st.builds(
    ObjectId,
    st.sampled_from(["table", "function"]),
    st.lists(_name, min_size=1, max_size=3).map(tuple),
    _text,
)
_steps = st.builds(
    Step,
    _text,
    st.sampled_from(["change type", "rename"]),
    st.sampled_from(Lock),
    st.lists(_name, max_size=2).map(tuple),
    also=st.lists(st.builds(Held, _name, st.sampled_from(Lock)), max_size=2).map(tuple),
    rewrites=st.booleans(),
    loses=_text,
    alone=st.booleans(),
    commits=st.booleans(),
    note=_text,
)
_statements = st.builds(
    Statement, st.integers(1, 99), _ids, st.sampled_from(Verb), _steps, st.integers(1, 9)
)
_left = st.builds(LeftOut, _ids, _text, st.lists(_name, max_size=2).map(tuple))
_ways = st.builds(
    Way,
    st.lists(_statements, max_size=3).map(tuple),
    st.lists(_left, max_size=2).map(tuple),
    st.lists(_text, max_size=2).map(tuple),
    st.dictionaries(_ids, st.lists(_ids, min_size=1, max_size=2).map(tuple), max_size=2),
    st.lists(
        st.builds(Impact, _ids, *[st.lists(_ids, max_size=2).map(tuple) for _ in FATES]), max_size=2
    ).map(tuple),
)
_ends = st.builds(End, _text, _text, st.integers(130000, 190000))
_some_left = st.lists(_left, max_size=2).map(tuple)
_rows = st.builds(
    Rows, st.integers(0, 9), st.integers(0, 99), _some_left, _ways.map(lambda w: w.remarks)
)
_proofs = st.builds(
    Proof, _text, _text, st.integers(130000, 190000), _text, _some_left, st.none() | _rows
)
_presets = st.builds(Presets, partition_names=st.lists(_name, max_size=2).map(tuple))
_options = st.builds(Options, spelling=st.booleans(), presets=_presets)
_count = st.none() | st.integers(0, 2**62)
_weights = st.dictionaries(
    _name, st.builds(Weight, _count, _count, _count, _count, _text), max_size=2
)
plans = st.builds(
    Plan,
    *(_ends, _ends, _ways, _ways),
    online=st.booleans(),
    proof=st.none() | _proofs,
    options=_options,
    aside=_some_left,
    weights=_weights,
    format=st.sampled_from([1, 2, 3]),
)


@given(plans)
def test_a_plan_is_read_as_it_was_written(plan: Plan) -> None:
    text = planfile.to_yaml(plan)
    found = planfile.from_yaml(text)
    assert planfile.to_yaml(found) == text
    assert found.binding == plan.binding
    assert [s.step.sql for s in found.up.statements] == [s.step.sql for s in plan.up.statements]
    assert found.proved == plan.proved
    assert (found.proof, found.options, found.aside) == (plan.proof, plan.options, plan.aside)


@given(plans)
def test_no_name_breaks_out_of_a_script_or_a_review(plan: Plan) -> None:
    for line in script(plan, Way(by_hand=plan.up.by_hand), "up").splitlines():
        assert not line or line.startswith("--")
    assert "\x1b" not in review(replace(plan, up=replace(plan.up, statements=()), down=Way()))


def test_a_proof_of_another_plan_is_none() -> None:
    end = End("a", "0", 180000)
    step = Step("SELECT 1")
    statement = Statement(1, ObjectId("table", ("t",)), Verb.MAKE, step)
    plan = Plan(end, end, Way((statement,)), Way())
    plan = replace(plan, proof=Proof("", "", 180000, plan.binding))
    assert plan.proved
    other = replace(statement, step=replace(step, sql="DROP TABLE t"))
    assert not replace(plan, up=Way((other,))).proved
    assert not replace(plan, target=replace(end, root="1")).proved


def test_a_review_says_on_lines_of_their_own_what_a_proof_found() -> None:
    end = End("a", "0", 180000)
    plan = Plan(end, end, Way(), Way())
    proof = Proof("these differ:\n- table t\n```", "", 180000, plan.binding)
    said = review(replace(plan, proof=proof)).splitlines()
    at = said.index("**not proved: these differ:**")
    assert said[at + 1 : at + 6] == ["", "````", "- table t", "```", "````"]


@pytest.mark.parametrize(
    "change",
    [
        lambda s: replace(s, step=replace(s.step, loses="")),
        lambda s: replace(s, step=replace(s.step, on=())),
        lambda s: replace(s, step=replace(s.step, fails="")),
        lambda s: replace(s, object=ObjectId("table", ("other",))),
        lambda s: replace(s, verb=Verb.CHANGE),
    ],
)
def test_a_proof_is_of_all_that_running_a_plan_relies_on(
    change: Callable[[Statement], Statement],
) -> None:
    end = End("a", "0", 180000)
    step = Step("DROP TABLE t", on=("t",), loses="its rows", fails="it has some")
    statement = Statement(1, ObjectId("table", ("t",)), Verb.DROP, step)
    left = LeftOut(ObjectId("table", ("u",)), "why")
    plan = Plan(end, end, Way((statement,)), Way(), aside=(left,))
    plan = replace(plan, proof=Proof("", "", 180000, plan.binding))
    assert plan.proved
    assert not replace(plan, up=Way((change(statement),))).proved
    assert not replace(plan, aside=()).proved
    assert not replace(plan, options=Options(spelling=not plan.options.spelling)).proved


def test_a_plan_of_an_older_format_keeps_its_proof_and_its_name() -> None:
    end = End("a", "0", 180000)
    statement = Statement(1, ObjectId("table", ("t",)), Verb.DROP, Step("DROP TABLE t", loses="x"))
    plan = Plan(end, end, Way((statement,)), Way(), format=2)
    plan = replace(plan, proof=Proof("", "", 180000, "976c84d9adfdb90caa97f15a2d14df3d"))
    found = planfile.from_yaml(planfile.to_yaml(plan))
    assert (found.format, found.proved) == (2, True)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "[]",
        "pgdrift_plan: 4",
        "pgdrift_plan: 3",
        "pgdrift_plan: 1",
        "pgdrift_plan: 2",
        "a: [",
        "pgdrift_plan: 1\ntarget: 3",
        "&a [*a]",
    ],
)
def test_what_is_no_plan_is_refused_in_words(tmp_path: Path, text: str) -> None:
    (tmp_path / "plan.yaml").write_text(text, encoding="utf-8")
    with pytest.raises(ConfigError, match="cannot use"):
        planfile.read(tmp_path)


def test_a_folder_whose_snapshots_were_changed_is_refused(tmp_path: Path) -> None:
    empty = Snapshot({}, frozenset(), 180000, datetime(2026, 1, 1, tzinfo=UTC))
    end = End("a", empty.root, 180000)
    planfile.write(tmp_path, Plan(end, end, Way(), Way()), (empty, empty))
    assert planfile.read(tmp_path)[0].target == end
    planfile.write(tmp_path, Plan(end, replace(end, root="0"), Way(), Way()), (empty, empty))
    with pytest.raises(ConfigError, match="not those"):
        planfile.read(tmp_path)


@pytest.mark.parametrize("name", ["up.sql", "down.sql"])
def test_a_script_that_was_changed_beside_its_plan_is_refused(tmp_path: Path, name: str) -> None:
    empty = Snapshot({}, frozenset(), 180000, datetime(2026, 1, 1, tzinfo=UTC))
    end = End("a", empty.root, 180000)
    statement = Statement(1, ObjectId("table", ("t",)), Verb.MAKE, Step("CREATE TABLE t ()"))
    way = Way((statement,))
    planfile.write(tmp_path, Plan(end, end, way, way), (empty, empty))
    script = tmp_path / name
    script.write_bytes(script.read_bytes().replace(b"\n", b"\r\n"))
    planfile.read(tmp_path)  # git may end lines otherwise
    script.write_bytes(script.read_bytes() + b"DROP TABLE u;\n")
    with pytest.raises(ConfigError, match="somebody changed it"):
        planfile.read(tmp_path)
    script.unlink()
    planfile.read(tmp_path)
