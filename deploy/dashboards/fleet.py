"""*Fleet overview*: how every environment stands, for how long, and how well that goes."""

from __future__ import annotations

from grafana_foundation_sdk.models import dashboard as models

from deploy.dashboards.kit import (
    BLUE,
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
    FLEET,
    choice,
    numbered,
    on_the_dashboard,
    on_the_page,
    page,
)

_OF = 'job=~"$job", environment=~"$environment"'
_BY_FIELD = "${__data.fields.environment:percentencode}"
_BY_LABEL = "${__field.labels.environment:percentencode}"

_OUTCOME = (
    f'2 * max by (environment) (pgdrift_outcome{{{_OF}, outcome="in_sync"}})'
    f' + max by (environment) (pgdrift_outcome{{{_OF}, outcome="drifted"}})'
)
_AGE = f"time() - min by (environment) (pgdrift_oldest_finding_timestamp_seconds{{{_OF}}})"
_OLD = ((None, GREEN), (3600.0, YELLOW), (86400.0, ORANGE), (604800.0, RED))
_NONE_IS_GOOD = ((None, GREEN), (1.0, ORANGE))
_MORE_IS_GOOD = ((None, RED), (0.9, ORANGE), (0.99, GREEN))


def _counted(outcome: str) -> Query:
    return Query(f'sum(max by (environment) (pgdrift_outcome{{{_OF}, outcome="{outcome}"}}))')


def _found(**labels: str) -> str:
    wanted = "".join(f', {name}="{value}"' for name, value in labels.items())
    return f"sum by (environment) (pgdrift_findings{{{_OF}{wanted}}})"


_NOW = (
    number(
        "In sync",
        "Environments in which nothing differs at all, at the latest look.",
        _counted("in_sync"),
        unit="none",
        steps=[(None, GREEN)],
    ),
    number(
        "Drifted",
        "Environments in which something differs; what waits for promotion differs as well.",
        _counted("drifted"),
        unit="none",
        steps=_NONE_IS_GOOD,
    ),
    number(
        "Unknown",
        "Environments of which nobody knows how they stand: unknown is not clean.",
        _counted("unknown"),
        unit="none",
        steps=((None, GREEN), (1.0, GREY)),
    ),
    number(
        "Protected and drifted",
        "Objects of protected environments that are not as they should be, without those that"
        " wait for promotion.",
        Query(
            f'sum(pgdrift_findings{{{_OF}, severity=~"warning|critical", direction!="behind"}}'
            " * on (job, instance, environment) group_left ()"
            f' pgdrift_environment_info{{{_OF}, protected="true"}}) or vector(0)'
        ),
        unit="none",
        steps=((None, GREEN), (1.0, RED)),
    ),
    number(
        "Security",
        "Findings that decide who may do what, graver than info: row-level security, policies,"
        " owners, grants.",
        Query(f'sum(pgdrift_findings{{{_OF}, class="security", severity!="info"}}) or vector(0)'),
        unit="none",
        steps=((None, GREEN), (1.0, RED)),
    ),
    number(
        "Late",
        "Findings that wait for promotion longer than promotion_lag allows.",
        Query(f"sum(pgdrift_late_findings{{{_OF}}})"),
        unit="none",
        steps=_NONE_IS_GOOD,
    ),
)

_STANDING = rows(
    "Environments",
    "How every environment stands now. A click on a name leads to its dashboard, or to its page.",
    Query(_OUTCOME),
    Query(f"max by (environment, follows, protected) (pgdrift_environment_info{{{_OF}}})"),
    Query(_found(severity="critical")),
    Query(_found(severity="warning")),
    Query(_found(severity="info")),
    Query(_AGE),
    Query(f"time() - max by (environment) (pgdrift_last_look_timestamp_seconds{{{_OF}}})"),
    Query(f"max by (environment) (pgdrift_migrations_missing{{{_OF}}})"),
    Query(f'sum by (environment) (pgdrift_incidents{{{_OF}, state="open"}})'),
    columns=(
        Column(
            "environment",
            "environment",
            links=(
                link("Its dashboard", on_the_dashboard(_BY_FIELD)),
                link("Its page", on_the_page(_BY_FIELD)),
            ),
        ),
        Column("Value #A", "outcome", words=outcome_words()),
        Column("follows", "follows"),
        Column("protected", "protected"),
        Column("Value #C", "critical", steps=((None, GREEN), (1.0, RED))),
        Column("Value #D", "warning", steps=_NONE_IS_GOOD),
        Column("Value #E", "info", steps=((None, GREEN), (1.0, BLUE))),
        Column("Value #F", "oldest finding", unit="s", steps=_OLD),
        Column("Value #G", "last look", unit="s"),
        Column("Value #H", "migrations missing"),
        Column("Value #I", "open incidents"),
    ),
    sort="outcome",
)

_SHARES = rows(
    "Environment by outcome",
    "Which share of the time shown each environment was in sync, drifted, or unknown.",
    Query(f"avg by (environment, outcome) (avg_over_time(pgdrift_outcome{{{_OF}}}[$__range]))"),
    columns=(
        Column("in_sync", "in_sync", unit="percentunit", steps=_MORE_IS_GOOD),
        Column(
            "drifted",
            "drifted",
            unit="percentunit",
            steps=((None, GREEN), (0.01, YELLOW), (0.1, ORANGE)),
        ),
        Column("unknown", "unknown", unit="percentunit", steps=((None, GREEN), (0.001, GREY))),
    ),
    matrix=("environment", "outcome"),
    width=8,
    height=8,
)

_OVER_TIME = states(
    "Outcome",
    "In which outcome each environment was over the time shown.",
    Query(_OUTCOME, "{{environment}}"),
    outcome_words(),
    width=16,
    links=(
        link("Its dashboard", on_the_dashboard(_BY_LABEL)),
        link("Its page", on_the_page(_BY_LABEL)),
    ),
)

_DRIFT = (
    lines(
        "Age of the oldest finding",
        "For how long something has been there in each environment that is not as it should be.",
        Query(_AGE, "{{environment}}"),
        unit="s",
        steps=((None, "transparent"), (86400.0, ORANGE)),
        links=(link("Its page", on_the_page(_BY_LABEL)),),
    ),
    lines(
        "Findings by severity",
        "How much is not as it should be in all of them, by how grave that is.",
        Query(f"sum by (severity) (pgdrift_findings{{{_OF}}})", "{{severity}}"),
        unit="short",
        stacked=True,
    ),
    lines(
        "Changes by origin",
        "Objects that were seen to change: by a migration, in the ledger, or explained by nothing.",
        Query(
            f"sum by (origin) (increase(pgdrift_schema_changes_total{{{_OF}}}[$__rate_interval]))",
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

_OBJECTIVES = (
    lines(
        "Without drift, of the last 30 days",
        "Share of the last 30 days in which it was known that nothing graver than info differed,"
        " by the recording rules of the chart.",
        Query(f"environment:pgdrift_without_drift:ratio_30d{{{_OF}}}", "{{environment}}"),
        unit="percentunit",
        steps=((None, "transparent"), (0.99, GREEN)),
        width=8,
    ),
    lines(
        "In sync, of the last 30 days",
        "Share of the last 30 days in which nothing differed at all, what waits for promotion"
        " included, by the recording rules of the chart.",
        Query(f"environment:pgdrift_in_sync:ratio_30d{{{_OF}}}", "{{environment}}"),
        unit="percentunit",
        width=8,
    ),
    lines(
        "Time to resolve, mean of the last 30 days",
        "How long an incident of drift that people were told of was open, by the recording rules of"
        " the chart.",
        Query(f"environment:pgdrift_time_to_resolve_seconds:mean_30d{{{_OF}}}", "{{environment}}"),
        unit="s",
        width=8,
    ),
)


def fleet() -> models.Dashboard:
    """Return the dashboard."""
    environments = 'label_values(pgdrift_environment_info{job=~"$job"}, environment)'
    made = page(
        FLEET,
        "pgdrift / Fleet overview",
        "How the schema of every environment stands, for how long, and how well that goes.",
        choice("environment", environments, many=True),
    )
    made.part("Now", *_NOW, _STANDING, _SHARES, _OVER_TIME)
    made.part("Drift", *_DRIFT)
    made.part("Objectives", *_OBJECTIVES)
    return numbered(made.build())
