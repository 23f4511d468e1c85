"""Operator classes: how a type is indexed. Its operators are told with its family."""

from pgdrift.core.kind import Attribute, Kind
from pgdrift.core.kinds.fragments import (
    COMMENT,
    IN_SCHEMA,
    OPERATOR_CLASS,
    USER_SCHEMA,
    comment_join,
    owner,
    qualified,
)
from pgdrift.core.model import ChangeClass

KIND = Kind(
    name="operator_class",
    cls=ChangeClass.BEHAVIOUR,
    path="ARRAY[n.nspname, o.opcname, m.amname]",
    source="""pg_catalog.pg_opclass o
        JOIN pg_catalog.pg_namespace n ON n.oid = o.opcnamespace
        JOIN pg_catalog.pg_am m ON m.oid = o.opcmethod
        JOIN pg_catalog.pg_opfamily f ON f.oid = o.opcfamily
        JOIN pg_catalog.pg_namespace fn ON fn.oid = f.opfnamespace"""
    + comment_join(OPERATOR_CLASS, "o.oid"),
    where=USER_SCHEMA,
    address=(OPERATOR_CLASS, "o.oid", "0"),
    parent=IN_SCHEMA,
    attributes=(
        Attribute("type", "pg_catalog.format_type(o.opcintype, NULL)", ChangeClass.STRUCTURE),
        Attribute("default", "o.opcdefault", ChangeClass.BEHAVIOUR),
        Attribute(
            "key_type",
            "CASE WHEN o.opckeytype <> 0 THEN pg_catalog.format_type(o.opckeytype, NULL) END",
            ChangeClass.STRUCTURE,
        ),
        Attribute("family", qualified("fn.nspname", "f.opfname"), ChangeClass.BEHAVIOUR),
        owner("o.opcowner"),
        COMMENT,
    ),
)
