"""Notices to tell: an incident as a night might bring it, and names that mean harm."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

from pgdrift.core.alerts.incident import Delivery, Incident, Notice, Reason, State
from pgdrift.core.model import (
    REACH,
    Blame,
    Change,
    ChangeClass,
    ChangeType,
    Confidence,
    Dependants,
    Direction,
    Finding,
    ObjectId,
    Origin,
    Severity,
)

NOW = datetime(2026, 11, 22, 2, 13, 7, tzinfo=UTC)
LINK = "https://pgdrift.example.org"

PINGS = "<!channel> <@U012345> <https://evil.example|bill> & `x` *b* @here #general"
BIDI = "invoice\u202etxt.exe\u2066\u200b"
NEWLINES = "a\r\nBcc: thief@example.org\r\n\r\nbody"


def policy_dropped() -> Finding:
    change = Change(
        ObjectId("policy", ("public", "invoice", "tenant_isolation")),
        ChangeType.REMOVED,
        {
            "command": ("ALL", None),
            "permissive": (True, None),
            "using": ("(tenant_id = current_setting('app.tenant')::integer)", None),
        },
    )
    blame = Blame(Confidence.WINDOW, "maría", NOW - timedelta(minutes=2), "psql")
    return _finding(change, Severity.CRITICAL, ChangeClass.SECURITY, blame)


def column_changed() -> Finding:
    change = Change(
        ObjectId("column", ("public", "Order", "note")),
        ChangeType.CHANGED,
        {"type": ("character varying(40)", "text"), "not_null": (True, False)},
    )
    blame = Blame(Confidence.EXACT, "deploy", NOW - timedelta(hours=1), migration="V17__notes")
    view = ObjectId("view", ("reporting", "open_orders"))
    index = ObjectId("index", ("public", "order_note_idx"))
    found = _finding(change, Severity.WARNING, ChangeClass.STRUCTURE, blame)
    return replace(found, dependants=Dependants(5, (index, view)))


def function_changed() -> Finding:
    before = "CREATE FUNCTION public.total(a integer)\n RETURNS integer\nAS $$ SELECT a $$"
    change = Change(
        ObjectId("function", ("public", "total"), "(integer)"),
        ChangeType.CHANGED,
        {"definition": (before, before.replace("SELECT a", "SELECT a + 1"))},
    )
    return _finding(change, Severity.WARNING, ChangeClass.BEHAVIOUR, Blame())


def index_added(name: str = "tmp_idx") -> Finding:
    definition = f"CREATE INDEX {name} ON public.invoice USING btree (tenant_id)"
    change = Change(
        ObjectId("index", ("public", name)),
        ChangeType.ADDED,
        {"definition": (None, definition), "unique": (None, False)},
    )
    return _finding(change, Severity.INFO, ChangeClass.PERFORMANCE, Blame())


def function_added() -> Finding:
    i = ObjectId("function", ("public", "admin"), "()")
    told = {"security_definer": (None, True), "body": (None, "select 1;\nselect 2")}
    grant = ObjectId("routine_privilege", ("public", "admin", "PUBLIC"), "()")
    change = Change(i, ChangeType.ADDED, told, (grant,))
    return _finding(change, Severity.CRITICAL, ChangeClass.SECURITY, Blame())


def hostile(name: str, *, text: str | None = None) -> Finding:
    change = Change(
        ObjectId("table", ("public", name)),
        ChangeType.CHANGED,
        {"comment": (name, text or name[::-1])},
    )
    blame = Blame(Confidence.EXACT, name, NOW, name, name)
    return _finding(change, Severity.CRITICAL, ChangeClass.COSMETIC, blame)


def opened(*findings: Finding, against: str = "staging", environment: str = "production") -> Notice:
    incident = Incident(
        id="4be1f9a0c2d3",
        environment=environment,
        against=against,
        state=State.OPEN,
        severity=max((f.severity for f in findings), key=lambda s: s.rank),
        opened_at=NOW,
        changed_at=NOW,
        told_at=NOW,
        findings=findings,
    )
    return Notice(incident, Reason.FIRST, NOW, new=tuple(f.key for f in findings))


def night() -> Notice:
    return opened(policy_dropped(), column_changed(), function_changed())


def changed(first: Notice) -> Notice:
    extra = index_added()
    incident = replace(first.incident, findings=(*first.incident.findings[:2], extra), revision=2)
    at = NOW + timedelta(minutes=20)
    return Notice(incident, Reason.CHANGED, at, (extra.key,), first.incident.findings[2:])


def repeated(first: Notice) -> Notice:
    incident = replace(first.incident, revision=2)
    return Notice(incident, Reason.REPEAT, NOW + timedelta(hours=12))


def resolved(before: Notice) -> Notice:
    at = NOW + timedelta(hours=2)
    incident = replace(
        before.incident, state=State.RESOLVED, findings=(), resolved_at=at, revision=3
    )
    return Notice(incident, Reason.RESOLVED, at, gone=before.incident.findings)


def cannot_look() -> Notice:
    incident = Incident(
        id="5cf2aa01d3e4",
        environment="production",
        against=REACH,
        state=State.OPEN,
        severity=Severity.WARNING,
        opened_at=NOW,
        changed_at=NOW,
        told_at=NOW,
        detail="unreachable: no answer from db.example.org:5432 <for 10 s>",
    )
    return Notice(incident, Reason.FIRST, NOW)


def on_its_way(notice: Notice, thread: dict[str, str] | None = None, **more: Any) -> Delivery:
    delivery = Delivery(f"{notice.id}-oncall", "oncall", notice, thread=thread)
    return replace(delivery, **more)


def _finding(change: Change, severity: Severity, cls: ChangeClass, blame: Blame) -> Finding:
    return Finding(change, Direction.AHEAD, severity, cls, Origin.UNTRACKED, NOW, blame)
