"""Functions, window functions among them."""

from pgdrift.core.kind import Attribute
from pgdrift.core.kinds.fragments import words
from pgdrift.core.kinds.routines import PARALLEL, routine
from pgdrift.core.model import ChangeClass

KIND = routine(
    "function",
    "fw",
    Attribute("result", "pg_catalog.pg_get_function_result(p.oid)", ChangeClass.STRUCTURE),
    Attribute("window", "p.prokind = 'w'", ChangeClass.BEHAVIOUR),
    Attribute(
        "volatility",
        words("p.provolatile", i="immutable", s="stable", v="volatile"),
        ChangeClass.BEHAVIOUR,
    ),
    Attribute("strict", "p.proisstrict", ChangeClass.BEHAVIOUR),
    Attribute("leakproof", "p.proleakproof", ChangeClass.SECURITY),
    PARALLEL,
    Attribute("cost", "p.procost::text", ChangeClass.PERFORMANCE),
    Attribute("rows", "p.prorows::text", ChangeClass.PERFORMANCE),
    Attribute(
        "support",
        "NULLIF(p.prosupport::oid, 0)::pg_catalog.regprocedure::text",
        ChangeClass.PERFORMANCE,
    ),
)
