"""The whole configuration: a YAML file, overlaid by PGDRIFT_… variables, as one checked value.

Each section's model lies beside what it configures. What cannot be meant is refused with the
line and a hint: unknown keys, two sources for one secret, a cycle in `follows`, a route to nowhere.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import date, timedelta
from pathlib import Path
from typing import Annotated, Literal

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    PlainSerializer,
    SecretStr,
    ValidationError,
    model_validator,
)
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsConfigDict

from pgdrift import configfile
from pgdrift.core.model import REACH, SYNC, Origin, Severity
from pgdrift.errors import ConfigError
from pgdrift.sinks import Channel
from pgdrift.web.settings import WebSettings

_UNITS = {"ms": 0.001, "s": 1, "m": 60, "h": 3600, "d": 86400, "w": 604800}
_DURATION = re.compile(r"(\d+(?:\.\d+)?)\s*(ms|s|m|h|d|w)")


def _duration(value: object) -> object:
    """Turn `30s`, `12h` or `1h 30m` into a timedelta; leave what it is not to pydantic."""
    if isinstance(value, timedelta):
        return value
    text = str(value).strip()
    parts = _DURATION.findall(text)
    if not parts or _DURATION.sub("", text).strip():
        msg = "write a duration as a number with a unit: 500ms, 30s, 5m, 24h, 7d"
        raise ValueError(msg)
    return timedelta(seconds=sum(float(n) * _UNITS[unit] for n, unit in parts))


def duration_text(value: timedelta) -> str:
    """Return a duration as the configuration writes it, in the largest whole unit."""
    seconds = value.total_seconds()
    for unit in ("w", "d", "h", "m", "s"):
        if seconds >= _UNITS[unit] and seconds % _UNITS[unit] == 0:
            return f"{int(seconds // _UNITS[unit])}{unit}"
    return f"{seconds * 1000:g}ms"


Duration = Annotated[
    timedelta,
    BeforeValidator(_duration, json_schema_input_type=str),
    PlainSerializer(duration_text, return_type=str),
    Field(gt=timedelta(0)),
]


class Section(BaseModel):
    """A part of the configuration; it takes no key that it does not know."""

    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)


class Defaults(Section):
    """What holds for every environment that does not say otherwise."""

    interval: Duration = Field(
        timedelta(seconds=30), description="between two looks; LISTEN only shortens it"
    )
    timeout: Duration = Field(
        timedelta(seconds=30), description="of one look; longer, and the outcome is unknown"
    )
    promotion_lag: Duration = Field(
        timedelta(hours=24), description="how long an environment may lag behind its upstream"
    )


class EnvironmentSettings(Section):
    """One database that is watched. Exactly one of `dsn` and `dsn_file` is given."""

    dsn: SecretStr | None = Field(None, description="connection URL, postgresql://…")
    dsn_file: Path | None = Field(None, description="file with the URL, read at each connection")
    follows: str | None = Field(
        None, description="the upstream: an environment's name, or the path of a snapshot file"
    )
    protected: bool = Field(default=False, description="drift here is critical at once")
    ledger: Literal["auto", "gitversion", "pggit", "none"] = Field(
        "auto", description="which ledger to read"
    )
    histories: Literal["auto"] | tuple[str, ...] = Field(
        "auto", description="which migration tools' tables to read"
    )
    explained_by: tuple[Literal["migration", "tracked"], ...] = Field(
        ("migration", "tracked"),
        description="which changes move what is expected: by a migration, named in the ledger",
    )
    notify: str | None = Field(None, description="channel to LISTEN on: a NOTIFY shortens the wait")
    interval: Duration | None = Field(None, description="overrides the default")
    timeout: Duration | None = Field(None, description="overrides the default")
    promotion_lag: Duration | None = Field(None, description="overrides the default")

    @model_validator(mode="after")
    def _one_dsn(self) -> EnvironmentSettings:
        if (self.dsn is None) == (self.dsn_file is None):
            fault = "neither is given" if self.dsn is None else "two sources for one secret"
            msg = f"{fault}: give either dsn or dsn_file"
            raise ValueError(msg)
        return self

    def read_dsn(self) -> str:
        """Return the connection URL, read anew from its file so that it can be rotated.

        Raises ConfigError (unreadable) when the file cannot be read or is empty.
        """
        if self.dsn is not None:
            return self.dsn.get_secret_value()
        try:
            dsn = Path(str(self.dsn_file)).read_text(encoding="utf-8").strip()
        except (OSError, UnicodeDecodeError) as error:
            msg = f"cannot read dsn_file {self.dsn_file}: {_why(error)}"
            raise ConfigError(msg, reason="unreadable", hint="is the secret mounted?") from error
        if not dsn:
            msg = f"dsn_file {self.dsn_file} is empty"
            raise ConfigError(msg, reason="unreadable", hint="put one connection URL into it")
        return dsn


class IgnoreSettings(Section):
    """One difference that is no finding, and why."""

    object: str = Field(description="glob over `kind:name`, as index:public.tmp_*")
    reason: str = Field(min_length=1, description="why this is right; shown to people")
    until: date | None = Field(None, description="the last day on which the rule holds")


class CompareSettings(Section):
    """What counts as a difference."""

    ignore: tuple[IgnoreSettings, ...] = Field((), description="differences that are right")
    column_order: bool = Field(default=False, description="is the order of columns a difference?")


class RouteSettings(Section):
    """Which incidents go to which channels."""

    to: tuple[str, ...] = Field(min_length=1, description="names of channels")
    environment: str = Field("*", description="glob over environments")
    severity: tuple[Severity, ...] = Field(
        (Severity.WARNING, Severity.CRITICAL), description="of the incident, as it is now"
    )
    repeat: Duration | None = Field(None, description="tell an open incident again after this")


class AlertSettings(Section):
    """Whom to tell."""

    channels: dict[str, Channel] = Field(default_factory=dict, description="where to write")
    routes: tuple[RouteSettings, ...] = Field(
        (), description="an incident goes to the channels of every route that matches"
    )

    @model_validator(mode="after")
    def _routes_lead_somewhere(self) -> AlertSettings:
        for number, route in enumerate(self.routes):
            for name in route.to:
                if name not in self.channels:
                    msg = f"routes.{number}.to names channel {name!r}, which does not exist"
                    raise ValueError(msg + configfile.did_you_mean(name, self.channels))
        return self


class StoreSettings(Section):
    """Where pgdrift remembers."""

    url: str = Field(
        "sqlite:///pgdrift.db", description="sqlite:///relative or sqlite:////absolute"
    )
    keep: Duration = Field(timedelta(days=90), description="how long the past is kept")


class LogSettings(Section):
    """How pgdrift logs, to standard error."""

    level: Literal["debug", "info", "warning", "error"] = Field(
        "info", description="what is logged at the least"
    )
    format: Literal["auto", "json", "console"] = Field(
        "auto", description="auto: readable on a terminal, JSON elsewhere"
    )


class Settings(BaseSettings):
    """Everything that can be configured."""

    model_config = SettingsConfigDict(
        extra="forbid",
        frozen=True,
        env_prefix="PGDRIFT_",
        env_nested_delimiter="__",
        hide_input_in_errors=True,
    )

    defaults: Defaults = Defaults()
    environments: dict[str, EnvironmentSettings] = Field(default_factory=dict)
    compare: CompareSettings = CompareSettings()
    alerts: AlertSettings = AlertSettings()
    store: StoreSettings = StoreSettings()
    web: WebSettings = WebSettings()
    log: LogSettings = LogSettings()

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],  # noqa: ARG003  the signature is pydantic's
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,  # noqa: ARG003
        file_secret_settings: PydanticBaseSettingsSource,  # noqa: ARG003
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Let a variable win over the file, as deployments expect."""
        return env_settings, init_settings

    @model_validator(mode="after")
    def _names(self) -> Settings:
        for name in self.environments:
            if name in (SYNC, REACH) or not name.strip() or not name.isprintable():
                msg = f"environments.{name!r}: this name is taken by pgdrift or cannot be printed"
                raise ValueError(msg)
        return self

    @model_validator(mode="after")
    def _follows(self) -> Settings:
        for name in self.environments:
            chain = list(self._chain(name))
            if len(set(chain)) < len(chain):
                msg = f"environments.{name}.follows: a cycle, {' → '.join(chain)}"
                raise ValueError(msg)
            last = chain[-1]
            if last not in self.environments and not is_snapshot_file(last):
                msg = (
                    f"environments.{chain[-2]}.follows: {last!r} is neither an environment nor "
                    f"the path of a snapshot file (*.json)"
                )
                raise ValueError(msg + configfile.did_you_mean(last, self.environments))
        return self

    def _chain(self, name: str) -> Iterator[str]:
        seen: set[str] = set()
        following: str | None = name
        while following is not None:
            yield following
            if following in seen or following not in self.environments:
                return
            seen.add(following)
            following = self.environments[following].follows

    def interval(self, environment: str) -> timedelta:
        """Return the time between two looks at an environment."""
        return self.environments[environment].interval or self.defaults.interval

    def timeout(self, environment: str) -> timedelta:
        """Return how long one look at an environment may take."""
        return self.environments[environment].timeout or self.defaults.timeout

    def promotion_lag(self, environment: str) -> timedelta:
        """Return how long an environment may lag behind its upstream."""
        return self.environments[environment].promotion_lag or self.defaults.promotion_lag

    def explained_by(self, environment: str) -> frozenset[Origin]:
        """Return which origins explain a change in an environment."""
        return frozenset(Origin(o) for o in self.environments[environment].explained_by)


def is_snapshot_file(follows: str) -> bool:
    """Tell whether `follows` names a snapshot file rather than an environment."""
    return follows.endswith(".json")


def load(path: Path | None) -> Settings:
    """Return the settings of a file (or of variables alone), checked.

    Raises ConfigError: unreadable, or invalid with every fault, its line and a hint.
    """
    if path is None:
        return _build({}, {}, "the environment variables")
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        msg = f"cannot read the configuration {path}: {_why(error)}"
        raise ConfigError(msg, reason="unreadable", hint="name it with --config") from error
    data, lines = configfile.parse(text, str(path))
    return _build(data, lines, str(path))


def _build(data: dict[str, object], lines: configfile.Lines, where: str) -> Settings:
    try:
        return Settings(**data)  # type: ignore[arg-type]  # pydantic checks what YAML gave
    except ValidationError as error:
        raise configfile.refusal(error, Settings, lines, where) from None


def _why(error: Exception) -> str:
    return (error.strerror if isinstance(error, OSError) else None) or str(error)
