"""Whatever a database is called and holds, the message about it is one that Slack takes."""

import json
import re
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from pgdrift.core.alerts.incident import Delivery, Notice, Reason, State
from pgdrift.core.alerts.marks import Mark, Verb
from pgdrift.core.model import Dependants, Finding, ObjectId
from pgdrift.demo.slack.limits import problem, view_problem
from pgdrift.sinks import blocks, slack_buttons
from tests.sinks import samples
from tests.sinks.samples import LINK, NOW, on_its_way

# Mostly what means something somewhere: markup, quotes, control and direction marks, wide letters.
LETTERS = st.sampled_from(
    "<>&|`*_~@#!^\\\"'/ \n\r\t\x1b\x00\u202e\u2066\u200b\ufeffé🐘👩‍👩‍👧a"
) | st.characters(exclude_categories=["Cs"])
NAME = st.text(LETTERS, max_size=63)
TEXT = NAME | st.builds(lambda t, n: t * n, NAME, st.integers(0, 80))
OWN = re.compile(
    r"<!date\^\d+\^[^|<>]+\|[^|<>]+>|<https://pgdrift\.example\.org/[^|<>]*\|[a-z ]+>|<@U0MARIA>"
)


@st.composite
def findings(draw: st.DrawFn) -> Finding:
    finding = samples.hostile(draw(NAME), text=draw(TEXT))
    some = tuple(ObjectId("view", (draw(NAME),)) for _ in range(draw(st.integers(0, 3))))
    reason, dependants = draw(TEXT), Dependants(len(some) * 2, some)
    return replace(finding, reason=reason, dependants=dependants)


@st.composite
def notices(draw: st.DrawFn) -> Notice:
    found = tuple(draw(st.lists(findings(), min_size=1, max_size=4))) * draw(
        st.sampled_from([1, 9])
    )
    first = samples.opened(*found, environment=draw(NAME), against=draw(NAME))
    reason = draw(st.sampled_from(sorted({*Reason} - {Reason.NOTHING})))
    state = State.RESOLVED if reason is Reason.RESOLVED else State.OPEN
    incident = replace(first.incident, detail=draw(TEXT), id=draw(NAME), state=state)
    return replace(
        first, incident=incident, reason=reason, gone=found if draw(st.booleans()) else ()
    )


@st.composite
def deliveries(draw: st.DrawFn) -> Delivery:
    notice = draw(notices())
    parts = (notice, *draw(st.lists(notices(), min_size=1, max_size=3)))
    return on_its_way(
        notice,
        mention=("U0MARIA", draw(NAME)),
        group=draw(NAME),
        channel=draw(NAME),
        parts=parts if draw(st.booleans()) else (),
    )


def strings(value: Any) -> list[str]:
    if isinstance(value, dict):
        return [s for v in value.values() for s in strings(v)]
    if isinstance(value, list):
        return [s for v in value for s in strings(v)]
    return [value] if isinstance(value, str) else []


def _shown(block: Mapping[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in block.items() if key != "block_id"}


@settings(max_examples=25, deadline=None)
@given(deliveries(), NAME, TEXT)
def test_every_message_is_taken_and_calls_nobody_that_the_operator_did_not_name(
    delivery: Delivery, actor: str, reason: str
) -> None:
    mark = Mark(1, Verb.ACK, actor, reason, NOW, NOW, incident=delivery.notice.incident.id)
    shown = (
        blocks.standing(delivery, link=LINK, marks=[mark, mark], pressed=True),
        blocks.standing(delivery, link=None, repeated=True),
        blocks.reply(delivery, link=LINK),
        blocks.alone(delivery, link=LINK, repeated=True),
        slack_buttons.with_mark(blocks.standing(delivery, link=LINK, pressed=True), mark),
    )
    for message in shown:
        assert problem({"text": "x", "blocks": message}) is None
        # What a button or a menu carries comes back to us alone, and is never shown.
        row = [_shown(b) for b in message if b["type"] != "actions"]
        assert all("<" not in OWN.sub("", text) for text in strings(row))
        assert not re.search(
            "[\x00\x1b\u202a-\u202e\u2066-\u2069]", json.dumps(row, ensure_ascii=False)
        )


@settings(max_examples=15, deadline=None)
@given(notices(), NAME)
def test_every_modal_is_taken(notice: Notice, about: str) -> None:
    view = slack_buttons.accept_modal(notice.incident, json.dumps(about))
    assert view_problem(view) == ""
