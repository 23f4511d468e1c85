"""The change gate: did anything that a look reads change since the last one?

In comes a connection, out come opaque texts to be compared for equality with earlier ones of the
same server. `quick` costs next to nothing and moves with every write in the whole cluster;
`thorough` reads what PostgreSQL knows of each catalog row's writer, and moves with the schema.
Both need no right but CONNECT and work on a standby. Knows nothing of kinds.

Use: read `quick` in a transaction of its own before the one that reads the catalog, never inside
that one. Equal to last time: nothing happened. Else compare `thorough`. To know that nothing moved
while the catalog was read, read `thorough` inside that transaction and compare it with one read
after it.
"""

from __future__ import annotations

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
_QUICK = """
SELECT pg_catalog.concat_ws(
    ' ', pg_catalog.pg_current_snapshot(), d.oid, pg_catalog.pg_backend_pid(),
    pg_catalog.date_part('epoch', pg_catalog.pg_conf_load_time()),
    pg_catalog.date_part('epoch', pg_catalog.pg_postmaster_start_time()),
    CASE
        WHEN pg_catalog.pg_is_in_recovery() THEN pg_catalog.pg_last_wal_replay_lsn()
        WHEN pg_catalog.current_setting('server_version_num')::int4 < 140000
        THEN pg_catalog.pg_current_wal_insert_lsn()
    END
)
FROM pg_catalog.pg_database d
WHERE d.datname = pg_catalog.current_database()
"""

# Why count and sum over hash(xmin) miss no change of a catalog: the rows that a transaction wrote
# become visible all at once, and its id was on no visible row before. So a commit that inserts or
# updates rows brings an id that was not there, and one that only deletes lowers the count. What
# is written in place (ANALYZE, VACUUM, freezing) keeps its xmin and is quiet; whoever rewrites a
# table (TRUNCATE, REFRESH, REINDEX, VACUUM FULL) updates pg_class, and is not. That ids come round
# after four thousand million can hide a change only where row for row the same 32 bits return.
# A sum, unlike a xor, is there in version 13, and parts of it can be subtracted again: that is how
# the rows of temporary tables are left out, by index and not by asking each row.
_HASH = "pg_catalog.hash_array_extended(ARRAY[{0}.xmin], {1})"

# Where an administrator took one of these catalogs from PUBLIC, the look fails and names it. To
# leave it out would not do: what other kinds print may come from it (a default calls a function by
# the name that pg_proc has), and would then change without moving the gate.

# Catalogs that are read whole.
_WHOLE = """
    pg_aggregate pg_am pg_amop pg_amproc pg_auth_members pg_cast pg_collation pg_conversion
    pg_default_acl pg_description pg_enum pg_event_trigger pg_extension pg_foreign_data_wrapper
    pg_foreign_server pg_foreign_table pg_init_privs pg_language pg_opclass pg_operator
    pg_opfamily pg_proc pg_publication pg_publication_rel pg_range pg_seclabel pg_shdescription
    pg_tablespace pg_transform pg_ts_config pg_ts_config_map pg_ts_dict pg_ts_parser pg_ts_template
""".split()
_SINCE_15 = ("pg_parameter_acl", "pg_publication_namespace")

# Catalogs of which some rows are left out, by a condition that each row answers for itself.
_SOME = {
    "pg_class": "c.relpersistence <> 't'",
    "pg_database": "c.datname = pg_catalog.current_database()",
    "pg_db_role_setting": "c.setdatabase IN (0, (SELECT d.oid FROM pg_catalog.pg_database d"
    " WHERE d.datname = pg_catalog.current_database()))",
    "pg_namespace": "c.nspname !~ '^pg_(toast_)?temp_'",
}

# Catalogs whose rows of temporary tables are found by index, and subtracted.
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


async def quick(connection: asyncpg.Connection) -> str:
    """Return a text that moves with every commit in the cluster, and between two sessions.

    To be read in a transaction that ends before the one that reads the catalog begins.
    """
    return str(await connection.fetchval(_QUICK))


async def thorough(connection: asyncpg.Connection, *, cluster: bool = False) -> str:
    """Return 32 hex digits that move with everything that a catalog reader can see change.

    Temporary tables, data and statistics do not move it. Inside a REPEATABLE READ transaction it
    belongs to that transaction's snapshot. `cluster`: the settings of the server move it too.
    """
    rows = await connection.fetch(_thorough(connection.get_server_version().major, cluster=cluster))
    parts = "\n".join(f"{name} {count} {total}" for name, count, total in rows)
    return blake2b(parts.encode(), digest_size=16).hexdigest()


@cache
def _thorough(major: int, *, cluster: bool) -> str:
    whole = [*_WHOLE, *(_SINCE_15 if major >= 15 else ())]
    columns = ", ".join(c for since, c in _SUBSCRIPTION.items() if since <= major)
    selects = [
        *(_sum(name, "true") for name in whole),
        *(_sum(name, condition) for name, condition in _SOME.items()),
        *(_difference(name, temporary) for name, temporary in _LESS.items()),
        *(_text(name, source.format(columns=columns)) for name, source in _TEXTS.items()),
        *([_text("pg_settings", _SETTINGS)] if cluster else ()),
        "SELECT 'server', pg_catalog.current_setting('server_version_num')::int8, 0::numeric",
    ]
    return _TEMPORARY + "\nUNION ALL\n".join(selects) + "\nORDER BY 1"


_TEMPORARY = """
WITH temporary AS MATERIALIZED (
    SELECT coalesce(pg_catalog.array_agg(c.oid), '{}') AS relations,
        coalesce(pg_catalog.array_agg(c.reltype) FILTER (WHERE c.reltype <> 0), '{}') AS row_types
    FROM pg_catalog.pg_class c
    WHERE c.relpersistence = 't'
), temporary_types AS MATERIALIZED (
    SELECT t.row_types || ARRAY(
        SELECT y.typarray FROM pg_catalog.pg_type y WHERE y.oid = ANY (t.row_types)
    ) AS types
    FROM temporary t
)
"""


def _sum(name: str, condition: str) -> str:
    row = _HASH.format("c", _STATE.get(name, "0"))
    return (
        f"SELECT '{name}' AS name, count(*) AS rows, coalesce(sum({row}), 0) AS total"
        f" FROM pg_catalog.{name} c WHERE {condition}"
    )


def _difference(name: str, temporary: str) -> str:
    condition = temporary.format(
        relations="(SELECT t.relations FROM temporary t)::pg_catalog.oid[]",
        types="(SELECT t.types FROM temporary_types t)::pg_catalog.oid[]",
    )
    return (
        f"SELECT '{name}', a.rows - t.rows, a.total - t.total"
        f" FROM ({_sum(name, 'true')}) a, ({_sum(name, condition)}) t"
    )


def _text(name: str, source: str) -> str:
    return (
        f"SELECT '{name}', count(*),"
        " coalesce(sum(pg_catalog.hashtextextended(c::text, 0)), 0)"
        f" FROM {source}"
    )
