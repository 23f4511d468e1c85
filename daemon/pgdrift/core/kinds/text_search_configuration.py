"""Text search configurations, with the dictionaries that each type of token is looked up in."""

from pgdrift.core.kind import Attribute, Kind
from pgdrift.core.kinds.fragments import (
    COMMENT,
    IN_SCHEMA,
    TEXT_SEARCH_CONFIGURATION,
    USER_SCHEMA,
    comment_join,
    owner,
    qualified,
)
from pgdrift.core.model import ChangeClass

# The first dictionary that knows a token ends the search: their order counts.
_MAP = """ARRAY(SELECT (COALESCE(k.alias, m.maptokentype::text) || ': ' || pg_catalog.string_agg(
        m.mapdict::pg_catalog.regdictionary::text, ', ' ORDER BY m.mapseqno)) COLLATE "C"
    FROM pg_catalog.pg_ts_config_map m
    LEFT JOIN pg_catalog.ts_token_type(c.cfgparser) k ON k.tokid = m.maptokentype
    WHERE m.mapcfg = c.oid GROUP BY k.alias, m.maptokentype ORDER BY 1)"""

KIND = Kind(
    name="text_search_configuration",
    cls=ChangeClass.BEHAVIOUR,
    path="ARRAY[n.nspname, c.cfgname]",
    source="""pg_catalog.pg_ts_config c
        JOIN pg_catalog.pg_namespace n ON n.oid = c.cfgnamespace
        JOIN pg_catalog.pg_ts_parser p ON p.oid = c.cfgparser
        JOIN pg_catalog.pg_namespace pn ON pn.oid = p.prsnamespace"""
    + comment_join(TEXT_SEARCH_CONFIGURATION, "c.oid"),
    where=USER_SCHEMA,
    address=(TEXT_SEARCH_CONFIGURATION, "c.oid", "0"),
    parent=IN_SCHEMA,
    attributes=(
        Attribute("parser", qualified("pn.nspname", "p.prsname"), ChangeClass.BEHAVIOUR),
        Attribute("mappings", _MAP, ChangeClass.BEHAVIOUR),
        owner("c.cfgowner"),
        COMMENT,
    ),
)
