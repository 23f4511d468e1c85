"""Who did it, in words: each degree of certainty has words of its own, and none says too much."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pgdrift.core.book import Book
from pgdrift.core.look import seen
from pgdrift.core.model import Blame, Confidence, Hint, LedgerEntry, Migration, Reading
from pgdrift.core.watched import Watched
from pgdrift.core.why.blame import blame_json, blame_line, hearsay, of_entry, of_migrations, placed
from tests.core.build import column, snap, table
from tests.core.environment import keep

AT = datetime(2026, 11, 22, 12, 3, 4, tzinfo=UTC)
LATER = AT + timedelta(seconds=30)
EXACT, WINDOW, UNKNOWN = Confidence


@pytest.mark.parametrize(
    ("blame", "words"),
    [
        (
            Blame(EXACT, "app", AT, "psql", role="owner", address="10.0.0.7"),
            "by app (as owner) from 10.0.0.7 with psql at 2026-11-22 12:03:04 UTC, exact",
        ),
        (Blame(EXACT, "app", AT, role="app"), "by app at 2026-11-22 12:03:04 UTC, exact"),
        (
            Blame(EXACT, "app", after=AT, until=LATER),
            "by app between 2026-11-22 12:03:04 and 12:03:34 UTC (on record)",
        ),
        (Blame(EXACT, "app"), "by app (on record)"),
        (
            Blame(EXACT, "app", AT, migration="42", statement="ALTER TABLE"),
            "by app in migration 42 at 2026-11-22 12:03:04 UTC, exact: ALTER TABLE",
        ),
        (
            Blame(WINDOW, after=AT, until=LATER),
            "between 2026-11-22 12:03:04 and 12:03:34 UTC, by nobody that we know",
        ),
        (
            Blame(WINDOW, after=AT - timedelta(days=1), until=AT),
            "between 2026-11-21 12:03:04 and 2026-11-22 12:03:04 UTC, by nobody that we know",
        ),
        (Blame(WINDOW, at=AT), "at 2026-11-22 12:03:04 UTC, by nobody that we know"),
        (Blame(WINDOW), "between two looks, by nobody that we know"),
        (Blame(WINDOW, until=AT), "before 2026-11-22 12:03:04 UTC, by nobody that we know"),
        (
            Blame(WINDOW, "deploy", migration="42", after=AT, until=LATER),
            "probably by deploy in migration 42 between 2026-11-22 12:03:04 and 12:03:34 UTC",
        ),
        (
            Blame(WINDOW, at=AT, hearsay="app with psql"),
            "at 2026-11-22 12:03:04 UTC, by nobody that we know; a notification names app with psql",
        ),
        (Blame(UNKNOWN), ""),
    ],
)
def test_what_is_known_is_said_and_no_more(blame: Blame, words: str) -> None:
    assert blame_line(blame) == words


def test_a_ledger_that_recorded_all_is_quoted_in_full() -> None:
    entry = LedgerEntry(
        *(1, "TABLE", "app", "t", "ALTER", "2026-11-22 21:03:04", "owner"),
        login_role="app",
        application_name="psql",
        client_address="10.0.0.7",
        command_tag="ALTER TABLE",
        recorded_at=AT,
    )
    assert of_entry(entry, "42") == Blame(
        EXACT, "app", AT, "psql", "42", role="owner", address="10.0.0.7", statement="ALTER TABLE"
    )


def test_an_old_ledger_names_the_effective_role_and_no_time() -> None:
    entry = LedgerEntry(1, "TABLE", "app", "t", "ALTER", "2026-11-22 21:03:04", "owner")
    assert of_entry(entry) == Blame(EXACT, "owner")


def test_migrations_of_one_window_name_whoever_applied_them_all() -> None:
    one, two = Migration("7", by="ann"), Migration("8", by="ben")
    assert of_migrations([one]) == Blame(WINDOW, "ann", migration="7")
    assert of_migrations([one, two]) == Blame(WINDOW, migration="7, 8")
    assert of_migrations([replace(one, applied=False)]).migration == "7 (rolled back)"


HINT = Hint("ALTER TABLE", ("table app.t",), by="app", application="psql")


def test_a_notification_is_hearsay_and_counts_only_where_nobody_is_named() -> None:
    heard = hearsay(["app.t.c", "app.t"], [HINT, replace(HINT, by=""), HINT])
    assert heard == "app with psql"
    assert hearsay(["app.t2"], [HINT]) is None
    assert hearsay(["t"], [HINT]) is None
    many = [replace(HINT, by=f"r{n}", application="") for n in range(9)]
    assert hearsay(["app.t"], many) == "r0 or r1 or r2"
    assert placed(Blame(WINDOW), None, AT, heard=heard).hearsay == heard
    assert placed(Blame(EXACT, "ann"), None, AT, heard=heard).hearsay is None


def test_a_name_cannot_leave_its_line() -> None:
    said = blame_line(Blame(EXACT, "a\nb\u202e", AT, "x\ty"))
    assert said == 'by "a\\nb\\u202e" with "x y" at 2026-11-22 12:03:04 UTC, exact'


def test_a_name_cannot_pass_for_our_words() -> None:
    forged = 'psql at 1999-01-01 UTC, exact"'
    assert blame_line(Blame(WINDOW, "ann", application=forged)) == (
        'probably by ann with "psql at 1999-01-01 UTC, exact"""'
    )


def test_the_time_on_record_counts_before_that_of_the_commit() -> None:
    assert placed(Blame(EXACT, "a", AT), None, LATER, LATER).at == AT
    assert placed(Blame(WINDOW), None, LATER, AT) == Blame(WINDOW, at=AT, until=LATER)


texts = st.none() | st.text(max_size=5)


@given(
    st.builds(
        Blame, st.sampled_from(Confidence), texts, st.none() | st.just(AT), texts, texts, texts
    )
)
def test_a_window_is_never_told_as_exact(blame: Blame) -> None:
    said = blame_line(blame)
    assert not said.endswith((", exact", "(on record)")) or blame.confidence is EXACT
    assert blame_json(blame)["confidence"] == blame.confidence.value


def test_a_look_gives_its_findings_the_commit_and_the_hearsay() -> None:
    watched, now = Watched("production"), AT + timedelta(hours=1)
    first = seen(watched, Book("production"), Reading(snap(table()), "g"), None, AT)
    book = keep(Book("production"), first.step)
    hint = replace(HINT, objects=("table public.orders",))
    new = Reading(snap(table(), column("x")), "h", committed={column("x").id: AT}, hints=(hint,))
    (against,) = seen(watched, book, new, None, now).step.against or ()
    (finding,) = against.findings
    assert finding.blame == Blame(WINDOW, at=AT, after=AT, until=now, hearsay="app with psql")
