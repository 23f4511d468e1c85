"""Options that several commands share."""

import getpass
import os
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any

import typer
from typer.core import TyperGroup


class Format(StrEnum):
    """How a command prints its answer."""

    TEXT = "text"
    JSON = "json"
    MARKDOWN = "markdown"


def by_itself(usual: str) -> type[TyperGroup]:
    """Return a group of commands whose first word may be left out: it is `usual` then."""

    class ByItself(TyperGroup):
        def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
            """Put the word in where the first is no command of the group, and no call for help."""
            bare = not args and not self.no_args_is_help
            if bare or (args and args[0] not in {*self.commands, "--help"}):
                args = [usual, *args]
            return super().parse_args(ctx, args)

    return ByItself


Config = Annotated[
    Path | None,
    typer.Option(
        "--config", "-c", envvar="PGDRIFT_CONFIG", help="Configuration file; else ./pgdrift.yaml."
    ),
]
FormatOption = Annotated[Format, typer.Option("--format", "-f", help="How to print the answer.")]


def user() -> str:
    """Return who runs this; in a container that may be a number without a name."""
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        return f"uid {os.getuid()}"
