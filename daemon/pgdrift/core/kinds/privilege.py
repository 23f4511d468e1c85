"""Privileges: one object for each object and grantee, a kind for each class of object.

The owner's own are told only where they are not what an owner has anyway. An ACL that was never
touched means the server's default, which gives PUBLIC routines to execute and types to use.
What belongs to an extension has what its script granted; told is only what differs from that.
"""

from pgdrift.core.kind import Attribute, Kind
from pgdrift.core.kinds.fragments import CLASS, EXTENSION, NAMESPACE, PROC, TYPE, USER_SCHEMA
from pgdrift.core.kinds.routines import IDENTITY_ARGUMENTS
from pgdrift.core.model import ChangeClass

_NAME = "pg_catalog.pg_get_userbyid(g.grantee)::text"
# A role may be named "PUBLIC", and is then told apart by quotes that are part of its name here.
_GRANTEE = f"""CASE WHEN g.grantee = 0 THEN 'PUBLIC'
    WHEN {_NAME} ~ '^"*PUBLIC"*$' THEN '"' || {_NAME} || '"' ELSE {_NAME} END"""


def privileges_of(acl: str, owner: str, grantee: str = "", before: str = "NULL") -> str:
    """Return SQL of rows (grantee, privileges): the grants in an ACL as sorted sets.

    The owner has a row even without a single privilege left, which an ACL says by silence, and
    so has everybody in the ACL `before`.
    """
    only = f"WHERE grantee = {grantee}" if grantee else ""
    return f"""SELECT grantee, COALESCE(pg_catalog.array_agg(DISTINCT held COLLATE "C")
                FILTER (WHERE held IS NOT NULL), '{{}}'::text[]) AS privileges
        FROM (SELECT grantee, privilege_type
                     || CASE WHEN is_grantable THEN ' WITH GRANT OPTION' ELSE '' END AS held
                FROM pg_catalog.aclexplode({acl})
              UNION ALL SELECT {owner}, NULL
              UNION ALL SELECT grantee, NULL FROM pg_catalog.aclexplode({before})) held
        {only} GROUP BY grantee"""


def _privilege(  # noqa: PLR0913 - the columns of a table, one row per class of object
    name: str,
    *,
    path: str,
    source: str,
    acl: str,
    owner: str,
    letter: str,
    parent: tuple[str, str, str],
    own: tuple[str, str, str] | None = None,  # where the ACL is, if not at the parent
    where: str = "true",
    args: str = "''",
) -> Kind:
    default = f"pg_catalog.acldefault({letter}, {owner})"
    made = f"COALESCE(script.initprivs, {default})"
    held = privileges_of(
        f"COALESCE({acl}, {default})",
        owner,
        before=f"CASE WHEN member.objid IS NOT NULL THEN {made} END",
    )
    return Kind(
        name=name,
        cls=ChangeClass.SECURITY,
        path=f"{path} || ({_GRANTEE})",
        args=args,
        source=f"""{source}
            LEFT JOIN pg_catalog.pg_depend member ON member.deptype = 'e'
                AND member.refclassid = {EXTENSION} AND member.objsubid = 0
                AND member.classid = {parent[0]} AND member.objid = {parent[1]}
            LEFT JOIN pg_catalog.pg_init_privs script ON member.objid IS NOT NULL
                AND script.classoid = {parent[0]} AND script.objoid = {(own or parent)[1]}
                AND script.objsubid = {(own or parent)[2]}
            CROSS JOIN LATERAL ({held}) g""",
        where=f"""{where} AND {USER_SCHEMA}
            AND CASE WHEN g.grantee = {owner} OR member.objid IS NOT NULL
                THEN g.privileges IS DISTINCT FROM
                    (SELECT o.privileges FROM ({privileges_of(made, owner, "g.grantee")}) o)
                ELSE true END""",
        # What is left out cannot be a parent: the extension stands for it.
        parent=(
            f"CASE WHEN member.objid IS NULL THEN {parent[0]} ELSE member.refclassid END",
            f"COALESCE(member.refobjid, {parent[1]})",
            f"CASE WHEN member.objid IS NULL THEN {parent[2]} ELSE 0 END",
        ),
        attributes=(Attribute("privileges", "g.privileges", ChangeClass.SECURITY),),
    )


_RELATION = """pg_catalog.pg_class c
    JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace"""

KINDS = (
    _privilege(
        "schema_privilege",
        path="ARRAY[n.nspname::text]",
        source="pg_catalog.pg_namespace n",
        # Without an ACL only the owner has any right to these.
        where="n.nspacl IS NOT NULL",
        acl="n.nspacl",
        owner="n.nspowner",
        letter="'n'",
        parent=(NAMESPACE, "n.oid", "0"),
    ),
    _privilege(
        "type_privilege",
        path="ARRAY[n.nspname::text, t.typname::text]",
        source="""pg_catalog.pg_type t
            JOIN pg_catalog.pg_namespace n ON n.oid = t.typnamespace
            LEFT JOIN pg_catalog.pg_class c ON c.oid = t.typrelid""",
        where="(t.typtype IN ('e', 'd', 'r') OR c.relkind = 'c')",
        acl="t.typacl",
        owner="t.typowner",
        letter="'T'",
        parent=(TYPE, "t.oid", "0"),
    ),
    _privilege(
        "privilege",
        path="ARRAY[n.nspname::text, c.relname::text]",
        source=f"""{_RELATION}
            LEFT JOIN pg_catalog.pg_depend i
                ON c.relkind = 'S' AND i.classid = {CLASS} AND i.objid = c.oid
                AND i.refclassid = {CLASS} AND i.refobjsubid > 0 AND i.deptype = 'i'""",
        where="c.relacl IS NOT NULL AND c.relkind IN ('r', 'p', 'v', 'm', 'f', 'S')"
        " AND c.relpersistence <> 't'",
        acl="c.relacl",
        owner="c.relowner",
        letter="CASE c.relkind WHEN 'S' THEN 's' ELSE 'r' END::\"char\"",
        # The sequence of an identity column is no object: the column stands for it.
        parent=(CLASS, "COALESCE(i.refobjid, c.oid)", "COALESCE(i.refobjsubid, 0)"),
        own=(CLASS, "c.oid", "0"),
    ),
    _privilege(
        "column_privilege",
        path="ARRAY[n.nspname::text, c.relname::text, a.attname::text]",
        source=f"{_RELATION} JOIN pg_catalog.pg_attribute a ON a.attrelid = c.oid",
        where="a.attacl IS NOT NULL AND a.attnum > 0 AND NOT a.attisdropped"
        " AND c.relpersistence <> 't'",
        acl="a.attacl",
        owner="c.relowner",
        letter="'c'",
        parent=(CLASS, "c.oid", "CASE WHEN c.relkind IN ('v', 'm') THEN 0 ELSE a.attnum END"),
        own=(CLASS, "c.oid", "a.attnum"),
    ),
    _privilege(
        "routine_privilege",
        path="ARRAY[n.nspname::text, p.proname::text]",
        args=IDENTITY_ARGUMENTS,
        source="pg_catalog.pg_proc p JOIN pg_catalog.pg_namespace n ON n.oid = p.pronamespace",
        acl="p.proacl",
        owner="p.proowner",
        letter="'f'",
        parent=(PROC, "p.oid", "0"),
    ),
)
