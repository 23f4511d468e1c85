"""The page that Prometheus scrapes, its promises, and its documentation."""

import shutil
import subprocess
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from prometheus_client.parser import text_string_to_metric_families

from pgdrift.core.alerts.incident import Incident, State
from pgdrift.core.alerts.letters import Tray
from pgdrift.core.alerts.marks import Mark, Right, Verb
from pgdrift.core.alerts.news import Since
from pgdrift.core.duties import Replicas
from pgdrift.core.model import Against, Origin, Outcome, Severity, Standing
from pgdrift.metrics import LABELS, METRICS, NOTIFIED, Metrics, Named, markdown
from tests.web import sample

ROOT = Path(__file__).parent.parent


def named(*environments: str) -> dict[str, Named]:
    return {name: Named(30.0) for name in environments}


class Fleet:
    """What the metrics look at; a test changes it and scrapes again."""

    def __init__(self) -> None:
        self.standings: dict[str, Standing] = sample.standings()
        self.incidents: list[Incident] = sample.incidents()
        self.ears = {"production": True}
        self.trays = [Tray("oncall", waiting=1, oldest_at=datetime(2026, 11, 22, tzinfo=UTC))]
        self.marks: tuple[Mark, ...] = ()
        self.metrics = Metrics(
            lambda: self.standings,
            lambda: self.incidents,
            lambda: sample.NOW,
            ears=lambda: self.ears,
            trays=lambda: self.trays,
            marks=lambda: self.marks,
            replicas=lambda: Replicas("a:1", ("a:1", "b:1"), {"east": "b:1", "west": None}, "a:1"),
        )

    def accept(self, environment: str, until: datetime | None) -> None:
        """Call the first finding of an environment right, whatever it was called before."""
        standing = self.standings[environment]
        against = standing.against[-1]
        called = (*against.accepted, *against.findings)[0]
        right = replace(against, accepted=(called,), findings=against.findings[1:])
        self.standings[environment] = replace(standing, against=(*standing.against[:-1], right))
        bound = Right(against.yardstick, called.key, "")
        mark = Mark(len(self.marks), Verb.ACCEPT, "ada", "so", sample.NOW, until, environment)
        self.marks = (*self.marks, replace(mark, findings=(bound,)))

    def series(self) -> dict[tuple[str, frozenset[tuple[str, str]]], float]:
        text = self.metrics.render()[0].decode()
        return {
            (s.name, frozenset(s.labels.items())): s.value
            for family in text_string_to_metric_families(text)
            for s in family.samples
        }

    def value(self, metric: str, **labels: str) -> float | None:
        return self.series().get((metric, frozenset(labels.items())))

    def named(self, metric: str) -> list[dict[str, str]]:
        return [dict(labels) for name, labels in self.series() if name == metric]


@pytest.fixture
def fleet() -> Fleet:
    return Fleet()


def test_in_sync_is_said_per_yardstick_and_absent_while_unknown(fleet: Fleet) -> None:
    assert fleet.value("pgdrift_in_sync", environment="staging", against="sync") == 1
    assert fleet.value("pgdrift_in_sync", environment="staging", against="development") == 0
    assert "tenant-acme" not in {n["environment"] for n in fleet.named("pgdrift_in_sync")}


def test_an_environment_that_cannot_be_seen_is_never_in_sync(fleet: Fleet) -> None:
    # Whatever its yardsticks said before: an old answer is no answer.
    clean = sample.clean()["staging"]
    fleet.standings = {"staging": replace(clean, outcome=Outcome.UNKNOWN, looked_at=sample.NOW)}
    assert fleet.value("pgdrift_environment_up", environment="staging") == 0
    assert fleet.named("pgdrift_in_sync") == []


def test_an_unknown_upstream_leaves_the_answer_about_the_sync_point(fleet: Fleet) -> None:
    against = (Against("sync", Outcome.IN_SYNC), Against("development", Outcome.UNKNOWN))
    staging = replace(sample.clean()["staging"], outcome=Outcome.UNKNOWN, against=against)
    fleet.standings = {"staging": staging}
    assert fleet.value("pgdrift_environment_up", environment="staging") == 1
    assert fleet.named("pgdrift_in_sync") == [{"environment": "staging", "against": "sync"}]


def test_up_is_zero_for_what_cannot_be_seen_or_was_not_yet(fleet: Fleet) -> None:
    fleet.metrics.known(named("production", "tenant-acme", "new"), [])
    assert fleet.value("pgdrift_environment_up", environment="production") == 1
    assert fleet.value("pgdrift_environment_up", environment="tenant-acme") == 0
    assert fleet.value("pgdrift_environment_up", environment="new") == 0


def test_findings_are_counted_by_what_they_are(fleet: Fleet) -> None:
    where = {"environment": "production", "against": "staging"}
    total = [n for n in fleet.named("pgdrift_findings") if where.items() <= n.items()]
    assert len(total) == 5
    security = {"direction": "ahead", "severity": "critical", "class": "security"}
    assert fleet.value("pgdrift_findings", **where, **security) == 1


def test_what_was_mended_leaves_no_series(fleet: Fleet) -> None:
    assert fleet.named("pgdrift_findings")
    fleet.standings = sample.clean()
    assert fleet.named("pgdrift_findings") == []
    assert fleet.named("pgdrift_oldest_finding_timestamp_seconds") == []
    assert fleet.value("pgdrift_in_sync", environment="production", against="staging") == 1


def test_findings_of_a_fleet_out_of_sight_stay(fleet: Fleet) -> None:
    # Unknown resolves nothing.
    production = fleet.standings["production"]
    before = fleet.named("pgdrift_findings")
    fleet.standings["production"] = replace(
        production, outcome=Outcome.UNKNOWN, looked_at=sample.NOW
    )
    assert fleet.named("pgdrift_findings") == before


def test_times_are_those_of_the_oldest_finding_the_last_sight_and_the_sync_point(
    fleet: Fleet,
) -> None:
    where = {"environment": "production"}
    oldest = fleet.value("pgdrift_oldest_finding_timestamp_seconds", against="staging", **where)
    assert oldest == sample.LATE.first_seen.timestamp()
    tenant = fleet.value("pgdrift_last_look_timestamp_seconds", environment="tenant-acme")
    assert tenant == sample.ago(hours=6).timestamp()
    synced = fleet.value("pgdrift_sync_point_timestamp_seconds", **where)
    assert synced == sample.ago(days=9).timestamp()


def test_the_rest_of_a_standing_is_there(fleet: Fleet) -> None:
    where = {"environment": "production"}
    assert fleet.value("pgdrift_migrations_missing", against="staging", **where) == 2
    assert fleet.value("pgdrift_migrations_missing", against="sync", **where) is None
    assert fleet.value("pgdrift_not_compared", kind="operator_class", **where) == 3
    assert fleet.value("pgdrift_objects", **where) == 412


def test_incidents_are_counted_by_state_and_none_open_is_zero(fleet: Fleet) -> None:
    assert fleet.value("pgdrift_incidents", environment="production", state="open") == 1
    assert fleet.value("pgdrift_incidents", environment="staging", state="open") == 0
    fleet.incidents = [replace(fleet.incidents[0], state=State.RESOLVED)]
    assert fleet.value("pgdrift_incidents", environment="production", state="open") == 0
    assert fleet.value("pgdrift_incidents", environment="production", state="resolved") == 1


def test_counters_begin_at_zero_for_what_the_configuration_names(fleet: Fleet) -> None:
    fleet.metrics.known(named("production"), ["oncall"])
    for outcome in Outcome:
        where = {"environment": "production", "outcome": outcome.value}
        assert fleet.value("pgdrift_looks_total", **where) == 0
    for origin in Origin:
        where = {"environment": "production", "origin": origin.value}
        assert fleet.value("pgdrift_schema_changes_total", **where) == 0
    for word in NOTIFIED:
        assert fleet.value("pgdrift_notifications_total", channel="oncall", outcome=word) == 0
    assert fleet.value("pgdrift_notification_delay_seconds_count", channel="oncall") == 0


def test_a_reload_forgets_what_is_gone_and_keeps_the_counts_of_what_stays(fleet: Fleet) -> None:
    fleet.metrics.known(named("production", "old"), ["oncall", "dba"])
    fleet.metrics.looked("production", Outcome.DRIFTED, "full", 0.2)
    fleet.metrics.looked("old", Outcome.IN_SYNC, "full", 0.2)
    fleet.metrics.notified("dba", "delivered", 3.0)
    fleet.metrics.known(named("production"), ["oncall"])
    kept = {"environment": "production", "outcome": "drifted"}
    assert fleet.value("pgdrift_looks_total", **kept) == 1
    labels = [label for _, label in fleet.series()]
    assert not any(("environment", "old") in label for label in labels)
    assert not any(("channel", "dba") in label for label in labels)


def test_events_count(fleet: Fleet) -> None:
    metrics = fleet.metrics
    metrics.looked("production", Outcome.UNKNOWN, "gate", 0.003)
    metrics.changed("production", Origin.MIGRATION, 4)
    metrics.changed("production", None)
    metrics.notified("oncall", "rate_limited")
    metrics.notified("oncall", "delivered", 7.0)
    metrics.told_of("oncall", Since.RECORDED, timedelta(seconds=8))
    metrics.told_of("oncall", Since.RECORDED, timedelta(seconds=-1))
    metrics.migrated("production", 2)
    metrics.saved(0.25)
    metrics.lagged(-0.001)
    metrics.stored(4096)
    production, oncall = {"environment": "production"}, {"channel": "oncall"}
    assert fleet.value("pgdrift_looks_total", outcome="unknown", **production) == 1
    assert fleet.value("pgdrift_look_duration_seconds_count", depth="gate") == 1
    assert fleet.value("pgdrift_schema_changes_total", origin="migration", **production) == 4
    assert fleet.value("pgdrift_schema_changes_total", origin="untracked", **production) == 1
    assert fleet.value("pgdrift_notifications_total", outcome="rate_limited", **oncall) == 1
    assert fleet.value("pgdrift_notification_delay_seconds_sum", **oncall) == 7
    of_environment = "pgdrift_environment_look_duration_seconds_sum"
    assert fleet.value(of_environment, depth="gate", **production) == 0.003
    from_commit = "pgdrift_commit_to_delivery_seconds"
    assert fleet.value(f"{from_commit}_sum", since="recorded", **oncall) == 8
    assert fleet.value(f"{from_commit}_count", since="recorded", **oncall) == 2
    assert fleet.value("pgdrift_migrations_total", **production) == 2
    assert fleet.value("pgdrift_store_save_duration_seconds_sum") == 0.25
    assert fleet.value("pgdrift_event_loop_lag_seconds_sum") == 0
    assert fleet.value("pgdrift_store_size_bytes") == 4096


def test_a_failed_reload_keeps_the_time_of_the_last_good_one(fleet: Fleet) -> None:
    fleet.metrics.reloaded(ok=False)
    assert fleet.value("pgdrift_config_last_reload_successful") == 0
    good = fleet.value("pgdrift_config_last_reload_success_timestamp_seconds")
    assert good == sample.NOW.timestamp()


def test_two_registries_do_not_meet() -> None:
    first, second = Fleet(), Fleet()
    first.metrics.changed("production", Origin.TRACKED)
    where = {"environment": "production", "origin": "tracked"}
    assert first.value("pgdrift_schema_changes_total", **where) == 1
    assert second.value("pgdrift_schema_changes_total", **where) is None


def test_the_page_holds_every_metric_of_the_table_with_its_labels(fleet: Fleet) -> None:
    fleet.metrics.known(named("production"), ["oncall"], "https://pgdrift.example.org")
    fleet.metrics.looked("production", Outcome.DRIFTED, "full", 0.2)
    fleet.accept("production", until=sample.NOW + timedelta(days=1))
    of_group = replace(fleet.standings["production"], group="tenants", content="5e0c9a1b")
    fleet.standings = {**fleet.standings, "production": of_group}
    suffix = {"histogram": "_count", "summary": "_count"}
    for row in METRICS:
        there = fleet.named(row.name + suffix.get(row.type, ""))
        assert there, f"{row.name} is not on the page"
        assert all(n.keys() == set(row.labels) for n in there)


def test_every_label_says_what_it_can_hold() -> None:
    assert {label for row in METRICS for label in row.labels} == LABELS.keys()


def test_a_name_says_what_it_counts_and_in_what(fleet: Fleet) -> None:
    for row in METRICS:
        assert row.name.startswith("pgdrift_")
        assert row.name.endswith("_total") is (row.type == "counter"), row.name
        if row.type in {"histogram", "summary"}:
            assert row.name.endswith("_seconds"), row.name
        if row.name.endswith("_info"):
            assert {s for (n, _), s in fleet.series().items() if n == row.name} <= {1.0}


def test_what_the_configuration_says_of_an_environment(fleet: Fleet) -> None:
    there = {"production": Named(30.0, "staging", protected=True), "new": Named(3600.0)}
    fleet.metrics.known(there, [], "https://pgdrift.example.org")
    info = fleet.named("pgdrift_environment_info")
    assert {"environment": "production", "follows": "staging", "protected": "true"} in info
    assert {"environment": "new", "follows": "", "protected": "false"} in info
    assert fleet.value("pgdrift_interval_seconds", environment="new") == 3600
    url = "https://pgdrift.example.org"
    assert fleet.value("pgdrift_web_info", public_url=url) == 1


def test_one_outcome_holds_and_what_was_never_seen_is_unknown(fleet: Fleet) -> None:
    fleet.metrics.known(named("production", "new"), [])
    for environment, now in (("production", "drifted"), ("new", "unknown")):
        holds = {
            outcome: fleet.value("pgdrift_outcome", environment=environment, outcome=outcome)
            for outcome in Outcome
        }
        assert holds == {outcome: float(outcome == now) for outcome in Outcome}


def test_late_and_untracked_findings_are_counted(fleet: Fleet) -> None:
    where = {"environment": "production", "against": "staging"}
    assert fleet.value("pgdrift_late_findings", **where) == 1
    assert fleet.value("pgdrift_untracked_findings", **where) == 3
    fleet.standings = sample.clean()
    assert fleet.value("pgdrift_late_findings", **where) == 0
    assert fleet.value("pgdrift_untracked_findings", **where) == 0


def test_the_first_acceptance_to_end_is_told_while_a_finding_is_under_it(fleet: Fleet) -> None:
    metric = "pgdrift_next_acceptance_end_timestamp_seconds"
    assert fleet.named(metric) == []
    first, later = sample.NOW + timedelta(hours=1), sample.NOW + timedelta(days=9)
    fleet.accept("production", until=first)
    assert fleet.value(metric, environment="production") == first.timestamp()
    # What is accepted for longer as well is drift only after that; without end, it never is.
    fleet.accept("production", until=later)
    assert fleet.value(metric, environment="production") == later.timestamp()
    fleet.accept("production", until=None)
    assert fleet.named(metric) == []
    # And what is no more needs nobody to look.
    fleet.marks = fleet.marks[:1]
    fleet.standings = sample.clean()
    assert fleet.named(metric) == []


def test_an_incident_that_is_over_is_counted_with_how_long_it_was_open(fleet: Fleet) -> None:
    fleet.metrics.known({"production": Named(30.0, "staging")}, [])
    metric, where = "pgdrift_incident_duration_seconds", {"environment": "production"}
    for against in ("sync", "staging", "ledger", "reach"):
        assert fleet.value(f"{metric}_count", against=against, **where) == 0
    now = sample.NOW
    open_ = Incident("i", "production", "staging", State.OPEN, Severity.CRITICAL, now, now, now)
    ended = now + timedelta(minutes=5)
    fleet.metrics.over(replace(open_, state=State.RESOLVED, resolved_at=ended))
    assert fleet.value(f"{metric}_count", against="staging", **where) == 1
    assert fleet.value(f"{metric}_sum", against="staging", **where) == 300
    # An upstream that it no longer follows leaves nothing behind, and what stays goes on.
    fleet.metrics.looked("production", Outcome.IN_SYNC, "full", 0.2)
    fleet.metrics.known({"production": Named(30.0, "development")}, [])
    assert fleet.value(f"{metric}_count", against="staging", **where) is None
    assert fleet.value(f"{metric}_count", against="development", **where) == 0
    assert fleet.value("pgdrift_looks_total", outcome="in_sync", **where) == 1


def test_how_the_channels_stand(fleet: Fleet) -> None:
    at = datetime(2026, 11, 22, 12, tzinfo=UTC)
    fleet.trays = [Tray("oncall", waiting=2, oldest_at=at, given_up=1), Tray("dba")]
    oldest = "pgdrift_notifications_oldest_waiting_timestamp_seconds"
    assert fleet.value("pgdrift_notifications_waiting", channel="oncall") == 2
    assert fleet.value("pgdrift_notifications_waiting", channel="dba") == 0
    assert fleet.value("pgdrift_notifications_given_up", channel="oncall") == 1
    assert fleet.value(oldest, channel="oncall") == at.timestamp()
    assert [n["channel"] for n in fleet.named(oldest)] == ["oncall"]


def test_who_listens_and_what_was_heard(fleet: Fleet) -> None:
    fleet.ears["staging"] = False
    fleet.metrics.known(named("production", "staging"), [])
    fleet.metrics.heard("production")
    fleet.metrics.heard("production")
    fleet.metrics.woken("production", 0.2)
    for environment, up, heard, woken in (("production", 1, 2, 1), ("staging", 0, 0, 0)):
        assert fleet.value("pgdrift_listener_up", environment=environment) == up
        assert fleet.value("pgdrift_listener_heard_total", environment=environment) == heard
        assert fleet.value("pgdrift_wakeups_total", environment=environment) == woken
    assert fleet.value("pgdrift_wakeup_delay_seconds_count") == 1

    del fleet.ears["staging"]
    fleet.metrics.known(named("production"), [])
    assert "staging" not in {
        n["environment"]
        for name in ("pgdrift_listener_up", "pgdrift_wakeups_total", "pgdrift_listener_heard_total")
        for n in fleet.named(name)
    }


def test_no_object_name_is_a_label(fleet: Fleet) -> None:
    page = fleet.metrics.render()[0].decode()
    assert "order_total" not in page
    assert "customer" not in page


def test_hostile_environment_names_are_escaped(fleet: Fleet) -> None:
    name = 'a"b\\c\nd'
    fleet.standings = {name: replace(sample.clean()["development"], environment=name)}
    assert fleet.value("pgdrift_environment_up", environment=name) == 1


@pytest.mark.skipif(not shutil.which("promtool"), reason="promtool (Prometheus) is not installed")
def test_promtool_has_nothing_to_complain_of(fleet: Fleet) -> None:
    fleet.metrics.known(named("production"), ["oncall"])
    fleet.metrics.looked("production", Outcome.DRIFTED, "full", 0.2)
    page, content_type = fleet.metrics.render()
    done = subprocess.run(
        ["promtool", "check", "metrics"], input=page, capture_output=True, check=False
    )
    assert (done.returncode, done.stdout + done.stderr) == (0, b"")
    assert content_type.startswith("text/plain; version=0.0.4")


def test_the_documentation_is_the_table() -> None:
    documented = (ROOT / "docs" / "metrics.md").read_text(encoding="utf-8")
    assert documented == markdown(), "run: make docs"


def test_an_incident_that_somebody_took_on_or_silenced_is_told_apart() -> None:
    now = sample.NOW
    open_ = Incident("i", "production", "reach", State.OPEN, Severity.CRITICAL, now, now, now)
    pending = replace(open_, id="p", state=State.PENDING)
    ack = Mark(1, Verb.ACK, "ada", "on it", now, environment="production", incident="i")
    silence = replace(ack, id=2, verb=Verb.SILENCE)
    fleet = Fleet()
    fleet.incidents = [open_, pending]
    for marks, state in (((), "open"), ((ack,), "acknowledged"), ((ack, silence), "silenced")):
        fleet.marks = marks
        assert fleet.value("pgdrift_incidents", environment="production", state=state) == 1
        assert fleet.value("pgdrift_incidents", environment="production", state="pending") == 1
