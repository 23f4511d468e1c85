"""What came or went is told with its own content and by what it holds, alike in every channel."""

from __future__ import annotations

import json
from typing import Any

import pytest

from pgdrift.core.shown import render
from pgdrift.sinks import blocks, mail
from tests.sinks.samples import LINK, function_added, on_its_way, opened


def in_slack() -> str:
    told: list[dict[str, Any]] = blocks.standing(on_its_way(opened(function_added())), link=LINK)
    return json.dumps(told, ensure_ascii=False)


def in_a_mail() -> str:
    delivery = on_its_way(opened(function_added()))
    message = mail.compose(delivery, sender="p@example.org", recipients=["d@e.org"], link=None)
    body = message.get_body(("plain",))
    assert body
    return str(body.get_content())


def on_a_terminal() -> str:
    return render.finding_text(function_added(), "production", "staging")


@pytest.mark.parametrize("place", [in_slack, in_a_mail, on_a_terminal])
def test_a_new_function_that_runs_as_its_owner_is_told_as_such(place: Any) -> None:
    told = place()
    assert "+ security_definer: true" in told
    assert "with 1 routine privilege:" in told
    assert "+ select 1;" in told
    assert told.index("security_definer") < told.index("routine privilege") < told.index("select 1")
