"""The page that Prometheus scrapes, its promises, and its documentation."""

import shutil
import subprocess
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest
from prometheus_client.parser import text_string_to_metric_families

from pgdrift.core.alerts.incident import Incident, State
from pgdrift.core.alerts.letters import Tray
from pgdrift.core.alerts.marks import Mark, Verb
from pgdrift.core.model import Against, Origin, Outcome, Severity, Standing
from pgdrift.metrics import METRICS, NOTIFIED, Metrics, markdown
from tests.web import sample

ROOT = Path(__file__).parent.parent


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
        )

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
    fleet.metrics.known(["production", "tenant-acme", "new"], [])
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
    fleet.metrics.known(["production"], ["oncall"])
    for outcome in Outcome:
        where = {"environment": "production", "outcome": outcome.value}
        assert fleet.value("pgdrift_looks_total", **where) == 0
    for origin in Origin:
        where = {"environment": "production", "origin": origin.value}
        assert fleet.value("pgdrift_schema_changes_total", **where) == 0
    for word in NOTIFIED:
        assert fleet.value("pgdrift_notifications_total", channel="oncall", outcome=word) == 0
    assert fleet.value("pgdrift_notification_delay_seconds_count", channel="oncall") == 0
    assert fleet.value("pgdrift_change_delay_seconds_count", channel="oncall") == 0


def test_a_reload_forgets_what_is_gone_and_keeps_the_counts_of_what_stays(fleet: Fleet) -> None:
    fleet.metrics.known(["production", "old"], ["oncall", "dba"])
    fleet.metrics.looked("production", Outcome.DRIFTED, "full", 0.2)
    fleet.metrics.looked("old", Outcome.IN_SYNC, "full", 0.2)
    fleet.metrics.notified("dba", "delivered", 3.0)
    fleet.metrics.known(["production"], ["oncall"])
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
    metrics.notified("oncall", "delivered", 1.0, 30.0)
    production, oncall = {"environment": "production"}, {"channel": "oncall"}
    assert fleet.value("pgdrift_looks_total", outcome="unknown", **production) == 1
    assert fleet.value("pgdrift_look_duration_seconds_count", depth="gate") == 1
    assert fleet.value("pgdrift_schema_changes_total", origin="migration", **production) == 4
    assert fleet.value("pgdrift_schema_changes_total", origin="untracked", **production) == 1
    assert fleet.value("pgdrift_notifications_total", outcome="rate_limited", **oncall) == 1
    assert fleet.value("pgdrift_notification_delay_seconds_sum", **oncall) == 8
    assert fleet.value("pgdrift_change_delay_seconds_sum", **oncall) == 30
    assert fleet.value("pgdrift_change_delay_seconds_count", **oncall) == 1


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
    fleet.metrics.known(["production"], ["oncall"])
    fleet.metrics.looked("production", Outcome.DRIFTED, "full", 0.2)
    suffix = {"histogram": "_count"}
    for row in METRICS:
        named = fleet.named(row.name + suffix.get(row.type, ""))
        assert named, f"{row.name} is not on the page"
        assert all(n.keys() == set(row.labels) for n in named)


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
    fleet.metrics.known(["production", "staging"], [])
    fleet.metrics.heard("production")
    fleet.metrics.heard("production")
    fleet.metrics.woken("production", 0.2)
    for environment, up, heard, woken in (("production", 1, 2, 1), ("staging", 0, 0, 0)):
        assert fleet.value("pgdrift_listener_up", environment=environment) == up
        assert fleet.value("pgdrift_listener_heard_total", environment=environment) == heard
        assert fleet.value("pgdrift_wakeups_total", environment=environment) == woken
    assert fleet.value("pgdrift_wakeup_delay_seconds_count") == 1

    del fleet.ears["staging"]
    fleet.metrics.known(["production"], [])
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
    fleet.metrics.known(["production"], ["oncall"])
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
