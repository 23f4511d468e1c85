"""Roles, and who is a member of which. Passwords are never read.

The roles that initdb makes besides the first superuser (pg_*) are left out; that they were granted
to a user's role is told.
"""

from pgdrift.core.kind import Attribute, Kind
from pgdrift.core.kinds.fragments import ROLE
from pgdrift.core.model import ChangeClass

KIND = Kind(
    name="role",
    cls=ChangeClass.SECURITY,
    path="ARRAY[r.rolname]",
    source="pg_catalog.pg_roles r",
    where="r.rolname !~ '^pg_'",
    address=(ROLE, "r.oid", "0"),
    attributes=(
        Attribute("superuser", "r.rolsuper", ChangeClass.SECURITY),
        Attribute("inherit", "r.rolinherit", ChangeClass.SECURITY),
        Attribute("create_role", "r.rolcreaterole", ChangeClass.SECURITY),
        Attribute("create_database", "r.rolcreatedb", ChangeClass.SECURITY),
        Attribute("login", "r.rolcanlogin", ChangeClass.SECURITY),
        Attribute("replication", "r.rolreplication", ChangeClass.SECURITY),
        Attribute("bypass_row_security", "r.rolbypassrls", ChangeClass.SECURITY),
        Attribute("connection_limit", "r.rolconnlimit", ChangeClass.BEHAVIOUR),
        Attribute("valid_until", "r.rolvaliduntil::text", ChangeClass.SECURITY),
        Attribute(
            "comment",
            "pg_catalog.shobj_description(r.oid, 'pg_authid')",
            ChangeClass.COSMETIC,
        ),
    ),
    cluster=True,
)


def _any(column: str) -> str:
    """Return whether any grant of the membership says so: from 16 on there can be several."""
    return (
        f"(SELECT pg_catalog.bool_or(a.{column}) FROM pg_catalog.pg_auth_members a"
        " WHERE a.roleid = g.roleid AND a.member = g.member)"
    )


MEMBERSHIP = Kind(
    name="role_membership",
    cls=ChangeClass.SECURITY,
    path="ARRAY[r.rolname, u.rolname]",
    source="""(SELECT DISTINCT a.roleid, a.member FROM pg_catalog.pg_auth_members a) g
        JOIN pg_catalog.pg_roles r ON r.oid = g.roleid
        JOIN pg_catalog.pg_roles u ON u.oid = g.member""",
    where="r.rolname !~ '^pg_' OR u.rolname !~ '^pg_'",
    parent=(ROLE, "CASE WHEN u.rolname ~ '^pg_' THEN r.oid ELSE u.oid END", "0"),
    attributes=(
        Attribute("admin", _any("admin_option"), ChangeClass.SECURITY),
        Attribute("inherit", _any("inherit_option"), ChangeClass.SECURITY, since=16),
        Attribute("set", _any("set_option"), ChangeClass.SECURITY, since=16),
    ),
    cluster=True,
)
