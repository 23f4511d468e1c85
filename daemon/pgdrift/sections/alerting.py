"""The section `alerts` of the configuration: channels, routes, owners, quiet hours.

What cannot be meant is refused: a route to nowhere, a zone that does not exist, a key to group by
that there is not. Who hears of what by these routes is decided elsewhere.
"""

from __future__ import annotations

import re
from datetime import time, timedelta
from pathlib import Path
from typing import Annotated, Literal
from zoneinfo import ZoneInfo

from pydantic import (
    AfterValidator,
    AwareDatetime,
    BeforeValidator,
    Field,
    PlainSerializer,
    model_validator,
)

from pgdrift import configfile
from pgdrift.core.alerts.hours import EVERY_DAY, Hours
from pgdrift.core.alerts.route import OWNER, PER_INCIDENT
from pgdrift.core.model import ChangeClass, Direction, Severity
from pgdrift.section import Duration, Section
from pgdrift.sinks import Channel

_DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
_MENTION = re.compile(r"here|channel|everyone|[UWS][A-Z0-9]{2,20}")
_CLOCK = re.compile(r"([01]?[0-9]|2[0-4]):([0-5][0-9])")


def _clock(value: object) -> object:
    """Turn `22:00` into a time of day; `24:00` is the midnight at the day's end."""
    if isinstance(value, time):
        return value
    # Unquoted, YAML reads 22:00 as a number to the base of 60: as minutes.
    if isinstance(value, int) and not isinstance(value, bool) and 60 <= value <= 1440:
        value = f"{value // 60}:{value % 60:02}"
    found = _CLOCK.fullmatch(str(value).strip())
    if not found or (found[1] == "24" and found[2] != "00"):
        msg = "write a time of day as hours and minutes: 07:00, 22:30"
        raise ValueError(msg)
    return time(int(found[1]) % 24, int(found[2]))


def _zone(name: str) -> str:
    try:
        ZoneInfo(name)
    except (ValueError, OSError, LookupError):
        msg = "no such time zone here: write a name of the tz database, as Europe/Berlin, or UTC"
        raise ValueError(msg) from None
    return name


def _mention(name: str) -> str:
    if name and not _MENTION.fullmatch(name):
        msg = "write here, channel, or the id of a person (U…) or a user group (S…)"
        raise ValueError(msg)
    return name


def _several(value: object) -> object:
    """Take one where a list is expected."""
    return (value,) if isinstance(value, str | dict) else value


Clock = Annotated[
    time,
    BeforeValidator(_clock, json_schema_input_type=str),
    PlainSerializer(lambda value: f"{value:%H:%M}", return_type=str),
]
Zone = Annotated[str, AfterValidator(_zone)]
Mention = Annotated[str, AfterValidator(_mention)]
Globs = Annotated[
    tuple[str, ...], BeforeValidator(_several, json_schema_input_type=str | list[str])
]
Key = Literal["environment", "against", "class", "kind", "owner", "severity"]


class HoursSettings(Section):
    """Hours of the week, by the clock on the wall of a time zone."""

    start: Clock = Field(alias="from", description="time of day at which they begin, as 22:00")
    end: Clock = Field(alias="to", description="when they end; at or before `from`: the next day")
    zone: Zone = Field("UTC", description="of which zone that is the time, as Europe/Berlin")
    days: tuple[Literal["mon", "tue", "wed", "thu", "fri", "sat", "sun"], ...] = Field(
        (), description="on which days they begin. None: on all"
    )

    @property
    def hours(self) -> Hours:
        """The same for the core."""
        days = frozenset(map(_DAYS.index, self.days)) or EVERY_DAY
        return Hours(self.start, self.end, ZoneInfo(self.zone), days)


class QuietSettings(HoursSettings):
    """Hours in which a route tells nothing; what came up is told as one digest at their end."""

    exempt: tuple[Severity, ...] = Field(
        (Severity.CRITICAL,), alias="except", description="what is told all the same"
    )


class RouteSettings(Section):
    """Which findings go to which channels. What is left out holds for all.

    Findings are routed one by one; an environment that cannot be looked at goes by `environment`,
    `against: reach` and `severity`. The first route that matches decides.
    """

    to: tuple[str, ...] = Field(
        min_length=1, description="names of channels; `owner`: that of whoever owns the object"
    )
    environment: Globs = Field(("*",), description="glob or globs over environments")
    severity: tuple[Severity, ...] = Field(
        (Severity.WARNING, Severity.CRITICAL), description="how grave, as it is now"
    )
    classes: tuple[ChangeClass, ...] = Field((), description="what the change touches")
    directions: tuple[Direction, ...] = Field((), description="who moved")
    kinds: Globs = Field((), description="globs over kinds of objects")
    objects: Globs = Field((), description="globs over `kind:name`, or over the name alone")
    owners: Globs = Field((), description="globs over owners, of `alerts.owners_file`")
    against: Globs = Field(
        (), description="globs over what it stands against: `sync`, an upstream, `ledger`, `reach`"
    )
    go_on: bool = Field(
        default=False, alias="continue", description="the routes below are asked as well"
    )
    fallback: tuple[str, ...] = Field((), description="channels told when one of `to` is dead")
    group_by: tuple[Key, ...] = Field(
        ("environment", "against"),
        description="what the findings of one thread share. More keys part an incident; without "
        "`environment` messages of several become one digest",
    )
    group_wait: Duration | None = Field(
        None,
        description="how long a first message waits for what else comes; 30s where several "
        "environments share one, else not at all",
    )
    repeat: Duration | None = Field(None, description="tell what is still so again after this")
    quiet: Annotated[
        tuple[QuietSettings, ...],
        BeforeValidator(_several, json_schema_input_type=QuietSettings | tuple[QuietSettings, ...]),
    ] = Field((), description="hours in which nothing is told: one block, or several")
    mention: Mention = Field(
        "", description="whom to call by name: `here`, `channel`, a person's or user group's id"
    )

    @property
    def wait(self) -> timedelta:
        """How long a first message waits."""
        shared = not set(PER_INCIDENT) <= set(self.group_by)
        usual = timedelta(seconds=30) if shared else timedelta(0)
        return usual if self.group_wait is None else self.group_wait


class TeamSettings(Section):
    """How a team is reached that `alerts.owners_file` names."""

    channel: str | None = Field(None, description="name of the channel in which it hears")
    mention: Mention = Field("", description="whom to call by name there, as a route does")


class MaintenanceSettings(Section):
    """A planned window, in which nothing is told but what is over: once, or each week."""

    environments: Globs = Field((), description="globs over environments. None: all")
    reason: str = Field(min_length=1, description="what is done; shown to people")
    start: AwareDatetime | None = Field(
        None, alias="from", description="when it begins, with a zone, as 2026-12-01T20:00:00Z"
    )
    end: AwareDatetime | None = Field(None, alias="until", description="when it ends")
    weekly: HoursSettings | None = Field(None, description="in place of both: hours of the week")

    @model_validator(mode="after")
    def _once_or_weekly(self) -> MaintenanceSettings:
        once = self.start is not None and self.end is not None
        if once is (self.weekly is not None) or (self.start is None) is not (self.end is None):
            msg = "a maintenance window has `from` and `until`, or `weekly`"
            raise ValueError(msg)
        if self.start and self.end and self.end <= self.start:
            msg = "a maintenance window ends after it begins"
            raise ValueError(msg)
        return self


class AlertSettings(Section):
    """Whom to tell."""

    channels: dict[str, Channel] = Field(default_factory=dict, description="where to write")
    routes: tuple[RouteSettings, ...] = Field(
        (), description="the first route that matches a finding says who hears of it"
    )
    owners: dict[str, TeamSettings] = Field(default_factory=dict, description="teams, by name")
    owners_file: Path | None = Field(
        None, description="whose which object is, line by line: a glob, then owners; the last holds"
    )
    reopen: Duration = Field(
        timedelta(hours=1),
        description="drift that comes back so soon after its end is the incident that it was",
    )
    maintenance: tuple[MaintenanceSettings, ...] = Field(
        (), description="planned windows; what is left when one closes is told then"
    )
    dead_after: Duration = Field(
        timedelta(minutes=15),
        description="a channel that fails so long is dead: its `fallback` hears of that, and of "
        "what it was to tell",
    )

    @model_validator(mode="after")
    def _routes_lead_somewhere(self) -> AlertSettings:
        if OWNER in self.channels:
            msg = f"channels.{OWNER}: this name is taken, it means whoever owns the object"
            raise ValueError(msg)
        for number, route in enumerate(self.routes):
            for key, names in (("to", route.to), ("fallback", route.fallback)):
                for name in names:
                    if not (name == OWNER and key == "to"):
                        self._check_channel(f"routes.{number}.{key}", name)
        return self

    @model_validator(mode="after")
    def _teams_are_reached(self) -> AlertSettings:
        for name, team in self.owners.items():
            if team.channel is not None:
                self._check_channel(f"owners.{name}.channel", team.channel)
        by_owner = [n for n, route in enumerate(self.routes) if OWNER in route.to]
        if by_owner and not any(team.channel for team in self.owners.values()):
            msg = f"routes.{by_owner[0]}.to: `{OWNER}` leads nowhere: no team has a channel"
            raise ValueError(f"{msg}, give `alerts.owners`")
        return self

    def _check_channel(self, where: str, name: str) -> None:
        if name not in self.channels:
            msg = f"{where} names channel {name!r}, which does not exist"
            raise ValueError(msg + configfile.did_you_mean(name, self.channels))
