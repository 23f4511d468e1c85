"""The whole configuration: a YAML file, overlaid by PGDRIFT_… variables, as one checked value.

Each section's model lies beside what it configures. What cannot be meant is refused with the
line and a hint: unknown keys, two sources for one secret, a cycle in `follows`, a route to nowhere.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from datetime import date, timedelta
from pathlib import Path
from typing import Annotated, Literal

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    PlainSerializer,
    SecretStr,
    ValidationError,
    model_validator,
)
from pydantic_settings import (
    BaseSettings,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
    SettingsError,
)

from pgdrift import configfile
from pgdrift.core.model import REACH, SYNC, Origin, Severity
from pgdrift.core.render import one_line
from pgdrift.errors import ConfigError
from pgdrift.log import redact
from pgdrift.sinks import Channel
from pgdrift.web.settings import WebSettings

_PREFIX = "pgdrift_"
_UNITS = {"ms": 0.001, "s": 1, "m": 60, "h": 3600, "d": 86400, "w": 604800}
# Beyond it neither dates nor timers can be reckoned with, and nobody means it.
_LONGEST = timedelta(days=3650)
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
    seconds = sum(float(n) * _UNITS[unit] for n, unit in parts)
    if not 0.001 <= seconds <= _LONGEST.total_seconds():
        msg = "a duration is at least 1ms and at most 3650d"
        raise ValueError(msg)
    return timedelta(seconds=seconds)


def _at_most_a_day(value: timedelta) -> timedelta:
    # PostgreSQL's own statement_timeout ends at 24 days.
    if value > timedelta(days=1):
        msg = "a timeout is at most 1d"
        raise ValueError(msg)
    return value


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
]
Timeout = Annotated[Duration, AfterValidator(_at_most_a_day)]


class Section(BaseModel):
    """A part of the configuration; it takes no key that it does not know."""

    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)


class Defaults(Section):
    """What holds for every environment that does not say otherwise."""

    interval: Duration = Field(
        timedelta(seconds=30), description="between two looks; LISTEN only shortens it"
    )
    timeout: Timeout = Field(
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
    timeout: Timeout | None = Field(None, description="overrides the default")
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
        except (OSError, ValueError) as error:
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
        env_prefix=_PREFIX,
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
                    f"environments.{chain[-2]}.follows: {redact(last)!r} is neither an environment "
                    f"nor the path of a snapshot file (*.json)"
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
    except UnicodeDecodeError as error:
        line = error.object.count(b"\n", 0, error.start) + 1
        msg = f"{path}:{line}: the configuration is not text in UTF-8"
        raise ConfigError(msg, reason="unreadable", hint="name it with --config") from None
    except (OSError, ValueError) as error:
        msg = f"cannot read the configuration {path}: {_why(error)}"
        raise ConfigError(msg, reason="unreadable", hint="name it with --config") from error
    data, lines = configfile.parse(text, str(path))
    return _build(data, lines, str(path))


def _build(data: dict[str, object], lines: configfile.Lines, where: str) -> Settings:
    _refuse_strange_variables()
    for key in data:
        # pydantic-settings takes these as orders to itself: to read more files, or sys.argv.
        if key.startswith("_"):
            msg = f"{where}:{lines[(key,)]}: unknown key: no section begins with an underscore"
            raise ConfigError(msg, reason="invalid", hint=configfile.SEE)
    try:
        return Settings(**data)  # type: ignore[arg-type]  # pydantic checks what YAML gave
    except ValidationError as error:
        raise configfile.refusal(error, Settings, lines, where) from None
    except (SettingsError, RecursionError) as error:
        raise _not_json(error) from None


def _refuse_strange_variables() -> None:
    """Refuse a variable that names a section which is none; `__` is ours alone.

    Others that begin with PGDRIFT_ pass: Kubernetes sets some for a Service named pgdrift.
    """
    for name in sorted(os.environ):
        section, nested, _ = name.lower().removeprefix(_PREFIX).partition("__")
        if name.lower().startswith(_PREFIX) and nested and section not in Settings.model_fields:
            known = (f"{_PREFIX}{s}".upper() for s in Settings.model_fields)
            near = configfile.did_you_mean(f"{_PREFIX}{section}".upper(), known)
            msg = f"the variable {one_line(name)} names no section{near}"
            hint = "unset it; with two underscores only pgdrift's own settings may begin so"
            raise ConfigError(msg, reason="invalid", hint=hint)


def _not_json(error: Exception) -> ConfigError:
    """Name the variables of a section; what they hold may be secret."""
    section = re.search(r'field "(\w+)"', str(error))
    begin = f"{_PREFIX}{section[1] if section else ''}".upper()
    given = [one_line(v) for v in sorted(os.environ) if v.upper().startswith(begin)]
    msg = f"of the variables {', '.join(given)} one cannot be read as JSON"
    return ConfigError(msg, reason="invalid", hint="a whole section or list is written as JSON")


def _why(error: Exception) -> str:
    return (error.strerror if isinstance(error, OSError) else None) or str(error)
