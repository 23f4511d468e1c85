"""Default privileges: what a role's future objects will be granted, one object for each rule."""

from pgdrift.core.kind import Attribute, Kind
from pgdrift.core.kinds.fragments import DEFAULT_ACL, NAMESPACE, role, words
from pgdrift.core.model import ChangeClass

_OBJECTS = {
    "r": "tables",
    "S": "sequences",
    "f": "functions",
    "T": "types",
    "n": "schemas",
    "L": "large objects",
}

KIND = Kind(
    name="default_privilege",
    cls=ChangeClass.SECURITY,
    within="*",
    path=f"""ARRAY[{role("f.defaclrole")}]
        || CASE WHEN n.oid IS NULL THEN '{{}}'::text[] ELSE ARRAY[n.nspname::text] END
        || ({words("f.defaclobjtype", **_OBJECTS)})""",
    source="""pg_catalog.pg_default_acl f
        LEFT JOIN pg_catalog.pg_namespace n ON n.oid = f.defaclnamespace""",
    where="COALESCE(n.nspname <> ALL ($1::text[]), true)",
    address=(DEFAULT_ACL, "f.oid", "0"),
    parent=(f"CASE WHEN n.oid IS NULL THEN 0 ELSE {NAMESPACE} END", "COALESCE(n.oid, 0)", "0"),
    attributes=(
        Attribute(
            "privileges",
            f"""ARRAY(SELECT (CASE g.grantee WHEN 0 THEN 'PUBLIC'
                    ELSE pg_catalog.quote_ident({role("g.grantee")}) END || '=' || privilege_type
                    || CASE WHEN is_grantable THEN ' WITH GRANT OPTION' ELSE '' END) COLLATE "C"
                FROM pg_catalog.aclexplode(f.defaclacl) g ORDER BY 1)""",
            ChangeClass.SECURITY,
        ),
    ),
)
