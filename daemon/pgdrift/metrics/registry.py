"""The metrics of one process: what happens is counted, what stands is asked for at each scrape.

Functions that say how things stand and single events come in, the page for Prometheus goes out.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import datetime, timedelta

import prometheus_client as prometheus
from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from pgdrift.core.alerts.incident import Incident
from pgdrift.core.alerts.letters import Tray
from pgdrift.core.alerts.marks import Mark, holding
from pgdrift.core.alerts.news import Since
from pgdrift.core.duties import Replicas
from pgdrift.core.ignore import RuleStanding
from pgdrift.core.model import LEDGER, REACH, SYNC, Origin, Outcome, Standing
from pgdrift.core.variants import groups
from pgdrift.metrics.derived import Named, Sample, Seen
from pgdrift.metrics.table import DEPTHS, METRICS, NOTIFIED, PLANNED, Row

_LIVES = "pgdrift_incident_duration_seconds"
_FROM_COMMIT = "pgdrift_commit_to_delivery_seconds"


class Metrics:
    """All metrics of one process, in a registry of its own."""

    def __init__(  # noqa: PLR0913, PLR0917 - the questions of one scrape
        self,
        standings: Callable[[], Mapping[str, Standing]],
        incidents: Callable[[], Iterable[Incident]],
        now: Callable[[], datetime],
        rules: Callable[[], Iterable[RuleStanding]] = tuple,
        ears: Callable[[], Mapping[str, bool]] = dict,
        trays: Callable[[], Iterable[Tray]] = tuple,
        marks: Callable[[], tuple[Mark, ...]] = tuple,
        replicas: Callable[[], Replicas | None] = lambda: None,
        all_standings: Callable[[], Iterable[Standing]] | None = None,
    ) -> None:
        """Take what a scrape shall ask; `now` gives the time, with a zone.

        `all_standings` is what variants are told apart of, where that is more than `standings`.
        """
        # Per process, and we are the process: a creation time per series would double the page.
        prometheus.disable_created_metrics()  # type: ignore[no-untyped-call]
        self._standings, self._incidents, self._now = standings, incidents, now
        self._rules, self._ears, self._trays, self._marks = rules, ears, trays, marks
        self._replicas = replicas
        self._all_standings = all_standings or (lambda: self._standings().values())
        self._environments: Mapping[str, Named] = {}
        # Those without series of their own.
        self._hidden: frozenset[str] = frozenset()
        self._channels: frozenset[str] = frozenset()
        self._page: str | None = None
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
        self._summaries = {
            r.name: prometheus.Summary(r.name, r.help, r.labels, registry=registry)
            for r in METRICS
            if r.type == "summary"
        }
        self._gauges = {
            r.name: prometheus.Gauge(r.name, r.help, r.labels, registry=registry)
            for r in METRICS
            if r.type == "gauge" and not r.read
        }
        registry.register(_Derived(self._seen))
        prometheus.ProcessCollector(registry=self._registry)
        prometheus.PlatformCollector(registry=self._registry)
        for outcome in PLANNED:
            self._counters["pgdrift_plans_made_total"].labels(outcome)
        self.reloaded(ok=True)

    def known(
        self,
        environments: Mapping[str, Named],
        channels: Iterable[str],
        page: str | None = None,
    ) -> None:
        """Say what the configuration names, at the start and after each reload.

        Their counters begin at 0, so that rate() and increase() see the first event; the
        counters of what the configuration no longer names go. `page` is where people reach it.
        """
        before, self._environments, self._page = self._environments, dict(environments), page
        for name, of in before.items():
            if name not in environments:
                self._forget(environment=name)
            elif of.follows and of.follows != environments[name].follows:
                self._forget(environment=name, against=of.follows)
        self._hidden = frozenset(n for n, of in environments.items() if not of.series)
        for name, of in environments.items():
            if name not in self._hidden:
                self._begin_environment(name, of)
        gone, self._channels = self._channels - {*channels}, frozenset(channels)
        for name in gone:
            self._forget(channel=name)
        for name in self._channels:
            self._begin_channel(name)

    def looked(self, environment: str, outcome: Outcome, depth: str, seconds: float) -> None:
        """Count one look, what it found, how deep it went and how long it took."""
        self._histograms["pgdrift_look_duration_seconds"].labels(depth).observe(seconds)
        if environment in self._hidden:
            return
        self._counters["pgdrift_looks_total"].labels(environment, outcome.value).inc()
        of_environment = self._summaries["pgdrift_environment_look_duration_seconds"]
        of_environment.labels(environment, depth).observe(seconds)

    def changed(self, environment: str, origin: Origin | None, count: int = 1) -> None:
        """Count objects that were seen to change; an origin that is not known is untracked."""
        if environment in self._hidden:
            return
        origin = origin or Origin.UNTRACKED
        self._counters["pgdrift_schema_changes_total"].labels(environment, origin.value).inc(count)

    def migrated(self, environment: str, count: int) -> None:
        """Count migrations that a look saw newly applied."""
        if environment not in self._hidden:
            self._counters["pgdrift_migrations_total"].labels(environment).inc(count)

    def over(self, incident: Incident) -> None:
        """Count an incident that is over, and how long it was open."""
        if incident.environment in self._hidden:
            return
        lived = (incident.resolved_at or incident.changed_at) - incident.opened_at
        of = self._summaries[_LIVES].labels(incident.environment, incident.against)
        of.observe(lived.total_seconds())

    def heard(self, environment: str) -> None:
        """Count one notification of an environment's server."""
        if environment not in self._hidden:
            self._counters["pgdrift_listener_heard_total"].labels(environment).inc()

    def woken(self, environment: str, seconds: float) -> None:
        """Count one look that notifications asked for, kept so long after the first of them."""
        if environment not in self._hidden:
            self._counters["pgdrift_wakeups_total"].labels(environment).inc()
        self._histograms["pgdrift_wakeup_delay_seconds"].observe(seconds)

    def notified(self, channel: str, outcome: str, delay_seconds: float | None = None) -> None:
        """Count one try to notify (an outcome of NOTIFIED), and its delay once it arrived."""
        self._counters["pgdrift_notifications_total"].labels(channel, outcome).inc()
        if delay_seconds is not None:
            self._histograms["pgdrift_notification_delay_seconds"].labels(channel).observe(
                delay_seconds
            )

    def told_of(self, channel: str, since: Since, after: timedelta) -> None:
        """Count that a channel was told of something new, so long after it was made."""
        of = self._histograms[_FROM_COMMIT].labels(channel, since.value)
        of.observe(max(0.0, after.total_seconds()))

    def lagged(self, seconds: float) -> None:
        """Count how much later than it should the event loop woke."""
        self._histograms["pgdrift_event_loop_lag_seconds"].observe(max(0.0, seconds))

    def saved(self, seconds: float) -> None:
        """Count how long it took to keep a look, or to fail to."""
        self._histograms["pgdrift_store_save_duration_seconds"].observe(seconds)

    def planned(self, outcome: str) -> None:
        """Count one try to make the plan of an incident (an outcome of PLANNED)."""
        self._counters["pgdrift_plans_made_total"].labels(outcome).inc()

    def stored(self, size: int) -> None:
        """Keep how many bytes the store takes."""
        self._gauges["pgdrift_store_size_bytes"].set(size)

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
        # Copied: a scrape takes its time, in a thread of its own.
        every = dict(self._standings())
        shown = {n: s for n, s in every.items() if n not in self._hidden}
        grouped: dict[str, list[Standing]] = {}
        for standing in every.values():
            if standing.group:
                grouped.setdefault(standing.group, []).append(standing)
        return Seen(
            shown,
            tuple(i for i in self._incidents() if i.environment not in self._hidden),
            {n: of for n, of in self._environments.items() if n not in self._hidden},
            tuple(self._rules()),
            self._ears(),
            tuple(self._trays()),
            holding(self._marks(), self._now()),
            self._page,
            self._replicas(),
            groups(self._all_standings()),
            {name: tuple(of) for name, of in grouped.items()},
        )

    def _begin_environment(self, name: str, of: Named) -> None:
        for outcome in Outcome:
            self._counters["pgdrift_looks_total"].labels(name, outcome.value)
        for origin in Origin:
            self._counters["pgdrift_schema_changes_total"].labels(name, origin.value)
        for metric in (
            "pgdrift_migrations_total",
            "pgdrift_listener_heard_total",
            "pgdrift_wakeups_total",
        ):
            self._counters[metric].labels(name)
        for depth in DEPTHS:
            self._summaries["pgdrift_environment_look_duration_seconds"].labels(name, depth)
        for against in filter(None, (SYNC, of.follows, LEDGER, REACH)):
            self._summaries[_LIVES].labels(name, against)

    def _begin_channel(self, name: str) -> None:
        for outcome in NOTIFIED:
            self._counters["pgdrift_notifications_total"].labels(name, outcome)
        self._histograms["pgdrift_notification_delay_seconds"].labels(name)
        for since in Since:
            self._histograms[_FROM_COMMIT].labels(name, since.value)

    def _forget(self, **labels: str) -> None:
        """Remove all series of what happened that have these labels, with these values."""
        kept = {**self._counters, **self._histograms, **self._summaries}
        for row in METRICS:
            if row.name in kept and labels.keys() <= {*row.labels}:
                kept[row.name].remove_by_labels(labels)


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
