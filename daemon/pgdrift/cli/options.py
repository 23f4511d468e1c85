"""Options that several commands share."""

import getpass
import os
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer


class Format(StrEnum):
    """How a command prints its answer."""

    TEXT = "text"
    JSON = "json"
    MARKDOWN = "markdown"


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
