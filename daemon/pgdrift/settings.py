"""The whole configuration: a YAML file, overlaid by PGDRIFT_… variables, as one checked value.

Each section's model lies beside what it configures. What cannot be meant is refused with the
line and a hint: unknown keys, two sources for one secret, a cycle in `follows`, a route to nowhere.
"""

from __future__ import annotations

import os
import re
from collections import Counter
from collections.abc import Iterator
from datetime import date, timedelta
from pathlib import Path
from typing import Annotated, Literal

from pydantic import (
    AfterValidator,
    BeforeValidator,
    Field,
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
from pgdrift.alerting import AlertSettings
from pgdrift.core.model import (
    CHANNELS,
    DRILL,
    LEDGER,
    REACH,
    SYNC,
    ChangeClass,
    Direction,
    Origin,
    Severity,
)
from pgdrift.core.shown.render import one_line
from pgdrift.errors import ConfigError
from pgdrift.log import redact
from pgdrift.section import Duration, Section
from pgdrift.sources.files import is_file, is_snapshot
from pgdrift.sources.histories import NAMES
from pgdrift.sources.notifications import CHANNEL
from pgdrift.web.settings import WebSettings

_PREFIX = "pgdrift_"
# What incidents are called that are of no environment, and what stands against none.
_TAKEN = (SYNC, REACH, LEDGER, DRILL, CHANNELS)


def _at_most_a_day(value: timedelta) -> timedelta:
    # PostgreSQL's own statement_timeout ends at 24 days.
    if value > timedelta(days=1):
        msg = "a timeout is at most 1d"
        raise ValueError(msg)
    return value


def _known_tool(name: str) -> str:
    if name not in NAMES:
        known = f"; known are {', '.join(sorted(NAMES))}"
        near = configfile.did_you_mean(name, NAMES)
        msg = f"no migration tool is called {name!r}{near or known}"
        raise ValueError(msg)
    return name


def _known_tools(names: Literal["auto"] | tuple[str, ...]) -> Literal["auto"] | tuple[str, ...]:
    return "auto" if names == "auto" else tuple(map(_known_tool, names))


def _listed(value: object) -> object:
    return (value,) if isinstance(value, str) and value != "auto" else value


# Unquoted, YAML reads `off` as false.
Listen = Annotated[
    Literal["auto", "off"],
    BeforeValidator(lambda value: "off" if value is False else value),
]
Timeout = Annotated[Duration, AfterValidator(_at_most_a_day)]


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
    listen: Listen = Field(
        "auto",
        description="auto: LISTEN, over one more connection to each server, and look when a commit"
        " is told; off: the timer alone",
    )
    migration_wait: Duration = Field(
        timedelta(minutes=15),
        description="how long a migration in flight holds back judgement on what changes",
    )
    grace: Duration | None = Field(
        None, description="what is new is told once it has been there so long. None: at once"
    )


class SyncPointSettings(Section):
    """Which migrations declare a sync point when a look sees them applied.

    Globs that stand for the whole text, in its case: `sync_*` is not `async_jobs`. What such a
    migration declares is the moment; what nobody explained stays a finding, and then there is none.
    """

    migration: str = Field("*", min_length=1, description="glob over the migration's version")
    description: str = Field("*", min_length=1, description="glob over its description")
    tool: Annotated[str, AfterValidator(_known_tool)] | None = Field(
        None, description="of this tool alone, as `flyway`. None: of any"
    )

    @model_validator(mode="after")
    def _says_which(self) -> SyncPointSettings:
        if not (self.migration + self.description).strip("*"):
            msg = "every migration would declare a sync point: give `migration` or `description`"
            raise ValueError(msg)
        return self


class EnvironmentSettings(Section):
    """One database that is watched: exactly one of `dsn`, `dsn_file` and `snapshot` is given."""

    dsn: SecretStr | None = Field(None, description="connection URL, postgresql://…")
    dsn_file: Path | None = Field(None, description="file with the URL, read at each connection")
    snapshot: Path | None = Field(
        None, description="snapshot file (*.json) in place of a server, read when it changes"
    )
    follows: str | None = Field(
        None,
        description="the upstream: an environment's name, or the path of a snapshot file (*.json), "
        "a SQL file (*.sql) or a folder of these (with a slash in it, as ./migrations)",
    )
    protected: bool = Field(default=False, description="drift here is critical at once")
    ledger: Literal["auto", "gitversion", "pggit", "none"] = Field(
        "auto", description="which ledger to read"
    )
    statements: bool = Field(
        default=False,
        description="tell what was run as well, without its literals, where the ledger kept it",
    )
    histories: Annotated[
        Literal["auto"] | tuple[str, ...],
        BeforeValidator(_listed),
        AfterValidator(_known_tools),
    ] = Field("auto", description="which migration tools' tables to read")
    explained_by: tuple[Literal["migration", "tracked"], ...] = Field(
        ("migration",),
        description="which changes move what is expected: by a migration; also whatever a ledger "
        "recorded, which with triggers of its own is all that anybody does",
    )
    sync_points: tuple[SyncPointSettings, ...] = Field(
        (), description="which migrations declare a sync point; any of these rules"
    )
    cluster: bool = Field(
        default=False,
        description="read what belongs to the whole cluster, too (roles, tablespaces), and compare "
        "the database as such (its owner, settings, rights) also with the upstream",
    )
    roles: dict[str, str] = Field(
        default_factory=dict,
        description="what a role here is called in the environments that this one is compared with",
    )
    schemas: dict[str, str] = Field(
        default_factory=dict,
        description="what a schema here is called in those, as `tenant_42: tenant`",
    )
    notify: str = Field(
        CHANNEL, min_length=1, max_length=63, description="channel to LISTEN on, where not ours"
    )
    listen: Listen | None = Field(None, description="overrides the default")
    interval: Duration | None = Field(None, description="overrides the default")
    timeout: Timeout | None = Field(None, description="overrides the default")
    promotion_lag: Duration | None = Field(None, description="overrides the default")
    migration_wait: Duration | None = Field(None, description="overrides the default")
    grace: Duration | None = Field(None, description="overrides the default")

    @model_validator(mode="after")
    def _names_told_apart(self) -> EnvironmentSettings:
        for key, names in (("roles", self.roles), ("schemas", self.schemas)):
            doubles = sorted(n for n, times in Counter(names.values()).items() if times > 1)
            if doubles:
                msg = f"{key}: two are called {doubles[0]!r}, and could not be told apart"
                raise ValueError(msg)
        return self

    @model_validator(mode="after")
    def _one_place(self) -> EnvironmentSettings:
        given = [n for n in ("dsn", "dsn_file", "snapshot") if getattr(self, n) is not None]
        if given == ["dsn", "dsn_file"]:
            msg = "two sources for one secret: give either dsn or dsn_file"
            raise ValueError(msg)
        if len(given) != 1:
            fault = f"{' and '.join(given)} are given" if given else "neither is given"
            msg = f"{fault}: give either dsn or dsn_file, or a snapshot file"
            raise ValueError(msg)
        return self

    @model_validator(mode="after")
    def _no_server_no_ledger(self) -> EnvironmentSettings:
        if self.snapshot is None:
            return self
        if self.snapshot.suffix != ".json":
            msg = "snapshot: the name of a snapshot file ends in .json"
            raise ValueError(msg)
        usuals = {"notify": CHANNEL, "ledger": "auto", "histories": "auto", "sync_points": ()}
        for name, usual in usuals.items():
            if getattr(self, name) != usual:
                msg = f"{name}: a snapshot file has none; it goes with dsn or dsn_file"
                raise ValueError(msg)
        return self

    def read_dsn(self) -> str:
        """Return the connection URL, read anew from its file so that it can be rotated.

        Raises ConfigError: unreadable, when the file cannot be read or is empty; usage, for an
        environment that is a snapshot file.
        """
        if self.snapshot is not None:
            msg = f"the snapshot file {self.snapshot} stands for a server that is not asked"
            raise ConfigError(msg, reason="usage", hint="name an environment with a dsn")
        return _read_dsn(self.dsn, self.dsn_file)


class ScratchSettings(Section):
    """The server on which SQL files are loaded and spellings are settled, in databases of its own.

    Without `dsn` and `dsn_file` it is one that pgdrift starts, where PostgreSQL is installed.
    """

    dsn: SecretStr | None = Field(None, description="connection URL; its role needs CREATEDB")
    dsn_file: Path | None = Field(None, description="file with the URL, read at each connection")
    embedded: Literal["auto", "never"] = Field(
        "auto", description="auto: may start a server of its own; never: only the one that is named"
    )

    @model_validator(mode="after")
    def _one_dsn(self) -> ScratchSettings:
        if self.dsn is not None and self.dsn_file is not None:
            msg = "two sources for one secret: give either dsn or dsn_file"
            raise ValueError(msg)
        return self

    @property
    def possible(self) -> bool:
        """Whether there may be one at all."""
        return self.named or self.embedded == "auto"

    @property
    def named(self) -> bool:
        """Whether a server is named."""
        return self.dsn is not None or self.dsn_file is not None

    def read_dsn(self) -> str:
        """Return the connection URL, read anew from its file. Raises ConfigError (unreadable)."""
        return _read_dsn(self.dsn, self.dsn_file)


class IgnoreSettings(Section):
    """One difference that is no finding, and why."""

    object: str = Field(description="glob over `kind:name`, as index:public.tmp_*")
    attributes: tuple[str, ...] = Field(
        (), description="globs; only these attributes of what changed are left out. None: all of it"
    )
    environments: tuple[str, ...] = Field(
        (), description="globs over environments in which the rule holds. None: in all"
    )
    reason: str = Field(min_length=1, description="why this is right; shown to people")
    until: date | None = Field(None, description="the last day on which the rule holds")


class SeveritySettings(Section):
    """How grave a difference is, where the table is not meant; the first rule for it decides.

    Each attribute of an object that changed is judged by itself, and the gravest counts. There is
    no severity that hides, and none of these rules touches what is unknown.
    """

    object: str = Field("*", description="glob over `kind:name`, as privilege:app.*")
    attributes: tuple[str, ...] = Field(
        (), description="globs over attributes of what changed. None: all, and what came or went"
    )
    classes: tuple[ChangeClass, ...] = Field((), description="what the change touches. None: all")
    directions: tuple[Direction, ...] = Field((), description="who moved. None: all")
    environments: tuple[str, ...] = Field((), description="globs over environments. None: all")
    severity: Severity = Field(description="how grave it is")


class CompareSettings(Section):
    """What counts as a difference."""

    ignore: tuple[IgnoreSettings, ...] = Field((), description="differences that are right")
    ignore_file: Path | None = Field(
        None, description="a YAML file with more such rules under `ignore:`; see `pgdrift ignore`"
    )
    severity: tuple[SeveritySettings, ...] = Field(
        (), description="how grave differences are, where the table is not meant"
    )
    partitions: Literal["all", "generated", "parents"] = Field(
        "all",
        description="which partitions are compared: all; all but those that are named as pg_partman"
        " names them; none, their parents alone",
    )
    partition_names: tuple[str, ...] = Field(
        (), description="globs over `schema.table`: what else is left out as a partition"
    )
    leave_out: tuple[Literal["extension_schemas", "migration_tables"], ...] = Field(
        ("extension_schemas",),
        description="what known extensions made in schemas of their own; migration tools' tables",
    )
    column_order: bool = Field(default=False, description="is the order of columns a difference?")
    constraint_names: bool = Field(
        default=False, description="is a name that PostgreSQL generated a difference?"
    )
    spelling: bool = Field(
        default=False, description="are two spellings of one meaning a difference?"
    )
    server_versions: bool = Field(
        default=False, description="is what only another major tells differently a difference?"
    )
    inherited: bool = Field(
        default=False,
        description="is what a partition or child has from its parent one of its own?",
    )


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


def _read_dsn(dsn: SecretStr | None, dsn_file: Path | None) -> str:
    if dsn is not None:
        return dsn.get_secret_value()
    try:
        read = Path(str(dsn_file)).read_text(encoding="utf-8").strip()
    except (OSError, ValueError) as error:
        msg = f"cannot read dsn_file {dsn_file}: {_why(error)}"
        raise ConfigError(msg, reason="unreadable", hint="is the secret mounted?") from error
    if not read:
        msg = f"dsn_file {dsn_file} is empty"
        raise ConfigError(msg, reason="unreadable", hint="put one connection URL into it")
    return read


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
        msg = f"cannot read the configuration {path}: {_why(error)}"
        raise ConfigError(msg, reason="unreadable", hint="name it with --config") from error
    data, lines = configfile.parse(text, str(path))
    settings = with_ignore_file(_build(data, lines, str(path)))
    if settings.alerts.owners_file:
        read_owners(settings.alerts.owners_file)  # what cannot be read is refused here and now
    return settings


class IgnoreFile(Section):
    """What `compare.ignore_file` names: rules as under `compare.ignore`."""

    ignore: tuple[IgnoreSettings, ...] = Field((), description="differences that are right")


def read_ignore_file(path: Path) -> IgnoreFile:
    """Return the rules of a file; none when it is not there yet.

    Raises ConfigError: unreadable, or invalid with every fault and its line.
    """
    try:
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError:
        return IgnoreFile(ignore=())
    except (OSError, ValueError) as error:
        msg = f"cannot read compare.ignore_file {path}: {_why(error)}"
        raise ConfigError(msg, reason="unreadable", hint="is it text, and readable?") from error
    return parse_ignore_file(text, path)


def parse_ignore_file(text: str, path: Path) -> IgnoreFile:
    """Return the rules in a file's text. Raises ConfigError: invalid, with faults and lines."""
    data, lines = configfile.parse(text, str(path))
    try:
        return IgnoreFile.model_validate({"ignore": (), **data})
    except ValidationError as error:
        raise configfile.refusal(error, IgnoreFile, lines, str(path)) from None


def read_owners(path: Path) -> str:
    """Return the text of `alerts.owners_file`; none when it is not there yet.

    Raises ConfigError: unreadable.
    """
    try:
        return path.read_text(encoding="utf-8")
    except FileNotFoundError:
        return ""
    except (OSError, ValueError) as error:
        msg = f"cannot read alerts.owners_file {path}: {_why(error)}"
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


def _why(error: Exception) -> str:
    return (error.strerror if isinstance(error, OSError) else None) or str(error)
