"""Every metric in one table. Standings and events come in, the text for Prometheus goes out.

A gauge is derived from the latest standings when it is asked for, so that what was mended leaves
no series behind; only what happens is counted. Knows nothing of HTTP, databases or channels.
A name or label here is a contract: `make docs` writes docs/metrics.md from it.
"""

from collections import Counter as Tally
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Literal, TypeAlias

import prometheus_client as prometheus
from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from pgdrift import __version__
from pgdrift.core.alerts import mute
from pgdrift.core.alerts.incident import Incident, State
from pgdrift.core.alerts.letters import Tray
from pgdrift.core.alerts.marks import Mark, holding
from pgdrift.core.ignore import RuleStanding, RuleState
from pgdrift.core.model import Origin, Outcome, Standing

Sample: TypeAlias = tuple[tuple[str, ...], float]

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


@dataclass(frozen=True, slots=True)
class Seen:
    """What a scrape looks at; `environments` are those that the configuration names."""

    standings: Mapping[str, Standing]
    incidents: tuple[Incident, ...]
    environments: frozenset[str]
    rules: tuple[RuleStanding, ...] = ()
    ears: Mapping[str, bool] = field(default_factory=dict)
    trays: tuple[Tray, ...] = ()
    marks: tuple[Mark, ...] = ()


@dataclass(frozen=True, slots=True)
class Row:
    """One metric. `read` derives a gauge at scrape; without it, the metric keeps what happened."""

    name: str
    type: Literal["gauge", "counter", "histogram"]
    help: str
    labels: tuple[str, ...] = ()
    read: Callable[[Seen], Iterable[Sample]] | None = None
    buckets: tuple[float, ...] = ()


def _up(seen: Seen) -> Iterator[Sample]:
    for name in seen.environments | seen.standings.keys():
        yield (name,), float(name in seen.standings and seen.standings[name].could_look)


def _in_sync(seen: Seen) -> Iterator[Sample]:
    for standing in (s for s in seen.standings.values() if s.could_look):
        for against in standing.against:
            if against.outcome is not Outcome.UNKNOWN:
                labels = (standing.environment, against.yardstick)
                yield labels, float(against.outcome is Outcome.IN_SYNC)


def _findings(seen: Seen) -> Iterable[Sample]:
    return Tally(
        (s.environment, a.yardstick, f.direction.value, f.severity.value, f.cls.value)
        for s in seen.standings.values()
        for a in s.against
        for f in a.findings
    ).items()


def _oldest(seen: Seen) -> Iterator[Sample]:
    for standing in seen.standings.values():
        for against in standing.against:
            if against.findings:
                first = min(f.first_seen for f in against.findings)
                yield (standing.environment, against.yardstick), first.timestamp()


def _last_look(seen: Seen) -> Iterator[Sample]:
    return (((s.environment,), s.seen_at.timestamp()) for s in seen.standings.values() if s.seen_at)


def _sync_point(seen: Seen) -> Iterator[Sample]:
    return (
        ((s.environment,), s.sync_point.at.timestamp())
        for s in seen.standings.values()
        if s.sync_point
    )


def _migrations_missing(seen: Seen) -> Iterator[Sample]:
    for standing in seen.standings.values():
        for against in standing.against:
            if against.migrations_missing is not None:
                labels = (standing.environment, against.yardstick)
                yield labels, float(against.migrations_missing)


def _incidents(seen: Seen) -> Iterable[Sample]:
    none = {(name, State.OPEN.value): 0 for name in seen.standings}
    return (none | Tally((i.environment, _state(seen, i)) for i in seen.incidents)).items()


def _state(seen: Seen, incident: Incident) -> str:
    """Return an incident's state; of an open one what people made of it, if they did."""
    said = (
        mute.standing(seen.marks, incident) if seen.marks and incident.state is State.OPEN else ""
    )
    return said or incident.state.value


def _accepted(seen: Seen) -> Iterator[Sample]:
    for s in seen.standings.values():
        for against in s.against:
            yield (s.environment, against.yardstick), float(len(against.accepted))


def _objects(seen: Seen) -> Iterator[Sample]:
    return (((s.environment,), float(s.objects)) for s in seen.standings.values() if s.seen_at)


def _not_compared(seen: Seen) -> Iterator[Sample]:
    for standing in seen.standings.values():
        for kind, count in standing.not_compared.items():
            yield (standing.environment, kind), float(count)


def _ignore_rules(seen: Seen) -> Iterable[Sample]:
    none = {(state.value,): 0 for state in RuleState}
    return (none | Tally((rule.state.value,) for rule in seen.rules)).items()


def _listeners(seen: Seen) -> Iterator[Sample]:
    return (((name,), float(up)) for name, up in seen.ears.items())


def _waiting(seen: Seen) -> Iterator[Sample]:
    return (((t.channel,), float(t.waiting)) for t in seen.trays)


def _oldest_waiting(seen: Seen) -> Iterator[Sample]:
    return (((t.channel,), t.oldest_at.timestamp()) for t in seen.trays if t.oldest_at)


def _channels_up(seen: Seen) -> Iterator[Sample]:
    return (((t.channel,), float(t.dead_since is None)) for t in seen.trays)


def _given_up(seen: Seen) -> Iterator[Sample]:
    return (((t.channel,), float(t.given_up)) for t in seen.trays)


def _build(_: Seen) -> Iterator[Sample]:
    yield (__version__,), 1.0


METRICS: tuple[Row, ...] = (
    Row(
        "pgdrift_environment_up",
        "gauge",
        "Whether the latest look at the environment could see it (1) or not (0).",
        ("environment",),
        _up,
    ),
    Row(
        "pgdrift_in_sync",
        "gauge",
        "Whether the environment is as it should be (1) or drifted (0); absent while unknown.",
        ("environment", "against"),
        _in_sync,
    ),
    Row(
        "pgdrift_findings",
        "gauge",
        "Objects that are not as they should be, at the latest look.",
        ("environment", "against", "direction", "severity", "class"),
        _findings,
    ),
    Row(
        "pgdrift_oldest_finding_timestamp_seconds",
        "gauge",
        "When the oldest finding that lasts was first seen; absent without findings.",
        ("environment", "against"),
        _oldest,
    ),
    Row(
        "pgdrift_last_look_timestamp_seconds",
        "gauge",
        "When the environment was last seen: the latest look that succeeded.",
        ("environment",),
        _last_look,
    ),
    Row(
        "pgdrift_sync_point_timestamp_seconds",
        "gauge",
        "When the environment was last declared right.",
        ("environment",),
        _sync_point,
    ),
    Row(
        "pgdrift_migrations_missing",
        "gauge",
        "Migrations that the upstream's history has and the environment's has not.",
        ("environment", "against"),
        _migrations_missing,
    ),
    Row(
        "pgdrift_incidents",
        "gauge",
        "Incidents by state: pending (not told yet), open, acknowledged, silenced.",
        ("environment", "state"),
        _incidents,
    ),
    Row(
        "pgdrift_accepted_findings",
        "gauge",
        "Findings that somebody called right; they are in no other count.",
        ("environment", "against"),
        _accepted,
    ),
    Row(
        "pgdrift_objects",
        "gauge",
        "Objects that the latest successful look read.",
        ("environment",),
        _objects,
    ),
    Row(
        "pgdrift_not_compared",
        "gauge",
        "Objects that exist and were not compared, by kind.",
        ("environment", "kind"),
        _not_compared,
    ),
    Row(
        "pgdrift_ignore_rules",
        "gauge",
        "Ignore rules: active; expired (their last day is over); unmatched (nothing to leave out).",
        ("state",),
        _ignore_rules,
    ),
    Row(
        "pgdrift_looks_total",
        "counter",
        "Looks at the environment, by what they found.",
        ("environment", "outcome"),
    ),
    Row(
        "pgdrift_look_duration_seconds",
        "histogram",
        "How long a look took: gate (nothing had moved) or full.",
        ("depth",),
        buckets=(0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0),
    ),
    Row(
        "pgdrift_schema_changes_total",
        "counter",
        "Objects that were seen to change, by why they changed.",
        ("environment", "origin"),
    ),
    Row(
        "pgdrift_listener_up",
        "gauge",
        "Whether notifications of the environment's server are listened to (1) or not (0); absent"
        " where they are not to be.",
        ("environment",),
        _listeners,
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
        "pgdrift_change_delay_seconds",
        "histogram",
        "Time from the commit of a change, where that is known, until the channel took the "
        "message that told it as new; of several changes the oldest.",
        ("channel",),
        buckets=(0.5, 1.0, 2.5, 5.0, 15.0, 30.0, 60.0, 300.0, 900.0, 3600.0, 21600.0),
    ),
    Row(
        "pgdrift_notifications_waiting",
        "gauge",
        "Notifications that were decided and have not arrived yet.",
        ("channel",),
        _waiting,
    ),
    Row(
        "pgdrift_notifications_oldest_waiting_timestamp_seconds",
        "gauge",
        "When the oldest notification was decided that has not arrived yet; absent for none.",
        ("channel",),
        _oldest_waiting,
    ),
    Row(
        "pgdrift_channel_up",
        "gauge",
        "1 while a channel can be told, 0 while it counts as dead (`alerts.dead_after`).",
        ("channel",),
        _channels_up,
    ),
    Row(
        "pgdrift_notifications_given_up",
        "gauge",
        "Notifications that never arrived and are not tried any more, of those that are kept.",
        ("channel",),
        _given_up,
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
        "pgdrift_build_info",
        "gauge",
        "Constant 1, with the version that runs.",
        ("version",),
        _build,
    ),
)


class Metrics:
    """All metrics of one process, in a registry of its own."""

    def __init__(
        self,
        standings: Callable[[], Mapping[str, Standing]],
        incidents: Callable[[], Iterable[Incident]],
        now: Callable[[], datetime],
        rules: Callable[[], Iterable[RuleStanding]] = tuple,
        ears: Callable[[], Mapping[str, bool]] = dict,
        trays: Callable[[], Iterable[Tray]] = tuple,
        marks: Callable[[], tuple[Mark, ...]] = tuple,
    ) -> None:
        """Take what a scrape shall ask; `now` gives the time, with a zone."""
        # Per process, and we are the process: a creation time per series would double the page.
        prometheus.disable_created_metrics()  # type: ignore[no-untyped-call]
        self._standings, self._incidents, self._now = standings, incidents, now
        self._rules, self._ears, self._trays, self._marks = rules, ears, trays, marks
        self._environments: frozenset[str] = frozenset()
        self._channels: frozenset[str] = frozenset()
        self._registry = registry = prometheus.CollectorRegistry()
        self._counters = {
            r.name: prometheus.Counter(r.name, r.help, r.labels, registry=registry)
            for r in METRICS
            if r.type == "counter"
        }
        self._histograms = {
            r.name: prometheus.Histogram(
                r.name, r.help, r.labels, registry=registry, buckets=r.buckets
            )
            for r in METRICS
            if r.type == "histogram"
        }
        self._gauges = {
            r.name: prometheus.Gauge(r.name, r.help, r.labels, registry=registry)
            for r in METRICS
            if r.type == "gauge" and not r.read
        }
        registry.register(_Derived(self._seen))
        prometheus.ProcessCollector(registry=self._registry)
        prometheus.PlatformCollector(registry=self._registry)
        self.reloaded(ok=True)

    def known(self, environments: Iterable[str], channels: Iterable[str]) -> None:
        """Say what the configuration names, at the start and after each reload.

        Their counters begin at 0, so that rate() and increase() see the first event; the
        counters of what the configuration no longer names go.
        """
        before, self._environments = self._environments, frozenset(environments)
        for name in before - self._environments:
            self._forget("environment", name)
        for name in self._environments:
            self._begin("pgdrift_looks_total", name, Outcome)
            self._begin("pgdrift_schema_changes_total", name, Origin)
            self._counters["pgdrift_listener_heard_total"].labels(name)
            self._counters["pgdrift_wakeups_total"].labels(name)
        before, self._channels = self._channels, frozenset(channels)
        for name in before - self._channels:
            self._forget("channel", name)
        for name in self._channels:
            self._begin("pgdrift_notifications_total", name, NOTIFIED)
            self._histograms["pgdrift_notification_delay_seconds"].labels(name)
            self._histograms["pgdrift_change_delay_seconds"].labels(name)

    def looked(self, environment: str, outcome: Outcome, depth: str, seconds: float) -> None:
        """Count one look, what it found, how deep it went and how long it took."""
        self._counters["pgdrift_looks_total"].labels(environment, outcome.value).inc()
        self._histograms["pgdrift_look_duration_seconds"].labels(depth).observe(seconds)

    def changed(self, environment: str, origin: Origin | None, count: int = 1) -> None:
        """Count objects that were seen to change; an origin that is not known is untracked."""
        origin = origin or Origin.UNTRACKED
        self._counters["pgdrift_schema_changes_total"].labels(environment, origin.value).inc(count)

    def heard(self, environment: str) -> None:
        """Count one notification of an environment's server."""
        self._counters["pgdrift_listener_heard_total"].labels(environment).inc()

    def woken(self, environment: str, seconds: float) -> None:
        """Count one look that notifications asked for, kept so long after the first of them."""
        self._counters["pgdrift_wakeups_total"].labels(environment).inc()
        self._histograms["pgdrift_wakeup_delay_seconds"].observe(seconds)

    def notified(
        self,
        channel: str,
        outcome: str,
        delay_seconds: float | None = None,
        since_change: float | None = None,
    ) -> None:
        """Count one try to notify (an outcome of NOTIFIED), and its delay once it arrived.

        `since_change` are the seconds since the change that it tells, where that is known.
        """
        self._counters["pgdrift_notifications_total"].labels(channel, outcome).inc()
        if delay_seconds is not None:
            self._histograms["pgdrift_notification_delay_seconds"].labels(channel).observe(
                delay_seconds
            )
        if since_change is not None:
            # Its time is by the clock of a server.
            wait = max(0.0, since_change)
            self._histograms["pgdrift_change_delay_seconds"].labels(channel).observe(wait)

    def reloaded(self, *, ok: bool) -> None:
        """Keep whether the configuration could be read."""
        self._gauges["pgdrift_config_last_reload_successful"].set(float(ok))
        if ok:
            name = "pgdrift_config_last_reload_success_timestamp_seconds"
            self._gauges[name].set(self._now().timestamp())

    def render(self) -> tuple[bytes, str]:
        """Return the page in Prometheus' text format, and its content type."""
        return prometheus.generate_latest(
            self._registry
        ), prometheus.exposition.CONTENT_TYPE_PLAIN_0_0_4

    def _seen(self) -> Seen:
        return Seen(
            self._standings(),
            tuple(self._incidents()),
            self._environments,
            tuple(self._rules()),
            self._ears(),
            tuple(self._trays()),
            holding(self._marks(), self._now()),
        )

    def _begin(self, metric: str, first: str, seconds: Iterable[str]) -> None:
        for second in seconds:
            self._counters[metric].labels(first, second)

    def _forget(self, label: str, value: str) -> None:
        for row in METRICS:
            if row.type != "gauge" and label in row.labels:
                kept = self._counters if row.type == "counter" else self._histograms
                kept[row.name].remove_by_labels({label: value})


class _Derived(Collector):
    """Gives the gauges of the table, made anew from what is seen at each scrape."""

    def __init__(self, seen: Callable[[], Seen]) -> None:
        self._seen = seen

    def describe(self) -> Iterable[Metric]:
        return (_family(row, ()) for row in METRICS if row.read)

    def collect(self) -> Iterator[Metric]:
        seen = self._seen()
        for row in METRICS:
            if row.read:
                yield _family(row, row.read(seen))


def _family(row: Row, samples: Iterable[Sample]) -> Metric:
    family = GaugeMetricFamily(row.name, row.help, labels=row.labels)
    for labels, value in samples:
        family.add_metric(labels, value)
    return family


def markdown() -> str:
    """Return docs/metrics.md."""
    head = (
        "# Metrics\n\n"
        "Written by `make docs` from the table in"
        " `daemon/pgdrift/metrics.py`.\n\n"
        "Served at `/metrics`. Names and labels are a contract. `against` is `sync` (the"
        " environment against its own\nsync point) or the name of the upstream. Gauges are derived"
        " from the latest look at each scrape: what\nwas mended is gone at the next scrape. What is"
        " unknown has no `pgdrift_in_sync`, and is never clean:\nalert on"
        " `pgdrift_environment_up == 0` and on the age of"
        " `pgdrift_last_look_timestamp_seconds` too.\n\n"
        "| metric | type | labels | meaning |\n|---|---|---|---|\n"
    )
    rows = (
        f"| `{r.name}` | {r.type} | {', '.join(f'`{n}`' for n in r.labels)} | {r.help} |\n"
        for r in METRICS
    )
    tail = (
        "\nThe usual `process_*` and `python_info` are there too. No label ever holds the name of"
        " an object of a schema.\n"
    )
    return head + "".join(rows) + tail
