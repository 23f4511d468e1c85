"""Text search dictionaries. Their options name files and languages, and are shown as they are."""

from pgdrift.core.kind import Attribute, Kind
from pgdrift.core.kinds.fragments import (
    COMMENT,
    IN_SCHEMA,
    TEXT_SEARCH_DICTIONARY,
    USER_SCHEMA,
    comment_join,
    owner,
    qualified,
)
from pgdrift.core.model import ChangeClass

# PostgreSQL keeps them as one text, in the order in which they were given: name = value, with
# every quote and backslash inside of a value doubled.
_OPTION = r"""("(?:[^"]|"")*"|[^ ="]+) = (E?''(?:[^'']|'''')*''|[^,]+)"""

KIND = Kind(
    name="text_search_dictionary",
    cls=ChangeClass.BEHAVIOUR,
    path="ARRAY[n.nspname, t.dictname]",
    source="""pg_catalog.pg_ts_dict t
        JOIN pg_catalog.pg_namespace n ON n.oid = t.dictnamespace
        JOIN pg_catalog.pg_ts_template m ON m.oid = t.dicttemplate
        JOIN pg_catalog.pg_namespace mn ON mn.oid = m.tmplnamespace"""
    + comment_join(TEXT_SEARCH_DICTIONARY, "t.oid"),
    where=USER_SCHEMA,
    address=(TEXT_SEARCH_DICTIONARY, "t.oid", "0"),
    parent=IN_SCHEMA,
    attributes=(
        Attribute("template", qualified("mn.nspname", "m.tmplname"), ChangeClass.BEHAVIOUR),
        Attribute(
            "options",
            f"""ARRAY(SELECT (o[1] || ' = ' || o[2]) COLLATE "C"
                FROM pg_catalog.regexp_matches(t.dictinitoption, '{_OPTION}', 'g') o
                ORDER BY 1)""",
            ChangeClass.BEHAVIOUR,
        ),
        owner("t.dictowner"),
        COMMENT,
    ),
)
