"""Privileges on what stands above schemas: the database, tablespaces, parameters of the server.

Those on the database decide who may connect to it, and are always read.
"""

from pgdrift.core.kind import Attribute, Kind
from pgdrift.core.kinds.database import CURRENT, IS_CURRENT
from pgdrift.core.kinds.fragments import DATABASE, TABLESPACE, grantee
from pgdrift.core.kinds.privilege import privileges_of
from pgdrift.core.model import ChangeClass


def _privilege(  # noqa: PLR0913 - the columns of a table, one row per class of object
    name: str,
    *,
    path: str,
    source: str,
    acl: str,
    owner: str,
    letter: str,
    where: str,
    parent: tuple[str, str, str] | None = None,
    since: int = 0,
    cluster: bool = True,
) -> Kind:
    default = f"pg_catalog.acldefault({letter}, {owner})"
    return Kind(
        name=name,
        cls=ChangeClass.SECURITY,
        path=f"ARRAY[{path}] || ({grantee('g.grantee')})",
        source=f"""{source}
            CROSS JOIN LATERAL ({privileges_of(f"COALESCE({acl}, {default})", owner)}) g""",
        where=f"""{where} AND (g.grantee <> {owner} OR g.privileges IS DISTINCT FROM
            (SELECT o.privileges FROM ({privileges_of(default, owner, "g.grantee")}) o))""",
        parent=parent,
        attributes=(Attribute("privileges", "g.privileges", ChangeClass.SECURITY),),
        since=since,
        cluster=cluster,
        database=not cluster,
    )


KINDS = (
    _privilege(
        "database_privilege",
        path=CURRENT,
        source="pg_catalog.pg_database b",
        acl="b.datacl",
        owner="b.datdba",
        letter="'d'",
        where=IS_CURRENT,
        parent=(DATABASE, "b.oid", "0"),
        cluster=False,
    ),
    _privilege(
        "tablespace_privilege",
        path="s.spcname::text",
        source="pg_catalog.pg_tablespace s",
        acl="s.spcacl",
        owner="s.spcowner",
        letter="'t'",
        # Without an ACL only the owner has any right to one.
        where="s.spcacl IS NOT NULL",
        parent=(TABLESPACE, "s.oid", "0"),
    ),
    # Who may SET or ALTER SYSTEM what is a superuser's otherwise. It belongs to the first of them.
    _privilege(
        "parameter_privilege",
        path="p.parname",
        source="pg_catalog.pg_parameter_acl p",
        acl="p.paracl",
        owner="10::oid",
        letter="'p'",
        where="true",
        since=15,
    ),
)
