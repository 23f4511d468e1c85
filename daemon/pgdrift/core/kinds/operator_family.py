"""Operator families, with all operators and support functions in them.

Those that a class brought along are told here as well: which of the two an entry hangs on, majors
decide differently, and to a query it is the same.
"""

from pgdrift.core.kind import Attribute, Kind
from pgdrift.core.kinds.fragments import (
    COMMENT,
    IN_SCHEMA,
    OPERATOR_FAMILY,
    USER_SCHEMA,
    comment_join,
    owner,
    qualified,
)
from pgdrift.core.model import ChangeClass

_OPERATORS = f"""ARRAY(SELECT (e.amopstrategy || ' ' || e.amopopr::pg_catalog.regoperator::text
        || COALESCE(' FOR ORDER BY ' || {qualified("sn.nspname", "s.opfname")}, '')) COLLATE "C"
    FROM pg_catalog.pg_amop e
    LEFT JOIN pg_catalog.pg_opfamily s ON s.oid = e.amopsortfamily
    LEFT JOIN pg_catalog.pg_namespace sn ON sn.oid = s.opfnamespace
    WHERE e.amopfamily = f.oid ORDER BY 1)"""

_FUNCTIONS = """ARRAY(SELECT (e.amprocnum
        || ' (' || pg_catalog.format_type(e.amproclefttype, NULL)
        || ', ' || pg_catalog.format_type(e.amprocrighttype, NULL) || ') '
        || e.amproc::oid::pg_catalog.regprocedure::text) COLLATE "C"
    FROM pg_catalog.pg_amproc e WHERE e.amprocfamily = f.oid ORDER BY 1)"""

KIND = Kind(
    name="operator_family",
    cls=ChangeClass.BEHAVIOUR,
    path="ARRAY[n.nspname, f.opfname, m.amname]",
    source="""pg_catalog.pg_opfamily f
        JOIN pg_catalog.pg_namespace n ON n.oid = f.opfnamespace
        JOIN pg_catalog.pg_am m ON m.oid = f.opfmethod"""
    + comment_join(OPERATOR_FAMILY, "f.oid"),
    where=USER_SCHEMA,
    address=(OPERATOR_FAMILY, "f.oid", "0"),
    parent=IN_SCHEMA,
    attributes=(
        Attribute("operators", _OPERATORS, ChangeClass.BEHAVIOUR),
        Attribute("functions", _FUNCTIONS, ChangeClass.BEHAVIOUR),
        owner("f.opfowner"),
        COMMENT,
    ),
)
