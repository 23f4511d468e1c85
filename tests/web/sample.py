"""Standings as a real fleet gives them, for the page, the API and the metrics."""

from datetime import UTC, datetime, timedelta

from pgdrift.core.alerts.incident import Incident, State
from pgdrift.core.model import (
    Against,
    Blame,
    Change,
    ChangeClass,
    ChangeType,
    Confidence,
    Direction,
    Event,
    Finding,
    HistoryFinding,
    HistoryState,
    ObjectId,
    Origin,
    Outcome,
    Severity,
    Standing,
    SyncPoint,
)

NOBODY = Blame()
NOW = datetime(2026, 11, 22, 14, 30, tzinfo=UTC)
HOSTILE = '<script>alert("x")</script><!channel>\u202egnp.exe 🐘'

OLD_BODY = """
  SELECT coalesce(sum(quantity * unit_price), 0)
    FROM shop.order_line
   WHERE order_line.order_id = order_total.order_id;
"""
NEW_BODY = OLD_BODY.replace("quantity * unit_price", "quantity * unit_price * (1 - discount)")


EDITED = HistoryFinding(
    "flyway",
    "shop.flyway_schema_history",
    "12",
    HistoryState.EDITED,
    "checksum here 1, upstream 2",
)


def ago(**kw: float) -> datetime:
    return NOW - timedelta(**kw)


def finding(
    key: tuple[str, ...],
    attributes: dict[str, tuple[object, object]],
    direction: Direction,
    severity: Severity,
    *,
    change: ChangeType = ChangeType.CHANGED,
    cls: ChangeClass = ChangeClass.STRUCTURE,
    origin: Origin | None = Origin.UNTRACKED,
    since: datetime | None = None,
    blame: Blame = NOBODY,
    contains: tuple[ObjectId, ...] = (),
    late: bool = False,
    args: str = "",
) -> Finding:
    kind, *path = key
    return Finding(
        Change(ObjectId(kind, tuple(path), args), change, attributes, contains),
        direction,
        severity,
        cls,
        origin,
        since or ago(hours=3),
        blame,
        late,
    )


def column(table: str, name: str) -> ObjectId:
    return ObjectId("column", ("shop", table, name))


RLS_OFF = finding(
    ("table", "shop", "customer"),
    {"row_security": (True, False)},
    Direction.AHEAD,
    Severity.CRITICAL,
    cls=ChangeClass.SECURITY,
    since=ago(hours=2, minutes=41),
    blame=Blame(Confidence.EXACT, "j.miller", ago(hours=2, minutes=41), "psql"),
)
TOTAL = finding(
    ("function", "shop", "order_total"),
    {"body": (OLD_BODY, NEW_BODY), "security_definer": (False, True)},
    Direction.DIVERGED,
    Severity.CRITICAL,
    cls=ChangeClass.SECURITY,
    since=ago(days=1, hours=4),
    blame=Blame(Confidence.WINDOW, None, ago(days=1, hours=4), "DBeaver 24.1"),
    args="(bigint)",
)
HOTFIX = finding(
    ("index", "shop", "order_created_at_idx"),
    {
        "definition": (
            None,
            'CREATE INDEX order_created_at_idx ON shop."order" USING btree (created_at DESC)',
        ),
        "valid": (None, True),
    },
    Direction.AHEAD,
    Severity.WARNING,
    change=ChangeType.ADDED,
    cls=ChangeClass.PERFORMANCE,
    since=ago(hours=9),
    blame=Blame(Confidence.EXACT, "oncall", ago(hours=9), "psql"),
)
LATE = finding(
    ("column", "shop", "order", "currency"),
    {"type": ("character(3)", None), "not_null": (True, None), "default": ("'EUR'::bpchar", None)},
    Direction.BEHIND,
    Severity.WARNING,
    change=ChangeType.REMOVED,
    origin=Origin.MIGRATION,
    since=ago(days=2),
    blame=Blame(Confidence.EXACT, "ci", ago(days=2), "flyway", "V42__order_currency"),
    late=True,
)
WAITING = finding(
    ("table", "shop", "refund"),
    {"persistence": ("permanent", None), "owner": ("shop_owner", None)},
    Direction.BEHIND,
    Severity.INFO,
    change=ChangeType.REMOVED,
    origin=Origin.MIGRATION,
    since=ago(hours=5),
    blame=Blame(Confidence.EXACT, "ci", ago(hours=5), "flyway", "V43__refunds"),
    contains=(column("refund", "id"), column("refund", "amount"), column("refund", "reason")),
)
STRANGE = finding(
    ("table", "public", HOSTILE),
    {"comment": (None, f'{HOSTILE}\x1b[31m & "quoted"')},
    Direction.CHANGED,
    Severity.WARNING,
    change=ChangeType.ADDED,
    cls=ChangeClass.COSMETIC,
    since=ago(minutes=12),
)
UNKNOWN = finding(
    ("enum", "shop", "order_state"),
    {"labels": (["new", "paid", "sent"], ["new", "paid", "sent", "returned"])},
    Direction.UNKNOWN,
    Severity.WARNING,
    since=ago(days=6),
    origin=None,
)


def standings() -> dict[str, Standing]:
    """Production drifted, staging waits, development is clean, a tenant cannot be reached."""
    production = Standing(
        "production",
        Outcome.DRIFTED,
        follows="staging",
        protected=True,
        looked_at=ago(seconds=12),
        seen_at=ago(seconds=12),
        server_version=160004,
        objects=412,
        sync_point=SyncPoint("production", ago(days=9), "release 2026.11", "deploy", 7),
        against=(
            Against("sync", Outcome.DRIFTED, (STRANGE,)),
            Against(
                "staging",
                Outcome.DRIFTED,
                (RLS_OFF, TOTAL, HOTFIX, LATE, WAITING),
                2,
                histories=(EDITED,),
            ),
        ),
        not_compared={"operator_class": 3, "text_search_parser": 1},
    )
    staging = Standing(
        "staging",
        Outcome.DRIFTED,
        follows="development",
        looked_at=ago(seconds=19),
        seen_at=ago(seconds=19),
        server_version=170002,
        objects=415,
        sync_point=SyncPoint("staging", ago(days=4), "first look", "pgdrift", 3),
        against=(
            Against("sync", Outcome.IN_SYNC),
            Against("development", Outcome.DRIFTED, (UNKNOWN,), 0),
        ),
    )
    development = Standing(
        "development",
        Outcome.IN_SYNC,
        looked_at=ago(seconds=4),
        seen_at=ago(seconds=4),
        server_version=180001,
        objects=415,
        sync_point=SyncPoint("development", ago(days=12), "first look", "pgdrift", 1),
        against=(Against("sync", Outcome.IN_SYNC),),
    )
    tenant = Standing(
        "tenant-acme",
        Outcome.UNKNOWN,
        follows="production",
        reason="10.0.4.12:5432 does not answer: connection refused",
        looked_at=ago(seconds=25),
        seen_at=ago(hours=6),
        server_version=150018,
        objects=398,
        against=(
            Against("sync", Outcome.UNKNOWN, reason="the environment cannot be looked at"),
            Against("production", Outcome.UNKNOWN, reason="the environment cannot be looked at"),
        ),
    )
    return {s.environment: s for s in (production, tenant, staging, development)}


def clean() -> dict[str, Standing]:
    """Everything is in sync."""
    names = ("development", "staging", "production")
    return {
        name: Standing(
            name,
            Outcome.IN_SYNC,
            follows=upstream,
            protected=name == "production",
            looked_at=ago(seconds=7),
            seen_at=ago(seconds=7),
            server_version=180001,
            objects=415,
            against=(
                Against("sync", Outcome.IN_SYNC),
                *((Against(upstream, Outcome.IN_SYNC, (), 0),) if upstream else ()),
            ),
        )
        for name, upstream in zip(names, (None, *names), strict=False)
    }


def incidents() -> list[Incident]:
    return [
        Incident(
            "inc-7f3a",
            "production",
            "staging",
            State.OPEN,
            Severity.CRITICAL,
            ago(days=2),
            ago(hours=2, minutes=41),
            ago(hours=2, minutes=41),
            findings=(RLS_OFF, TOTAL, HOTFIX, LATE, WAITING),
            revision=4,
        )
    ]


async def timeline(environment: str) -> list[Event]:
    if environment != "production":
        return []
    return [
        Event(environment, ago(hours=2, minutes=41), "told", "oncall: is ahead of staging"),
        Event(
            environment,
            ago(hours=2, minutes=41),
            "changed",
            "row_security: true → false, by j.miller with psql",
            "table:shop.customer",
        ),
        Event(environment, ago(hours=9), "changed", "added", "index:shop.order_created_at_idx"),
        Event(environment, ago(days=2), "opened", "incident against staging"),
        Event(environment, ago(days=9), "synced", "release 2026.11, by deploy"),
    ]
