"""Kind → how many of its objects there are: asked only of kinds that were not read.

A kind that goes missing from the table of kinds must not go missing from what people are told.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping

from pgdrift.sources.query import USER_SCHEMA

# Stands where an object has no schema.
_ANY = " CROSS JOIN (SELECT 'none') n (nspname) "
_DATABASE = "pg_database x" + _ANY + "WHERE "
_SETTINGS = (
    "pg_db_role_setting x"
    + _ANY
    + "WHERE x.setdatabase = (SELECT o.oid"
    + " FROM pg_catalog.pg_database o WHERE o.datname = pg_catalog.current_database()) AND "
)

_RELATION = "JOIN pg_catalog.pg_class c ON c.oid = x.{0} JOIN pg_catalog.pg_namespace n"
_ON_RELATION = _RELATION + " ON n.oid = c.relnamespace WHERE c.relpersistence <> 't' AND "


def _relations(kinds: str, more: str = "") -> str:
    return (
        "pg_class x JOIN pg_catalog.pg_namespace n ON n.oid = x.relnamespace"
        f" WHERE x.relkind IN ({kinds}) AND x.relpersistence <> 't'{more} AND "
    )


def _within(catalog: str, schema: str, more: str = "true") -> str:
    return f"{catalog} x JOIN pg_catalog.pg_namespace n ON n.oid = x.{schema} WHERE {more} AND "


def _own(catalog: str, more: str = "true") -> str:
    return f"{catalog} x{_ANY}WHERE {more} AND x.oid >= 16384 AND "


# Without an ACL, types and routines are open to PUBLIC: that is a right too.
# Kind → how to count its objects where the kind is not read: all kinds have their row.
HELD: Mapping[str, str] = {
    "access_method": _own("pg_am"),
    "aggregate": _within("pg_proc", "pronamespace", "x.prokind = 'a'"),
    "base_type": _within(
        "pg_type",
        "typnamespace",
        "x.typtype IN ('b', 'p')"
        " AND NOT EXISTS (SELECT FROM pg_catalog.pg_type e WHERE e.typarray = x.oid)",
    ),
    "cast": _own("pg_cast"),
    "collation": _within("pg_collation", "collnamespace"),
    "column": "pg_attribute x "
    + _ON_RELATION.format("attrelid")
    + "c.relkind IN ('r', 'p', 'f') AND x.attnum > 0 AND NOT x.attisdropped AND ",
    "column_privilege": "pg_attribute x "
    + _ON_RELATION.format("attrelid")
    + "x.attacl IS NOT NULL AND ",
    "composite_type": _relations("'c'"),
    "constraint": "pg_constraint x " + _ON_RELATION.format("conrelid") + "x.contype <> 't' AND ",
    "conversion": _within("pg_conversion", "connamespace"),
    "database": _DATABASE + "x.datname = pg_catalog.current_database() AND ",
    "database_privilege": _DATABASE + "x.datname = pg_catalog.current_database() AND ",
    "database_role_setting": _SETTINGS + "x.setrole <> 0 AND ",
    "database_setting": _SETTINGS + "x.setrole = 0 AND ",
    "default_privilege": _own("pg_default_acl"),
    "domain": _within("pg_type", "typnamespace", "x.typtype = 'd'"),
    "enum": _within("pg_type", "typnamespace", "x.typtype = 'e'"),
    "event_trigger": _own("pg_event_trigger"),
    "extension": "pg_extension x" + _ANY + "WHERE ",
    "foreign_data_wrapper": _own("pg_foreign_data_wrapper"),
    "foreign_data_wrapper_privilege": _own("pg_foreign_data_wrapper", "x.fdwacl IS NOT NULL"),
    "foreign_server": _own("pg_foreign_server"),
    "foreign_server_privilege": _own("pg_foreign_server", "x.srvacl IS NOT NULL"),
    "foreign_table": _relations("'f'"),
    "function": _within("pg_proc", "pronamespace", "x.prokind IN ('f', 'w')"),
    "index": "pg_index x " + _ON_RELATION.format("indrelid"),
    "language": _own("pg_language"),
    "language_privilege": _own("pg_language", "x.lanacl IS NOT NULL"),
    "materialized_view": _relations("'m'"),
    "operator": _within("pg_operator", "oprnamespace"),
    "operator_class": _within("pg_opclass", "opcnamespace"),
    "operator_family": _within("pg_opfamily", "opfnamespace"),
    "policy": "pg_policy x " + _ON_RELATION.format("polrelid"),
    "privilege": _relations("'r', 'p', 'v', 'm', 'f', 'S'", " AND x.relacl IS NOT NULL"),
    "procedure": _within("pg_proc", "pronamespace", "x.prokind = 'p'"),
    "publication": _own("pg_publication"),
    "publication_schema": "pg_publication_namespace x"
    " JOIN pg_catalog.pg_namespace n ON n.oid = x.pnnspid WHERE ",
    "publication_table": "pg_publication_rel x " + _ON_RELATION.format("prrelid"),
    "range": _within("pg_type", "typnamespace", "x.typtype = 'r'"),
    "routine_privilege": _within("pg_proc", "pronamespace"),
    "rule": "pg_rewrite x " + _ON_RELATION.format("ev_class") + "x.rulename <> '_RETURN' AND ",
    "schema": "pg_namespace n WHERE ",
    "schema_privilege": "pg_namespace n WHERE n.nspacl IS NOT NULL AND ",
    "security_label": "pg_seclabel x" + _ANY + "WHERE ",
    "sequence": _relations("'S'"),
    "statistics": _within("pg_statistic_ext", "stxnamespace"),
    "subscription": "pg_subscription x" + _ANY + "WHERE x.subdbid = (SELECT o.oid"
    " FROM pg_catalog.pg_database o WHERE o.datname = pg_catalog.current_database()) AND ",
    "table": _relations("'r', 'p'"),
    "text_search_configuration": _within("pg_ts_config", "cfgnamespace"),
    "text_search_dictionary": _within("pg_ts_dict", "dictnamespace"),
    "text_search_parser": _within("pg_ts_parser", "prsnamespace"),
    "text_search_template": _within("pg_ts_template", "tmplnamespace"),
    "transform": _own("pg_transform"),
    "trigger": "pg_trigger x " + _ON_RELATION.format("tgrelid") + "NOT x.tgisinternal AND ",
    "type_privilege": _within("pg_type", "typnamespace", "x.typtype IN ('e', 'd', 'r', 'b', 'c')"),
    "user_mapping": "pg_user_mappings x" + _ANY + "WHERE ",
    "view": _relations("'v'"),
}

_SINCE = {"publication_schema": 15}


def held(major: int, read: Collection[str]) -> Iterator[str]:
    """Give queries of one row (kind, count), for each kind that is not among those read."""
    for kind, source in HELD.items():
        if kind not in read and _SINCE.get(kind, 0) <= major:
            yield f"SELECT '{kind}', count(*)::int FROM pg_catalog.{source}{USER_SCHEMA}"
