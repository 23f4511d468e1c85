"""The timeline and the last change of each part, as they read."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import timedelta

from pgdrift.core.model import Blame, ChangeType, Confidence, Detail, Event, Origin
from pgdrift.core.parts import parts
from pgdrift.core.shown.past import (
    event_json,
    event_markdown,
    event_text,
    part_json,
    part_markdown,
    part_text,
)
from tests.core.build import NOW, column, index, snap, table, table_id

T, X, Y, IDX = table(), column("x"), column("y"), index("i")
TABLE, IN_TABLE = str(table_id()), (str(table_id()), "schema:public")
HERE = snap(T, X, Y, IDX)
ANN = Blame(Confidence.EXACT, "ann", NOW, "psql")
NOBODY = Blame(Confidence.WINDOW, after=NOW - timedelta(seconds=30), until=NOW)


def told(key: str, change: ChangeType, hours: int, blame: Blame = NOBODY, *with_: str) -> Event:
    within = IN_TABLE if key != TABLE else IN_TABLE[1:]
    names = ("type",) if change is ChangeType.CHANGED else ()
    detail = Detail(change, Origin.UNTRACKED, blame, names, within, with_)
    return Event("prod", NOW + timedelta(hours=hours), "changed", f"{key} …", key, detail)


# The newest first, as the store gives them.
EVENTS = (
    told("column:public.orders.z", ChangeType.REMOVED, 4),
    told(str(X.id), ChangeType.CHANGED, 3, ANN),
    told(str(X.id), ChangeType.CHANGED, 2),
    told(TABLE, ChangeType.ADDED, 1, NOBODY, str(X.id), str(Y.id)),
)


def test_each_part_has_its_last_change_and_what_went_is_named() -> None:
    found = {p.key: (p.there, p.last) for p in parts(TABLE, HERE, EVENTS)}
    assert found == {
        TABLE: (True, EVENTS[3]),
        str(X.id): (True, EVENTS[1]),
        str(Y.id): (True, EVENTS[3]),
        str(IDX.id): (True, None),
        "column:public.orders.z": (False, EVENTS[0]),
    }


def test_what_is_gone_as_a_whole_is_told_of_still() -> None:
    gone = told(TABLE, ChangeType.REMOVED, 5, ANN)
    (part,) = parts(TABLE, snap(), (gone,))
    assert (part.there, part.last) == (False, gone)


def test_a_part_says_what_became_of_it_who_did_it_and_how_far_back_is_known() -> None:
    texts = [part_text(p, NOW) for p in parts(TABLE, HERE, EVENTS)]
    nobody = (
        "\n    — untracked, between 2026-11-22 11:59:30 and 12:00:00 UTC, by nobody that we know"
    )
    assert texts == [
        f"table public.orders: added, seen 2026-11-22 13:00:00 UTC{nobody}",
        (
            "column public.orders.x: changed (type), seen 2026-11-22 15:00:00 UTC"
            "\n    — untracked, by ann with psql at 2026-11-22 12:00:00 UTC, exact"
        ),
        "column public.orders.y: came with table public.orders, seen 2026-11-22 13:00:00 UTC"
        + nobody,
        "index public.i: not changed since 2026-11-22 12:00:00 UTC, as far back as is known",
        f"column public.orders.z: dropped, seen 2026-11-22 16:00:00 UTC{nobody}",
    ]


def test_one_line_for_many_accuses_nobody_alone() -> None:
    many = replace(EVENTS[3], subject="", text="and 900 more objects")
    (found,) = (p for p in parts(TABLE, HERE, (many,)) if p.key == str(X.id))
    assert part_text(found, None).startswith("column public.orders.x: changed with many others")


def test_a_line_reads_when_what_and_who() -> None:
    assert event_text(EVENTS[1]) == (
        "2026-11-22 15:00:00 UTC  changed: column:public.orders.x … (type)"
        "\n    — by ann with psql at 2026-11-22 12:00:00 UTC, exact"
    )
    synced = Event("prod", NOW, "looked_first", "a\nb")
    assert event_text(synced) == "2026-11-22 12:00:00 UTC  looked first: a\\nb"
    opened = Event("prod", NOW, "opened", "opened: prod has drifted")
    assert event_text(opened) == "2026-11-22 12:00:00 UTC  opened: prod has drifted"
    assert event_markdown(synced) == "- 2026-11-22 12:00:00 UTC **looked first** `a\\nb`"
    assert part_markdown(parts(TABLE, HERE, EVENTS)[3], None) == (
        "- `index public.i`: not changed as far back as is known"
    )


def test_json_has_it_all() -> None:
    told_ = event_json(EVENTS[1])
    assert json.loads(json.dumps(told_)) == told_
    assert told_["subject"] == str(X.id)
    assert told_["attributes"] == ["type"]
    assert event_json(Event("prod", NOW, "synced", "x"))["blame"] is None
    part = part_json(parts(TABLE, HERE, EVENTS)[1])
    assert (part["kind"], part["name"], part["there"]) == ("column", "public.orders.x", True)
    assert part["last"] == told_
