"""Prometheus' Alertmanager by its API v2: one alert per thread of an incident, kept alive.

An alert ends by itself unless it is told again: `refresh` does that for all that still stand. An
alert is known by its labels; when they change, the one of before is ended in the same breath.
"""

import asyncio
import json
from base64 import b64encode
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Annotated, Any, Literal, Self
from urllib.parse import urlsplit

from pydantic import AfterValidator, BaseModel, Field, SecretStr, StringConstraints, model_validator

from pgdrift.core.alerts.incident import Delivery, Incident, Notice, Reason
from pgdrift.core.model import CHANNELS, DRILL, REACH, ChangeClass, Finding
from pgdrift.core.shown import render
from pgdrift.errors import SinkError
from pgdrift.log import get_logger
from pgdrift.sinks.blocks import incident_url
from pgdrift.sinks.hosts import check_url
from pgdrift.sinks.posting import post
from pgdrift.sinks.secret import SETTINGS, check_one_source, read_secret
from pgdrift.sinks.thread import notices

REFRESH = 60.0
"""Seconds between two times that all alerts are told again."""

_LIFETIME = timedelta(minutes=15)  # outlives a restart of pgdrift
_MOST_FINDINGS = 10
_MOST_ALERTS = 200  # in one request

log = get_logger("sinks.alertmanager")

_Alert = dict[str, Any]
_Label = Annotated[str, StringConstraints(pattern=r"^[a-zA-Z_][a-zA-Z0-9_]*$")]


def _base_url(url: str) -> str:
    if "@" in urlsplit(check_url(url)).netloc:
        raise ValueError("must hold no password: give username and password_file")
    return url.rstrip("/")


class AlertmanagerChannel(BaseModel):
    """Where the Alertmanagers of one cluster are; each is told of every alert, as by Prometheus."""

    model_config = SETTINGS

    type: Literal["alertmanager"]
    urls: tuple[Annotated[str, AfterValidator(_base_url)], ...] = Field(
        min_length=1, description="addresses of all members: http://alertmanager:9093"
    )
    labels: dict[_Label, str] = Field(
        default_factory=dict, description="more labels for each alert, to route by"
    )
    username: str | None = Field(None, description="for a login")
    password: SecretStr | None = Field(None, description="for a login")
    password_file: Path | None = Field(None, description="file with it, read at each message")

    @model_validator(mode="after")
    def _one_login(self) -> Self:
        if self.username is not None:
            check_one_source("password", self.password, self.password_file)
        elif self.password is not None or self.password_file is not None:
            raise ValueError("a password without a username: give username too")
        return self


async def send(
    channel: AlertmanagerChannel, delivery: Delivery, *, link: str | None
) -> Mapping[str, str]:
    """Tell one notice, or all of a digest; return the `labels` of its alerts, as JSON.

    Raises SinkError.
    """
    now = datetime.now(UTC)
    before = _kept(delivery)
    labels = dict(before)
    told = []
    for key, group, notice in _threads(delivery):
        was, ended = before.get(key), notice.reason is Reason.RESOLVED
        labels[key] = was if was and ended else _labels(notice.incident, group, channel)
        told.append(_alert(notice, labels[key], now, link))
        if was and was != labels[key]:
            told.append(_alert(notice, was, now, link) | {"endsAt": now.isoformat()})
    await _post(channel, told)
    return {"labels": json.dumps(labels)}


async def refresh(
    channel: AlertmanagerChannel, standing: Iterable[Delivery], *, link: str | None
) -> None:
    """Tell again what stands there: of each thread the delivery that was told last.

    Raises SinkError.
    """
    now = datetime.now(UTC)
    alerts = [
        _alert(notice, labels, now, link)
        for delivery in standing
        for key, _, notice in _threads(delivery)
        if (labels := _kept(delivery).get(key))
    ]
    for start in range(0, len(alerts), _MOST_ALERTS):
        await _post(channel, alerts[start : start + _MOST_ALERTS])


def _threads(delivery: Delivery) -> Iterator[tuple[str, str, Notice]]:
    """Give each thread that a delivery tells of: a key of its own, its group, its notice."""
    for group, notice in notices(delivery):
        yield f"{notice.incident.id} {group}", group, notice


def _kept(delivery: Delivery) -> dict[str, dict[str, str]]:
    """Return by what labels the alert of each thread is known; a digest has many."""
    kept: dict[str, dict[str, str]] = json.loads((delivery.thread or {}).get("labels", "{}"))
    mine = {key for key, _, _ in _threads(delivery)}
    return {key: labels for key, labels in kept.items() if key in mine}


def _alert(notice: Notice, labels: Mapping[str, str], now: datetime, link: str | None) -> _Alert:
    incident = notice.incident
    starts = incident.opened_at
    ends = min(now, notice.at) if notice.reason is Reason.RESOLVED else now + _LIFETIME
    return {
        "labels": labels,
        "annotations": _annotations(notice),
        "startsAt": starts.isoformat(),
        "endsAt": max(starts, ends).isoformat(),
        "generatorURL": incident_url(link, incident) if link else "",
    }


def _labels(incident: Incident, group: str, channel: AlertmanagerChannel) -> dict[str, str]:
    """Return what the alert is known by: words of ours and names of environments, no object's."""
    made = {
        "alertname": _name(incident),
        "environment": render.one_line(incident.environment),
        "against": render.one_line(incident.against),
        "severity": incident.severity.value,
    }
    if classes := {f.cls for f in incident.findings}:
        worst = max(incident.findings, key=lambda f: f.severity.rank).cls
        made["class"] = ChangeClass.SECURITY if ChangeClass.SECURITY in classes else worst
    if group:
        made["group"] = render.one_line(group)
    return {**channel.labels, **made}


def _name(incident: Incident) -> str:
    if incident.environment == CHANNELS:
        return "PgdriftChannelDown"
    return {REACH: "PgdriftUnknown", DRILL: "PgdriftDrill"}.get(incident.against, "PgdriftDrift")


def _annotations(notice: Notice) -> dict[str, str]:
    incident = notice.incident
    findings = sorted(incident.findings, key=lambda f: -f.severity.rank)
    lines = [_line(f, notice) for f in findings[:_MOST_FINDINGS]]
    if more := len(findings) - len(lines):
        lines.append(f"and {more} more")
    if detail := render.detail(notice):
        lines.insert(0, render.one_line(detail)[:1000])
    return {
        "summary": render.headline(notice)[:500],
        "description": "\n".join(lines),
        "incident": render.one_line(incident.id),
    }


def _line(finding: Finding, notice: Notice) -> str:
    incident = notice.incident
    words = render.direction_words(finding, incident.environment, incident.against)
    blame = render.blame_words(finding)
    line = f"[{finding.severity.value}] {render.label(finding.change)}: {words}"
    return (f"{line}, {blame}" if blame else line)[:500]


async def _post(channel: AlertmanagerChannel, alerts: Sequence[_Alert]) -> None:
    """Tell all members; it arrived when one has it, for they tell each other. Raises SinkError."""
    body = json.dumps(alerts).encode("ascii")
    headers = await _login(channel)
    rotates = channel.password_file is not None
    posts = (post(f"{url}/api/v2/alerts", body, headers, rotates=rotates) for url in channel.urls)
    ends = await asyncio.gather(*posts, return_exceptions=True)
    faults = [end for end in ends if end is not None]
    if len(faults) == len(ends):
        raise max(faults, key=lambda e: isinstance(e, SinkError) and e.retry)
    for fault in faults:
        log.warning("alertmanager.member_not_told", error=str(fault))


async def _login(channel: AlertmanagerChannel) -> dict[str, str]:
    if channel.username is None:
        return {}
    password = await read_secret("password", channel.password, channel.password_file)
    pair = b64encode(f"{channel.username}:{password}".encode()).decode("ascii")
    return {"Authorization": f"Basic {pair}"}
