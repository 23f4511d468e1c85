"""A type and its context in; out, texts that may be values of it: a plain one first, edges later.

What none of them fits, the server refuses: whoever fills tables with them asks it.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

_TEXTS = ("a", 'Zoë\'s \\ "x"', "", "blank behind  ", "longer than most of them are", "b", "c")
_MORE = ("-1", "0", "3", "4")
_TIMES = (
    "2020-02-29 12:34:56.789012+02",
    "1999-12-31 23:59:59+00",
    "2026-01-01 00:00:00+00",
    "infinity",
)
_BY_BASE: dict[str, tuple[str, ...]] = {
    "smallint": ("1", "2", "32767", *_MORE, "-32768"),
    "integer": ("1", "2", "2147483647", *_MORE, "-2147483648"),
    "bigint": ("1", "2", "9223372036854775807", *_MORE, "-9223372036854775808"),
    "numeric": ("1", "2.55", "98765432109876543210.123456789", "-0.001", *_MORE),
    "real": ("1", "1.5", "3e30", *_MORE, "Infinity"),
    "double precision": ("1", "0.1", "1e300", *_MORE, "NaN"),
    "money": ("1", "2.50", "-0.01"),
    "boolean": ("true", "false"),
    "date": ("2020-02-29", "1999-12-31", "2026-01-01", "infinity"),
    "timestamp with time zone": _TIMES,
    "timestamp without time zone": _TIMES,
    "time without time zone": ("12:34:56.789012", "00:00", "24:00"),
    "time with time zone": ("12:34:56.789012+02", "00:00+00"),
    "interval": ("1 day", "1 mon -2 days 03:04:05.678901", "-1 year"),
    "uuid": tuple(f"00000000-0000-4000-8000-00000000000{n}" for n in range(6)),
    "json": ('{"b": 1,  "a": [null]}', "[]", "null", '"x"'),
    "jsonb": ('{"a": [null], "b": 1.50}', "[]", "null", '"x"'),
    "bytea": ("\\x00ff", "\\x", "\\x61"),
    "inet": ("127.0.0.1", "10.1.2.3/8", "::1"),
    "cidr": ("10.0.0.0/8", "192.168.0.0/24", "::/0"),
    "macaddr": ("08:00:2b:01:02:03", "00:00:00:00:00:01"),
    "macaddr8": ("08:00:2b:01:02:03:04:05",),
    "bit": ("101", "010", "111"),
    "bit varying": ("101", "0", ""),
    "xml": ("<a/>", "text"),
    "point": ("(1,2)", "(-0.5,1e10)"),
    "line": ("{1,2,3}",),
    "lseg": ("[(0,0),(1,1)]",),
    "box": ("(1,1),(0,0)",),
    "path": ("((0,0),(1,1))",),
    "polygon": ("((0,0),(1,1),(1,0))",),
    "circle": ("<(0,0),1>",),
    "tsvector": ("'a':1 'b':2", ""),
    "tsquery": ("'a' & 'b'",),
    "pg_lsn": ("0/1", "16/B374D848"),
    '"char"': ("a", "b"),
}
# A number, or a text between quotes whose own quotes are doubled.
_LITERAL = re.compile(r"'((?:[^']|'')*)'|(?<![\w.])(-?\d+(?:\.\d+)?)(?![\w.])")


def values_of(base: str) -> tuple[str, ...]:
    """Return texts for a type by its name, without its limits: `numeric`, `character`, …

    Of a type that is not known: texts that many types take.
    """
    return _BY_BASE.get(base) or (*_TEXTS, "1", "(1,2)", "2020-02-29")


def literals(definitions: Iterable[str]) -> tuple[str, ...]:
    """Return the values that checks or bounds of partitions name: some of them fit."""
    found = (m for said in definitions for m in _LITERAL.finditer(said))
    return tuple(dict.fromkeys(m[2] or m[1].replace("''", "'") for m in found))
