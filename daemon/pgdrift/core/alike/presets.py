"""What need not be compared, as the operator chose: partitions, what extensions and migration tools
make for themselves. A snapshot in; out, which of its objects are left out, each with the preset
that leaves it out: that is counted and shown, never silent.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass

from pgdrift.core.alike.places import stands_in
from pgdrift.core.held.objects import Object, ObjectId
from pgdrift.core.held.packed import Packed
from pgdrift.core.ignore import matches
from pgdrift.core.names import split_dotted

PARTITIONS = "of_partitions"
EXTENSIONS = "of_extension_schemas"
MIGRATIONS = "of_migration_tables"

EXTENSION_SCHEMAS: Mapping[str, tuple[str, ...]] = {
    "age": ("ag_catalog",),
    "anon": ("anon", "mask"),
    "citus": ("citus", "citus_internal"),
    "citus_columnar": ("columnar", "columnar_internal"),
    "emaj": ("emaj",),
    "pg_cron": ("cron",),
    "pg_graphql": ("graphql", "graphql_public"),
    "pg_hint_plan": ("hint_plan",),
    "pg_ivm": ("pgivm",),
    "pg_jobmon": ("jobmon",),
    "pg_net": ("net",),
    "pg_partman": ("partman",),
    "pg_repack": ("repack",),
    "pg_squeeze": ("squeeze",),
    "pg_tle": ("pgtle",),
    "pgagent": ("pgagent",),
    "pglogical": ("pglogical", "pglogical_origin"),
    "pgmq": ("pgmq",),
    "pgq": ("pgq", "pgq_ext", "pgq_node"),
    "pgsodium": ("pgsodium", "pgsodium_masks"),
    "postgis_tiger_geocoder": ("tiger", "tiger_data"),
    "postgis_topology": ("topology",),
    "supabase_vault": ("vault",),
    "timescaledb": (
        "_timescaledb_cache",
        "_timescaledb_catalog",
        "_timescaledb_config",
        "_timescaledb_functions",
        "_timescaledb_internal",
        "timescaledb_experimental",
        "timescaledb_information",
    ),
}
"""Extension → the schemas that it fills as it works; they count only where the extension is."""


@dataclass(frozen=True, slots=True)
class ToolTables:
    """What one migration tool keeps for itself: any of `tables` with these columns and no others.

    Without `sole` it may have more columns. `beside` are tables that come with it. `schema` is
    the only one where it can be.
    """

    tool: str
    tables: tuple[str, ...]
    columns: frozenset[str]
    sole: bool = False
    beside: tuple[str, ...] = ()
    schema: str | None = None


def _tool(
    tool: str,
    tables: str,
    columns: str,
    *,
    sole: bool = False,
    beside: str = "",
    schema: str | None = None,
) -> ToolTables:
    of = frozenset(columns.split())
    return ToolTables(tool, tuple(tables.split()), of, sole, tuple(beside.split()), schema)


MIGRATION_TABLES: tuple[ToolTables, ...] = (
    _tool(
        "flyway",
        "flyway_schema_history schema_version",
        "installed_rank version description type checksum installed_by installed_on success",
    ),
    _tool(
        "liquibase",
        "databasechangelog",
        "id author filename dateexecuted orderexecuted exectype md5sum",
        beside="databasechangeloglock",
    ),
    _tool(
        "atlas",
        "atlas_schema_revisions",
        "version description type applied total executed_at hash",
    ),
    _tool("golang-migrate", "schema_migrations", "version dirty", sole=True, beside="schema_lock"),
    _tool("goose", "goose_db_version", "id version_id is_applied tstamp", beside="goose_lock"),
    _tool("dbmate", "schema_migrations", "version", sole=True),
    _tool(
        "sqitch",
        "changes",
        "change_id script_hash change project note committed_at committer_name planned_at",
        beside="releases projects tags dependencies events",
    ),
    _tool(
        "supabase",
        "schema_migrations",
        "version",
        beside="seed_files",
        schema="supabase_migrations",
    ),
    _tool("alembic", "alembic_version", "version_num"),
    _tool("django", "django_migrations", "id app name applied"),
    _tool("rails", "schema_migrations", "version", sole=True, beside="ar_internal_metadata"),
    _tool("ecto", "schema_migrations", "version inserted_at", sole=True),
    _tool(
        "prisma",
        "_prisma_migrations",
        "migration_name checksum started_at finished_at rolled_back_at logs",
    ),
    *(
        _tool("ef-core", "__EFMigrationsHistory __ef_migrations_history", columns, sole=True)
        for columns in (
            "MigrationId ProductVersion",
            "migration_id product_version",
            "migrationid productversion",
            "migrationId productVersion",
        )
    ),
    _tool(
        "knex",
        "knex_migrations",
        "id name batch migration_time",
        beside="knex_migrations_lock",
    ),
    _tool("typeorm", "migrations", "id timestamp name", sole=True),
    _tool("sequelize", "SequelizeMeta", "name"),
    _tool("node-pg-migrate", "pgmigrations", "id name run_on", sole=True),
    _tool("drizzle", "__drizzle_migrations", "id hash created_at"),
    _tool("laravel", "migrations", "id migration batch", sole=True),
    _tool("sqlx", "_sqlx_migrations", "version description installed_on success checksum"),
    _tool("diesel", "__diesel_schema_migrations", "version run_on", sole=True),
)
"""The tools whose histories can be read, but for the ledgers, which are never compared."""


@dataclass(frozen=True, slots=True)
class Presets:
    """What is left out, as in `compare:` of the settings.

    partitions: `all` are compared; or all but the `generated`, named as pg_partman names them;
        or none, their `parents` alone. partition_names: globs over `schema.table` of more tables
        that are left out as partitions.
    extension_schemas: what was made in the schemas that a known extension fills.
    migration_tables: the tables in which migration tools keep their history.
    """

    partitions: str = "all"
    partition_names: tuple[str, ...] = ()
    extension_schemas: bool = False
    migration_tables: bool = False


def left_out(objects: Mapping[ObjectId, Object], presets: Presets) -> Mapping[ObjectId, str]:
    """Return which objects are left out, with all that cannot outlive them, each with why."""
    schemas = _extension_schemas(objects) if presets.extension_schemas else frozenset()
    partitions = presets.partitions != "all" or presets.partition_names
    if not schemas and not partitions and not presets.migration_tables:
        return {}
    out: dict[ObjectId, str] = {}
    parents: dict[ObjectId, ObjectId | None] = {}
    columns: dict[ObjectId, set[str]] = {}
    whole = partitions or presets.migration_tables
    for i, found in objects.items() if whole else _in_schemas(objects, schemas):
        parents[i] = found.parent
        if found.parent is not None and _is_column(i):
            columns.setdefault(found.parent, set()).add(i.path[-1])
        if _is_of(schemas, found):
            out[i] = EXTENSIONS
        elif partitions and _is_partition(found, presets):
            out[i] = PARTITIONS
    if presets.migration_tables:
        out |= dict.fromkeys(_tables_of_tools(columns), MIGRATIONS)
    return _with_children(out, parents) if out else {}


def _in_schemas(
    objects: Mapping[ObjectId, Object], schemas: Collection[str]
) -> Iterator[tuple[ObjectId, Object]]:
    """Give the objects of some schemas; of what is packed the rest is not unfolded."""
    if not isinstance(objects, Packed):
        yield from ((i, o) for i, o in objects.items() if i.path[0] in schemas)
        return
    for key in objects.groups:
        if key.partition("\0")[0] in schemas:
            yield from objects.under(key).items()


def _with_children(
    out: Mapping[ObjectId, str], parents: Mapping[ObjectId, ObjectId | None]
) -> Mapping[ObjectId, str]:
    """Return the objects with all below them; the topmost says why."""
    why: dict[ObjectId, str | None] = dict(out)
    for start in parents:
        climbed: list[ObjectId] = []
        i: ObjectId | None = start
        while i is not None and i not in why:
            climbed.append(i)
            i = parents.get(i)
        above = None if i is None else why[i]
        why |= dict.fromkeys(climbed, above)
    return {i: reason for i, reason in why.items() if reason is not None}


def _extension_schemas(objects: Mapping[ObjectId, Object]) -> frozenset[str]:
    present = (s for e, s in EXTENSION_SCHEMAS.items() if ObjectId("extension", (e,)) in objects)
    return frozenset(schema for schemas in present for schema in schemas)


def _is_of(schemas: Collection[str], found: Object) -> bool:
    """Tell whether an object was made in one of the schemas.

    What was done to a member of the extension is no such object: a right that somebody was given
    to it is told.
    """
    in_schema = found.parent is None or found.parent.kind == "schema"
    return in_schema and stands_in(found.id) in schemas


def _is_partition(found: Object, presets: Presets) -> bool:
    """Tell whether a table counts as a partition; what has no `inherits` is no table."""
    parents = found.attributes.get("inherits")
    if not isinstance(parents, list):
        return False
    if any(matches(found.id.name, glob) for glob in presets.partition_names):
        return True
    if presets.partitions == "parents":
        return found.attributes.get("partition_bound") is not None
    of_a_parent = presets.partitions == "generated" and parents
    return bool(of_a_parent and _is_named_after(found.id.path[-1], str(parents[0])))


# What pg_partman puts behind the name of the parent, which it cuts to make room.
_SUFFIX = re.compile(r"_(p\d\w*|default)\Z")
_LONGEST_NAME = 63


def _is_named_after(name: str, parent: str) -> bool:
    """Tell whether a name is a parent's, given as SQL writes it, with a partition's suffix."""
    suffix = _SUFFIX.search(name)
    if suffix is None:
        return False
    own, base = next(reversed(split_dotted(parent)), ""), name[: suffix.start()]
    return base == own or (len(name.encode()) == _LONGEST_NAME and own.startswith(base))


def _is_column(i: ObjectId) -> bool:
    return i.kind == "column"


def _tables_of_tools(columns: Mapping[ObjectId, Collection[str]]) -> Iterator[ObjectId]:
    by_path = {i.path: i for i in columns}
    for i, of in columns.items():
        for tool in MIGRATION_TABLES:
            if i.path[-1] in tool.tables and _has(of, tool) and tool.schema in (None, i.path[0]):
                beside = ((*i.path[:-1], name) for name in tool.beside)
                yield from (i, *(by_path[path] for path in beside if path in by_path))


def _has(columns: Collection[str], tool: ToolTables) -> bool:
    return tool.columns == columns if tool.sole else tool.columns.issubset(columns)
