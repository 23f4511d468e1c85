"""A secret of a channel's settings: given as a value, or as a file that is read at each use.

Reading at each use lets a mounted secret be rotated while the daemon runs. Knows no channel.
"""

import asyncio
from pathlib import Path

from pydantic import ConfigDict, SecretStr

from pgdrift.errors import SinkError

SETTINGS = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)
"""How every channel's settings are read: no unknown key, and no input repeated in an error."""


def check_one_source(name: str, value: SecretStr | None, file: Path | None) -> None:
    """Raise ValueError unless the secret is given exactly once, as `name` or as `name`_file."""
    if value is not None and file is not None:
        raise ValueError(f"two sources for one secret: give either {name} or {name}_file")
    if value is None and file is None:
        raise ValueError(f"no {name}: give {name}_file (a file that holds it) or {name}")
    if value is not None and not (value.get_secret_value() or "\n").isprintable():
        raise ValueError(f"{name} is empty or holds more than one line")


async def read_secret(name: str, value: SecretStr | None, file: Path | None) -> str:
    """Return the secret without the line feed that ends its file.

    Raises SinkError `authentication` when the file cannot be read or holds no secret. That is
    worth another try: a mounted secret is replaced while nobody restarts the daemon.
    """
    if value is not None:
        return value.get_secret_value()
    try:
        text = await asyncio.to_thread(_read, file)
    except (OSError, UnicodeDecodeError) as error:
        raise _unreadable(name, file, type(error).__name__) from None
    if not text:
        raise _unreadable(name, file, "it is empty")
    if not text.isprintable():
        raise _unreadable(name, file, "it holds more than one line")
    return text


def _read(file: Path | None) -> str:
    return "" if file is None else file.read_text(encoding="utf-8").strip()


def _unreadable(name: str, file: Path | None, why: str) -> SinkError:
    return SinkError(
        f"{name}_file {file} gives no secret: {why}",
        reason="authentication",
        hint="check that the file is mounted and that the daemon's user may read it",
        retry=True,
    )
