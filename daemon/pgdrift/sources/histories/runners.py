"""The migration tools that stand on their own, and the ledgers: one row each."""

from __future__ import annotations

from pgdrift.sources.histories import keys
from pgdrift.sources.histories.tool import FLAG, TEXT, TIME, WHOLE, Tool


def _ledger(schema: str) -> Tool:
    # A migration that was run with psql instead of apply_migration() has no applied_at.
    return Tool(
        schema,
        f"the ledger in `{schema}`",
        ("migrations",),
        {"version": TEXT, "up_script": TEXT, "checksum": TEXT, "applied_at": TIME},
        """
        SELECT version, description, checksum, applied_at IS NOT NULL AS applied,
            applied_at::text AS at, {applied_by} AS by
        FROM {table} ORDER BY id
        """,
        schema=schema,
        optional=("applied_by",),
        unknown="what was run with psql and not through the ledger counts as not applied;"
        " the order is that of recording",
    )


RUNNERS: tuple[Tool, ...] = (
    _ledger("gitversion"),
    _ledger("pggit"),
    Tool(
        "flyway",
        "Flyway",
        ("flyway_schema_history", "schema_version"),  # the latter before Flyway 5, INIT before 3
        {
            "installed_rank": WHOLE,
            "version": TEXT,
            "description": TEXT,
            "type": TEXT,
            "checksum": WHOLE,
            "installed_by": TEXT,
            "installed_on": TIME,
            "success": FLAG,
        },
        # A repeatable migration has no version and a row for every time it ran. Undoing writes a
        # further row, as does giving up a version whose file is gone. The last row of each holds.
        # The row of type SCHEMA says that Flyway made the schema, and is no migration.
        """
        SELECT version, description, checksum, applied, failed, at, by, repeatable, baseline
        FROM (
            SELECT DISTINCT ON (coalesce(version, 'R__' || description))
                installed_rank, coalesce(version, 'R__' || description) AS version, description,
                checksum::text AS checksum, NOT success AS failed,
                success AND type <> 'DELETE' AND type NOT LIKE 'UNDO%' AS applied,
                installed_on::text AS at, installed_by AS by, version IS NULL AS repeatable,
                type LIKE '%BASELINE' OR type = 'INIT' AS baseline
            FROM {table}
            WHERE type <> 'SCHEMA'
            ORDER BY coalesce(version, 'R__' || description), installed_rank DESC
        ) latest
        ORDER BY installed_rank
        """,
        keys=keys.flyway,
        lock="an advisory lock, one for each table",
        unknown="a migration that failed inside a transaction leaves no row",
    ),
    Tool(
        "liquibase",
        "Liquibase",
        ("databasechangelog",),
        {
            "id": TEXT,
            "author": TEXT,
            "filename": TEXT,
            "dateexecuted": TIME,
            "orderexecuted": WHOLE,
            "exectype": TEXT,
            "md5sum": TEXT,
        },
        """
        SELECT filename || '::' || id || '::' || author AS version, md5sum AS checksum,
            exectype IN ('EXECUTED', 'RERAN', 'MARK_RAN') AS applied, exectype = 'FAILED' AS failed,
            dateexecuted::text AS at, exectype = 'RERAN' AS repeatable
        FROM {table} ORDER BY orderexecuted
        """,
        lock_table="databasechangeloglock",
        holder="""
        SELECT lockedby AS by, lockgranted::text AS since
        FROM {schema}.databasechangeloglock WHERE locked
        """,
        lock="a row of `databasechangeloglock`, which a process that was killed leaves behind",
        unknown="who ran it (`author` is who wrote it); a change set that failed leaves no row;"
        " checksums of two releases of Liquibase cannot be compared",
    ),
    Tool(
        "atlas",
        "Atlas",
        ("atlas_schema_revisions",),
        {
            "version": TEXT,
            "description": TEXT,
            "type": WHOLE,
            "applied": WHOLE,
            "total": WHOLE,
            "executed_at": TIME,
            "hash": TEXT,
        },
        # The type is a set of bits: 1 a baseline, 2 executed, 4 set by hand to be applied. What
        # Atlas keeps for itself begins with a point. What it never ran may have an empty hash.
        """
        SELECT version, description, nullif(hash, '') AS checksum, executed_at::text AS at,
            (type & 1) <> 0 AS baseline,
            (type & 4) <> 0 OR (applied >= total AND coalesce({error}, '') = '') AS applied,
            (type & 4) = 0 AND coalesce({error}, '') <> '' AS failed,
            (type & 4) = 0 AND applied < total AND coalesce({error}, '') = '' AS begun
        FROM {table} WHERE version NOT LIKE '.%' ORDER BY executed_at, version
        """,
        optional=("error",),
        keys=keys.always(keys.fnv("atlas_migrate_execute")),
        lock="an advisory lock, unless it was given another name with `--lock-name`",
        unknown="who applied it; what a checkpoint stands for counts as missing",
    ),
    Tool(
        "golang-migrate",
        "golang-migrate",
        ("schema_migrations",),
        {"version": WHOLE, "dirty": FLAG},
        # One row: the latest version, dirty while it is applied and when it failed half-way.
        "SELECT version::text, NOT dirty AS applied, dirty AS begun FROM {table} ORDER BY 1",
        sole=True,
        heads_only=True,
        lock_table="schema_lock",
        holder="""
        SELECT NULL AS by, NULL AS since FROM {schema}.schema_lock WHERE lock_id IS NOT NULL
        """,
        keys=keys.golang_migrate,
        lock="an advisory lock, one for each table; or, where it was told so, a row of"
        " `schema_lock`, which a process that was killed leaves behind",
        begun_is_locked=True,
        unknown="all but the latest version: neither how many are missing, nor what is extra,"
        " nor when and by whom; where it was told to take no lock, a running migration counts as"
        " failed",
    ),
    Tool(
        "goose",
        "goose",
        ("goose_db_version",),
        {"id": WHOLE, "version_id": WHOLE, "is_applied": FLAG, "tstamp": TIME},
        # Older releases wrote a row for going down, too: the last row of each version holds. The
        # row of version 0 says that the table was made.
        """
        SELECT version, applied, at
        FROM (
            SELECT DISTINCT ON (version_id)
                id, version_id::text AS version, is_applied AS applied, tstamp::text AS at
            FROM {table} WHERE version_id <> 0
            ORDER BY version_id, id DESC
        ) latest
        ORDER BY id
        """,
        lock_table="goose_lock",
        # Whoever was killed keeps it no longer than it was leased for.
        holder="""
        SELECT locked_by AS by, locked_at::text AS since
        FROM {schema}.goose_lock WHERE locked AND lease_expires_at > now()
        """,
        # CRCs of "goose": of 32 bits today, of 64 in older releases (3.22).
        keys=keys.always(4097083626, 5887940537704921958),
        lock="an advisory lock or a row of `goose_lock`, where the program that embeds goose asked"
        " for one",
        unknown="checksums, who applied it, what failed",
    ),
    Tool(
        "sqitch",
        "Sqitch",
        ("changes",),
        {
            "change_id": TEXT,
            "script_hash": TEXT,
            "change": TEXT,
            "project": TEXT,
            "note": TEXT,
            "committed_at": TIME,
            "committer_name": TEXT,
            "planned_at": TIME,
        },
        # A change that was reworked has a row for each time, under one name. What failed has no
        # row among the changes, only an event. It holds until something else of the project is
        # deployed: that takes the change itself, or a plan in which it no longer stands.
        """
        SELECT version, description, checksum, applied, failed, at, by
        FROM (
            SELECT project || ':' || change || CASE WHEN nth > 1 THEN '#' || nth ELSE '' END
                    AS version,
                note AS description, script_hash AS checksum, true AS applied, false AS failed,
                committed_at::text AS at, committer_name AS by, committed_at AS ordered_by
            FROM (
                SELECT *, row_number() OVER (PARTITION BY project, change ORDER BY committed_at)
                    AS nth
                FROM {table}
            ) numbered
            UNION ALL
            SELECT project || ':' || change, note, NULL, false, true, committed_at::text,
                committer_name, committed_at
            FROM {schema}.events failed
            WHERE event = 'fail' AND NOT EXISTS (
                SELECT FROM {schema}.events later
                WHERE later.project = failed.project AND later.committed_at > failed.committed_at
                    AND later.event IN ('deploy', 'fail')
            )
        ) told
        ORDER BY ordered_by, version
        """,
        needs=("events",),
        keys=keys.always(75474063),
        lock="an advisory lock, and its table is locked while a change is deployed",
        unknown="what was reverted is as if it had never been",
    ),
    # Before dbmate and Rails: the tables of its first releases were alike.
    Tool(
        "supabase",
        "Supabase",
        ("schema_migrations",),
        {"version": TEXT},
        "SELECT version, {name} AS description, {created_by} AS by FROM {table} ORDER BY 1",
        schema="supabase_migrations",
        optional=("name", "created_by"),
        unknown="the order, when, checksums (the statements are kept, and not read), what failed",
    ),
    # The table is as that of Rails, which has another beside it from its version 5 on.
    Tool(
        "dbmate",
        "dbmate",
        ("schema_migrations",),
        {"version": TEXT},
        "SELECT version FROM {table} ORDER BY 1",
        sole=True,
        without="ar_internal_metadata",
        unknown="the order, when and by whom, checksums, what failed; a Rails before 5 is taken for"
        " it, unless `histories:` names `rails`",
    ),
)
"""In the order in which they are asked whether a table is theirs."""
