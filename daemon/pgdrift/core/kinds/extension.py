"""Extensions. What belongs to one is left out everywhere: the extension speaks for it.

One that brought a schema that is left out goes with it.
"""

from pgdrift.core.kind import Attribute, Kind
from pgdrift.core.kinds.fragments import COMMENT, EXTENSION, NAMESPACE, comment_join
from pgdrift.core.model import ChangeClass

# No owner: a dump does not carry it, so whoever restores one owns every extension.
KIND = Kind(
    name="extension",
    cls=ChangeClass.STRUCTURE,
    path="ARRAY[x.extname]",
    source="pg_catalog.pg_extension x JOIN pg_catalog.pg_namespace n ON n.oid = x.extnamespace"
    + comment_join(EXTENSION, "x.oid"),
    where=f"""n.nspname <> ALL ($1::text[]) AND NOT EXISTS (
        SELECT FROM pg_catalog.pg_depend d
        JOIN pg_catalog.pg_namespace s ON s.oid = d.objid AND s.nspname = ANY ($1::text[])
        WHERE d.refclassid = {EXTENSION} AND d.refobjid = x.oid AND d.deptype = 'e'
            AND d.classid = {NAMESPACE})""",
    address=(EXTENSION, "x.oid", "0"),
    attributes=(
        Attribute("version", "x.extversion", ChangeClass.BEHAVIOUR),
        Attribute("schema", "n.nspname::text", ChangeClass.STRUCTURE),
        Attribute("relocatable", "x.extrelocatable", ChangeClass.COSMETIC),
        # Of which tables a dump takes the rows along, and which of them.
        Attribute(
            "configuration",
            """CASE WHEN x.extconfig IS NOT NULL THEN ARRAY(
                SELECT (c.relation::pg_catalog.regclass::text || COALESCE(' '
                    || NULLIF(c.condition, ''), '')) COLLATE "C"
                FROM ROWS FROM (pg_catalog.unnest(x.extconfig),
                    pg_catalog.unnest(x.extcondition)) c (relation, condition)
                ORDER BY 1) END""",
            ChangeClass.COSMETIC,
        ),
        COMMENT,
    ),
)
