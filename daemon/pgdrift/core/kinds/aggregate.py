"""Aggregates: which functions they are put together from, and their state.

Their arguments have no defaults, so that the identity tells all of them.
"""

from pgdrift.core.kind import Attribute, Kind
from pgdrift.core.kinds.fragments import (
    COMMENT,
    IN_SCHEMA,
    PROC,
    USER_SCHEMA,
    comment_join,
    owner,
    rows_of,
    words,
)
from pgdrift.core.kinds.routines import IDENTITY_ARGUMENTS, PARALLEL
from pgdrift.core.model import ChangeClass

_MODIFIES = {"r": "read_only", "s": "shareable", "w": "read_write"}


def _function(name: str, column: str) -> Attribute:
    sql = f"NULLIF(g.{column}::oid, 0)::pg_catalog.regprocedure::text"
    return Attribute(name, sql, ChangeClass.BEHAVIOUR)


def _plain(name: str, sql: str) -> Attribute:
    return Attribute(name, sql, ChangeClass.BEHAVIOUR)


KIND = Kind(
    name="aggregate",
    cls=ChangeClass.BEHAVIOUR,
    path="ARRAY[n.nspname, p.proname]",
    args=IDENTITY_ARGUMENTS,
    source="""pg_catalog.pg_aggregate g
        JOIN pg_catalog.pg_proc p ON p.oid = g.aggfnoid
        JOIN pg_catalog.pg_namespace n ON n.oid = p.pronamespace"""
    + comment_join(PROC, "p.oid"),
    where=USER_SCHEMA,
    address=(PROC, "p.oid", "0"),
    parent=IN_SCHEMA,
    told_with=("p.oid",),
    trace=rows_of("pg_aggregate", "aggfnoid"),
    attributes=(
        _plain("result", "pg_catalog.format_type(p.prorettype, NULL)"),
        _plain("aggregate_kind", words("g.aggkind", n="normal", o="ordered", h="hypothetical")),
        _function("transition", "aggtransfn"),
        _plain("state_type", "pg_catalog.format_type(g.aggtranstype, NULL)"),
        _plain("state_space", "g.aggtransspace"),
        _plain("initial_value", "g.agginitval"),
        _function("final", "aggfinalfn"),
        _plain("final_extra", "g.aggfinalextra"),
        _plain("final_modifies", words("g.aggfinalmodify", **_MODIFIES)),
        _function("combine", "aggcombinefn"),
        _function("serialize", "aggserialfn"),
        _function("deserialize", "aggdeserialfn"),
        _function("moving_transition", "aggmtransfn"),
        _function("moving_inverse", "aggminvtransfn"),
        _function("moving_final", "aggmfinalfn"),
        _plain(
            "moving_state_type",
            "CASE WHEN g.aggmtranstype <> 0 THEN pg_catalog.format_type(g.aggmtranstype, NULL) END",
        ),
        _plain("moving_state_space", "g.aggmtransspace"),
        _plain("moving_initial_value", "g.aggminitval"),
        _plain("moving_final_extra", "g.aggmfinalextra"),
        _plain("moving_final_modifies", words("g.aggmfinalmodify", **_MODIFIES)),
        _plain("sort_operator", "NULLIF(g.aggsortop, 0)::pg_catalog.regoperator::text"),
        PARALLEL,
        owner("p.proowner"),
        COMMENT,
    ),
)
