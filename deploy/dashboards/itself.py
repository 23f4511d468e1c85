"""*pgdrift itself*: whether the daemon keeps up, reaches people, and fits into its room."""

from __future__ import annotations

from grafana_foundation_sdk.models import dashboard as models

from deploy.dashboards.kit import (
    GREEN,
    ORANGE,
    RED,
    YELLOW,
    Column,
    Query,
    lines,
    number,
    rows,
    states,
)
from deploy.dashboards.page import ITSELF, choice, numbered, page

_OF = 'job=~"$job", instance=~"$instance"'
_RATE = "[$__rate_interval]"


def _quantile(share: float, metric: str, *labels: str) -> str:
    by = ", ".join(("le", *labels))
    return f"histogram_quantile({share}, sum by ({by}) (rate({metric}_bucket{{{_OF}}}{_RATE})))"


_NOW = (
    rows(
        "Running",
        "Which versions run, and where.",
        Query(f"max by (instance, version) (pgdrift_build_info{{{_OF}}})"),
        Query(f"max by (instance) (time() - process_start_time_seconds{{{_OF}}})"),
        columns=(
            Column("instance", "instance"),
            Column("version", "version"),
            Column("Value #B", "up for", unit="s"),
        ),
        width=8,
        height=4,
    ),
    number(
        "Environments",
        "Environments that are watched.",
        Query(f"count(count by (environment) (pgdrift_environment_up{{{_OF}}}))"),
        unit="none",
        steps=[(None, "text")],
    ),
    number(
        "Out of sight",
        "Environments that the latest look could not see.",
        Query(f"sum(1 - pgdrift_environment_up{{{_OF}}})"),
        unit="none",
        steps=((None, GREEN), (1.0, ORANGE)),
    ),
    number(
        "Configuration",
        "Whether the configuration could be read when it was last tried.",
        Query(f"min(pgdrift_config_last_reload_successful{{{_OF}}})"),
        unit="none",
        steps=((None, RED), (1.0, GREEN)),
        words={"1": ("read", GREEN), "0": ("refused", RED)},
    ),
    number(
        "Configuration read",
        "How long ago the configuration was last read without error.",
        Query(f"time() - min(pgdrift_config_last_reload_success_timestamp_seconds{{{_OF}}})"),
        unit="s",
        steps=[(None, "text")],
    ),
)

_LOOP = (
    lines(
        "Loop lag",
        "How much later than asked the event loop wakes what slept: above a tenth of a second"
        " something blocks it, or CPU is withheld.",
        Query(_quantile(0.5, "pgdrift_event_loop_lag_seconds"), "half are below"),
        Query(_quantile(0.99, "pgdrift_event_loop_lag_seconds"), "99 % are below"),
        unit="s",
        steps=((None, "transparent"), (0.1, ORANGE), (1.0, RED)),
    ),
    lines(
        "Age of the latest look",
        "How long ago the environments were seen that were not seen for longest.",
        Query(f"topk(5, time() - pgdrift_last_look_timestamp_seconds{{{_OF}}})", "{{environment}}"),
        unit="s",
        steps=((None, "transparent"), (600.0, ORANGE)),
    ),
    lines(
        "Looks",
        "Looks a second, over all environments, by what they found.",
        Query(f"sum by (outcome) (rate(pgdrift_looks_total{{{_OF}}}{_RATE}))", "{{outcome}}"),
        unit="ops",
        stacked=True,
        width=8,
    ),
    lines(
        "Duration of looks",
        "How long nearly all looks take: gate, where nothing had moved; full, where the catalog was"
        " read.",
        Query(_quantile(0.95, "pgdrift_look_duration_seconds", "depth"), "95 % of {{depth}}"),
        unit="s",
        width=8,
    ),
    lines(
        "From a notification to the look",
        "How long after a notification the look that it asked for was kept.",
        Query(_quantile(0.95, "pgdrift_wakeup_delay_seconds"), "95 % are below"),
        unit="s",
        width=8,
    ),
)

_QUEUE = (
    lines(
        "Waiting",
        "Notifications that were decided and have not arrived yet, those held for quiet hours too.",
        Query(f"sum by (channel) (pgdrift_notifications_waiting{{{_OF}}})", "{{channel}}"),
        unit="short",
        stacked=True,
        width=8,
    ),
    lines(
        "Oldest that waits",
        "How long ago that was decided which waits for longest; nothing while nothing waits.",
        Query(
            "time() - min by (channel)"
            f" (pgdrift_notifications_oldest_waiting_timestamp_seconds{{{_OF}}})",
            "{{channel}}",
        ),
        unit="s",
        steps=((None, "transparent"), (900.0, ORANGE)),
        width=8,
    ),
    lines(
        "Given up",
        "Notifications that never arrived and are not tried any more.",
        Query(f"sum by (channel) (pgdrift_notifications_given_up{{{_OF}}})", "{{channel}}"),
        unit="short",
        steps=((None, "transparent"), (1.0, RED)),
        width=8,
    ),
)

_DELIVERY = (
    states(
        "Channels",
        "Which channels can be told: one to which nothing arrives for alerts.dead_after is dead.",
        Query(f"min by (channel) (pgdrift_channel_up{{{_OF}}})", "{{channel}}"),
        {"1": ("up", GREEN), "0": ("dead", RED)},
        width=8,
    ),
    lines(
        "Tries",
        "Tries to notify, by what became of them.",
        Query(
            f"sum by (outcome) (increase(pgdrift_notifications_total{{{_OF}}}{_RATE})) > 0",
            "{{outcome}}",
        ),
        unit="short",
        stacked=True,
        width=8,
    ),
    lines(
        "From the decision to the delivery",
        "How long nearly all messages take from the decision to tell until the channel has them.",
        Query(_quantile(0.95, "pgdrift_notification_delay_seconds", "channel"), "{{channel}}"),
        unit="s",
        steps=((None, "transparent"), (60.0, YELLOW)),
        width=8,
    ),
    lines(
        "From the commit to the delivery",
        "How long half and nearly all of what is new takes from its commit, as far as known, until"
        " people have it.",
        Query(_quantile(0.5, "pgdrift_commit_to_delivery_seconds", "since"), "half, {{since}}"),
        Query(_quantile(0.95, "pgdrift_commit_to_delivery_seconds", "since"), "95 %, {{since}}"),
        unit="s",
        steps=((None, "transparent"), (60.0, YELLOW)),
        width=24,
    ),
)

_ROOM = (
    lines(
        "Store",
        "Room that the store takes on its disk.",
        Query(f"max by (instance) (pgdrift_store_size_bytes{{{_OF}}})", "{{instance}}"),
        unit="bytes",
        width=8,
    ),
    lines(
        "Keeping a look",
        "How long it takes to keep one look in the store.",
        Query(_quantile(0.5, "pgdrift_store_save_duration_seconds"), "half are below"),
        Query(_quantile(0.99, "pgdrift_store_save_duration_seconds"), "99 % are below"),
        unit="s",
        steps=((None, "transparent"), (1.0, ORANGE)),
        width=8,
    ),
    lines(
        "Memory",
        "Memory that the process holds.",
        Query(f"max by (instance) (process_resident_memory_bytes{{{_OF}}})", "{{instance}}"),
        unit="bytes",
        width=8,
    ),
    lines(
        "CPU",
        "Processors that the process keeps busy.",
        Query(
            f"max by (instance) (rate(process_cpu_seconds_total{{{_OF}}}{_RATE}))", "{{instance}}"
        ),
        unit="short",
        steps=((None, "transparent"), (0.9, ORANGE)),
    ),
    lines(
        "Open files",
        "Files and connections that the process has open, as a share of how many it may have.",
        Query(
            f"max by (instance) (process_open_fds{{{_OF}}} / process_max_fds{{{_OF}}})",
            "{{instance}}",
        ),
        unit="percentunit",
        steps=((None, "transparent"), (0.8, ORANGE)),
    ),
)


def itself() -> models.Dashboard:
    """Return the dashboard."""
    instances = 'label_values(pgdrift_build_info{job=~"$job"}, instance)'
    made = page(
        ITSELF,
        "pgdrift / pgdrift itself",
        "Whether the daemon keeps up, reaches people, and fits into its room.",
        choice("instance", instances, many=True),
    )
    made.part("Now", *_NOW)
    made.part("Loop", *_LOOP)
    made.part("Queue", *_QUEUE)
    made.part("Delivery", *_DELIVERY)
    made.part("Store and memory", *_ROOM)
    return numbered(made.build())
