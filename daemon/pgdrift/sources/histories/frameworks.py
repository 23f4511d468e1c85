"""The migration tools that come with a language's framework or library: one row each."""

from __future__ import annotations

from pgdrift.sources.histories import keys
from pgdrift.sources.histories.tool import BYTES, FLAG, TEXT, TIME, WHOLE, Tool

_NAMES_ALONE = "the order, when and by whom, checksums, what failed"
_NO_PERSON = "by whom, checksums, what failed"


def _ef_core(version: str, product: str) -> Tool:
    return Tool(
        "ef-core",
        "Entity Framework Core",
        # The name that it has by itself, and the one that is set most often in its place.
        ("__EFMigrationsHistory", "__ef_migrations_history"),
        {version: TEXT, product: TEXT},
        f'SELECT "{version}" AS version FROM {{table}} ORDER BY 1',
        sole=True,
        lock="its table is locked, from version 9 on: nobody can read it then",
        unknown=_NAMES_ALONE,
    )


FRAMEWORKS: tuple[Tool, ...] = (
    Tool(
        "alembic",
        "Alembic",
        ("alembic_version",),
        {"version_num": TEXT},
        # Only the heads are kept: one row, or one for every branch.
        "SELECT version_num AS version FROM {table} ORDER BY 1",
        heads_only=True,
        unknown="all but the heads: neither how many are missing, nor what is extra, nor when and"
        " by whom",
    ),
    Tool(
        "django",
        "Django",
        ("django_migrations",),
        {"id": WHOLE, "app": TEXT, "name": TEXT, "applied": TIME},
        "SELECT app || '.' || name AS version, applied::text AS at FROM {table} ORDER BY id",
        unknown=_NO_PERSON,
    ),
    Tool(
        "rails",
        "Rails",
        ("schema_migrations",),
        {"version": TEXT},
        "SELECT version FROM {table} ORDER BY 1",
        sole=True,
        keys=keys.rails,
        lock="an advisory lock, one for each database",
        unknown=_NAMES_ALONE,
    ),
    Tool(
        "ecto",
        "Ecto",
        ("schema_migrations",),
        {"version": WHOLE, "inserted_at": TIME},
        "SELECT version::text, inserted_at::text AS at FROM {table} ORDER BY inserted_at, 1",
        sole=True,
        lock="its table is locked; an advisory lock that it was told to take instead is not known",
        unknown=_NO_PERSON,
    ),
    Tool(
        "prisma",
        "Prisma",
        ("_prisma_migrations",),
        {
            "migration_name": TEXT,
            "checksum": TEXT,
            "started_at": TIME,
            "finished_at": TIME,
            "rolled_back_at": TIME,
            "logs": TEXT,
        },
        # Each try has a row; what was said to be rolled back is tried again under its name.
        """
        SELECT version, checksum, finished AND NOT taken_back AS applied, at,
            NOT finished AND NOT taken_back AND said AS failed,
            NOT finished AND NOT taken_back AND NOT said AS begun
        FROM (
            SELECT DISTINCT ON (migration_name)
                migration_name AS version, checksum, started_at, finished_at::text AS at,
                finished_at IS NOT NULL AS finished, rolled_back_at IS NOT NULL AS taken_back,
                coalesce(logs, '') <> '' AS said
            FROM {table} ORDER BY migration_name, started_at DESC
        ) latest
        ORDER BY started_at, version
        """,
        keys=keys.always(72707369),
        lock="an advisory lock; and a row is begun before it is finished",
        unknown="by whom; the checksum is of the file's bytes, so line ends count",
    ),
    _ef_core("MigrationId", "ProductVersion"),
    # As naming conventions make of them; lower case is set by hand, too.
    _ef_core("migration_id", "product_version"),
    _ef_core("migrationid", "productversion"),
    _ef_core("migrationId", "productVersion"),
    Tool(
        "knex",
        "Knex",
        ("knex_migrations",),
        {"id": WHOLE, "name": TEXT, "batch": WHOLE, "migration_time": TIME},
        "SELECT name AS version, migration_time::text AS at FROM {table} ORDER BY id",
        lock_table="knex_migrations_lock",
        holder="""
        SELECT NULL AS by, NULL AS since FROM {schema}.knex_migrations_lock WHERE is_locked <> 0
        """,
        lock="a row of `knex_migrations_lock`; written in the transaction in which all migrations"
        " are, or, where one has none, committed, and then a process that was killed leaves it",
        unknown=_NO_PERSON,
    ),
    Tool(
        "typeorm",
        "TypeORM",
        ("migrations",),
        {"id": WHOLE, "timestamp": WHOLE, "name": TEXT},
        # The timestamp is that of the file, not of when it was applied.
        "SELECT name AS version FROM {table} ORDER BY id",
        sole=True,
        unknown="when and by whom (the timestamp is the file's), checksums, what failed",
    ),
    Tool(
        "sequelize",
        "Sequelize",
        ("SequelizeMeta",),
        {"name": TEXT},
        """
        SELECT name AS version, {createdAt}::text AS at FROM {table}
        ORDER BY {createdAt}::timestamptz, 1
        """,
        optional=("createdAt",),
        unknown="the order and when, unless Umzug was told to keep times; by whom, checksums, what"
        " failed",
    ),
    Tool(
        "node-pg-migrate",
        "node-pg-migrate",
        ("pgmigrations",),
        {"id": WHOLE, "name": TEXT, "run_on": TIME},
        "SELECT name AS version, run_on::text AS at FROM {table} ORDER BY id",
        sole=True,
        keys=keys.always(7241865325823964),
        lock="an advisory lock, unless it was switched off or given another key",
        unknown=_NO_PERSON,
    ),
    Tool(
        "drizzle",
        "Drizzle",
        ("__drizzle_migrations",),
        {"id": WHOLE, "hash": TEXT, "created_at": WHOLE},
        # What is created_at is the migration: the milliseconds in its folder's journal.
        """
        SELECT created_at::text AS version, {name} AS description, hash AS checksum,
            {applied_at}::text AS at
        FROM {table} ORDER BY id
        """,
        optional=("name", "applied_at"),  # from its release 1 on
        unknown="by whom, what failed, and before its release 1, when (the time is the file's, and"
        " serves as version)",
    ),
    Tool(
        "laravel",
        "Laravel",
        ("migrations",),
        {"id": WHOLE, "migration": TEXT, "batch": WHOLE},
        "SELECT migration AS version FROM {table} ORDER BY id",
        sole=True,
        unknown="when and by whom, checksums, what failed",
    ),
    Tool(
        "sqlx",
        "sqlx",
        ("_sqlx_migrations",),
        {
            "version": WHOLE,
            "description": TEXT,
            "installed_on": TIME,
            "success": FLAG,
            "checksum": BYTES,
        },
        """
        SELECT version::text, description, encode(checksum, 'hex') AS checksum, success AS applied,
            NOT success AS begun, installed_on::text AS at
        FROM {table} ORDER BY installed_on, 1
        """,
        keys=keys.sqlx,
        lock="an advisory lock, one for each database",
        begun_is_locked=True,
        unknown="by whom; the checksum is of the file's bytes, so line ends count",
    ),
    Tool(
        "diesel",
        "Diesel",
        ("__diesel_schema_migrations",),
        {"version": TEXT, "run_on": TIME},
        "SELECT version, run_on::text AS at FROM {table} ORDER BY run_on, version",
        sole=True,
        unknown=_NO_PERSON,
    ),
)
"""In the order in which they are asked whether a table is theirs."""
