"""Security labels: what a label provider is told of an object, one object for each provider.

A label on a member of an extension is told too: who put it there the catalog does not say.
Those of roles, databases and tablespaces belong to the cluster.
"""

from pgdrift.core.kind import Attribute, Kind
from pgdrift.core.kinds.fragments import CLASS, NAMESPACE, PROC, member_join
from pgdrift.core.model import ChangeClass

# What lies below has no object of its own: a view's columns, the sequence of an identity column.
_PARENT = f"""x.classoid IN ({CLASS}, {PROC}, {NAMESPACE}) AND x.objoid >= 16384
    AND member.objid IS NULL AND NOT EXISTS (SELECT FROM pg_catalog.pg_depend i
        WHERE i.classid = {CLASS} AND i.objid = x.objoid AND x.classoid = {CLASS}
            AND i.refobjsubid > 0 AND i.deptype = 'i')"""

KIND = Kind(
    name="security_label",
    cls=ChangeClass.SECURITY,
    within="*",
    path="ARRAY[x.provider, o.type] || a.object_names",
    args="""CASE WHEN o.type IN ('function', 'procedure', 'aggregate')
        THEN '(' || pg_catalog.array_to_string(a.object_args, ', ') || ')' ELSE '' END""",
    source=f"""pg_catalog.pg_seclabel x
        CROSS JOIN LATERAL pg_catalog.pg_identify_object(x.classoid, x.objoid, x.objsubid) o
        CROSS JOIN LATERAL pg_catalog.pg_identify_object_as_address(
            x.classoid, x.objoid, x.objsubid) a
        LEFT JOIN pg_catalog.pg_class c ON x.classoid = {CLASS} AND c.oid = x.objoid"""
    + member_join("x.classoid", "x.objoid"),
    where="""o.identity IS NOT NULL AND c.relpersistence IS DISTINCT FROM 't'
        AND NOT EXISTS (SELECT FROM pg_catalog.unnest($1::text[]) e
            WHERE CASE o.type WHEN 'schema' THEN o.name ELSE o.schema END
                IN (e, pg_catalog.quote_ident(e)))""",
    parent=(
        f"CASE WHEN {_PARENT} THEN x.classoid ELSE 0 END",
        f"CASE WHEN {_PARENT} THEN x.objoid ELSE 0 END",
        f"CASE WHEN {_PARENT} AND c.relkind NOT IN ('v', 'm') THEN x.objsubid ELSE 0 END",
    ),
    attributes=(Attribute("label", "x.label", ChangeClass.SECURITY),),
)
