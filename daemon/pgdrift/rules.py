"""What the configuration says of comparing and telling, in; the same in the core's words, out.

The one place where a setting of `compare:`, of `alerts:` or of an environment becomes a rule.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from datetime import date

from pgdrift.core.alerts.hold import Maintenance, Patience
from pgdrift.core.alerts.owners import Owners, Team, parsed
from pgdrift.core.alerts.route import OWNER, Quiet, Route
from pgdrift.core.alike.normalise import Options
from pgdrift.core.alike.presets import Presets
from pgdrift.core.alike.retell import Names, names_of
from pgdrift.core.ignore import Ignore, RuleStanding, any_matches, state
from pgdrift.core.judge import Classes, Grade, Policy
from pgdrift.core.model import Outcome, Standing
from pgdrift.core.syncpoint import SyncRule
from pgdrift.sections.alerting import RouteSettings
from pgdrift.sections.comparing import CompareSettings
from pgdrift.settings import Settings, read_owners


def options(compare: CompareSettings) -> Options:
    """Return what counts as a difference, in every environment."""
    return Options(
        column_order=compare.column_order,
        constraint_names=compare.constraint_names,
        spelling=compare.spelling,
        server_versions=compare.server_versions,
        inherited=compare.inherited,
        presets=Presets(
            partitions=compare.partitions,
            partition_names=compare.partition_names,
            extension_schemas="extension_schemas" in compare.leave_out,
            migration_tables="migration_tables" in compare.leave_out,
        ),
    )


def names(settings: Settings, side: str | None) -> Names:
    """Return what an environment calls its roles and schemas; what is none has no names."""
    known = settings.environments.get(side or "")
    return Names() if known is None else names_of(known.roles, known.schemas)


def policy(settings: Settings, environment: str, classes: Classes) -> Policy:
    """Return how an environment is judged: by the rules that hold in it."""
    grades = (
        Grade(r.severity, r.object, r.attributes, r.classes, r.directions, r.environments)
        for r in settings.compare.severity
    )
    return Policy(
        protected=settings.environments[environment].protected,
        promotion_lag=settings.promotion_lag(environment),
        ignore=tuple(r for r in ignore(settings) if any_matches(environment, r.environments)),
        severity=tuple(g for g in grades if any_matches(environment, g.environments)),
        classes=classes,
    )


def sync_rules(settings: Settings, environment: str) -> tuple[SyncRule, ...]:
    """Return which migrations declare a sync point in an environment."""
    return tuple(
        SyncRule(rule.migration, rule.description, rule.tool or "")
        for rule in settings.environments[environment].sync_points
    )


def routes(settings: Settings) -> tuple[Route, ...]:
    """Return who hears of what, in the order in which it is asked."""
    return tuple(map(_route, settings.alerts.routes))


def patience(settings: Settings, environment: str) -> Patience:
    """Return what an environment does not tell yet."""
    windows = (
        Maintenance(w.reason, w.environments, w.start, w.end, w.weekly.hours if w.weekly else None)
        for w in settings.alerts.maintenance
    )
    return Patience(settings.grace(environment), tuple(windows))


def _route(route: RouteSettings) -> Route:
    exempt = frozenset(s for q in route.quiet for s in q.exempt)
    return Route(
        to=route.to,
        environments=route.environment,
        severity=route.severity,
        classes=route.classes,
        directions=route.directions,
        kinds=route.kinds,
        objects=route.objects,
        owners=route.owners,
        against=route.against,
        fallback=route.fallback,
        go_on=route.go_on,
        group_by=route.group_by,
        wait=route.wait,
        repeat=route.repeat,
        quiet=Quiet(tuple(q.hours for q in route.quiet), exempt) if route.quiet else None,
        mention=route.mention,
    )


def stand_ins(settings: Settings) -> Mapping[str, tuple[str, ...]]:
    """Return for every channel which others hear of it, and what it was to be told, when dead."""
    of = settings.alerts
    teams = {t.channel for t in of.owners.values() if t.channel}
    found: dict[str, dict[str, None]] = {name: {} for name in of.channels}
    for r in of.routes:
        for name in {*r.to, *(teams if OWNER in r.to else ())} - {OWNER}:
            found[name] |= dict.fromkeys(f for f in r.fallback if f != name)
    return {name: tuple(others) for name, others in found.items()}


def owners(settings: Settings) -> Owners:
    """Return whose an object is, read anew from the file. Raises ConfigError (unreadable)."""
    of = settings.alerts
    teams = {name: Team(t.channel or "", t.mention) for name, t in of.owners.items()}
    return Owners(parsed(read_owners(of.owners_file)) if of.owners_file else (), teams)


def standings_of_rules(
    settings: Settings,
    standings: Mapping[str, Standing],
    matched: Collection[str],
    today: date,
) -> tuple[RuleStanding, ...]:
    """Return how each ignore rule stands, in their order.

    `matched` are names of rules that left out something before; what they leave out now, the
    standings say.
    """
    used = {name for s in standings.values() for a in s.against for name, _ in a.ignored_by}
    used |= set(matched)
    return tuple(
        RuleStanding(rule, state(rule, used, today, all_seen=_all_seen(settings, standings, rule)))
        for rule in ignore(settings)
    )


def _all_seen(settings: Settings, standings: Mapping[str, Standing], rule: Ignore) -> bool:
    """Tell whether all that a rule is for was looked at: only then nothing is nothing."""
    wanted = (name for name in settings.environments if any_matches(name, rule.environments))
    known = [standings.get(name) for name in wanted]
    return all(s is not None and s.outcome is not Outcome.UNKNOWN for s in known)


def ignore(settings: Settings) -> tuple[Ignore, ...]:
    """Return the rules of what is no finding, in their order."""
    return tuple(
        Ignore(r.object, r.reason, r.until, r.attributes, r.environments)
        for r in settings.compare.ignore
    )
