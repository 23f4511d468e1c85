"""Options that several commands share."""

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
