"""Where in the path of each kind the name of a schema or a role stands: a table, and its reader.

What it does not name begins with its schema and holds no role, as nearly all kinds do.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from pgdrift.core.held.objects import ObjectId

SCHEMA, ROLE, TEXT, OTHER = "schema", "role", "text", ""
"""What a part of a path is: such a name, SQL text that may hold a schema's name, or neither."""

_USUAL = (SCHEMA,)

PLACES: Mapping[str, tuple[str, ...]] = {
    "schema_privilege": (SCHEMA, ROLE),
    "type_privilege": (SCHEMA, OTHER, ROLE),
    "privilege": (SCHEMA, OTHER, ROLE),
    "column_privilege": (SCHEMA, OTHER, OTHER, ROLE),
    "routine_privilege": (SCHEMA, OTHER, ROLE),
    "language_privilege": (OTHER, ROLE),
    "foreign_data_wrapper_privilege": (OTHER, ROLE),
    "foreign_server_privilege": (OTHER, ROLE),
    "database_privilege": (OTHER, ROLE),
    "tablespace_privilege": (OTHER, ROLE),
    "parameter_privilege": (OTHER, ROLE),
    "user_mapping": (OTHER, ROLE),
    "default_privilege": (ROLE, SCHEMA, OTHER),
    "role": (ROLE,),
    "role_membership": (ROLE, ROLE),
    "role_setting": (ROLE, OTHER),
    "database_role_setting": (ROLE, OTHER),
    "publication_table": (OTHER, SCHEMA, OTHER),
    "publication_schema": (OTHER, SCHEMA),
    "cast": (TEXT, TEXT),
    "transform": (TEXT, OTHER),
    "security_label": (OTHER, OTHER, SCHEMA),
    "access_method": (),
    "database": (),
    "database_setting": (),
    "event_trigger": (),
    "extension": (),
    "foreign_data_wrapper": (),
    "foreign_server": (),
    "language": (),
    "publication": (),
    "server_setting": (),
    "subscription": (),
    "tablespace": (),
}
"""By kind what the parts of a path are, from its beginning; the parts beyond are other names."""

# What belongs to a schema itself, not to what stands in it.
_OF_SCHEMA = frozenset({"schema", "schema_privilege"})


def places(i: ObjectId) -> Iterator[tuple[int, str]]:
    """Give the parts of an object's path that are no plain names, each with what it is."""
    known = PLACES.get(i.kind, _USUAL)
    if len(known) > len(i.path):
        # What may be in a schema and need not has one part less.
        known = tuple(what for what in known if what != SCHEMA)
    return ((at, what) for at, what in enumerate(known) if what != OTHER)


def stands_in(i: ObjectId) -> str | None:
    """Return the schema in which an object stands, None for what stands in none."""
    in_schema = PLACES.get(i.kind, _USUAL)[:1] == _USUAL and i.kind not in _OF_SCHEMA
    return i.path[0] if in_schema else None
