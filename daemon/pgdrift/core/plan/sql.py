"""Words of SQL: literals and names in; texts that may stand in a statement out."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from typing import cast

from pgdrift.core.model import Object, ObjectId, Value
from pgdrift.core.names import dotted, quote_ident

_IDENT = re.compile(r'\s*("(?:[^"]|"")*"|[^\s",]+)')


def literal(text: Value) -> str:
    """Return a text as a string of SQL, whatever standard_conforming_strings says."""
    said = str(text).replace("'", "''")
    return f"'{said}'" if "\\" not in said else "E'" + said.replace("\\", "\\\\") + "'"


def whole(found: Object) -> str:
    """Return the name of what stands in a schema, or in none."""
    return dotted(found.id.path)


def last(found: Object) -> str:
    """Return the last name alone."""
    return quote_ident(found.id.path[-1])


def upto(found: Object) -> str:
    """Return the name of what a part belongs to."""
    return dotted(found.id.path[:-1])


def on_table(found: Object) -> str:
    """Return the name of a trigger, policy or rule with its table."""
    return f"{last(found)} ON {upto(found)}"


def routine(found: Object) -> str:
    """Return the name of a routine with its arguments."""
    return dotted(found.id.path) + found.id.args


def table_of(i: ObjectId) -> str:
    """Return the name of the table that a part stands in."""
    return dotted(i.path[:2])


def texts(value: Value) -> list[str]:
    """Return a list of texts; nothing for what is none."""
    return [str(v) for v in value] if isinstance(value, list | tuple) else []


def text(found: Object, name: str) -> str:
    """Return an attribute as text, empty for none."""
    value = found.attributes.get(name)
    return "" if value is None else str(value)


def has(found: Object, name: str) -> bool:
    """Tell whether an attribute is set."""
    return bool(found.attributes.get(name))


def leading(said: str) -> tuple[str, str]:
    """Return the identifier that a text begins with, as it is written, and the rest."""
    found = cast("re.Match[str]", _IDENT.match(said))
    return found[1], said[found.end() :].lstrip()


def bracketed(said: str) -> tuple[str, str]:
    """Return the brackets that a text begins with, and the rest; names in quotes may hold some."""
    depth, quoted = 0, False
    for at, letter in enumerate(said):
        quoted ^= letter == '"'
        depth += 0 if quoted else (letter == "(") - (letter == ")")
        if depth == 0 and not quoted:
            return said[: at + 1], said[at + 1 :].lstrip()
    return "", said


def named(value: Value) -> dict[str, str]:
    """Return `name: text` entries as a mapping from the quoted name."""
    parts = (_pair(v) for v in texts(value))
    return dict(parts)


def _pair(entry: str) -> tuple[str, str]:
    found = re.match(r'("(?:[^"]|"")*"|[^":]+): ', entry)
    return (found[1], entry[found.end() :]) if found else (entry, "")


def without_arguments(function: str) -> str:
    """Return a regprocedure or regoperator without its arguments."""
    depth, quoted = 0, False
    for at in range(len(function) - 1, -1, -1):
        letter = function[at]
        quoted ^= letter == '"'
        depth += 0 if quoted else (letter == ")") - (letter == "(")
        if depth == 0 and not quoted:
            return function[:at]
    return function


def operator(said: str) -> str:
    """Return a regoperator as OPERATOR(…) without its operands."""
    name = without_arguments(said)
    return f"OPERATOR({name if '.' in name else 'pg_catalog.' + name})"


def listed(parts: Iterable[str]) -> str:
    """Return parts with commas between, without those that are empty."""
    return ", ".join(p for p in parts if p)


def spaced(*parts: str) -> str:
    """Return parts with blanks between, without those that are empty."""
    return " ".join(p for p in parts if p)


def when(found: Object, name: str, form: Callable[[str], str] | str) -> str:
    """Return a clause for an attribute that is set; empty where it is not."""
    value = found.attributes.get(name)
    if value is None or value is False:
        return ""
    return form.format(value) if isinstance(form, str) else form(str(value))
