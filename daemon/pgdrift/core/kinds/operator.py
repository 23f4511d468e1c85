"""Operators. One that only another names, as its commutator or negator, has no function yet."""

from pgdrift.core.kind import Attribute, Kind
from pgdrift.core.kinds.fragments import (
    COMMENT,
    IN_SCHEMA,
    OPERATOR,
    USER_SCHEMA,
    comment_join,
    function,
    owner,
)
from pgdrift.core.model import ChangeClass


def _operand(column: str) -> str:
    return f"CASE {column} WHEN 0 THEN 'NONE' ELSE pg_catalog.format_type({column}, NULL) END"


def _operator(column: str) -> str:
    return f"NULLIF({column}, 0)::pg_catalog.regoperator::text"


KIND = Kind(
    name="operator",
    cls=ChangeClass.BEHAVIOUR,
    path="ARRAY[n.nspname, o.oprname]",
    args=f"'(' || {_operand('o.oprleft')} || ', ' || {_operand('o.oprright')} || ')'",
    source="pg_catalog.pg_operator o JOIN pg_catalog.pg_namespace n ON n.oid = o.oprnamespace"
    + comment_join(OPERATOR, "o.oid"),
    where=USER_SCHEMA,
    address=(OPERATOR, "o.oid", "0"),
    parent=IN_SCHEMA,
    attributes=(
        Attribute("function", function("o.oprcode::oid"), ChangeClass.BEHAVIOUR),
        Attribute(
            "result",
            "CASE WHEN o.oprresult <> 0 THEN pg_catalog.format_type(o.oprresult, NULL) END",
            ChangeClass.STRUCTURE,
        ),
        # What the planner takes these to promise decides which rows it finds.
        Attribute("commutator", _operator("o.oprcom"), ChangeClass.BEHAVIOUR),
        Attribute("negator", _operator("o.oprnegate"), ChangeClass.BEHAVIOUR),
        Attribute("hashes", "o.oprcanhash", ChangeClass.BEHAVIOUR),
        Attribute("merges", "o.oprcanmerge", ChangeClass.BEHAVIOUR),
        Attribute("restriction", function("o.oprrest::oid"), ChangeClass.PERFORMANCE),
        Attribute("join", function("o.oprjoin::oid"), ChangeClass.PERFORMANCE),
        owner("o.oprowner"),
        COMMENT,
    ),
)
