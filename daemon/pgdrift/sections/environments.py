"""The sections `defaults`, `environments` and `scratch`: the servers that are asked, and how.

What cannot be meant is refused: two sources for one secret, a snapshot file with a ledger, a
migration tool that nobody knows. Asks no server.
"""

from __future__ import annotations

from collections import Counter
from datetime import timedelta
from pathlib import Path
from typing import Annotated, Literal

from pydantic import AfterValidator, BeforeValidator, Field, SecretStr, model_validator

from pgdrift import configfile
from pgdrift.errors import ConfigError, why
from pgdrift.section import Duration, Section
from pgdrift.sources.histories import NAMES
from pgdrift.sources.notifications import CHANNEL


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
Switch = Annotated[
    Literal["auto", "off"],
    BeforeValidator(
        lambda value: "off" if value is False else value,
        json_schema_input_type=Literal["auto", "off", False],
    ),
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
    full_read: Duration = Field(
        timedelta(hours=1),
        description="how often all is read, whatever seems not to have moved; in between, it is"
        " read only where something moved",
    )
    promotion_lag: Duration = Field(
        timedelta(hours=24), description="how long an environment may lag behind its upstream"
    )
    listen: Switch = Field(
        "auto",
        description="auto: LISTEN, over one more connection to each server, and look when a commit"
        " is told; off: the timer alone",
    )
    plans: Switch = Field(
        "auto",
        description="auto: a plan is made for each open incident, in the background, and kept;"
        " off: none",
    )
    migration_wait: Duration = Field(
        timedelta(minutes=15),
        description="how long a migration in flight holds back judgement on what changes",
    )
    grace: Duration | None = Field(
        None, description="what is new is told once it has been there so long. None: at once"
    )


class ConnectionSettings(Section):
    """How many connections the daemon opens to the servers that it watches, at the most.

    Each server gets its share, whatever the others do. Of it one tells whether anything was
    committed there at all; the rest is for looks, then for LISTEN, then for connections that are
    kept between looks.
    """

    per_server: int = Field(20, ge=1, le=10_000, description="to one server (host and port)")
    total: int = Field(200, ge=1, le=10_000, description="to all servers together")


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


class Watching(Section):
    """How a database is watched, wherever it is."""

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
        BeforeValidator(_listed, json_schema_input_type=str | tuple[str, ...]),
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
    listen: Switch | None = Field(None, description="overrides the default")
    interval: Duration | None = Field(None, description="overrides the default")
    timeout: Timeout | None = Field(None, description="overrides the default")
    full_read: Duration | None = Field(None, description="overrides the default")
    promotion_lag: Duration | None = Field(None, description="overrides the default")
    migration_wait: Duration | None = Field(None, description="overrides the default")
    grace: Duration | None = Field(None, description="overrides the default")
    group: str | None = Field(
        None,
        description="environments of one group are told apart by variants: how many are alike."
        " Those that are found: their section, unless given",
    )

    @model_validator(mode="after")
    def _names_told_apart(self) -> Watching:
        for key, names in (("roles", self.roles), ("schemas", self.schemas)):
            doubles = sorted(n for n, times in Counter(names.values()).items() if times > 1)
            if doubles:
                msg = f"{key}: two are called {doubles[0]!r}, and could not be told apart"
                raise ValueError(msg)
        return self


class EnvironmentSettings(Watching):
    """One database that is watched: exactly one of `dsn`, `dsn_file` and `snapshot` is given."""

    dsn: SecretStr | None = Field(None, description="connection URL, postgresql://…")
    dsn_file: Path | None = Field(None, description="file with the URL, read at each connection")
    snapshot: Path | None = Field(
        None, description="snapshot file (*.json) in place of a server, read when it changes"
    )

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
        return read_dsn(self.dsn, self.dsn_file)


class ScratchSettings(Section):
    """The server on which SQL files are loaded and spellings are settled, in databases of its own.

    Without `dsn` and `dsn_file` it is one that pgdrift starts, where PostgreSQL is installed.
    """

    dsn: SecretStr | None = Field(None, description="connection URL; its role needs CREATEDB")
    dsn_file: Path | None = Field(None, description="file with the URL, read at each connection")
    embedded: Literal["auto", "never"] = Field(
        "auto", description="auto: may start a server of its own; never: only the one that is named"
    )
    binaries: tuple[Path, ...] = Field(
        (),
        description="folders with initdb and postgres of more majors; a plan is proved on the"
        " target's, where it is here or where packages put it",
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
        return read_dsn(self.dsn, self.dsn_file)


def read_dsn(dsn: SecretStr | None, dsn_file: Path | None) -> str:
    """Return a secret URL, read anew from its file. Raises ConfigError (unreadable)."""
    return read_url(Path(str(dsn_file)), "dsn_file") if dsn is None else dsn.get_secret_value()


def read_url(file: Path, key: str) -> str:
    """Return the URL that a mounted secret holds; `key` named the file. Raises ConfigError."""
    try:
        read = file.read_text(encoding="utf-8").strip()
    except (OSError, ValueError) as error:
        msg = f"cannot read {key} {file}: {why(error)}"
        raise ConfigError(msg, reason="unreadable", hint="is the secret mounted?") from error
    if not read:
        msg = f"{key} {file} is empty"
        raise ConfigError(msg, reason="unreadable", hint="put one connection URL into it")
    return read
