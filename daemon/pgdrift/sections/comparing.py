"""The section `compare`: what counts as a difference and how grave it is; and the file of rules.

Whether a rule covers something is decided elsewhere.
"""

from __future__ import annotations

from datetime import date
from pathlib import Path
from typing import Literal

from pydantic import Field, ValidationError

from pgdrift import configfile
from pgdrift.core.model import ChangeClass, Direction, Severity
from pgdrift.errors import ConfigError, why
from pgdrift.section import Section


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
        msg = f"cannot read compare.ignore_file {path}: {why(error)}"
        raise ConfigError(msg, reason="unreadable", hint="is it text, and readable?") from error
    return parse_ignore_file(text, path)


def parse_ignore_file(text: str, path: Path) -> IgnoreFile:
    """Return the rules in a file's text. Raises ConfigError: invalid, with faults and lines."""
    data, lines = configfile.parse(text, str(path))
    try:
        return IgnoreFile.model_validate({"ignore": (), **data})
    except ValidationError as error:
        raise configfile.refusal(error, IgnoreFile, lines, str(path)) from None
