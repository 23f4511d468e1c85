"""What every section of the configuration is made of: how it is read, and how it writes a duration.

Knows no setting.
"""

from __future__ import annotations

import re
from datetime import timedelta
from typing import Annotated

from pydantic import BaseModel, BeforeValidator, ConfigDict, PlainSerializer, StringConstraints

_UNITS = {"ms": 0.001, "s": 1, "m": 60, "h": 3600, "d": 86400, "w": 604800}
# Beyond it neither dates nor timers can be reckoned with, and nobody means it.
_LONGEST = timedelta(days=3650)
_DURATION = re.compile(r"(\d+(?:\.\d+)?)\s*(ms|s|m|h|d|w)")
# The same for editors and for other programs that check a configuration.
_AS_TEXT = StringConstraints(pattern=r"^\s*([0-9]+(\.[0-9]+)?\s*(ms|s|m|h|d|w)\s*)+$")


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


def duration_text(value: timedelta) -> str:
    """Return a duration as the configuration writes it, in the largest whole unit."""
    seconds = value.total_seconds()
    for unit in ("w", "d", "h", "m", "s"):
        if seconds >= _UNITS[unit] and seconds % _UNITS[unit] == 0:
            return f"{int(seconds // _UNITS[unit])}{unit}"
    return f"{seconds * 1000:g}ms"


Duration = Annotated[
    timedelta,
    BeforeValidator(_duration, json_schema_input_type=Annotated[str, _AS_TEXT]),
    PlainSerializer(duration_text, return_type=str),
]


class Section(BaseModel):
    """A part of the configuration; it takes no key that it does not know."""

    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)
