"""User mappings: as whom a role, or PUBLIC, goes to a foreign server.

The catalog itself is closed to a plain role; the view pg_user_mappings hides but the options.
Where it does, they were not read: no difference, and counted (sources/uncovered.py).
"""

from pgdrift.core.kind import Attribute, Kind
from pgdrift.core.kinds.fragments import (
    FOREIGN_SERVER,
    USER_MAPPING,
    grantee,
    hidden_options,
    member_join,
    or_its_extension,
)
from pgdrift.core.model import ChangeClass

SOURCE = """pg_catalog.pg_user_mappings x
    JOIN pg_catalog.pg_foreign_server s ON s.oid = x.srvid"""

# NULL is what the view tells of options that there are not, and of those that it hides. To whom
# it shows them is the view's own condition.
READABLE = """(x.umoptions IS NOT NULL
    OR CASE WHEN x.umuser = 0 THEN pg_catalog.pg_has_role(s.srvowner, 'USAGE')
        ELSE x.usename = current_user AND (pg_catalog.pg_has_role(s.srvowner, 'USAGE')
            OR pg_catalog.has_server_privilege(s.oid, 'USAGE')) END
    OR (SELECT r.rolsuper FROM pg_catalog.pg_roles r WHERE r.rolname = current_user))"""

KIND = Kind(
    name="user_mapping",
    cls=ChangeClass.SECURITY,
    within="*",
    path=f"ARRAY[x.srvname::text] || ({grantee('x.umuser')})",
    source=SOURCE + member_join(FOREIGN_SERVER, "s.oid"),
    address=(USER_MAPPING, "x.umid", "0"),
    parent=or_its_extension(FOREIGN_SERVER, "s.oid"),
    attributes=(
        Attribute(
            "options",
            f"CASE WHEN {READABLE} THEN COALESCE({hidden_options('x.umoptions')}, '{{}}') END",
            ChangeClass.SECURITY,
            hides=True,
            secret=True,
        ),
    ),
)
