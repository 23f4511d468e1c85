"""Row-level security policies. Whether they are in force is the table's `row_security`."""

from pgdrift.core.kind import Attribute, Kind
from pgdrift.core.kinds.fragments import (
    CLASS,
    COMMENT,
    POLICY,
    USER_SCHEMA,
    comment_join,
    role,
    rows_of,
    words,
)
from pgdrift.core.model import ChangeClass

_COMMANDS = {"r": "select", "a": "insert", "w": "update", "d": "delete", "*": "all"}

KIND = Kind(
    name="policy",
    cls=ChangeClass.SECURITY,
    within="*",
    path="ARRAY[n.nspname, c.relname, y.polname]",
    source="""pg_catalog.pg_policy y
        JOIN pg_catalog.pg_class c ON c.oid = y.polrelid
        JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace"""
    + comment_join(POLICY, "y.oid"),
    where=f"c.relpersistence <> 't' AND {USER_SCHEMA}",
    address=(POLICY, "y.oid", "0"),
    parent=(CLASS, "c.oid", "0"),
    told_with=("y.polrelid",),
    trace=rows_of("pg_policy", "polrelid"),
    attributes=(
        Attribute("command", words("y.polcmd", **_COMMANDS), ChangeClass.SECURITY),
        Attribute("permissive", "y.polpermissive", ChangeClass.SECURITY),
        # Quoted, so that a role that is named "PUBLIC" is not taken for everybody.
        Attribute(
            "roles",
            f"ARRAY(SELECT CASE o WHEN 0 THEN 'PUBLIC' ELSE pg_catalog.quote_ident({role('o')})"
            ' END COLLATE "C" FROM pg_catalog.unnest(y.polroles) o ORDER BY 1)',
            ChangeClass.SECURITY,
        ),
        Attribute(
            "using",
            "pg_catalog.pg_get_expr(y.polqual, y.polrelid)",
            ChangeClass.SECURITY,
            respell="CREATE POLICY {2} ON {0}.{1} USING ({text})",
        ),
        Attribute(
            "check",
            "pg_catalog.pg_get_expr(y.polwithcheck, y.polrelid)",
            ChangeClass.SECURITY,
            respell="CREATE POLICY {2} ON {0}.{1} WITH CHECK ({text})",
        ),
        COMMENT,
    ),
)
