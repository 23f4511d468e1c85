"""The whole configuration: a YAML file, overlaid by PGDRIFT_… variables, as one checked value.

Each section's model lies beside what it configures. What cannot be meant is refused with the
line and a hint: unknown keys, two sources for one secret, a cycle in `follows`, a route to nowhere.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Iterator, Mapping
from datetime import timedelta
from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field, PlainSerializer, ValidationError, model_validator
from pydantic_settings import (
    BaseSettings,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
    SettingsError,
)

from pgdrift import configfile
from pgdrift.core.found import Database
from pgdrift.core.model import CHANNELS, DRILL, LEDGER, REACH, SYNC, Origin
from pgdrift.core.shown.render import one_line
from pgdrift.errors import ConfigError, why
from pgdrift.log import redact
from pgdrift.section import Duration, Section
from pgdrift.sections.alerting import AlertSettings
from pgdrift.sections.comparing import CompareSettings, read_ignore_file
from pgdrift.sections.discovering import DiscoverSettings
from pgdrift.sections.environments import (
    ConnectionSettings,
    Defaults,
    EnvironmentSettings,
    ScratchSettings,
    read_url,
)
from pgdrift.sources.files import is_file, is_snapshot
from pgdrift.web.settings import WebSettings

_PREFIX = "pgdrift_"
# What incidents are called that are of no environment, and what stands against none.
_TAKEN = (SYNC, REACH, LEDGER, DRILL, CHANNELS)


# Written with its password masked.
_Url = Annotated[str, PlainSerializer(redact, return_type=str)]


class StoreSettings(Section):
    """Where pgdrift remembers."""

    url: _Url = Field(
        "sqlite:///pgdrift.db",
        description="sqlite:///relative or sqlite:////absolute, or postgresql://… for replicas",
    )
    url_file: Path | None = Field(None, description="file with the URL, read at the start")
    keep: Duration = Field(timedelta(days=90), description="how long the past is kept")

    @model_validator(mode="after")
    def _one_url(self) -> StoreSettings:
        if self.url_file is not None and "url" in self.model_fields_set:
            msg = "two sources for one secret: give either url or url_file"
            raise ValueError(msg)
        return self

    def read_url(self) -> str:
        """Return the store's URL, with its password. Raises ConfigError (unreadable)."""
        return self.url if self.url_file is None else read_url(self.url_file, "store.url_file")


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
    discover: dict[str, DiscoverSettings] = Field(default_factory=dict)
    connections: ConnectionSettings = ConnectionSettings()
    compare: CompareSettings = CompareSettings()
    scratch: ScratchSettings = ScratchSettings()
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
            if name in _TAKEN or not name.strip() or not name.isprintable():
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
            if last in self.environments:
                continue
            if not is_file(last):
                msg = (
                    f"environments.{chain[-2]}.follows: {redact(last)!r} is neither an environment "
                    f"nor the path of a file (*.json, *.sql) or folder (with a slash in it)"
                )
                raise ValueError(msg + configfile.did_you_mean(last, self.environments))
            if not is_snapshot(last) and not self.scratch.possible:
                msg = (
                    f"environments.{chain[-2]}.follows: SQL is loaded into a scratch server, "
                    f"and there is none: give scratch.dsn, or set scratch.embedded to auto"
                )
                raise ValueError(msg)
        return self

    @model_validator(mode="after")
    def _discovered(self) -> Settings:
        for section, of in self.discover.items():
            if of.follows and of.follows not in self.environments and not is_file(of.follows):
                near = configfile.did_you_mean(of.follows, self.environments)
                msg = (
                    f"discover.{section}.follows: {redact(of.follows)!r} is neither an environment"
                    f" nor the path of a file (*.json, *.sql) or folder (with a slash in it){near}"
                )
                raise ValueError(msg)
        return self

    def with_found(self, found: Mapping[str, Iterable[Database]]) -> Settings:
        """Return the settings with what was found, by section, among the environments."""
        made = {
            d.name: of.environment(section, d)
            for section, of in self.discover.items()
            for d in found.get(section, ())
            if d.name not in self.environments
        }
        return self.model_copy(update={"environments": {**self.environments, **made}})

    def taken(self) -> frozenset[str]:
        """Return the names that nothing that is found may have."""
        return frozenset({*self.environments, *_TAKEN})

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

    def full_read(self, environment: str) -> timedelta:
        """Return how long after a full reading of an environment the next one is due."""
        return self.environments[environment].full_read or self.defaults.full_read

    def promotion_lag(self, environment: str) -> timedelta:
        """Return how long an environment may lag behind its upstream."""
        return self.environments[environment].promotion_lag or self.defaults.promotion_lag

    def listens(self, environment: str) -> bool:
        """Tell whether to listen to an environment's server, if there is one."""
        of = self.environments[environment]
        return of.snapshot is None and (of.listen or self.defaults.listen) == "auto"

    def migration_wait(self, environment: str) -> timedelta:
        """Return for how long a migration in flight holds back judgement in an environment."""
        return self.environments[environment].migration_wait or self.defaults.migration_wait

    def grace(self, environment: str) -> timedelta:
        """Return how long what is new in an environment is there before it is told."""
        own = self.environments[environment].grace
        return own or self.defaults.grace or timedelta(0)

    def explained_by(self, environment: str) -> frozenset[Origin]:
        """Return which origins explain a change in an environment."""
        return frozenset(Origin(o) for o in self.environments[environment].explained_by)


def load(path: Path | None) -> Settings:
    """Return the settings of a file (or of variables alone), checked.

    Raises ConfigError: unreadable, or invalid with every fault, its line and a hint.
    """
    if path is None:
        return with_ignore_file(_build({}, {}, "the environment variables"))
    try:
        text = path.read_text(encoding="utf-8")
    except UnicodeDecodeError as error:
        line = error.object.count(b"\n", 0, error.start) + 1
        msg = f"{path}:{line}: the configuration is not text in UTF-8"
        raise ConfigError(msg, reason="unreadable", hint="name it with --config") from None
    except (OSError, ValueError) as error:
        msg = f"cannot read the configuration {path}: {why(error)}"
        raise ConfigError(msg, reason="unreadable", hint="name it with --config") from error
    data, lines = configfile.parse(text, str(path))
    settings = with_ignore_file(_build(data, lines, str(path)))
    if settings.alerts.owners_file:
        read_owners(settings.alerts.owners_file)  # what cannot be read is refused here and now
    return settings


def read_owners(path: Path) -> str:
    """Return the text of `alerts.owners_file`; none when it is not there yet.

    Raises ConfigError: unreadable.
    """
    try:
        return path.read_text(encoding="utf-8")
    except FileNotFoundError:
        return ""
    except (OSError, ValueError) as error:
        msg = f"cannot read alerts.owners_file {path}: {why(error)}"
        raise ConfigError(msg, reason="unreadable", hint="is it text, and readable?") from error


def with_ignore_file(settings: Settings) -> Settings:
    """Return the settings with the rules of `compare.ignore_file` after their own."""
    compare = settings.compare
    if compare.ignore_file is None:
        return settings
    rules = (*compare.ignore, *read_ignore_file(compare.ignore_file).ignore)
    return settings.model_copy(update={"compare": compare.model_copy(update={"ignore": rules})})


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
