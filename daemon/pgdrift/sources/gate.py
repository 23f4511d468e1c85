"""The change gate: did anything that a look reads change since the last one, and where?

In comes a connection, out comes what is to be compared with earlier ones of the same server.
`quick` costs next to nothing and moves with every write in the whole cluster; `sums` are made of
what PostgreSQL knows of each catalog row's writer: `thorough`, their text, moves with the schema,
and what is apart between two of them says where. All need no right but CONNECT and work on a
standby. Knows nothing of kinds.

Use: read `quick` on its own before the transaction that reads the catalog, never inside that one.
Equal to last time: nothing happened. Else compare `sums`. To know that nothing moved while the
catalog was read, read them inside that transaction; then either `quick` is as it was before, or
they are read once more and compared.
"""

from __future__ import annotations

from array import array
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cache
from hashlib import blake2b

import asyncpg

# Why an equal snapshot means that nothing was committed in between, in one session:
# - A transaction that commits either raises the snapshot's xmax or leaves its list of the
#   running, to which nothing is added while xmax stands. Neither ever goes back.
# - Only a crash can make a server hand out the same ids again. It ends every session, so the
#   process id keeps two lives of a server apart.
# - A standby does not list the running transactions, but whatever it replays moves its position.
# - Settings of the server change without a transaction, but not without its files being loaded.
# - Early releases of version 13 set the state of an index that is built CONCURRENTLY in place and
#   without a transaction id. Like any change it is in the log, so there the log's position counts.
# It is asked outside of a transaction, where a pooler's session may have any search_path: so each
# operator and type says where it is from.
_QUICK = """
SELECT pg_catalog.concat_ws(
    ' ', pg_catalog.pg_current_snapshot(), d.oid, pg_catalog.pg_backend_pid(),
    pg_catalog.date_part('epoch', pg_catalog.pg_conf_load_time()),
    pg_catalog.date_part('epoch', pg_catalog.pg_postmaster_start_time()),
    CASE
        WHEN pg_catalog.pg_is_in_recovery() THEN pg_catalog.pg_last_wal_replay_lsn()
        WHEN pg_catalog.current_setting('server_version_num')::pg_catalog.int4
            OPERATOR(pg_catalog.<) 140000
        THEN pg_catalog.pg_current_wal_insert_lsn()
    END
)
FROM pg_catalog.pg_database d
WHERE d.datname OPERATOR(pg_catalog.=) pg_catalog.current_database()
"""


# Why count and sum over hash(xmin) miss no change of a catalog: the rows that a transaction wrote
# become visible all at once, and its id was on no visible row before. So a commit that inserts or
# updates rows brings an id that was not there, and one that only deletes lowers the count. What
# is written in place (ANALYZE, VACUUM, freezing) keeps its xmin and is quiet; whoever rewrites a
# table (TRUNCATE, REFRESH, REINDEX, VACUUM FULL) updates pg_class, and is not. That ids come round
# after four thousand million can hide a change only where row for row the same 32 bits return.
# A sum, unlike a xor, is there in version 13, and parts of it can be subtracted again: that is how
# the rows of temporary tables are left out, by index and not by asking each row.

# Where an administrator took one of these catalogs from PUBLIC, the look fails and names it. To
# leave it out would not do: what other kinds print may come from it (a default calls a function by
# the name that pg_proc has), and would then change without moving the gate.

# Catalogs summed up as a whole, whose change can change how anything is printed.
WHOLE = """
    pg_am pg_amop pg_amproc pg_auth_members pg_cast pg_collation pg_conversion pg_extension
    pg_foreign_data_wrapper pg_foreign_server pg_language pg_opclass pg_operator pg_opfamily
    pg_parameter_acl pg_shdescription pg_tablespace pg_transform pg_ts_config pg_ts_config_map
    pg_ts_dict pg_ts_parser pg_ts_template
""".split()
# The same, but what is printed from their rows is in no other object's text. What is the user's of
# these, others can decide: where a published table stands, say.
APART = """
    pg_default_acl pg_event_trigger pg_publication pg_publication_namespace pg_publication_rel
    pg_seclabel
""".split()
_SINCE = {"pg_parameter_acl": 15, "pg_publication_namespace": 15}

# Catalogs of the cluster of which some rows are left out, by a condition that each answers itself.
_SOME = {
    "pg_database": "c.datname = pg_catalog.current_database()",
    "pg_db_role_setting": "c.setdatabase IN (0, (SELECT d.oid FROM pg_catalog.pg_database d"
    " WHERE d.datname = pg_catalog.current_database()))",
}

# Catalogs whose rows each belong to something with an OID, and how that is found: these are summed
# up by its OID, so that it can be told where something moved. What stands in pg_catalog itself
# counts as the server's own: there a new name can change how every other one is printed; and so
# does membership in an extension, which can make objects come and go that nobody touched.
_OF = {
    "pg_aggregate": "c.aggfnoid::pg_catalog.oid",
    "pg_attrdef": "c.adrelid",
    "pg_attribute": "c.attrelid",
    "pg_class": "CASE WHEN c.relnamespace <> {system} THEN c.oid END",
    "pg_constraint": "CASE WHEN c.conrelid <> 0 THEN c.conrelid ELSE c.contypid END",
    "pg_depend": "CASE WHEN c.deptype NOT IN ('e', 'x') THEN c.objid END",
    "pg_description": "c.objoid",
    "pg_enum": "c.enumtypid",
    "pg_foreign_table": "c.ftrelid",
    "pg_index": "c.indrelid",
    "pg_inherits": "c.inhrelid",
    "pg_init_privs": "c.objoid",
    "pg_partitioned_table": "c.partrelid",
    "pg_policy": "c.polrelid",
    "pg_proc": "CASE WHEN c.pronamespace <> {system} THEN c.oid END",
    "pg_range": "c.rngtypid",
    "pg_rewrite": "c.ev_class",
    "pg_sequence": "c.seqrelid",
    "pg_statistic_ext": "c.stxrelid",
    "pg_trigger": "c.tgrelid",
    "pg_type": "CASE WHEN c.typnamespace <> {system} THEN c.oid END",
}
_SYSTEM = "'pg_catalog'::pg_catalog.regnamespace"

# Of which rows of temporary tables are found by index, and subtracted.
_LESS = {
    "pg_attrdef": "c.adrelid = ANY ({relations})",
    "pg_attribute": "c.attrelid = ANY ({relations})",
    "pg_constraint": "c.conrelid = ANY ({relations})",
    "pg_depend": "c.classid = 'pg_catalog.pg_class'::pg_catalog.regclass"
    " AND c.objid = ANY ({relations})"
    " OR c.refclassid = 'pg_catalog.pg_class'::pg_catalog.regclass"
    " AND c.refobjid = ANY ({relations})"
    " OR c.classid = 'pg_catalog.pg_type'::pg_catalog.regclass AND c.objid = ANY ({types})"
    " OR c.classid = 'pg_catalog.pg_trigger'::pg_catalog.regclass AND c.objid = ANY (ARRAY("
    "SELECT g.oid FROM pg_catalog.pg_trigger g WHERE g.tgrelid = ANY ({relations})))",
    "pg_index": "c.indexrelid = ANY ({relations})",
    "pg_inherits": "c.inhrelid = ANY ({relations})",
    "pg_partitioned_table": "c.partrelid = ANY ({relations})",
    "pg_policy": "c.polrelid = ANY ({relations})",
    "pg_rewrite": "c.ev_class = ANY ({relations})",
    "pg_sequence": "c.seqrelid = ANY ({relations})",
    "pg_statistic_ext": "c.stxrelid = ANY ({relations})",
    "pg_trigger": "c.tgrelid = ANY ({relations})",
    "pg_type": "c.oid = ANY ({types})",
}
# Of which they are known by themselves.
_WITHOUT = {"pg_class": "c.relpersistence <> 't'"}

# What is changed in place, and so has to be asked for (see _QUICK).
_STATE = {
    "pg_index": "c.indisvalid::int4 + 2 * c.indisready::int4 + 4 * c.indislive::int4",
}

# Where a role that may only connect cannot see xmin: the text of what it can see.
_TEXTS = {
    "pg_roles": "pg_catalog.pg_roles c",
    "pg_user_mappings": "pg_catalog.pg_user_mappings c",
    "pg_subscription": "(SELECT {columns} FROM pg_catalog.pg_subscription s"
    " JOIN pg_catalog.pg_database d ON d.oid = s.subdbid"
    " WHERE d.datname = pg_catalog.current_database()) c",
}
# Where what belongs to the cluster is read: what the files of the server set.
_SETTINGS = (
    "(SELECT s.name, s.setting FROM pg_catalog.pg_settings s"
    " WHERE s.context IN ('internal', 'postmaster', 'sighup')) c"
)
_SUBSCRIPTION = {
    13: "s.subname, s.subowner, s.subenabled, s.subslotname, s.subpublications",
    14: "s.subbinary, s.substream, s.subsynccommit",
    15: "s.subtwophasestate, s.subdisableonerr",
    16: "s.suborigin, s.subpasswordrequired, s.subrunasowner",
    17: "s.subfailover",
}


# How far an OID is shifted to give the number of its part: what belongs to one table is mostly made
# together, and numbered in a row.
_SHIFT = 4
# What initdb made has lower OIDs.
_FIRST_OWN = 16384
# Names of lines that are no catalog's.
_PARTS, _SCHEMAS, _LIFE = "", "pg_namespace", "life"
# A number that shares no factor with the sums of hashes.
_MODULUS = 9_223_372_036_854_775_783


@dataclass(frozen=True, slots=True)
class Moved:
    """What is apart between two sums: parts of the space of OIDs, and schemas by their OIDs.

    `all`: it cannot be told, or may have changed how anything is printed. `apart`: something that
    has no part moved, and shows in no other object.
    """

    parts: frozenset[int] = frozenset()
    schemas: frozenset[int] = frozenset()
    apart: bool = False
    all: bool = False

    def oids(self) -> list[int]:
        """Return all OIDs that lie in the parts."""
        return [o for p in sorted(self.parts) for o in range(p << _SHIFT, (p + 1) << _SHIFT)]


@dataclass(frozen=True, slots=True)
class Sums:
    """Sums over all catalog rows: in `lines` by catalog, and by part or schema where there are.

    `text` is equal where all sums are. `life` is another after a restart of the server, in another
    database, on another server, and once a standby is none.
    """

    text: str
    life: int
    lines: Mapping[str, int]
    schemas: Mapping[int, int]
    # As flat as can be: there are as many parts as tables.
    parts: array[int]
    of_parts: array[int]

    def moved(self, since: Sums) -> Moved:
        """Return what moved from an earlier time to this one."""
        lines = {n for n, _ in self.lines.items() ^ since.lines.items()}
        parts = {p for p, _ in {*self._by_part()} ^ {*since._by_part()}}
        if (
            self.life != since.life
            or lines - {*APART}
            or any(p < _FIRST_OWN >> _SHIFT for p in parts)
        ):
            return Moved(all=True)
        schemas = frozenset(s for s, _ in self.schemas.items() ^ since.schemas.items())
        return Moved(frozenset(parts), schemas, apart=bool(lines))

    def _by_part(self) -> Iterable[tuple[int, int]]:
        return zip(self.parts, self.of_parts, strict=True)


async def quick(connection: asyncpg.Connection) -> str:
    """Return a text that moves with every commit in the cluster, and between two sessions.

    One round trip, outside of any transaction.
    """
    told = bytearray()

    async def take(data: bytes) -> None:
        told.extend(data)

    # The one way to ask something and be answered that takes no more than one round trip.
    await connection.copy_from_query(_QUICK, output=take)
    return told.decode().strip()


async def thorough(connection: asyncpg.Connection, *, cluster: bool = False) -> str:
    """Return 32 hex digits that move with everything that a catalog reader can see change."""
    return (await sums(connection, cluster=cluster)).text


async def sums(connection: asyncpg.Connection, *, cluster: bool = False) -> Sums:
    """Return sums that move with everything that a catalog reader can see change.

    Temporary tables, data and statistics do not move them. Inside a REPEATABLE READ transaction
    they belong to its snapshot. `cluster`: the settings of the server move them too.
    """
    relations, types = await connection.fetchrow(_TEMPORARY)
    some = (relations, types) if relations else ()
    major = connection.get_server_version().major
    rows = await connection.fetch(_sums(major, cluster=cluster, less=bool(some)), *some)
    parts, of_parts = array("I"), array("q")
    lines, schemas = dict[str, int](), dict[int, int]()
    for name, part, total in rows:
        if name == _PARTS:
            parts.append(part)
            of_parts.append(total)
        elif name == _SCHEMAS:
            schemas[part] = total
        else:
            lines[name] = total
    life = lines.pop(_LIFE)
    text = repr((sorted(lines.items()), sorted(schemas.items())))
    made = blake2b(text.encode(), digest_size=16)
    made.update(parts)
    made.update(of_parts)
    return Sums(made.hexdigest(), life, lines, schemas, parts, of_parts)


@cache
def _sums(major: int, *, cluster: bool, less: bool) -> str:
    """Return the query of rows (name, part, sum), in the order of both.

    `less`: without what belongs to the temporary relations in $1, the types of which are $2.
    """
    whole = [n for n in (*WHOLE, *APART) if _SINCE.get(n, 0) <= major]
    columns = ", ".join(c for since, c in _SUBSCRIPTION.items() if since <= major)
    selects = [
        *(_sum(major, name, "true") for name in whole),
        *(_sum(major, name, condition) for name, condition in _SOME.items()),
        *(_text(name, source.format(columns=columns)) for name, source in _TEXTS.items()),
        *([_text("pg_settings", _SETTINGS)] if cluster else ()),
        _SERVER,
        _SCHEMA.format(hash=_hash(major)),
        _by_part(major, less=less),
    ]
    return "\nUNION ALL\n".join(selects) + "\nORDER BY 1, 2"


_TEMPORARY = """
SELECT t.relations, t.row_types || ARRAY(
    SELECT y.typarray FROM pg_catalog.pg_type y WHERE y.oid = ANY (t.row_types)
)
FROM (
    SELECT coalesce(pg_catalog.array_agg(c.oid), '{}') AS relations,
        coalesce(pg_catalog.array_agg(c.reltype) FILTER (WHERE c.reltype <> 0), '{}') AS row_types
    FROM pg_catalog.pg_class c
    WHERE c.relpersistence = 't'
) t
"""
_SERVER = f"""
SELECT 'server', 0, pg_catalog.current_setting('server_version_num')::int8
UNION ALL SELECT '{_LIFE}', 0, pg_catalog.hashtextextended(pg_catalog.concat_ws(' ',
    pg_catalog.date_part('epoch', pg_catalog.pg_postmaster_start_time()),
    pg_catalog.pg_is_in_recovery(), d.oid), 0)
FROM pg_catalog.pg_database d WHERE d.datname = pg_catalog.current_database()"""
_SCHEMA = f"""
SELECT '{_SCHEMAS}', c.oid::int8, {{hash}}
FROM pg_catalog.pg_namespace c WHERE c.nspname !~ '^pg_(toast_)?temp_'"""


def _hash(major: int, seed: str = "0") -> str:
    """Return SQL of the hash of the writer of the row `c`, which only 18 has without an array."""
    if major >= 18:
        return f"pg_catalog.hashxidextended(c.xmin, {seed})"
    return f"pg_catalog.hash_array_extended(ARRAY[c.xmin], {seed})"


def _sum(major: int, name: str, condition: str) -> str:
    total = _told("count(*)", f"coalesce(sum({_hash(major)}), 0)")
    return (
        f"SELECT '{name}' AS name, 0::int8 AS part, {total} AS total"
        f" FROM pg_catalog.{name} c WHERE {condition}"
    )


def _told(rows: str, total: str) -> str:
    """Return count and sum as one number."""
    return f"(({total} + {rows}::numeric * 6148914691236517205) % {_MODULUS})::int8"


def _by_part(major: int, *, less: bool) -> str:
    there = {"relations": "$1::pg_catalog.oid[]", "types": "$2::pg_catalog.oid[]"}
    grouped = [_group(major, name, _WITHOUT.get(name, "true")) for name in _OF]
    # Where there are none, which is the rule, a server need not plan how to find what is theirs.
    for name, condition in _LESS.items() if less else ():
        grouped.append(_group(major, name, condition.format(**there), "-"))
    return (
        f"SELECT '{_PARTS}', p.part, {_told('sum(p.rows)', 'sum(p.total)')}"
        f" FROM ({' UNION ALL '.join(grouped)}) p GROUP BY p.part"
        " HAVING sum(p.rows) <> 0 OR sum(p.total) <> 0"
    )


def belongs_to(catalog: str, row: str) -> str:
    """Return SQL of the OID that a row of a catalog belongs to, "" where it belongs to none."""
    plain = {"pg_class": "c.oid", "pg_proc": "c.oid", "pg_type": "c.oid"}
    of = plain.get(catalog) or _OF.get(catalog, "")
    return of.replace("c.", f"{row}.", 1) if of.startswith("c.") else ""


def _group(major: int, name: str, condition: str, sign: str = "") -> str:
    # What is the server's own is part 0.
    of = f"coalesce({_OF[name].format(system=_SYSTEM)}, 0)"
    row = _hash(major, _STATE.get(name, "0"))
    return (
        f"SELECT {of}::int8 >> {_SHIFT} AS part, {sign}count(*) AS rows, {sign}sum({row}) AS total"
        f" FROM pg_catalog.{name} c WHERE {condition} GROUP BY 1"
    )


def _text(name: str, source: str) -> str:
    total = _told("count(*)", "coalesce(sum(pg_catalog.hashtextextended(c::text, 0)), 0)")
    return f"SELECT '{name}', 0, {total} FROM {source}"
