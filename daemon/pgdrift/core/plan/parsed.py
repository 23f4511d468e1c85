"""What a plan file holds in, a plan out. The text is untrusted until it is parsed.

Raises ValueError, in words for people, for anything that is no plan.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields
from typing import TypeVar

from pgdrift.core.alike.normalise import Options
from pgdrift.core.alike.presets import Presets
from pgdrift.core.model import ObjectId
from pgdrift.core.plan.model import (
    FATES,
    FORMAT,
    End,
    Impact,
    LeftOut,
    Plan,
    Proof,
    Rows,
    Statement,
    Verb,
    Way,
)
from pgdrift.core.plan.step import Held, Lock, Step
from pgdrift.core.plan.weight import Weight

T = TypeVar("T")

_READ = (1, 2, FORMAT)


def parse(body: object) -> Plan:
    """Return the plan that a parsed document holds."""
    of = _as(dict, body, "a plan")
    if of.get("pgdrift_plan") not in _READ:
        raise ValueError(
            f"its format is {of.get('pgdrift_plan')!r}, and this pgdrift reads {FORMAT}"
        )
    return Plan(
        _end(of, "target"),
        _end(of, "source"),
        _way(of, "up"),
        _way(of, "down"),
        online=_get(of, "online", bool),
        proof=_proof(of.get("proof")),
        options=_options(_get(of, "compare", dict, {})),
        aside=tuple(_left(x) for x in _get(of, "not_chosen", list, [])),
        weights=dict(_weight(w) for w in _get(of, "tables", list, [])),
        format=_get(of, "pgdrift_plan", int),
    )


def _options(of: Mapping[str, object]) -> Options:
    presets = _get(of, "presets", dict, {})
    names = _get(presets, "partition_names", list, [])
    flags = {f.name: _get(of, f.name, bool, False) for f in fields(Options) if f.name != "presets"}
    return Options(
        **flags,
        presets=Presets(
            _get(presets, "partitions", str, "all"),
            tuple(_as(str, n, "a name") for n in names),
            _get(presets, "extension_schemas", bool, False),
            _get(presets, "migration_tables", bool, False),
        ),
    )


def _end(of: Mapping[str, object], name: str) -> End:
    end = _get(of, name, dict)
    return End(
        _get(end, "name", str), _get(end, "fingerprint", str), _get(end, "server_version", int)
    )


def _way(of: Mapping[str, object], name: str) -> Way:
    way = _get(of, name, dict)
    return Way(
        tuple(_statement(s) for s in _get(way, "statements", list)),
        tuple(_left(x) for x in _get(way, "by_hand", list)),
        tuple(_as(str, r, "a remark") for r in _get(way, "remarks", list)),
        {
            _id(h): tuple(_id(d) for d in _get(_as(dict, h, "an object"), "dependants", list))
            for h in _get(way, "hanging", list)
        },
        tuple(_impact(i) for i in _get(way, "impact", list, [])),
    )


def _impact(row: object) -> Impact:
    of = _as(dict, row, "an impact")
    return Impact(_id(of), *(tuple(_id(d) for d in _get(of, n, list, [])) for n in FATES))


def _statement(row: object) -> Statement:
    of = _as(dict, row, "a statement")
    step = Step(
        _get(of, "sql", str),
        "",
        Lock(_get(of, "lock", str, "")),
        tuple(_as(str, n, "a lock") for n in _get(of, "locks", list, [])),
        also=tuple(_held(h) for h in _get(of, "also_locks", list, [])),
        rewrites=_get(of, "rewrites", bool, False),
        scans=_get(of, "scans", bool, False),
        loses=_get(of, "loses", str, ""),
        fails=_get(of, "fails_where", str, ""),
        alone=not _get(of, "in_transaction", bool),
        commits=_get(of, "commit_before_next", bool, False),
        note=_get(of, "notes", str, ""),
    )
    said = Statement(
        _get(of, "number", int),
        _id(of),
        Verb(_get(of, "verb", str)),
        step,
        _get(of, "transaction", int),
    )
    return said.called(_get(of, "action", str))


def _held(row: object) -> Held:
    of = _as(dict, row, "a lock")
    return Held(_get(of, "on", str), Lock(_get(of, "lock", str)))


def _left(row: object) -> LeftOut:
    of = _as(dict, row, "what is left by hand")
    names = (_as(str, n, "an attribute") for n in _get(of, "attributes", list, []))
    return LeftOut(_id(of), _get(of, "why", str), tuple(names))


def _weight(row: object) -> tuple[str, Weight]:
    of = _as(dict, row, "a table")
    size, rows, reads, writes = (
        _as(int, of[n], n) if n in of else None for n in ("bytes", "rows", "reads", "writes")
    )
    since = _get(of, "since", str, "")
    return _get(of, "name", str), Weight(size, rows, reads, writes, since)


def _proof(row: object) -> Proof | None:
    if row is None:
        return None
    of = _as(dict, row, "a proof")
    return Proof(
        _get(of, "up", str),
        _get(of, "down", str),
        _get(of, "server_version", int),
        _get(of, "binding", str),
        tuple(_left(x) for x in _get(of, "unseen", list)),
        _rows(of.get("rows")),
    )


def _rows(row: object) -> Rows | None:
    if row is None:
        return None
    of = _as(dict, row, "the rows of a proof")
    return Rows(
        _get(of, "tables", int),
        _get(of, "rows", int),
        tuple(_left(x) for x in _get(of, "unfilled", list, [])),
        tuple(_as(str, s, "a statement") for s in _get(of, "stopped", list, [])),
    )


def _id(row: object) -> ObjectId:
    of = _as(dict, row, "an object")
    path = tuple(_as(str, n, "a name") for n in _get(of, "object_path", list))
    return ObjectId(_get(of, "object_type", str), path, _get(of, "object_arguments", str, ""))


def _get(of: Mapping[str, object], name: str, kind: type[T], usual: T | None = None) -> T:
    if name not in of and usual is not None:
        return usual
    return _as(kind, of.get(name), name)


def _as(kind: type[T], value: object, what: str) -> T:
    if not isinstance(value, kind) or (kind is int and isinstance(value, bool)):
        raise ValueError(f"{what} should be a {kind.__name__}, and is {value!r:.60}")
    return value
