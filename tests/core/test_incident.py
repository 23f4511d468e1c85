"""The life of an incident: opened, told on when it matters, resolved, and never by not knowing."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pgdrift.core.incident import Incident, Notice, Reason, State, Verdict, decide, step
from pgdrift.core.model import REACH, SYNC, Direction, Finding, Outcome, Severity
from tests.core.build import NOW, added, after, changed, finding, policy, removed, table_id

CRITICAL, WARNING, INFO = Severity.CRITICAL, Severity.WARNING, Severity.INFO
HOUR = timedelta(hours=1)
ONE = finding(changed(table_id("one"), owner=("a", "b")))
TWO = finding(changed(table_id("two"), owner=("a", "b")))


def found(*findings: Finding, against: str = SYNC) -> Verdict:
    outcome = Outcome.DRIFTED if findings else Outcome.IN_SYNC
    return Verdict("production", against, outcome, findings)


def unknown(*findings: Finding) -> Verdict:
    return Verdict("production", SYNC, Outcome.UNKNOWN, findings, "no route to host")


def opened(*findings: Finding, at: datetime = NOW) -> Incident:
    incident, _ = step(None, found(*findings or (ONE,)), at)
    assert incident
    return incident


LOUDER = replace(ONE, severity=CRITICAL)
QUIETER = replace(ONE, severity=INFO)
MOVED = replace(ONE, change=changed(table_id("one"), owner=("a", "c")))
TURNED = replace(ONE, direction=Direction.DIVERGED)
LATER = replace(ONE, first_seen=after(hours=-3))
CAME = finding(added(table_id("new")))
HOLDS = finding(added(table_id("new"), policy("p", "new").id))


@pytest.mark.parametrize(
    ("before", "verdict", "hours", "reason"),
    [
        (None, found(), 0, None),
        (None, unknown(), 0, None),
        (None, unknown(ONE), 0, None),
        (None, found(ONE), 0, Reason.OPENED),
        (None, found(QUIETER), 0, Reason.OPENED),
        ((ONE,), found(ONE), 1, None),
        ((ONE,), found(LATER), 1, None),  # when it was first seen is no news
        ((ONE, TWO), found(TWO, ONE), 1, None),  # nor is their order
        ((ONE,), unknown(), 99, None),
        ((ONE,), unknown(LOUDER, TWO), 99, None),
        ((ONE,), found(LOUDER), 1, Reason.WORSE),
        ((ONE,), found(ONE, replace(TWO, severity=CRITICAL)), 1, Reason.WORSE),
        ((ONE,), found(ONE, TWO), 1, Reason.CHANGED),
        ((ONE, TWO), found(ONE), 1, Reason.CHANGED),
        ((ONE,), found(TWO), 1, Reason.CHANGED),
        ((ONE,), found(MOVED), 1, Reason.CHANGED),
        ((ONE,), found(TURNED), 1, Reason.CHANGED),
        ((ONE,), found(QUIETER), 1, Reason.CHANGED),
        ((CAME,), found(HOLDS), 1, Reason.CHANGED),  # a new table got a policy
        ((finding(added(table_id())),), found(finding(removed(table_id()))), 1, Reason.CHANGED),
        ((ONE,), found(ONE), 12, Reason.REPEAT),
        ((ONE,), found(LOUDER), 12, Reason.WORSE),  # news go before repetition
        ((ONE,), found(ONE, TWO), 12, Reason.CHANGED),
        ((ONE,), found(), 1, Reason.RESOLVED),
        ((ONE,), found(), 99, Reason.RESOLVED),
    ],
)
def test_the_table_of_situations(
    before: tuple[Finding, ...] | None, verdict: Verdict, hours: int, reason: Reason | None
) -> None:
    incident = opened(*before) if before else None
    _, notice = step(incident, verdict, after(hours=hours), 12 * HOUR)
    assert (notice.reason if notice else None) is reason


def test_not_knowing_changes_nothing_at_all() -> None:
    incident = opened(ONE)
    assert step(incident, unknown(), after(days=9), HOUR) == (incident, None)
    assert step(None, unknown(), NOW, HOUR) == (None, None)


def test_what_opens_tells_all_there_is() -> None:
    incident, notice = step(None, found(ONE, LOUDER, against="staging"), NOW)
    assert incident
    assert notice
    assert notice.incident is incident
    assert (incident.environment, incident.against) == ("production", "staging")
    assert (incident.state, incident.severity, incident.revision) == (State.OPEN, CRITICAL, 1)
    assert incident.opened_at == incident.changed_at == incident.told_at == notice.at == NOW
    assert incident.findings == (ONE, LOUDER)
    assert notice.new == (ONE.key, LOUDER.key)
    assert notice.gone == ()


def test_what_goes_on_tells_what_came_and_what_went() -> None:
    incident, notice = step(opened(ONE), found(TWO), after(hours=1))
    assert incident
    assert notice
    assert notice.new == (TWO.key,)
    assert notice.gone == (ONE,)
    assert incident.findings == (TWO,)
    assert (incident.opened_at, incident.changed_at) == (NOW, after(hours=1))
    assert incident.revision == 2


def test_what_is_resolved_says_what_it_was() -> None:
    incident, notice = step(opened(ONE, TWO), found(), after(hours=1))
    assert incident
    assert notice
    assert (incident.state, incident.resolved_at) == (State.RESOLVED, after(hours=1))
    assert incident.findings == ()
    assert notice.gone == (ONE, TWO)
    assert incident.severity is WARNING


def test_without_news_the_incident_still_knows_its_present_findings() -> None:
    incident, notice = step(opened(ONE), found(LATER), after(hours=1))
    assert notice is None
    assert incident == replace(opened(ONE), findings=(LATER,))


def test_a_repetition_is_no_change() -> None:
    incident, notice = step(opened(ONE), found(ONE), after(hours=12), 12 * HOUR)
    assert incident
    assert notice
    assert (incident.changed_at, incident.told_at) == (NOW, after(hours=12))
    assert (notice.new, notice.gone) == ((), ())


@pytest.mark.parametrize(
    ("waited", "told"), [(12 * HOUR - timedelta(microseconds=1), False), (12 * HOUR, True)]
)
def test_a_repetition_counts_from_when_it_was_last_told(waited: timedelta, told: bool) -> None:
    incident, _ = step(opened(ONE), found(ONE, TWO), after(hours=5))
    assert incident
    _, notice = step(incident, found(ONE, TWO), after(hours=5) + waited, 12 * HOUR)
    assert (notice is not None) is told


def test_nothing_is_repeated_unless_asked_for() -> None:
    assert decide(opened(ONE), found(ONE), after(days=99), None) is None


def test_a_clock_that_was_set_back_tells_nothing() -> None:
    assert step(opened(ONE), found(ONE), after(days=-1), HOUR)[1] is None


def test_an_environment_that_cannot_be_looked_at_is_an_incident_of_its_own() -> None:
    away = Verdict("production", REACH, Outcome.DRIFTED, detail="refused", severity=CRITICAL)
    incident, notice = step(None, away, NOW)
    assert incident
    assert notice
    assert (incident.severity, incident.detail) == (CRITICAL, "refused")
    still = replace(away, detail="timed out")
    incident, notice = step(incident, still, after(hours=1))
    assert incident
    assert notice is None  # another reason for the same silence
    assert incident.detail == "timed out"
    back = replace(away, outcome=Outcome.IN_SYNC, detail="")
    incident, notice = step(incident, back, after(hours=2))
    assert notice
    assert notice.reason is Reason.RESOLVED


def test_incidents_have_ids_of_their_own() -> None:
    ids = {
        incident.id
        for environment in ("production", "staging")
        for against in (SYNC, REACH, "staging")
        for at in (NOW, after(microseconds=1))
        for incident in [step(None, Verdict(environment, against, Outcome.DRIFTED), at)[0]]
        if incident
    }
    assert len(ids) == 12
    assert opened(ONE).id == opened(TWO).id  # what it is about, and when; not what was found


# A whole life, at random

SEVERITIES = st.sampled_from(list(Severity))
FINDINGS = st.lists(
    st.builds(
        finding,
        st.sampled_from(
            [changed(table_id(n), owner=("a", to)) for n in ("one", "two") for to in ("b", "c")]
        ),
        SEVERITIES,
        st.sampled_from([Direction.AHEAD, Direction.BEHIND]),
    ),
    max_size=3,
    unique_by=lambda f: f.key,
).map(tuple)
VERDICTS = FINDINGS.map(lambda f: found(*f)) | FINDINGS.map(lambda f: unknown(*f))
LOOKS = st.lists(st.tuples(VERDICTS, st.integers(1, 20)), max_size=12)


def facts(verdict: Verdict) -> frozenset[tuple[str, str, str, str]]:
    return frozenset(
        (f.key, f.direction, f.severity, repr(f.change.attributes)) for f in verdict.findings
    )


def live(looks: list[tuple[Verdict, int]]) -> list[tuple[Verdict, Incident | None, Notice | None]]:
    incident, now, lived = None, NOW, []
    for verdict, hours in looks:
        now += hours * HOUR
        after_, notice = step(incident, verdict, now, 12 * HOUR)
        lived.append((verdict, after_, notice))
        incident = after_ if after_ and after_.state is State.OPEN else None
    return lived


@given(LOOKS)
def test_an_incident_is_open_exactly_while_the_last_known_answer_is_drift(
    looks: list[tuple[Verdict, int]],
) -> None:
    drifted = False
    for verdict, incident, _ in live(looks):
        if verdict.outcome is not Outcome.UNKNOWN:
            drifted = verdict.outcome is Outcome.DRIFTED
        assert (incident is not None and incident.state is State.OPEN) is drifted


@given(LOOKS)
def test_every_opening_is_followed_by_one_resolution(looks: list[tuple[Verdict, int]]) -> None:
    told = [n for _, _, n in live([*looks, (found(), 1)]) if n]
    for number, notice in enumerate(told):
        last = told[number - 1].reason if number else Reason.RESOLVED
        assert (notice.reason is Reason.OPENED) is (last is Reason.RESOLVED)
    assert not told or told[-1].reason is Reason.RESOLVED
    opened_ = [n.incident.id for n in told if n.reason is Reason.OPENED]
    resolved = [n.incident.id for n in told if n.reason is Reason.RESOLVED]
    assert opened_ == resolved
    assert len(opened_) == len(set(opened_))


@given(LOOKS)
def test_no_two_notices_share_an_id(looks: list[tuple[Verdict, int]]) -> None:
    ids = [n.id for _, _, n in live(looks) if n]
    assert len(ids) == len(set(ids))


@given(LOOKS)
def test_nothing_is_told_twice_without_news_or_a_wait_and_no_news_are_kept_back(
    looks: list[tuple[Verdict, int]],
) -> None:
    told: Verdict | None = None
    told_at = NOW
    now = NOW
    for (verdict, _, notice), (_, hours) in zip(live(looks), looks, strict=True):
        now += hours * HOUR
        if verdict.outcome is Outcome.UNKNOWN:
            assert notice is None
            continue
        before = facts(told) if told else frozenset()
        news = facts(verdict) != before
        waited = bool(before) and now - told_at >= 12 * HOUR
        assert (notice is not None) is (news or waited)
        if notice:
            assert (notice.reason is Reason.REPEAT) is not news
            told, told_at = verdict, now


@given(LOOKS)
def test_a_notice_says_what_came_and_went_since_the_one_before(
    looks: list[tuple[Verdict, int]],
) -> None:
    known: set[str] = set()
    for verdict, _, notice in live(looks):
        if notice:
            now_known = {f.key for f in verdict.findings}
            assert set(notice.new) == now_known - known
            assert {f.key for f in notice.gone} == known - now_known
            known = now_known
