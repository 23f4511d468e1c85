"""*Environment*: what differs in one environment, what happened when, and what looking costs."""

from __future__ import annotations

from grafana_foundation_sdk.models import dashboard as models

from deploy.dashboards.kit import (
    GREEN,
    GREY,
    ORANGE,
    RED,
    YELLOW,
    Column,
    Query,
    lines,
    link,
    number,
    outcome_words,
    rows,
    states,
)
from deploy.dashboards.page import (
    ENVIRONMENT,
    annotation,
    choice,
    numbered,
    on_the_page,
    page,
)

_OF = 'job=~"$job", environment="$environment"'
_RATE = "[$__rate_interval]"
_HERE = "${environment:percentencode}"
_OLD = ((None, GREEN), (3600.0, YELLOW), (86400.0, ORANGE), (604800.0, RED))
_PLAIN = [(None, "text")]

_NOW = (
    number(
        "Outcome",
        "How the environment stands over all that it is measured against, at the latest look.",
        Query(
            f'2 * max(pgdrift_outcome{{{_OF}, outcome="in_sync"}})'
            f' + max(pgdrift_outcome{{{_OF}, outcome="drifted"}})'
        ),
        unit="none",
        steps=[(None, GREY)],
        words=outcome_words(),
    ),
    number(
        "Critical findings",
        "Objects that differ, and are critical, against all yardsticks.",
        Query(f'sum(pgdrift_findings{{{_OF}, severity="critical"}}) or vector(0)'),
        unit="none",
        steps=((None, GREEN), (1.0, RED)),
    ),
    number(
        "Oldest finding",
        "For how long something has been there that is not as it should be.",
        Query(f"time() - min(pgdrift_oldest_finding_timestamp_seconds{{{_OF}}})"),
        unit="s",
        steps=_OLD,
    ),
    number(
        "Last look",
        "How long ago the environment was last seen. It grows while it cannot be looked at.",
        Query(f"time() - max(pgdrift_last_look_timestamp_seconds{{{_OF}}})"),
        unit="s",
        steps=((None, GREEN), (900.0, ORANGE), (3600.0, RED)),
    ),
    number(
        "Sync point",
        "How long ago the environment was last declared right.",
        Query(f"time() - max(pgdrift_sync_point_timestamp_seconds{{{_OF}}})"),
        unit="s",
        steps=_PLAIN,
    ),
    number(
        "Migrations missing",
        "Migrations that the upstream's history has and this one's has not.",
        Query(f"max(pgdrift_migrations_missing{{{_OF}}})"),
        unit="none",
        steps=((None, GREEN), (1.0, YELLOW)),
    ),
)

_FINDINGS = (
    lines(
        "Findings by class",
        "What is touched by that which is not as it should be, against all yardsticks.",
        Query(f"sum by (class) (pgdrift_findings{{{_OF}}})", "{{class}}"),
        unit="short",
        stacked=True,
    ),
    lines(
        "Findings by direction",
        "Who moved: ahead is a hotfix or drift, behind waits for promotion; changed is against the"
        " own sync point.",
        Query(
            f"sum by (against, direction) (pgdrift_findings{{{_OF}}})",
            "{{direction}} ({{against}})",
        ),
        unit="short",
        stacked=True,
    ),
    rows(
        "Findings",
        "How many there are now of each sort. Which objects these are is on pgdrift's page.",
        Query(f"sum by (against, direction, severity, class) (pgdrift_findings{{{_OF}}})"),
        columns=(
            Column("against", "against"),
            Column("direction", "direction"),
            Column("class", "class"),
            Column(
                "severity",
                "severity",
                words={
                    "critical": ("critical", RED),
                    "warning": ("warning", ORANGE),
                    "info": ("info", "blue"),
                },
            ),
            Column("Value", "findings", links=(link("Which these are", on_the_page(_HERE)),)),
        ),
        width=12,
        height=8,
        sort="severity",
    ),
    lines(
        "Late, untracked, accepted",
        "Of the findings: those late for promotion, and those that nothing explains; and what"
        " somebody accepted, which is no finding any more.",
        Query(f"sum(pgdrift_late_findings{{{_OF}}})", "late"),
        Query(f'sum(pgdrift_untracked_findings{{{_OF}, against="sync"}})', "untracked"),
        Query(f"sum(pgdrift_accepted_findings{{{_OF}}})", "accepted"),
        unit="short",
    ),
)

_TIMELINE = (
    states(
        "In sync with",
        "Whether it was as it should be, against each yardstick; nothing is drawn while unknown.",
        Query(f"min by (against) (pgdrift_in_sync{{{_OF}}})", "{{against}}"),
        {"1": ("in sync", GREEN), "0": ("drifted", ORANGE)},
        height=6,
    ),
    lines(
        "Changes by origin",
        "Objects that were seen to change: by a migration, in the ledger, or explained by nothing.",
        Query(
            f"sum by (origin) (increase(pgdrift_schema_changes_total{{{_OF}}}{_RATE}))",
            "{{origin}}",
        ),
        unit="short",
        stacked=True,
    ),
    lines(
        "Incidents",
        "Incidents that are not over: told of, acknowledged, silenced, or not told yet.",
        Query(f"sum by (state) (pgdrift_incidents{{{_OF}}})", "{{state}}"),
        unit="short",
        stacked=True,
    ),
)

_LOOKS = (
    lines(
        "Looks by what they found",
        "Looks a second, by their outcome.",
        Query(f"sum by (outcome) (rate(pgdrift_looks_total{{{_OF}}}{_RATE}))", "{{outcome}}"),
        unit="ops",
        stacked=True,
    ),
    lines(
        "What a look takes",
        "Mean duration of a look: gate, where nothing had moved; full, where the catalog was read.",
        Query(
            "sum by (depth) (rate(pgdrift_environment_look_duration_seconds_sum"
            f"{{{_OF}}}{_RATE})) / (sum by (depth)"
            f" (rate(pgdrift_environment_look_duration_seconds_count{{{_OF}}}{_RATE})) > 0)",
            "{{depth}}",
        ),
        unit="s",
    ),
    lines(
        "Share of the time spent looking",
        "How much of the time a look at this environment was under way.",
        Query(
            f"sum by (depth) (rate(pgdrift_environment_look_duration_seconds_sum{{{_OF}}}{_RATE}))",
            "{{depth}}",
        ),
        unit="percentunit",
        steps=((None, "transparent"), (0.5, ORANGE)),
        width=8,
    ),
    lines(
        "Notifications and what they woke",
        "Notifications of the server that were heard, and the looks that they asked for, a second.",
        Query(f"sum(rate(pgdrift_listener_heard_total{{{_OF}}}{_RATE}))", "heard"),
        Query(f"sum(rate(pgdrift_wakeups_total{{{_OF}}}{_RATE}))", "looks"),
        unit="ops",
        width=8,
    ),
    lines(
        "Objects",
        "Objects that the latest look read, and those that it knows of and did not compare.",
        Query(f"max(pgdrift_objects{{{_OF}}})", "read"),
        Query(f"sum by (kind) (pgdrift_not_compared{{{_OF}}})", "not compared: {{kind}}"),
        unit="short",
        width=8,
    ),
)


def environment() -> models.Dashboard:
    """Return the dashboard."""
    environments = 'label_values(pgdrift_environment_info{job=~"$job"}, environment)'
    made = page(
        ENVIRONMENT,
        "pgdrift / Environment",
        "What differs in one environment, what happened when, and what looking at it costs.",
        choice("environment", environments, many=False),
        environment=_HERE,
    )
    made.annotation(
        annotation(
            "Migrations",
            f"ceil(increase(pgdrift_migrations_total{{{_OF}}}[2m])) > 0",
            "a migration was applied",
            "blue",
        )
    )
    made.annotation(
        annotation(
            "Sync points",
            f"1000 * max(pgdrift_sync_point_timestamp_seconds{{{_OF}}})",
            "declared right",
            "green",
            by_value=True,
        )
    )
    made.part("Now", *_NOW)
    made.part("Findings", *_FINDINGS)
    made.part("What happened", *_TIMELINE)
    made.part("Looks", *_LOOKS)
    return numbered(made.build())
