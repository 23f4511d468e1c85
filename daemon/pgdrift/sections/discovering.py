"""The section `discover`: databases that are found by a query, and how each of them is watched.

What cannot be meant is refused. Asks no server.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import timedelta
from pathlib import Path
from typing import Annotated

from pydantic import BeforeValidator, Field, PrivateAttr, SecretStr, model_validator

from pgdrift.core.found import Database, Wanted
from pgdrift.section import Duration
from pgdrift.sections.environments import EnvironmentSettings, Watching, read_dsn
from pgdrift.sources.databases import PARTS, dsn_of

_PLACE = re.compile(r"\{(.*?)\}")


def _listed(value: object) -> object:
    return (value,) if isinstance(value, str) else value


Globs = Annotated[
    tuple[str, ...],
    BeforeValidator(_listed, json_schema_input_type=str | tuple[str, ...]),
]


class DiscoverSettings(Watching):
    """Databases that are found on a server; all else holds for each of them.

    In the names that `schemas` and `roles` have here, `{database}` and `{name}` are the found
    one's.
    """

    dsn: SecretStr | None = Field(None, description="connection URL; there the query is asked")
    dsn_file: Path | None = Field(None, description="file with the URL, read at each connection")
    query: str | None = Field(
        None,
        min_length=1,
        description="gives a column `database`, and perhaps `name`, `host`, `port`; with an empty"
        " search_path, so name schemas. None: all databases that the role may connect to",
    )
    template: SecretStr | None = Field(
        None,
        description="connection URL with {database}, and perhaps {name}, {host}, {port}."
        " None: that of dsn, with the database's name in it",
    )
    template_file: Path | None = Field(None, description="file with the template")
    name: str = Field("{name}", description="what the environment is called: {name}, {database}")
    include: Globs = Field(("*",), description="globs over databases; any of these")
    exclude: Globs = Field((), description="globs over databases; none of these")
    every: Duration = Field(timedelta(minutes=1), description="between two questions")
    limit: int = Field(2000, ge=1, le=20_000, description="the most that are watched")
    series: bool = Field(
        default=False,
        description="metrics for each of them; else for all together, and for their variants",
    )

    @model_validator(mode="after")
    def _one_dsn(self) -> DiscoverSettings:
        if (self.dsn is None) == (self.dsn_file is None):
            fault = "neither is given" if self.dsn is None else "two sources for one secret"
            msg = f"{fault}: give either dsn or dsn_file"
            raise ValueError(msg)
        if self.template is not None and self.template_file is not None:
            msg = "two sources for one secret: give either template or template_file"
            raise ValueError(msg)
        return self

    @model_validator(mode="after")
    def _places(self) -> DiscoverSettings:
        inside = self.template.get_secret_value() if self.template else "{database}"
        if "{database}" not in inside:
            msg = "template: {database} stands nowhere in it, so all would be one"
            raise ValueError(msg)
        for key, text, known in (
            ("template", inside, PARTS),
            ("name", self.name, ("name", "database")),
        ):
            for place in _PLACE.findall(text):
                if place not in known:
                    msg = f"{key}: {{{place[:40]}}} is not found with it; {', '.join(known)} are"
                    raise ValueError(msg)
        if not _PLACE.search(self.name):
            msg = "name: neither {name} nor {database} stands in it, so all would be called alike"
            raise ValueError(msg)
        return self

    @property
    def wanted(self) -> Wanted:
        """Which of those found are taken."""
        return Wanted(self.include, self.exclude, self.limit)

    def read_dsn(self) -> str:
        """Return where to ask, read anew from its file. Raises ConfigError (unreadable)."""
        return read_dsn(self.dsn, self.dsn_file)

    def dsn_of(self, found: Database) -> str:
        """Return the DSN of one that was found, with secrets as they are now."""
        named = self.template is not None or self.template_file is not None
        template = read_dsn(self.template, self.template_file) if named else ""
        return dsn_of(found, "" if named else self.read_dsn(), template)

    def called(self, found: Database) -> Database:
        """Return what was found with the environment's name."""
        name = _filled(self.name, found)
        return Database(name, found.database, {**found.parts, "name": found.name})

    def environment(self, section: str, found: Database) -> FoundSettings:
        """Return one that was found as an environment."""
        of = {name: getattr(self, name) for name in Watching.model_fields}
        for names in ("schemas", "roles"):
            of[names] = {_filled(here, found): there for here, there in of[names].items()}
        of["group"] = self.group or section
        made = FoundSettings(**of)
        made.be(self, found)
        return made


class FoundSettings(EnvironmentSettings):
    """An environment that was found."""

    _by: DiscoverSettings = PrivateAttr()
    _found: Database = PrivateAttr()

    @model_validator(mode="after")
    def _one_place(self) -> FoundSettings:
        return self

    def be(self, by: DiscoverSettings, found: Database) -> None:
        """Take what it was found as."""
        object.__setattr__(self, "_by", by)
        object.__setattr__(self, "_found", found)

    def read_dsn(self) -> str:
        """Return the connection URL, with secrets as they are now. Raises ConfigError."""
        return self._by.dsn_of(self._found)


def _filled(text: str, found: Database) -> str:
    given: Mapping[str, str] = {"name": found.parts.get("name", found.name)}
    given = {**given, "database": found.database}
    return _PLACE.sub(lambda m: given.get(m[1], m[0]), text)
