"""The tables that migration tools really make, with rows as they write them: SQL, and what is read.

Each is run in a schema of its own. A comment says where the layout comes from: the tool's release
where it was run, its file where it was read.
"""

from __future__ import annotations

from dataclasses import dataclass

from pgdrift.core.model import Migration

AT = "2026-01-02 03:04:05"  # no zone was kept
AT_UTC = f"{AT}+00"


@dataclass(frozen=True)
class Case:
    """A tool's table: `sql` makes it in a schema that is called `schema`."""

    tool: str
    table: str
    sql: str
    rows: tuple[Migration, ...]
    schema: str = ""
    heads_only: bool = False
    in_flight: str = ""


# From the ledger's own contract.
LEDGER = f"""
create table migrations (
    id serial primary key, version text not null unique, description text,
    up_script text not null, down_script text, checksum text, applied_at timestamp,
    applied_by text, execution_time_ms int, created_at timestamp default current_timestamp
);
insert into migrations (version, description, up_script, checksum, applied_at, applied_by) values
    ('1', 'first', 'select 1', 'abc', '{AT}', 'ann'), ('2', null, 'select 2', null, null, null);
"""
LEDGER_ROWS = (Migration("1", "first", "abc", at=AT, by="ann"), Migration("2", applied=False))

# Flyway's PostgreSQLDatabase.java, as of 4 to 11: a table without version_rank. That, and the name
# of the table before 5, are from createMetaDataTable.sql of Flyway 3. What the types mean:
# CoreMigrationType.java, and INIT of MigrationType.java before it.
FLYWAY = f"""
create table {{0}} (
    {{1}} installed_rank integer not null primary key, version varchar(50),
    description varchar(200) not null, type varchar(20) not null, script varchar(1000) not null,
    checksum integer, installed_by varchar(100) not null,
    installed_on timestamp not null default now(), execution_time integer not null,
    success boolean not null
);
insert into {{0}} (installed_rank, version, description, type, script, checksum, installed_by,
    installed_on, execution_time, success) values
    (0, null, '<< Flyway Schema Creation >>', 'SCHEMA', '"app"', null, 'a', '{AT}', 0, true),
    (1, '1', '<< Flyway Baseline >>', 'BASELINE', '<< Flyway Baseline >>', null, 'a', '{AT}', 0, true),
    (2, '2', 'accounts', 'SQL', 'V2__accounts.sql', 11, 'a', '{AT}', 1, true),
    (3, null, 'views', 'SQL', 'R__views.sql', -5, 'a', '{AT}', 1, true),
    (4, '3', 'orders', 'SQL', 'V3__orders.sql', 12, 'a', '{AT}', 1, true),
    (5, '3', 'orders', 'UNDO_SQL', 'U3__orders.sql', 13, 'a', '{AT}', 1, true),
    (6, '4', 'lost', 'SQL', 'V4__lost.sql', 14, 'a', '{AT}', 1, true),
    (7, '4', 'lost', 'DELETE', 'V4__lost.sql', 14, 'a', '{AT}', 0, true),
    (8, null, 'views', 'SQL', 'R__views.sql', 77, 'b', '{AT}', 1, true),
    (9, '5', 'broken', 'SQL', 'V5__broken.sql', 15, 'a', '{AT}', 1, false);
"""
FLYWAY_ROWS = (
    Migration("1", "<< Flyway Baseline >>", at=AT, by="a", baseline=True),
    Migration("2", "accounts", "11", at=AT, by="a"),
    Migration("3", "orders", "13", applied=False, at=AT, by="a"),
    Migration("4", "lost", "14", applied=False, at=AT, by="a"),
    Migration("R__views", "views", "77", at=AT, by="b", repeatable=True),
    Migration("5", "broken", "15", applied=False, failed=True, at=AT, by="a"),
)

# Sqitch 1.3.1, run: the registry's version 1.1, without its comments. A deployment that fails takes
# back what it had done, and leaves the event. The first that failed no longer stands in the plan.
SQITCH = f"""
create table releases (version real primary key, installed_at timestamptz not null,
    installer_name text not null, installer_email text not null);
create table projects (project text primary key, uri text null unique,
    created_at timestamptz not null, creator_name text not null, creator_email text not null);
create table changes (
    change_id text primary key, script_hash text null, change text not null,
    project text not null references projects(project) on update cascade,
    note text not null default '', committed_at timestamptz not null default clock_timestamp(),
    committer_name text not null, committer_email text not null, planned_at timestamptz not null,
    planner_name text not null, planner_email text not null, unique (project, script_hash)
);
create table tags (tag_id text primary key, tag text not null);
create table dependencies (change_id text not null references changes(change_id), type text not null,
    dependency text not null, dependency_id text null, primary key (change_id, dependency));
create table events (
    event text not null check (event in ('deploy', 'revert', 'fail', 'merge')),
    change_id text not null, change text not null, project text not null references projects(project),
    note text not null default '', requires text[] not null default '{{}}',
    conflicts text[] not null default '{{}}', tags text[] not null default '{{}}',
    committed_at timestamptz not null default clock_timestamp(), committer_name text not null,
    committer_email text not null, planned_at timestamptz not null, planner_name text not null,
    planner_email text not null, primary key (change_id, committed_at)
);
insert into projects values ('shop', null, '{AT}+00', 'Ann', 'ann@example.org');
insert into changes
    select id, hash, change, 'shop', note, '{AT}+00'::timestamptz + n * interval '1 s', 'Ann', 'e', now(), 'Bob', 'e'
    from (values (0, 'c1', 'h1', 'users', 'all of them'), (1, 'c2', 'h2', 'orders', ''),
        (2, 'c3', 'h3', 'users', 'again')) v(n, id, hash, change, note);
insert into events (event, change_id, change, project, committed_at, committer_name,
        committer_email, planned_at, planner_name, planner_email)
    select event, id, change, 'shop', '{AT}+00'::timestamptz + n * interval '1 s', 'Ann', 'e', now(), 'Bob', 'e'
    from (values (-9, 'fail', 'c0', 'dropped from the plan'), (1, 'fail', 'c2', 'orders'), (2, 'deploy', 'c2', 'orders'),
        (3, 'deploy', 'c9', 'gone'), (4, 'revert', 'c9', 'gone'),
        (9, 'fail', 'c8', 'prices'), (10, 'revert', 'c7', 'sizes')) v(n, event, id, change);
"""

# Prisma 7.10, run; 6 has the same.
PRISMA = f"""
create table _prisma_migrations (
    id varchar(36) primary key not null, checksum varchar(64) not null, finished_at timestamptz,
    migration_name varchar(255) not null, logs text, rolled_back_at timestamptz,
    started_at timestamptz not null default now(), applied_steps_count integer not null default 0
);
insert into _prisma_migrations (id, checksum, migration_name, started_at, finished_at, logs, rolled_back_at) values
    ('a', 'c1', '1_init', '{AT}+00', '{AT}+00', null, null),
    ('b', 'c2', '2_broken', '{AT}+01', null, 'ERROR: syntax', now()),
    ('c', 'c3', '2_broken', '{AT}+00', '{AT}+00', null, null),
    ('d', 'c4', '3_failed', '{AT}+00', null, 'ERROR: no such table', null),
    ('e', 'c5', '4_running', '2026-01-03 00:00:00+00', null, null, null),
    ('f', 'c6', '5_taken_back', '2026-01-04 00:00:00+00', null, 'ERROR', now()),
    ('g', 'c7', '6_said_to_be_applied', '2026-01-05 00:00:00+00', null, 'ERROR', now()),
    ('h', 'c7', '6_said_to_be_applied', '2026-01-05 00:00:01+00', '2026-01-05 00:00:01+00', '', null);
"""

# Atlas, cmd/atlas/internal/migrate/ent/schema/revision.go; what the types mean, and which rows have
# no hash: sql/migrate/migrate.go and `atlas migrate set`.
ATLAS = f"""
create table atlas_schema_revisions (
    version character varying not null, description character varying not null,
    type bigint not null default 2, applied bigint not null default 0,
    total bigint not null default 0, executed_at timestamptz not null,
    execution_time bigint not null, error text null, error_stmt text null,
    hash character varying not null, partial_hashes jsonb null,
    operator_version character varying not null, primary key (version)
);
insert into atlas_schema_revisions (version, description, type, applied, total, executed_at,
        execution_time, error, hash, operator_version)
    select version, about, type, done, of, '{AT}+00'::timestamptz + n * interval '1 s', 0, error,
        case when type in (1, 4) then '' else 'h' || n end, 'Atlas'
    from (values (0, '.atlas_cloud_identifier', 'x', 2, 0, 0, null), (1, '1', 'base', 1, 0, 0, null),
        (2, '2', 'two', 2, 3, 3, ''), (3, '3', 'broke', 2, 1, 3, 'ERROR'), (4, '4', 'by hand', 6, 1, 3, 'ERROR'),
        (5, '5', 'half', 2, 1, 3, null), (6, '6', 'never ran', 4, 0, 0, '')) v(n, version, about, type, done, of, error);
"""

CASES: tuple[Case, ...] = (
    Case("gitversion", "migrations", LEDGER, LEDGER_ROWS, schema="gitversion"),
    Case("pggit", "migrations", LEDGER, LEDGER_ROWS, schema="pggit"),
    Case(
        "flyway", "flyway_schema_history", FLYWAY.format("flyway_schema_history", ""), FLYWAY_ROWS
    ),
    Case(
        "flyway",
        "schema_version",
        FLYWAY.format("schema_version", "version_rank integer,").replace("'BASELINE'", "'INIT'"),
        FLYWAY_ROWS,
    ),
    Case(
        # 4.4 and 4.28, run. Neither writes FAILED or SKIPPED; MARK_RAN is what was never done.
        "liquibase",
        "databasechangelog",
        f"""
        create table databasechangelog (
            id varchar(255) not null, author varchar(255) not null, filename varchar(255) not null,
            dateexecuted timestamp not null, orderexecuted integer not null,
            exectype varchar(10) not null, md5sum varchar(35), description varchar(255),
            comments varchar(255), tag varchar(255), liquibase varchar(20), contexts varchar(255),
            labels varchar(255), deployment_id varchar(10)
        );
        create table databasechangeloglock (id integer not null primary key, locked boolean not null,
            lockgranted timestamp, lockedby varchar(255));
        insert into databasechangeloglock values (1, false, null, null);
        insert into databasechangelog values
            ('2', 'ann', 'db/b.xml', '{AT}', 2, 'FAILED', '9:b'),
            ('1', 'bob', 'db/a.xml', '{AT}', 1, 'EXECUTED', '9:a'),
            ('1', 'ann', 'db/b.xml', '{AT}', 3, 'SKIPPED', null),
            ('3', 'ann', 'db/b.xml', '{AT}', 4, 'RERAN', '9:c'),
            ('4', 'ann', 'db/b.xml', '{AT}', 5, 'MARK_RAN', '9:d');
        """,
        (
            Migration("db/a.xml::1::bob", "", "9:a", at=AT),
            Migration("db/b.xml::2::ann", "", "9:b", applied=False, failed=True, at=AT),
            Migration("db/b.xml::1::ann", applied=False, at=AT),
            Migration("db/b.xml::3::ann", "", "9:c", at=AT, repeatable=True),
            Migration("db/b.xml::4::ann", "", "9:d", at=AT),
        ),
    ),
    Case(
        "atlas",
        "atlas_schema_revisions",
        ATLAS,
        (
            Migration("1", "base", at="2026-01-02 03:04:06+00", baseline=True),
            Migration("2", "two", "h2", at="2026-01-02 03:04:07+00"),
            Migration("3", "broke", "h3", applied=False, failed=True, at="2026-01-02 03:04:08+00"),
            Migration("4", "by hand", "h4", at="2026-01-02 03:04:09+00"),
            Migration("5", "half", "h5", applied=False, begun=True, at="2026-01-02 03:04:10+00"),
            Migration("6", "never ran", at="2026-01-02 03:04:11+00"),
        ),
        in_flight="5 began and has not ended",
    ),
    Case(
        "golang-migrate",  # 4.18, database/postgres/postgres.go
        "schema_migrations",
        """
        create table schema_migrations (version bigint not null primary key, dirty boolean not null);
        insert into schema_migrations values (7, true);
        """,
        (Migration("7", applied=False, failed=True),),
        heads_only=True,
    ),
    Case(
        "goose",  # 3.24, internal/dialects/postgres.go, and 2 for the row of going down
        "goose_db_version",
        f"""
        create table goose_db_version (id integer primary key generated by default as identity,
            version_id bigint not null, is_applied boolean not null, tstamp timestamp not null default now());
        insert into goose_db_version (version_id, is_applied, tstamp) values
            (0, true, now()), (2, true, '{AT}'), (1, true, '{AT}'), (3, true, '{AT}'), (3, false, '{AT}');
        """,
        (Migration("2", at=AT), Migration("1", at=AT), Migration("3", applied=False, at=AT)),
    ),
    Case(
        "dbmate",  # 2.36, run; 1 gave the column a length
        "schema_migrations",
        """
        create table schema_migrations (version varchar not null primary key);
        insert into schema_migrations values ('2'), ('1');
        """,
        (Migration("1"), Migration("2")),
    ),
    Case(
        "sqitch",
        "changes",
        SQITCH,
        (
            Migration("shop:users", "all of them", "h1", at=AT_UTC, by="Ann"),
            Migration("shop:orders", "", "h2", at="2026-01-02 03:04:06+00", by="Ann"),
            Migration("shop:users#2", "again", "h3", at="2026-01-02 03:04:07+00", by="Ann"),
            Migration(
                "shop:prices", applied=False, failed=True, at="2026-01-02 03:04:14+00", by="Ann"
            ),
        ),
    ),
    Case(
        "supabase",  # 3.1 of the CLI, run, and what the dashboard adds to its table
        "schema_migrations",
        """
        create table schema_migrations (version text not null primary key);
        alter table schema_migrations add column statements text[], add column name text,
            add column created_by text, add column idempotency_key text unique;
        insert into schema_migrations values ('20260102', '{select 1}', 'orders', 'ann@example.org'),
            ('20260101', null, 'init', null);
        """,
        (Migration("20260101", "init"), Migration("20260102", "orders", by="ann@example.org")),
        schema="supabase_migrations",
    ),
    Case(
        "alembic",  # 1.20, run
        "alembic_version",
        """
        create table alembic_version (version_num varchar(32) not null primary key);
        insert into alembic_version values ('ae1027a6acf'), ('27c6a30d7c24');
        """,
        (Migration("27c6a30d7c24"), Migration("ae1027a6acf")),
        heads_only=True,
    ),
    Case(
        "django",  # 5.2, run; before 4.1 the id was a serial
        "django_migrations",
        f"""
        create table django_migrations (
            id bigint generated by default as identity primary key, app varchar(255) not null,
            name varchar(255) not null, applied timestamptz not null
        );
        insert into django_migrations (app, name, applied) values
            ('contenttypes', '0001_initial', '{AT}+00'), ('auth', '0001_initial', '{AT}+00');
        """,
        (
            Migration("contenttypes.0001_initial", at=AT_UTC),
            Migration("auth.0001_initial", at=AT_UTC),
        ),
    ),
    Case(
        "rails",  # ActiveRecord 6.1, run; 8.0 has the same
        "schema_migrations",
        """
        create table schema_migrations (version character varying not null primary key);
        create table ar_internal_metadata (key character varying not null primary key, value character varying,
            created_at timestamp(6) not null, updated_at timestamp(6) not null);
        insert into schema_migrations values ('20260102000000'), ('20260101000000');
        """,
        (Migration("20260101000000"), Migration("20260102000000")),
    ),
    Case(
        "rails",  # 5.0, which gave the column a length on some servers
        "schema_migrations",
        """
        create table schema_migrations (version varchar(255) not null);
        create table ar_internal_metadata (key varchar(255) not null primary key, value varchar(255));
        insert into schema_migrations values ('1');
        """,
        (Migration("1"),),
    ),
    Case(
        "ecto",  # 3.12, ecto_sql's lib/ecto/migration/schema_migration.ex
        "schema_migrations",
        f"""
        create table schema_migrations (
            version bigint not null primary key, inserted_at timestamp(0)
        );
        insert into schema_migrations values (20260101, '{AT}');
        """,
        (Migration("20260101", at=AT),),
    ),
    Case(
        "prisma",
        "_prisma_migrations",
        PRISMA,
        (
            Migration("1_init", "", "c1", at=AT_UTC),
            Migration("2_broken", "", "c3", at=AT_UTC),
            Migration("3_failed", "", "c4", applied=False, failed=True),
            Migration("4_running", "", "c5", applied=False, begun=True),
            Migration("5_taken_back", "", "c6", applied=False),
            Migration("6_said_to_be_applied", "", "c7", at="2026-01-05 00:00:01+00"),
        ),
        in_flight="4_running began and has not ended",
    ),
    Case(
        "ef-core",  # 9, HistoryRepository.cs; its lock: NpgsqlHistoryRepository.cs
        "__EFMigrationsHistory",
        """
        create table "__EFMigrationsHistory" ("MigrationId" character varying(150) not null,
            "ProductVersion" character varying(32) not null,
            constraint "PK___EFMigrationsHistory" primary key ("MigrationId"));
        insert into "__EFMigrationsHistory" values ('20260102_Orders', '9.0.0'), ('20260101_Init', '9.0.0');
        """,
        (Migration("20260101_Init"), Migration("20260102_Orders")),
    ),
    Case(
        "ef-core",  # with EFCore.NamingConventions
        "__EFMigrationsHistory",
        """
        create table "__EFMigrationsHistory" (migration_id character varying(150) not null primary key,
            product_version character varying(32) not null);
        insert into "__EFMigrationsHistory" values ('20260101_Init', '9.0.0');
        """,
        (Migration("20260101_Init"),),
    ),
    Case(
        "ef-core",  # with the same, in lower case, and the table's name set by hand
        "__ef_migrations_history",
        """
        create table __ef_migrations_history (migrationid character varying(150) not null primary key,
            productversion character varying(32) not null);
        insert into __ef_migrations_history values ('20260101_Init', '8.0.0');
        """,
        (Migration("20260101_Init"),),
    ),
    Case(
        "knex",  # 3.3, run
        "knex_migrations",
        f"""
        create table knex_migrations (id serial primary key, name varchar(255), batch integer,
            migration_time timestamptz);
        create table knex_migrations_lock (index serial primary key, is_locked integer);
        insert into knex_migrations_lock (is_locked) values (0);
        insert into knex_migrations (name, batch, migration_time) values ('1_init.js', 1, '{AT}+00');
        """,
        (Migration("1_init.js", at=AT_UTC),),
    ),
    Case(
        "typeorm",  # 1.1, run
        "migrations",
        """
        create table migrations (id serial primary key, timestamp bigint not null, name character varying not null);
        insert into migrations (timestamp, name) values (1700000000000, 'Init1700000000000');
        """,
        (Migration("Init1700000000000"),),
    ),
    Case(
        "sequelize",  # 6.37 with Umzug 3.8, run
        "SequelizeMeta",
        """
        create table "SequelizeMeta" (name varchar(255) not null unique primary key);
        insert into "SequelizeMeta" values ('2-b.js'), ('1-a.js');
        """,
        (Migration("1-a.js"), Migration("2-b.js")),
    ),
    Case(
        "sequelize",  # the same, run with `timestamps: true`
        "SequelizeMeta",
        f"""
        create table "SequelizeMeta" (name varchar(255) not null unique primary key,
            "createdAt" timestamptz not null, "updatedAt" timestamptz not null);
        insert into "SequelizeMeta" values ('1-a.js', '{AT}.5+00', now()), ('2-b.js', '{AT}+00', now());
        """,
        (Migration("2-b.js", at=AT_UTC), Migration("1-a.js", at=f"{AT}.5+00")),
    ),
    Case(
        "node-pg-migrate",  # 9.0, run
        "pgmigrations",
        f"""
        create table pgmigrations (id serial primary key, name varchar(255) not null, run_on timestamp not null);
        insert into pgmigrations (name, run_on) values ('1_init', '{AT}');
        """,
        (Migration("1_init", at=AT),),
    ),
    Case(
        "drizzle",  # 1.0.0-rc.5, run; a row from before has no time
        "__drizzle_migrations",
        f"""
        create table __drizzle_migrations (id serial primary key, hash text not null, created_at bigint,
            name text, applied_at timestamptz default now());
        insert into __drizzle_migrations (hash, created_at, name, applied_at) values
            ('abc', 1700000000000, '20231114221320_init', null),
            ('def', 1767225600000, '20260101000000_more', '{AT}+00');
        """,
        (
            Migration("1700000000000", "20231114221320_init", "abc"),
            Migration("1767225600000", "20260101000000_more", "def", at=AT_UTC),
        ),
    ),
    Case(
        "drizzle",  # 0.45, run
        "__drizzle_migrations",
        """
        create table __drizzle_migrations (id serial primary key, hash text not null, created_at bigint);
        insert into __drizzle_migrations (hash, created_at) values ('abc', 1700000000000);
        """,
        (Migration("1700000000000", "", "abc"),),
    ),
    Case(
        "laravel",  # illuminate/database 8.83, run; 12 has the same
        "migrations",
        """
        create table migrations (id serial primary key, migration varchar(255) not null, batch integer not null);
        insert into migrations (migration, batch) values ('2014_10_12_000000_create_users_table', 1);
        """,
        (Migration("2014_10_12_000000_create_users_table"),),
    ),
    Case(
        "sqlx",  # 0.8, sqlx-postgres/src/migrate.rs: it writes true at the end, and refuses a false
        "_sqlx_migrations",
        f"""
        create table _sqlx_migrations (
            version bigint primary key, description text not null,
            installed_on timestamptz not null default now(), success boolean not null,
            checksum bytea not null, execution_time bigint not null
        );
        insert into _sqlx_migrations values (1, 'init', '{AT}+00', true, '\\x00ff', 1),
            (2, 'half', '{AT}+00', false, '\\x01', -1);
        """,
        (
            Migration("1", "init", "00ff", at=AT_UTC),
            Migration("2", "half", "01", applied=False, failed=True, at=AT_UTC),
        ),
    ),
    Case(
        "diesel",  # 2.2, diesel/src/migration/setup_migration_table.sql
        "__diesel_schema_migrations",
        f"""
        create table __diesel_schema_migrations (version varchar(50) primary key not null,
            run_on timestamp not null default current_timestamp);
        insert into __diesel_schema_migrations values ('20260101', '{AT}');
        """,
        (Migration("20260101", at=AT),),
    ),
)
