"""Privileges: one object for each object and grantee, a kind for each class of object.

The owner's own are told only where they are not what an owner has anyway. An ACL that was never
touched means the server's default, which gives PUBLIC routines to execute and types to use.
What belongs to an extension has what its script granted; told is only what differs from that.
So it is with the languages that every database has: they are the server's own; and with the
functions that come with a range type.
"""

from pgdrift.core.kind import Attribute, Kind
from pgdrift.core.kinds.fragments import (
    CLASS,
    COMPOSITE,
    FOREIGN_DATA_WRAPPER,
    FOREIGN_SERVER,
    LANGUAGE,
    NAMESPACE,
    NO_ARRAY,
    PROC,
    TYPE,
    USER_SCHEMA,
    grantee,
    member_join,
    of_relation,
    of_type,
    or_its_extension,
    rows_of,
    users,
)
from pgdrift.core.kinds.routines import IDENTITY_ARGUMENTS
from pgdrift.core.model import ChangeClass


def privileges_of(acl: str, owner: str, only: str = "", before: str = "NULL") -> str:
    """Return SQL of rows (grantee, privileges): the grants in an ACL as sorted sets.

    The owner has a row even without a single privilege left, which an ACL says by silence, and
    so has everybody in the ACL `before`.
    """
    where = f"WHERE grantee = {only}" if only else ""
    return f"""SELECT grantee, COALESCE(pg_catalog.array_agg(DISTINCT held COLLATE "C")
                FILTER (WHERE held IS NOT NULL), '{{}}'::text[]) AS privileges
        FROM (SELECT grantee, privilege_type
                     || CASE WHEN is_grantable THEN ' WITH GRANT OPTION' ELSE '' END AS held
                FROM pg_catalog.aclexplode({acl})
              UNION ALL SELECT {owner}, NULL
              UNION ALL SELECT grantee, NULL FROM pg_catalog.aclexplode({before})) held
        {where} GROUP BY grantee"""


# Each new object of these is open to PUBLIC by the server's default.
_OPEN_ANYWAY = ""


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
    where: str = USER_SCHEMA,
    own_server: str = "false",  # the object is one of the server's own, and has no parent
    made_along: str = "false",  # the object came with its parent, which speaks for it
    args: str = "''",
    within: str = "PUBLIC",
    told_with: tuple[str, ...] = (),
    trace: str = "",
) -> Kind:
    default = f"pg_catalog.acldefault({letter}, {owner})"
    made = f"COALESCE(script.initprivs, {default})"
    given = f"(member.objid IS NOT NULL OR {own_server} OR {made_along})"
    return Kind(
        name=name,
        cls=ChangeClass.SECURITY,
        within=within,
        path=f"{path} || ({grantee('g.grantee')})",
        args=args,
        source=f"""{source}{member_join(parent[0], parent[1])}
            LEFT JOIN pg_catalog.pg_init_privs script ON {given}
                AND script.classoid = {(own or parent)[0]} AND script.objoid = {(own or parent)[1]}
                AND script.objsubid = {(own or parent)[2]}
            CROSS JOIN LATERAL ({_held(acl, default, owner, given, made)}) g""",
        where=f"{where} AND g.told",
        parent=_unless(own_server, or_its_extension(*parent)),
        told_with=told_with,
        trace=trace,
        attributes=(Attribute("privileges", "g.privileges", ChangeClass.SECURITY),),
    )


def _held(acl: str, default: str, owner: str, given: str, made: str) -> str:
    """Return SQL of what is held now, and whether that is to be told.

    All that a script gave has a row, also when it is gone.
    """
    held = privileges_of(
        f"COALESCE({acl}, {default})", owner, before=f"CASE WHEN {given} THEN {made} END"
    )
    # Beneath a limit, so that it is worked out once for all that have the same ACL.
    return f"""SELECT h.grantee, h.privileges, CASE WHEN h.grantee = {owner} OR {given}
            THEN h.privileges IS DISTINCT FROM
                (SELECT o.privileges FROM ({privileges_of(made, owner, "h.grantee")}) o)
            ELSE true END AS told
        FROM ({held}) h OFFSET 0"""


def _unless(condition: str, address: tuple[str, str, str]) -> tuple[str, str, str]:
    """Return an address that is nowhere where the condition holds."""
    classid, objid, objsubid = (f"CASE WHEN {condition} THEN 0 ELSE {a} END" for a in address)
    return classid, objid, objsubid


_RELATION = """pg_catalog.pg_class c
    JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace"""

KINDS = (
    _privilege(
        "schema_privilege",
        path="ARRAY[n.nspname::text]",
        source="pg_catalog.pg_namespace n",
        # Without an ACL only the owner has any right to these.
        where=f"n.nspacl IS NOT NULL AND {USER_SCHEMA}",
        acl="n.nspacl",
        owner="n.nspowner",
        letter="'n'",
        parent=(NAMESPACE, "n.oid", "0"),
    ),
    _privilege(
        "type_privilege",
        told_with=("t.oid",),
        trace=of_type(f"(x.typtype IN ('b', 'e', 'd', 'r') AND {NO_ARRAY}) OR {COMPOSITE}"),
        within=_OPEN_ANYWAY,
        path="ARRAY[n.nspname::text, t.typname::text]",
        source="""pg_catalog.pg_type t
            JOIN pg_catalog.pg_namespace n ON n.oid = t.typnamespace
            LEFT JOIN pg_catalog.pg_class c ON c.oid = t.typrelid""",
        # An array has the rights of its element.
        where=f"""(t.typtype IN ('b', 'e', 'd', 'r') OR c.relkind = 'c') AND {USER_SCHEMA}
            AND NOT EXISTS (SELECT FROM pg_catalog.pg_type e WHERE e.typarray = t.oid)""",
        acl="t.typacl",
        owner="t.typowner",
        letter="'T'",
        parent=(TYPE, "t.oid", "0"),
    ),
    _privilege(
        "privilege",
        told_with=("c.oid",),
        trace=of_relation("rpvmfS", "x.relacl IS NOT NULL"),
        path="ARRAY[n.nspname::text, c.relname::text]",
        source=f"""{_RELATION}
            LEFT JOIN pg_catalog.pg_depend i
                ON c.relkind = 'S' AND i.classid = {CLASS} AND i.objid = c.oid
                AND i.refclassid = {CLASS} AND i.refobjsubid > 0 AND i.deptype = 'i'""",
        where=f"""c.relacl IS NOT NULL AND c.relkind IN ('r', 'p', 'v', 'm', 'f', 'S')
            AND c.relpersistence <> 't' AND {USER_SCHEMA}""",
        acl="c.relacl",
        owner="c.relowner",
        letter="CASE c.relkind WHEN 'S' THEN 's' ELSE 'r' END::\"char\"",
        # The sequence of an identity column is no object: the column stands for it.
        parent=(CLASS, "COALESCE(i.refobjid, c.oid)", "COALESCE(i.refobjsubid, 0)"),
        own=(CLASS, "c.oid", "0"),
    ),
    _privilege(
        "column_privilege",
        told_with=("c.oid",),
        trace=rows_of("pg_attribute", "attrelid", where="x.attacl IS NOT NULL"),
        path="ARRAY[n.nspname::text, c.relname::text, a.attname::text]",
        source=f"{_RELATION} JOIN pg_catalog.pg_attribute a ON a.attrelid = c.oid",
        where=f"""a.attacl IS NOT NULL AND a.attnum > 0 AND NOT a.attisdropped
            AND c.relpersistence <> 't' AND {USER_SCHEMA}""",
        acl="a.attacl",
        owner="c.relowner",
        letter="'c'",
        parent=(CLASS, "c.oid", "CASE WHEN c.relkind IN ('v', 'm') THEN 0 ELSE a.attnum END"),
        own=(CLASS, "c.oid", "a.attnum"),
    ),
    _privilege(
        "routine_privilege",
        told_with=("p.oid",),
        trace=rows_of("pg_proc", "oid"),
        within=_OPEN_ANYWAY,
        path="ARRAY[n.nspname::text, p.proname::text]",
        args=IDENTITY_ARGUMENTS,
        # What makes the values of a range is no object: the type stands for it, and is the parent
        # of its multirange in turn.
        source=f"""pg_catalog.pg_proc p
            JOIN pg_catalog.pg_namespace n ON n.oid = p.pronamespace
            LEFT JOIN (pg_catalog.pg_depend i LEFT JOIN pg_catalog.pg_depend u
                ON u.classid = {TYPE} AND u.objid = i.refobjid AND u.objsubid = 0
                    AND u.refclassid = {TYPE} AND u.deptype = 'i')
                ON i.classid = {PROC} AND i.objid = p.oid AND i.refclassid = {TYPE}
                    AND i.deptype = 'i'""",
        acl="p.proacl",
        owner="p.proowner",
        letter="'f'",
        parent=(
            f"CASE WHEN i.objid IS NULL THEN {PROC} ELSE {TYPE} END",
            "COALESCE(u.refobjid, i.refobjid, p.oid)",
            "0",
        ),
        own=(PROC, "p.oid", "0"),
        made_along="i.objid IS NOT NULL",
    ),
    _privilege(
        "language_privilege",
        within=_OPEN_ANYWAY,
        path="ARRAY[l.lanname::text]",
        source="pg_catalog.pg_language l",
        where="true",
        acl="l.lanacl",
        owner="l.lanowner",
        letter="'l'",
        parent=(LANGUAGE, "l.oid", "0"),
        own_server=f"NOT ({users('l.oid')})",
    ),
    _privilege(
        "foreign_data_wrapper_privilege",
        path="ARRAY[w.fdwname::text]",
        source="pg_catalog.pg_foreign_data_wrapper w",
        where="w.fdwacl IS NOT NULL",
        acl="w.fdwacl",
        owner="w.fdwowner",
        letter="'F'",
        parent=(FOREIGN_DATA_WRAPPER, "w.oid", "0"),
    ),
    _privilege(
        "foreign_server_privilege",
        path="ARRAY[s.srvname::text]",
        source="pg_catalog.pg_foreign_server s",
        where="s.srvacl IS NOT NULL",
        acl="s.srvacl",
        owner="s.srvowner",
        letter="'S'",
        parent=(FOREIGN_SERVER, "s.oid", "0"),
    ),
)
