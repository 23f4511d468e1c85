"""What is kept equals what is read, for anything the core can make."""

from __future__ import annotations

import asyncio
import json
import tempfile
from datetime import UTC, datetime

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pgdrift.core.alerts.incident import Incident, Notice
from pgdrift.core.book import Step
from pgdrift.core.model import (
    Against,
    Agreed,
    Change,
    ChangeClass,
    ChangeType,
    Direction,
    Finding,
    Held,
    History,
    LedgerMark,
    ObjectId,
    Outcome,
    Renamed,
    Severity,
    Snapshot,
)
from pgdrift.errors import StoreError
from pgdrift.store import codec, open_store
from tests.store import nouns
from tests.store.nouns import NOW


@given(nouns.incidents)
def test_an_incident_is_read_as_it_was_written(incident: Incident) -> None:
    assert codec.INCIDENT.read(codec.INCIDENT.write(incident)) == incident


@given(nouns.notices)
def test_a_notice_is_read_as_it_was_written(notice: Notice) -> None:
    read = codec.NOTICE.read(codec.NOTICE.write(notice))

    assert read == notice
    assert read.id == notice.id
    assert read.at.utcoffset() is not None


@given(nouns.standings)
def test_a_standing_is_read_as_it_was_written(standing: tuple[Against, ...]) -> None:
    assert codec.AGAINST.read(codec.AGAINST.write(standing)) == standing


@given(nouns.histories)
def test_a_history_is_read_as_it_was_written(histories: tuple[History, ...]) -> None:
    assert codec.HISTORIES.read(codec.HISTORIES.write(histories)) == histories


@given(nouns.marks)
def test_a_ledger_mark_is_read_as_it_was_written(mark: LedgerMark) -> None:
    assert codec.MARK.read(codec.MARK.write(mark)) == mark


def test_pairs_of_before_and_after_stay_pairs_and_their_values_lists() -> None:
    text = '{"id":{"kind":"table","path":["a"],"args":""},"change":"changed",'
    text += '"attributes":{"options":[["a"],null]},"contains":[]}'
    finding = f'{{"change":{text},"direction":"ahead","severity":"info","cls":"structure",'
    finding += '"origin":null,"first_seen":"2026-11-22T09:30:00Z"}'
    standing = f'[{{"yardstick":"sync","outcome":"drifted","findings":[{finding}]}}]'

    (against,) = codec.AGAINST.read(standing)

    change = against.findings[0].change
    assert change.attributes == {"options": (["a"], None)}
    assert change.id.path == ("a",)


def test_a_noun_that_cannot_be_read_is_damage_and_is_not_quoted() -> None:
    with pytest.raises(StoreError, match="incident that cannot be read") as caught:
        codec.INCIDENT.read('{"id": "hunter2"}')

    assert caught.value.reason == "damaged"
    assert "hunter2" not in str(caught.value)


async def _through_a_file(kept: Snapshot, agreed: Agreed) -> tuple[Snapshot, Agreed]:
    with tempfile.TemporaryDirectory() as folder:
        url = f"sqlite:///{folder}/pgdrift.db"
        async with open_store(url) as store:
            step = Step("prod", NOW, Outcome.IN_SYNC, snapshot=kept, agreed=agreed)
            await store.save(step)
        async with open_store(url) as store:
            book = await store.load("prod")
    assert book.snapshot is not None
    assert book.agreed is not None
    return book.snapshot, book.agreed


@settings(max_examples=40, deadline=None)
@given(nouns.snapshots(), nouns.snapshots(), st.frozensets(nouns.ids, max_size=3))
def test_a_snapshot_is_read_from_its_file_as_it_was_kept(
    kept: Snapshot, other: Snapshot, unknown: frozenset[ObjectId]
) -> None:
    read, agreed = asyncio.run(_through_a_file(kept, Agreed(other, unknown)))

    assert read == kept
    assert read.root == kept.root
    assert {i: o.oid for i, o in read.objects.items()} == {
        i: o.oid for i, o in kept.objects.items()
    }
    assert agreed == Agreed(other, unknown)


def test_what_an_older_release_kept_is_read() -> None:
    # Without what came later: what was renamed, and which rule left out how much.
    change = {"id": ["table", ["public", "t"], ""], "change": "added", "attributes": {}}
    finding = {
        "change": change,
        "direction": "changed",
        "severity": "warning",
        "cls": "structure",
        "origin": None,
        "first_seen": "2026-11-22T12:00:00Z",
    }
    kept = [{"yardstick": "sync", "outcome": "drifted", "findings": [finding], "ignored": 2}]
    (against,) = codec.AGAINST.read(json.dumps(kept))
    assert (against.ignored, against.ignored_by) == (2, ())
    assert against.findings[0].change.renamed is None


def test_a_rename_is_kept() -> None:
    change = Change(
        ObjectId("table", ("public", "t")),
        ChangeType.ADDED,
        {},
        renamed=Renamed(ObjectId("table", ("public", "old")), sure=True),
    )
    found = Finding(change, Direction.CHANGED, Severity.WARNING, ChangeClass.STRUCTURE, None, NOW)
    against = (Against("sync", Outcome.DRIFTED, (found,), ignored_by=(("table:*", 3),)),)
    (read,) = codec.AGAINST.read(codec.AGAINST.write(against))
    assert read.findings[0].change.renamed == change.renamed
    assert read == against[0]


def test_what_an_older_release_held_back_waits_on() -> None:
    # It kept when, and not why.
    held = ["table:public.t", "2026-11-22T12:00:00Z"]
    kept = [{"yardstick": "staging", "outcome": "unknown", "held": [held]}]
    (against,) = codec.AGAINST.read(json.dumps(kept))
    assert against.held == (Held("table:public.t", datetime(2026, 11, 22, 12, tzinfo=UTC)),)
    assert codec.AGAINST.read(codec.AGAINST.write((against,))) == (against,)
