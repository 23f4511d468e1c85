"""Extensions. What belongs to one is left out everywhere: the extension speaks for it."""

from pgdrift.core.kind import Attribute, Kind
from pgdrift.core.kinds.fragments import COMMENT, EXTENSION, comment_join
from pgdrift.core.model import ChangeClass

# No owner: a dump does not carry it, so whoever restores one owns every extension.
KIND = Kind(
    name="extension",
    cls=ChangeClass.STRUCTURE,
    path="ARRAY[x.extname]",
    source="pg_catalog.pg_extension x JOIN pg_catalog.pg_namespace n ON n.oid = x.extnamespace"
    + comment_join(EXTENSION, "x.oid"),
    where="n.nspname <> ALL ($1::text[])",
    address=(EXTENSION, "x.oid", "0"),
    attributes=(
        Attribute("version", "x.extversion", ChangeClass.BEHAVIOUR),
        Attribute("schema", "n.nspname::text", ChangeClass.STRUCTURE),
        Attribute("relocatable", "x.extrelocatable", ChangeClass.COSMETIC),
        COMMENT,
    ),
)
