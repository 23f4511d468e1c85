"""Every metric in one table, by what it is about, and what their labels can hold.

A name or label here is a contract: `make docs` writes docs/metrics.md from it. A metric is one
row: with `read` a gauge that is derived at each scrape, else it keeps what happened.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Literal

from pgdrift.metrics import derived
from pgdrift.metrics.derived import Sample, Seen

PLANNED = ("made", "nothing", "failed")
"""What becomes of one try to make the plan of an incident."""

NOTIFIED = (
    "delivered",
    "unreachable",
    "rate_limited",
    "refused",
    "authentication",
    "invalid",
    "bug",
)
"""What becomes of one try to notify: it arrived, or the reason of a SinkError."""

DEPTHS = ("gate", "incremental", "full")
"""How deep a look went: nothing had moved, or it read the catalog."""


@dataclass(frozen=True, slots=True)
class Row:
    """One metric. `read` derives a gauge at scrape; without it, the metric keeps what happened."""

    name: str
    type: Literal["gauge", "counter", "histogram", "summary"]
    help: str
    labels: tuple[str, ...] = ()
    read: Callable[[Seen], Iterable[Sample]] | None = None
    buckets: tuple[float, ...] = ()


LABELS: Mapping[str, str] = {
    "environment": "a name under `environments` of the configuration",
    "follows": "the upstream as the configuration names it; empty without one",
    "protected": "`true`, `false`",
    "against": "a yardstick: `sync` (the own sync point), the upstream's name, `ledger`, `reach`"
    " (whether it can be looked at)",
    "outcome": "of an environment and of looks: `in_sync`, `drifted`, `unknown`; of notifications:"
    " `delivered`, `unreachable`, `rate_limited`, `refused`, `authentication`, `invalid`, `bug`; of"
    " plans: `made`, `nothing`, `failed`",
    "direction": "`ahead`, `behind`, `diverged`, `unknown`; against the own sync point `changed`",
    "severity": "`critical`, `warning`, `info`",
    "class": "`security`, `structure`, `behaviour`, `performance`, `cosmetic`",
    "origin": "`migration`, `tracked` (in the ledger), `untracked`",
    "state": "of incidents: `pending`, `open`, `acknowledged`, `silenced`; of ignore rules:"
    " `active`, `expired`, `unmatched`",
    "kind": "a kind of object, or a reason not to compare, of [coverage](coverage.md)",
    "depth": "`gate` (nothing had moved), `incremental` (what moved was read), `full` (all was)",
    "channel": "a name under `alerts.channels` of the configuration",
    "since": "`recorded` (by the ledger or the server's commit times), `heard` (by a notification),"
    " `seen` (by a look)",
    "group": "a `group` of the configuration, or the name of a section of `discover`",
    "variant": "`1` (the largest) to `9`, and `others`",
    "public_url": "`web.public_url` of the configuration",
    "version": "the version that runs",
}
"""What each label can hold: what a configuration names, or words of ours. Never a schema's."""

_ENVIRONMENTS = (
    Row(
        "pgdrift_environment_info",
        "gauge",
        "Constant 1, with what the configuration says of the environment.",
        ("environment", "follows", "protected"),
        derived.environments,
    ),
    Row(
        "pgdrift_interval_seconds",
        "gauge",
        "Seconds between two looks, as configured; after failures it is more.",
        ("environment",),
        derived.intervals,
    ),
    Row(
        "pgdrift_environment_up",
        "gauge",
        "Whether the latest look at the environment could see it (1) or not (0).",
        ("environment",),
        derived.up,
    ),
    Row(
        "pgdrift_outcome",
        "gauge",
        "1 for the outcome of the latest look over all yardsticks, 0 for the others.",
        ("environment", "outcome"),
        derived.outcomes,
    ),
    Row(
        "pgdrift_in_sync",
        "gauge",
        "Whether the environment is as it should be (1) or drifted (0); absent while unknown.",
        ("environment", "against"),
        derived.in_sync,
    ),
    Row(
        "pgdrift_last_look_timestamp_seconds",
        "gauge",
        "When the environment was last seen: the latest look that succeeded.",
        ("environment",),
        derived.last_look,
    ),
    Row(
        "pgdrift_sync_point_timestamp_seconds",
        "gauge",
        "When the environment was last declared right.",
        ("environment",),
        derived.sync_point,
    ),
    Row(
        "pgdrift_plan_in_flight",
        "gauge",
        "Whether pgdrift was writing to the environment at the latest look, as a plan is run (1).",
        ("environment",),
        derived.at_work,
    ),
    Row(
        "pgdrift_objects",
        "gauge",
        "Objects that the latest successful look read.",
        ("environment",),
        derived.objects,
    ),
    Row(
        "pgdrift_not_compared",
        "gauge",
        "Objects that exist and were not compared, by kind.",
        ("environment", "kind"),
        derived.not_compared,
    ),
)

_FINDINGS = (
    Row(
        "pgdrift_findings",
        "gauge",
        "Objects that are not as they should be, at the latest look.",
        ("environment", "against", "direction", "severity", "class"),
        derived.findings,
    ),
    Row(
        "pgdrift_late_findings",
        "gauge",
        "Findings that wait for promotion longer than `promotion_lag` allows.",
        ("environment", "against"),
        derived.late,
    ),
    Row(
        "pgdrift_untracked_findings",
        "gauge",
        "Findings that no migration and no ledger explains.",
        ("environment", "against"),
        derived.untracked,
    ),
    Row(
        "pgdrift_oldest_finding_timestamp_seconds",
        "gauge",
        "When the oldest finding that lasts was first seen; absent without findings.",
        ("environment", "against"),
        derived.oldest,
    ),
    Row(
        "pgdrift_accepted_findings",
        "gauge",
        "Findings that somebody called right; they are in no other count.",
        ("environment", "against"),
        derived.accepted,
    ),
    Row(
        "pgdrift_next_acceptance_end_timestamp_seconds",
        "gauge",
        "When the first of the accepted findings counts as drift again; absent where none does.",
        ("environment",),
        derived.acceptance_ends,
    ),
    Row(
        "pgdrift_migrations_missing",
        "gauge",
        "Migrations that the upstream's history has and the environment's has not.",
        ("environment", "against"),
        derived.migrations_missing,
    ),
    Row(
        "pgdrift_migrations_total",
        "counter",
        "Migrations that looks saw newly applied.",
        ("environment",),
    ),
    Row(
        "pgdrift_schema_changes_total",
        "counter",
        "Objects that were seen to change, by why they changed.",
        ("environment", "origin"),
    ),
    Row(
        "pgdrift_incidents",
        "gauge",
        "Incidents by state: pending (not told yet), open, acknowledged, silenced.",
        ("environment", "state"),
        derived.incidents,
    ),
    Row(
        "pgdrift_incident_duration_seconds",
        "summary",
        "How long incidents were open that people were told of, counted when each is over.",
        ("environment", "against"),
    ),
    Row(
        "pgdrift_ignore_rules",
        "gauge",
        "Ignore rules: active; expired (their last day is over); unmatched (nothing to leave out).",
        ("state",),
        derived.ignore_rules,
    ),
)

_LOOKS = (
    Row(
        "pgdrift_looks_total",
        "counter",
        "Looks at the environment, by what they found.",
        ("environment", "outcome"),
    ),
    Row(
        "pgdrift_look_duration_seconds",
        "histogram",
        "How long a look took: gate (nothing had moved), incremental (what moved) or full.",
        ("depth",),
        buckets=(0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0),
    ),
    Row(
        "pgdrift_environment_look_duration_seconds",
        "summary",
        "How long looks at the environment took: gate (nothing had moved), incremental or full.",
        ("environment", "depth"),
    ),
    Row(
        "pgdrift_listener_up",
        "gauge",
        "Whether notifications of the environment's server are listened to (1) or not (0); absent"
        " where they are not to be.",
        ("environment",),
        derived.listeners,
    ),
    Row(
        "pgdrift_listener_heard_total",
        "counter",
        "Notifications of the environment's server that were heard.",
        ("environment",),
    ),
    Row(
        "pgdrift_wakeups_total",
        "counter",
        "Looks at the environment that notifications asked for; many of them are one look.",
        ("environment",),
    ),
    Row(
        "pgdrift_wakeup_delay_seconds",
        "histogram",
        "Time from the first notification heard until the look that it asked for was kept.",
        buckets=(0.1, 0.15, 0.2, 0.3, 0.5, 0.75, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0),
    ),
)

_TELLING = (
    Row(
        "pgdrift_notifications_total",
        "counter",
        "Tries to notify: delivered, or why not (unreachable, rate_limited, refused, …).",
        ("channel", "outcome"),
    ),
    Row(
        "pgdrift_notification_delay_seconds",
        "histogram",
        "Time from the decision to tell until the channel took the message.",
        ("channel",),
        buckets=(0.5, 1.0, 2.5, 5.0, 15.0, 30.0, 60.0, 300.0, 900.0, 3600.0, 21600.0),
    ),
    Row(
        "pgdrift_commit_to_delivery_seconds",
        "histogram",
        "Time from the commit of what is told as new, as far as known, until the channel took it.",
        ("channel", "since"),
        buckets=(0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 120.0, 300.0, 900.0, 3600.0, 21600.0),
    ),
    Row(
        "pgdrift_notifications_waiting",
        "gauge",
        "Notifications that were decided and have not arrived yet.",
        ("channel",),
        derived.waiting,
    ),
    Row(
        "pgdrift_notifications_oldest_waiting_timestamp_seconds",
        "gauge",
        "When the oldest notification was decided that has not arrived yet; absent for none.",
        ("channel",),
        derived.oldest_waiting,
    ),
    Row(
        "pgdrift_channel_up",
        "gauge",
        "1 while a channel can be told, 0 while it counts as dead (`alerts.dead_after`).",
        ("channel",),
        derived.channels_up,
    ),
    Row(
        "pgdrift_notifications_given_up",
        "gauge",
        "Notifications that never arrived and are not tried any more, of those that are kept.",
        ("channel",),
        derived.given_up,
    ),
)

_REPLICAS = (
    Row(
        "pgdrift_replicas",
        "gauge",
        "How many replicas share the environments, as this one sees it; absent without replicas.",
        read=derived.replicas,
    ),
    Row(
        "pgdrift_replica_leads",
        "gauge",
        "Whether this replica does what is done once for all: tell, answer, forget what is old.",
        read=derived.leading,
    ),
    Row(
        "pgdrift_environments_unwatched",
        "gauge",
        "Environments of the configuration that no replica watches, as this one sees it.",
        read=derived.unwatched,
    ),
)

_ITSELF = (
    Row(
        "pgdrift_build_info",
        "gauge",
        "Constant 1, with the version that runs.",
        ("version",),
        derived.build,
    ),
    Row(
        "pgdrift_web_info",
        "gauge",
        "Constant 1, with the address under which people reach the page; absent without one.",
        ("public_url",),
        derived.page,
    ),
    Row(
        "pgdrift_config_last_reload_successful",
        "gauge",
        "Whether the configuration could be read when it was last tried (1) or not (0).",
    ),
    Row(
        "pgdrift_config_last_reload_success_timestamp_seconds",
        "gauge",
        "When the configuration was last read without error.",
    ),
    Row(
        "pgdrift_event_loop_lag_seconds",
        "histogram",
        "How much later than asked the event loop woke what had slept, tried once a second.",
        buckets=(0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0),
    ),
    Row(
        "pgdrift_store_save_duration_seconds",
        "histogram",
        "How long it took to keep one look in the store, whether that succeeded or not.",
        buckets=(0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0),
    ),
    Row(
        "pgdrift_plans_made_total",
        "counter",
        "Tries to make the plan of an incident, by what became of them.",
        ("outcome",),
    ),
    Row(
        "pgdrift_store_size_bytes",
        "gauge",
        "Room that the store takes on its disk.",
    ),
)

_FLEET = (
    Row(
        "pgdrift_group_environments",
        "gauge",
        "Environments of a group, by how they stand.",
        ("group", "outcome"),
        derived.group_environments,
    ),
    Row(
        "pgdrift_group_variants",
        "gauge",
        "How many variants there are in a group: environments that are alike are one.",
        ("group",),
        derived.group_variants,
    ),
    Row(
        "pgdrift_variant_environments",
        "gauge",
        "Environments of each variant of a group: 1 is the largest, then 2, up to 9; others.",
        ("group", "variant"),
        derived.variant_environments,
    ),
    Row(
        "pgdrift_group_findings",
        "gauge",
        "Findings of all environments of a group.",
        ("group", "severity"),
        derived.group_findings,
    ),
    Row(
        "pgdrift_group_last_look_timestamp_seconds",
        "gauge",
        "When the environment of a group was last seen that was seen longest ago.",
        ("group",),
        derived.group_last_look,
    ),
)

GROUPS: Mapping[str, tuple[Row, ...]] = {
    "Environments": _ENVIRONMENTS,
    "Findings and incidents": _FINDINGS,
    "Groups": _FLEET,
    "Looks": _LOOKS,
    "Telling": _TELLING,
    "Replicas": _REPLICAS,
    "pgdrift itself": _ITSELF,
}
METRICS: tuple[Row, ...] = tuple(row for rows in GROUPS.values() for row in rows)

PROCESS: tuple[Row, ...] = (
    Row("process_virtual_memory_bytes", "gauge", "Virtual memory size in bytes."),
    Row("process_resident_memory_bytes", "gauge", "Resident memory size in bytes."),
    Row(
        "process_start_time_seconds",
        "gauge",
        "Start time of the process since unix epoch in seconds.",
    ),
    Row("process_cpu_seconds_total", "counter", "Total user and system CPU time spent in seconds."),
    Row("process_open_fds", "gauge", "Number of open file descriptors."),
    Row("process_max_fds", "gauge", "Maximum number of open file descriptors."),
    Row(
        "python_info",
        "gauge",
        "Python platform information",
        ("version", "implementation", "major", "minor", "patchlevel"),
    ),
)
"""What the client library adds by itself, on Linux, in its own words."""
