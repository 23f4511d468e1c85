"""What stands in an environment already, and what the role may do there: asked, not judged."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

import asyncpg

from pgdrift.reconcile.scripts import LEDGER, NOTIFY, Script

# Schemas that a ledger, or the wake-up triggers, would stand in; and its event triggers.
_SCHEMAS = ["gitversion", "pggit", "pgdrift_notify"]
_EXTENSIONS = ["pg_gitversion", "pggit"]

# Roles by which a managed service is known, and who of its users may create event triggers.
_MANAGED = {
    "rds_superuser": "on Amazon RDS the master user may, other members of rds_superuser may not",
    "cloudsqlsuperuser": "on Google Cloud SQL ask as the first user, postgres",
    "azure_pg_admin": "on Azure ask as the server's administrator",
    "neon_superuser": "on Neon members of neon_superuser may",
    "supabase_admin": "on Supabase the role postgres may",
}

_SURVEY = """
SELECT
    pg_catalog.pg_is_in_recovery() AS standby,
    pg_catalog.current_database()::text AS database,
    CURRENT_USER::text AS role,
    (SELECT r.rolsuper FROM pg_catalog.pg_roles r WHERE r.rolname = CURRENT_USER) AS superuser,
    pg_catalog.has_database_privilege(pg_catalog.current_database(), 'CREATE') AS may_create,
    pg_catalog.current_setting('max_prepared_transactions')::int AS prepared,
    coalesce(pg_catalog.current_setting('event_triggers', true), 'on') = 'on' AS fires,
    (
        SELECT pg_catalog.array_agg(r.rolname::text ORDER BY r.rolname)
        FROM pg_catalog.pg_roles r WHERE r.rolname = ANY ($3::text[])
    ) AS managed,
    EXISTS (SELECT FROM pg_catalog.pg_language l WHERE l.lanname = 'plpgsql') AS plpgsql
"""
_STANDING = """
SELECT n.nspname::text AS schema, pg_catalog.obj_description(n.oid, 'pg_namespace') AS comment,
    pg_catalog.pg_get_userbyid(n.nspowner)::text AS owner
FROM pg_catalog.pg_namespace n WHERE n.nspname = ANY ($1::text[])
"""
_INSTALLED = """
SELECT e.extname::text AS name, e.extversion AS version
FROM pg_catalog.pg_extension e WHERE e.extname = ANY ($1::text[])
"""
_TRIGGERS = """
SELECT v.evtname::text AS name, v.evtenabled::text AS enabled, n.nspname::text AS schema
FROM pg_catalog.pg_event_trigger v
JOIN pg_catalog.pg_proc p ON p.oid = v.evtfoid
JOIN pg_catalog.pg_namespace n ON n.oid = p.pronamespace
WHERE v.evtname = ANY ($1::text[]) OR n.nspname = ANY ($2::text[])
ORDER BY v.evtname
"""


@dataclass(frozen=True, slots=True)
class Trigger:
    """One event trigger; `enabled` is the letter of the catalog: O, D, R or A."""

    name: str
    enabled: str
    schema: str

    @property
    def on(self) -> bool:
        return self.enabled in {"O", "A"}


@dataclass(frozen=True, slots=True)
class Ground:
    """What there was before anything was done.

    `schemas` maps a schema with a ledger's name to its comment, `extensions` an extension's name
    to its version. `managed` says of a managed service that is known by its
    roles who may create event triggers there.
    """

    database: str
    role: str
    superuser: bool
    may_create: bool
    standby: bool
    prepared: int
    fires: bool
    plpgsql: bool
    managed: tuple[str, ...]
    schemas: Mapping[str, str]
    extensions: Mapping[str, str]
    triggers: tuple[Trigger, ...]

    def version_of(self, script: Script) -> str | None:
        """Return the version of a script of ours that is installed here, or None."""
        if script.records and script.name in self.extensions:
            return self.extensions[script.name]
        said = re.match(rf"{script.name} (\d[\w.]*)", self.schemas.get(script.schema, ""))
        return said[1].rstrip(".") if said else None

    def as_extension(self, script: Script) -> bool:
        """Tell whether CREATE EXTENSION made it."""
        return script.name in self.extensions

    def triggers_of(self, script: Script) -> tuple[Trigger, ...]:
        """Return those event triggers of a script that are there."""
        return tuple(t for t in self.triggers if t.name in script.triggers)

    def strangers(self) -> tuple[str, ...]:
        """Say what stands under a ledger's name and is none of ours, in plain words."""
        mine = {s.schema for s in (LEDGER, NOTIFY) if self.version_of(s)}
        schemas = [f"the schema {name}" for name in self.schemas if name not in mine]
        extensions = [
            f"the extension {name} {version}"
            for name, version in self.extensions.items()
            if name != LEDGER.name
        ]
        known = {*mine, *self.schemas}
        loose = [f"the event trigger {t.name}" for t in self.triggers if t.schema not in known]
        return (*extensions, *schemas, *loose)


async def survey(session: asyncpg.Connection) -> Ground:
    """Return what stands in the database of a session. Raises what the driver raises."""
    asked = await session.fetchrow(_SURVEY.replace("$3", "$1"), list(_MANAGED))
    standing = await session.fetch(_STANDING, _SCHEMAS)
    installed = await session.fetch(_INSTALLED, _EXTENSIONS)
    names = [f"{schema}_{event}_trigger" for schema in _SCHEMAS for event in ("ddl", "drop")]
    triggers = await session.fetch(_TRIGGERS, names, _SCHEMAS)
    return Ground(
        **{name: asked[name] for name in ("database", "role", "superuser", "may_create")},
        **{name: asked[name] for name in ("standby", "prepared", "fires", "plpgsql")},
        managed=tuple(_MANAGED[name] for name in asked["managed"] or ()),
        schemas={row["schema"]: row["comment"] or "" for row in standing},
        extensions={row["name"]: row["version"] for row in installed},
        triggers=tuple(Trigger(**row) for row in triggers),
    )
