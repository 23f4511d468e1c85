"""Rows of our own in a scratch database, typed and keyed, and what tables hold.

In comes a session in a database that nobody else uses. Rows keep to NOT NULL, keys, foreign keys,
checks and bounds of partitions as far as some value of ours fits: the server is asked. What could
be given none is told.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

import asyncpg

from pgdrift.core.model import ObjectId
from pgdrift.core.names import dotted, quote_ident
from pgdrift.core.plan.model import LeftOut
from pgdrift.core.plan.rows import Contents, Held, Path
from pgdrift.core.plan.sql import literal
from pgdrift.core.plan.values import literals, values_of

_TRIES = 14
_MOST_DEEP = 4

# A table is a part of those that it inherits from, however far above.
_TABLES = """
WITH RECURSIVE above (oid, ancestor) AS (
    SELECT inhrelid, inhparent FROM pg_catalog.pg_inherits
    UNION SELECT a.oid, h.inhparent
    FROM above a JOIN pg_catalog.pg_inherits h ON h.inhrelid = a.ancestor
)
SELECT c.oid, n.nspname::text AS schema, c.relname::text AS name,
    ARRAY(SELECT a.ancestor FROM above a WHERE a.oid = c.oid) AS above,
    c.relkind = 'r' AS holds,
    ARRAY(SELECT pg_catalog.pg_get_constraintdef(k.oid) FROM pg_catalog.pg_constraint k
        WHERE k.contype = 'c' AND k.conrelid = c.oid)
    || coalesce(pg_catalog.pg_get_expr(c.relpartbound, c.oid), '') AS said,
    ARRAY(SELECT k.confrelid FROM pg_catalog.pg_constraint k
        WHERE k.contype = 'f' AND k.conrelid = c.oid) AS refers
FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
WHERE c.relkind IN ('r', 'p') AND c.relpersistence <> 't' AND n.nspname !~ '^pg_'
    AND n.nspname <> 'information_schema'
ORDER BY c.oid
"""
_COLUMNS = """
SELECT a.attrelid AS of, a.attnum AS number, a.attname::text AS name, a.attnotnull AS filled,
    a.atttypid AS type, pg_catalog.format_type(a.atttypid, a.atttypmod) AS said,
    a.attgenerated <> '' AS made, a.attidentity <> '' AS counted,
    coalesce(pg_catalog.pg_get_expr(d.adbin, d.adrelid), '') AS usual
FROM pg_catalog.pg_attribute a JOIN pg_catalog.pg_class c ON c.oid = a.attrelid
LEFT JOIN pg_catalog.pg_attrdef d ON d.adrelid = a.attrelid AND d.adnum = a.attnum
WHERE a.attnum > 0 AND NOT a.attisdropped AND c.relkind IN ('r', 'p')
ORDER BY a.attrelid, a.attnum
"""
_KEYS = """
SELECT k.conrelid AS of, k.confrelid::pg_catalog.regclass::text AS to,
    k.conkey AS columns,
    ARRAY(SELECT pg_catalog.quote_ident(a.attname) FROM pg_catalog.unnest(k.confkey)
        WITH ORDINALITY AS n (number, place) JOIN pg_catalog.pg_attribute a
        ON a.attrelid = k.confrelid AND a.attnum = n.number ORDER BY n.place) AS others
FROM pg_catalog.pg_constraint k WHERE k.contype = 'f' AND k.conrelid <> 0
ORDER BY k.oid
"""
_TYPE = """
SELECT t.typtype::text AS sort, t.typbasetype AS base, t.typelem AS element,
    t.typcategory = 'A' AND t.typelem <> 0 AS listed,
    pg_catalog.format_type(t.oid, NULL) AS name,
    ARRAY(SELECT e.enumlabel::text FROM pg_catalog.pg_enum e WHERE e.enumtypid = t.oid
        ORDER BY e.enumsortorder) AS labels,
    ARRAY(SELECT pg_catalog.pg_get_constraintdef(k.oid) FROM pg_catalog.pg_constraint k
        WHERE k.contypid = t.oid) AS checks,
    ARRAY(SELECT a.atttypid FROM pg_catalog.pg_attribute a WHERE a.attrelid = t.typrelid
        AND a.attnum > 0 AND NOT a.attisdropped ORDER BY a.attnum) AS fields,
    (SELECT r.rngsubtype FROM pg_catalog.pg_range r WHERE r.rngtypid = t.oid) AS subtype
FROM pg_catalog.pg_type t WHERE t.oid = $1
"""
_SEQUENCES = """
SELECT c.oid::pg_catalog.regclass::text AS called, n.nspname::text AS schema,
    coalesce(o.relname, '')::text AS "table", coalesce(a.attname, c.relname)::text AS name
FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
LEFT JOIN pg_catalog.pg_depend d ON d.classid = 'pg_catalog.pg_class'::pg_catalog.regclass
    AND d.objid = c.oid AND d.objsubid = 0 AND d.deptype = 'i' AND d.refobjsubid > 0
LEFT JOIN pg_catalog.pg_class o ON o.oid = d.refobjid
LEFT JOIN pg_catalog.pg_attribute a ON a.attrelid = d.refobjid AND a.attnum = d.refobjsubid
WHERE c.relkind = 'S' AND c.relpersistence <> 't' ORDER BY c.oid
"""


@dataclass(frozen=True, slots=True)
class Filled:
    """How many tables were given how many rows, and which could be given none, and why."""

    tables: int = 0
    rows: int = 0
    unfilled: tuple[LeftOut, ...] = ()


@dataclass(slots=True)
class _Filler:
    session: asyncpg.Connection
    count: int
    columns: Mapping[int, list[asyncpg.Record]]
    keys: Mapping[int, list[asyncpg.Record]]
    fits: dict[tuple[int, tuple[str, ...]], tuple[str, ...]] = field(default_factory=dict)


async def fill(session: asyncpg.Connection, count: int) -> Filled:
    """Give each table so many rows, as far as the server takes them; sequences move on, too."""
    tables = await session.fetch(_TABLES)
    columns, keys = await session.fetch(_COLUMNS), await session.fetch(_KEYS)
    filler = _Filler(session, count, _by_table(columns), _by_table(keys))
    said = {t["oid"]: t["said"] for t in tables}
    filled, rows, unfilled = 0, 0, list[LeftOut]()
    async with session.transaction():
        await _without_triggers(session)
        for table in _parents_first([t for t in tables if t["holds"]]):
            hints = [d for oid in (table["oid"], *table["above"]) for d in said.get(oid, ())]
            made, why = await _rows_of(filler, table, literals(hints))
            filled, rows = filled + bool(made), rows + made
            if not made:
                path = (table["schema"], table["name"])
                unfilled.append(LeftOut(ObjectId("table", path), why))
        for row in await session.fetch(_SEQUENCES):
            await _tried(session, f"SELECT pg_catalog.nextval({literal(row['called'])})")
    return Filled(filled, rows, tuple(unfilled))


async def clear(session: asyncpg.Connection, tables: Sequence[str]) -> None:
    """Take all rows out of tables, named as SQL names them, and what refers to them; none: all."""
    rows = await session.fetch(_TABLES)
    names = list(tables) or [dotted((t["schema"], t["name"])) for t in rows]
    async with session.transaction():
        await _without_triggers(session)
        for name in names:
            await _tried(session, f"TRUNCATE {name} CASCADE")


async def _without_triggers(session: asyncpg.Connection) -> None:
    """Let no trigger or rule act on our rows, where we may: only a superuser may say so."""
    await _tried(session, "SET LOCAL session_replication_role = replica")


def _by_table(rows: Sequence[asyncpg.Record]) -> Mapping[int, list[asyncpg.Record]]:
    found: dict[int, list[asyncpg.Record]] = {}
    for row in rows:
        found.setdefault(row["of"], []).append(row)
    return found


def _parents_first(tables: Sequence[asyncpg.Record]) -> Iterator[asyncpg.Record]:
    """Give tables behind those that they refer to; a circle is entered where it comes first."""
    left = {t["oid"]: t for t in tables}
    while left:
        free = [t for t in left.values() if not (set(t["refers"]) - {t["oid"]}) & left.keys()]
        for table in free or [next(iter(left.values()))]:
            yield left.pop(table["oid"])


async def _tried(session: asyncpg.Connection, sql: str) -> str:
    """Run a statement that may be refused; return the server's words, empty for done."""
    try:
        async with session.transaction():
            await session.execute(sql)
    except asyncpg.PostgresError as error:
        return str(error)
    return ""


async def _rows_of(
    filler: _Filler, table: asyncpg.Record, hints: tuple[str, ...]
) -> tuple[int, str]:
    """Return how many rows a table was given, and why not the first."""
    made, why = 0, ""
    for number in range(filler.count):
        keyed = await _keyed(filler, table["oid"], number)
        for attempt in range(_TRIES):
            sql = await _insert(filler, table, hints, keyed, number + attempt, attempt)
            why = await _tried(filler.session, sql)
            if not why:
                made += 1
                break
        if not made:
            break
    return made, "no row of ours fits: " + why


async def _insert(
    filler: _Filler,
    table: asyncpg.Record,
    hints: tuple[str, ...],
    keyed: Mapping[int, str],
    number: int,
    attempt: int,
) -> str:
    """Return a row as SQL. Later attempts are plainer: NULL where it may be, then defaults."""
    given: dict[str, str] = {}
    for place, column in enumerate(filler.columns.get(table["oid"], ())):
        if column["made"] or column["counted"] or "nextval(" in column["usual"]:
            continue
        if column["usual"] and attempt >= _TRIES - 2:
            continue
        name = quote_ident(column["name"])
        if column["number"] in keyed:
            given[name] = keyed[column["number"]]
        elif not column["filled"] and attempt >= _TRIES - 4:
            given[name] = "NULL"
        else:
            known = await _fitting(filler, column["type"], hints)
            # Each column at a step of its own, so that tries are not all alike.
            turn = (number + attempt * (place % 3)) % len(known) if known else 0
            given[name] = f"{literal(known[turn])}::{column['said']}" if known else "NULL"
    head = f"INSERT INTO {dotted((table['schema'], table['name']))}"
    if not given:
        return f"{head} DEFAULT VALUES"
    return f"{head} ({', '.join(given)}) VALUES ({', '.join(given.values())})"


async def _keyed(filler: _Filler, table: int, number: int) -> Mapping[int, str]:
    """Return what columns of foreign keys hold: the key of some row there, or NULL."""
    keyed: dict[int, str] = {}
    for key in filler.keys.get(table, ()):
        pairs = zip(key["columns"], key["others"], strict=True)
        count = await filler.session.fetchval(f"SELECT count(*) FROM {key['to']}")
        for column, other in pairs:
            there = f"(SELECT {other} FROM {key['to']} ORDER BY {', '.join(key['others'])}"
            keyed.setdefault(
                column, f"{there} OFFSET {number % count} LIMIT 1)" if count else "NULL"
            )
    return keyed


async def _fitting(filler: _Filler, kind: int, hints: tuple[str, ...]) -> tuple[str, ...]:
    """Return texts that the server takes for a type, those first that its table names."""
    if (kind, hints) not in filler.fits:
        texts = dict.fromkeys((*hints, *await _texts(filler, kind, 0)))
        name = await filler.session.fetchval("SELECT pg_catalog.format_type($1, NULL)", kind)
        fits = [
            t
            for t in texts
            if not await _tried(filler.session, f"SELECT {literal(t)}::{_loose(name)}")
        ]
        filler.fits[kind, hints] = tuple(fits)
    return filler.fits[kind, hints]


def _loose(name: str) -> str:
    """Return a type's name that takes more than one letter: unsaid, its length is one."""
    return {"character": "bpchar", "bit": "bit varying"}.get(name, name)


async def _texts(filler: _Filler, kind: int, deep: int) -> tuple[str, ...]:
    """Return texts that may be values of a type, by what it is made of."""
    found = await filler.session.fetchrow(_TYPE, kind)
    if found is None or deep > _MOST_DEEP:
        return ()
    if found["labels"]:
        return tuple(found["labels"])
    if found["listed"]:
        some = await _texts(filler, found["element"], deep + 1)
        return (*(_list(some[:n]) for n in (1, 2)), "{}")
    if found["sort"] == "d":
        return (*literals(found["checks"]), *await _texts(filler, found["base"], deep + 1))
    if found["sort"] == "c":
        each = [await _texts(filler, f, deep + 1) or ("",) for f in found["fields"]]
        return tuple(_record([e[n % len(e)] for e in each]) for n in range(3))
    if found["sort"] == "r":
        low, high = sorted((await _texts(filler, found["subtype"], deep + 1))[:2]) or ("", "")
        return (f"[{_quoted(low)},{_quoted(high)})", "empty", f"[{_quoted(low)},)")
    if found["sort"] == "m":
        return ("{}",)
    return values_of(found["name"])


def _quoted(text: str) -> str:
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'


def _list(some: Sequence[str]) -> str:
    return "{" + ",".join(map(_quoted, some)) + "}"


def _record(some: Sequence[str]) -> str:
    return "(" + ",".join(map(_quoted, some)) + ")"


async def contents(session: asyncpg.Connection, like: Contents | None = None) -> Contents:
    """Return what all tables hold, and where sequences stand.

    A column that has another type than in `like` is told as that one, where its values can be.
    """
    tables, columns = await session.fetch(_TABLES), _by_table(await session.fetch(_COLUMNS))
    paths: dict[int, Path] = {t["oid"]: (t["schema"], t["name"]) for t in tables}
    found: dict[Path, Held] = {}
    for table in tables:
        if table["holds"]:
            path = paths[table["oid"]]
            before = like.tables.get(path) if like else None
            above = tuple(paths[oid] for oid in table["above"] if oid in paths)
            found[path] = await _held(session, path, columns.get(table["oid"], []), before, above)
    stands: dict[Path, str] = {}
    for row in await session.fetch(_SEQUENCES):
        names = (row["schema"], row["table"], row["name"])
        last = await session.fetchrow(f"SELECT last_value, is_called FROM {row['called']}")
        stands[tuple(n for n in names if n)] = f"{last[0]}{'' if last[1] else ', not yet given'}"
    return Contents(found, stands)


async def _held(
    session: asyncpg.Connection,
    path: Path,
    columns: Sequence[asyncpg.Record],
    before: Held | None,
    above: tuple[Path, ...],
) -> Held:
    types = {c["name"]: c["said"] for c in columns}
    told = [await _told(session, path, c, before) for c in columns]
    query = f"SELECT ARRAY[{', '.join(told)}]::text[] FROM ONLY {dotted(path)}"
    rows = tuple(tuple(row[0]) for row in await session.fetch(query))
    return Held(types, rows, frozenset(c["name"] for c in columns if c["made"]), above)


async def _told(
    session: asyncpg.Connection, path: Path, column: asyncpg.Record, before: Held | None
) -> str:
    """Return a column as an expression: its text, by way of the type that it had before."""
    name, was = quote_ident(column["name"]), before.columns.get(column["name"]) if before else None
    if was is None or was == column["said"]:
        return f"{name}::text"
    for said in (f"{name}::{was}::text", f"{name}::text::{was}::text"):
        if not await _tried(session, f"SELECT {said} FROM ONLY {dotted(path)}"):
            return said
    return f"{name}::text"
