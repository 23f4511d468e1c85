"""A delivery in, the JSON of the generic webhook out: what a machine is told, as one model.

The models are the contract: their JSON Schema is `docs/webhook.schema.json`. Knows no address.
"""

import json
from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any, Literal, TypeAlias

from pydantic import BaseModel, ConfigDict, Field, JsonValue

from pgdrift.core.alerts.facts import about
from pgdrift.core.alerts.incident import Delivery, Incident, Notice, Reason, State
from pgdrift.core.alerts.plannable import can_be_planned
from pgdrift.core.model import DRILL, ChangeClass, ChangeType, Confidence, Direction, Severity
from pgdrift.core.model import Finding as ModelFinding
from pgdrift.core.shown import render
from pgdrift.sinks.blocks import incident_url
from pgdrift.sinks.slack_words import plan_page
from pgdrift.sinks.thread import notices

_MOST_FINDINGS = 200
_MOST_CHARACTERS = 4000  # of one value
_CUT = "…"


class _Part(BaseModel):
    # What a later release adds is no reason to refuse: a receiver ignores what it does not know.
    model_config = ConfigDict(frozen=True, extra="ignore", populate_by_name=True)


class ObjectName(_Part):
    """An object of the database."""

    kind: str = Field(description="table, column, policy, …")
    name: str = Field(description="dotted, quoted as SQL would: public.invoice.note")


class RenamedObject(ObjectName):
    """What an object was called before, or is called now."""

    sure: bool = Field(description="false: only perhaps")


class DependantsBody(_Part):
    """What hangs on an object."""

    count: int = Field(description="how many objects")
    some: list[ObjectName] = Field(description="the first few of them")


class BlameBody(_Part):
    """Who changed it, when, and how that is known; null is not known."""

    confidence: Confidence = Field(description="exact: it is on record; window: between two looks")
    who: str | None = Field(description="the login")
    role: str | None = Field(description="the role, where it is another")
    address: str | None = Field(description="of the client")
    application: str | None = Field(description="what the client called itself")
    migration: str | None = Field(description="in which migration")
    statement: str | None = Field(description="what was run, without its literals")
    at: datetime | None = Field(description="UTC")
    after: datetime | None = Field(description="UTC; not seen yet then")
    until: datetime | None = Field(description="UTC; seen then")
    hearsay: str | None = Field(description="whom a notification names, which anybody can send")


class FindingBody(_Part):
    """One object that is not as it should be."""

    kind: str = Field(description="table, column, policy, …")
    name: str = Field(description="dotted, quoted as SQL would: public.invoice.note")
    change: ChangeType = Field(description="what became of it")
    attributes: dict[str, tuple[JsonValue, JsonValue]] = Field(
        description="attribute → [before, after]; a value of more than 4000 characters is cut, and"
        " ends with …"
    )
    contains: list[ObjectName] = Field(description="what came or went with it")
    renamed: RenamedObject | None = Field(description="its other name, if it was renamed")
    spelling: list[str] = Field(description="attributes that may well mean the same on both sides")
    direction: Direction = Field(description="who moved")
    severity: Severity = Field(description="how grave it is")
    cls: ChangeClass = Field(alias="class", description="what the change touches")
    origin: str | None = Field(description="migration, tracked, untracked, or null")
    first_seen: datetime = Field(description="when it was first seen, UTC")
    late: bool = Field(description="waits longer for promotion than it may")
    reason: str = Field(description="why it was judged so, in words; may be empty")
    blame: BlameBody = Field(description="who, when, and how that is known")
    dependants: DependantsBody = Field(description="what hung on it when it was found")


class IncidentBody(_Part):
    """The life of the findings of one environment against one yardstick."""

    id: str = Field(description="the same in all messages of one incident")
    environment: str = Field(description="name of the environment")
    against: str = Field(description="sync, ledger, reach, drill, or the upstream's name")
    state: State = Field(
        description="where it is in its life, as a whole: it may go on while all that this channel"
        " hears of is over, which `reason` says"
    )
    severity: Severity = Field(description="of its gravest finding")
    opened_at: datetime = Field(description="UTC")
    changed_at: datetime = Field(description="UTC")
    resolved_at: datetime | None = Field(description="UTC; null while it is open")
    detail: str = Field(
        description="why it cannot be looked at, ended, or what was accepted; may be empty"
    )


class PlanBody(_Part):
    """The plan that is made for an incident, and applied by people alone."""

    id: str | None = Field(
        description="of the plan as it is kept: pgdrift plans export ID; null: none is yet, which"
        " takes a moment, or none is made by itself"
    )
    current: bool = Field(description="it is of all that the incident tells now")
    url: str | None = Field(
        description="its page, or why there is none, where web.public_url is set"
    )


class NoticeBody(_Part):
    """One decision to tell: how an incident stands, and why that is told now."""

    id: str = Field(description="unique; the same in every channel")
    reason: Reason = Field(description="why it is told now")
    at: datetime = Field(description="when that was decided, UTC")
    drill: bool = Field(description="somebody tries out whether it arrives: nothing drifted")
    group: str = Field(
        description="what the findings share, as class=security, where a route tells an incident"
        " in several threads; else empty"
    )
    headline: str = Field(description="all of it on one line, for people")
    url: str | None = Field(description="page of the environment, where web.public_url is set")
    incident: IncidentBody = Field(description="the incident as it stands")
    plan: PlanBody | None = Field(
        description="how it can be mended; null: no plan can, or it is over"
    )
    findings: list[FindingBody] = Field(description="the gravest first, 200 at most")
    findings_total: int = Field(description="how many there are")
    new: list[str] = Field(description="kind:name of what came since the last notice")
    gone: list[FindingBody] = Field(description="what went since the last notice, 200 at most")
    gone_total: int = Field(description="how many went")


class MessageBody(_Part):
    """The body of one request."""

    version: Literal[1] = Field(
        description="of this schema; a field that is new does not change it"
    )
    delivery: str = Field(description="the same at every try, as is the header webhook-id")
    channel: str = Field(description="name of the channel in pgdrift's configuration")
    repeated: bool = Field(description="an earlier try may have arrived: how it ended is not known")
    notices: list[NoticeBody] = Field(min_length=1, description="one; several in a digest")


Plans: TypeAlias = Mapping[str, tuple[str, str]]
"""By incident the plan that is kept for it, and of which findings that is."""
NO_PLANS: Plans = {}


def body(delivery: Delivery, *, link: str | None, plans: Plans = NO_PLANS) -> bytes:
    """Return the message as ASCII JSON: no character of a name can be anything but data."""
    message = MessageBody(
        version=1,
        delivery=delivery.id,
        channel=delivery.channel,
        repeated=delivery.uncertain,
        notices=[_notice(n, group, link, plans) for group, n in notices(delivery)],
    )
    return json.dumps(message.model_dump(mode="json", by_alias=True)).encode("ascii")


def schema() -> str:
    """Return the JSON Schema of the body, as text."""
    made = MessageBody.model_json_schema(mode="serialization")
    made = {"$schema": "https://json-schema.org/draft/2020-12/schema", **made}
    return json.dumps(made, indent=2) + "\n"


def _notice(notice: Notice, group: str, link: str | None, plans: Plans) -> NoticeBody:
    incident = notice.incident
    return NoticeBody(
        id=notice.id,
        reason=notice.reason,
        at=notice.at,
        drill=incident.against == DRILL,
        group=group,
        headline=render.headline(notice),
        url=incident_url(link, incident) if link else None,
        incident=_incident(incident),
        plan=_plan(notice, link, plans),
        findings=_findings(incident.findings),
        findings_total=len(incident.findings),
        new=list(notice.new[:_MOST_FINDINGS]),
        gone=_findings(notice.gone),
        gone_total=len(notice.gone),
    )


def _plan(notice: Notice, link: str | None, plans: Plans) -> PlanBody | None:
    incident = notice.incident
    if notice.reason is Reason.RESOLVED or not can_be_planned(incident):
        return None
    id_, of = plans.get(incident.id, ("", ""))
    url = plan_page(link, incident) if link else None
    return PlanBody(id=id_ or None, current=bool(id_) and of == about(incident.findings), url=url)


def _incident(incident: Incident) -> IncidentBody:
    names = IncidentBody.model_fields
    return IncidentBody(**{name: getattr(incident, name) for name in names})


def _findings(findings: Iterable[ModelFinding]) -> list[FindingBody]:
    worst = sorted(findings, key=lambda f: -f.severity.rank)[:_MOST_FINDINGS]
    return list(map(_finding, worst))


def _finding(finding: ModelFinding) -> FindingBody:
    told: dict[str, Any] = render.finding_json(finding)
    pairs = {name: tuple(map(_cut, pair)) for name, pair in told["attributes"].items()}
    hangs = finding.dependants
    some = [ObjectName(kind=i.kind, name=i.name) for i in hangs.some]
    return FindingBody.model_validate(
        {
            **told,
            "attributes": pairs,
            "contains": told["contains"][:_MOST_FINDINGS],
            "dependants": DependantsBody(count=hangs.count, some=some),
        }
    )


def _cut(value: JsonValue) -> JsonValue:
    text = value if isinstance(value, str) else json.dumps(value)
    return value if len(text) <= _MOST_CHARACTERS else text[: _MOST_CHARACTERS - 1] + _CUT
