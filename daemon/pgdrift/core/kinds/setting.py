"""Settings that the catalog keeps: of the database, of a role in it, of a role everywhere.

ALTER DATABASE … SET and ALTER ROLE … IN DATABASE change how this very database behaves, and are
always read. A value whose name or text looks like a secret is sealed.
"""

from pgdrift.core.kind import Attribute, Kind
from pgdrift.core.kinds.database import IS_CURRENT
from pgdrift.core.kinds.fragments import DATABASE, ROLE, hidden, role
from pgdrift.core.model import ChangeClass

_NAME = "pg_catalog.split_part(e.setting, '=', 1)"
_TEXT = "pg_catalog.substr(e.setting, pg_catalog.strpos(e.setting, '=') + 1)"
_HUSHED = "auth|cert|conninfo|credential|dsn|jwt|key|pass|private|pwd|salt|secret|token"
_VALUE = f"""CASE WHEN {_NAME} ~* '{_HUSHED}' OR {_TEXT} ~* '://[^/]*:[^/]*@|password'
    THEN {hidden("e.setting")} ELSE {_TEXT} END"""

_SETTINGS = """pg_catalog.pg_db_role_setting s
    CROSS JOIN LATERAL pg_catalog.unnest(s.setconfig) e (setting)"""
_HERE = f"{_SETTINGS} JOIN pg_catalog.pg_database b ON b.oid = s.setdatabase"

# A setting can open what else is shut: search_path, row_security, session_replication_role.
_ATTRIBUTES = (Attribute("value", _VALUE, ChangeClass.SECURITY, secret=True),)

# ALTER ROLE ALL. A role may be named "ALL", and is then told apart by quotes.
_ROLE = f"""CASE WHEN s.setrole = 0 THEN 'ALL'
    WHEN {role("s.setrole")} ~ '^"*ALL"*$' THEN '"' || {role("s.setrole")} || '"'
    ELSE {role("s.setrole")} END"""

OF_DATABASE = Kind(
    name="database_setting",
    cls=ChangeClass.SECURITY,
    path=f"ARRAY[{_NAME}]",
    source=_HERE,
    where=f"{IS_CURRENT} AND s.setrole = 0",
    parent=(DATABASE, "b.oid", "0"),
    attributes=_ATTRIBUTES,
    database=True,
)

OF_ROLE_HERE = Kind(
    name="database_role_setting",
    cls=ChangeClass.SECURITY,
    path=f"ARRAY[{role('s.setrole')}, {_NAME}]",
    source=_HERE,
    where=f"{IS_CURRENT} AND s.setrole <> 0",
    parent=(DATABASE, "b.oid", "0"),
    attributes=_ATTRIBUTES,
    database=True,
)

OF_ROLE = Kind(
    name="role_setting",
    cls=ChangeClass.SECURITY,
    path=f"ARRAY[{_ROLE}, {_NAME}]",
    source=_SETTINGS,
    where="s.setdatabase = 0",
    parent=(
        f"CASE WHEN s.setrole = 0 OR {role('s.setrole')} ~ '^pg_' THEN 0 ELSE {ROLE} END",
        f"CASE WHEN s.setrole = 0 OR {role('s.setrole')} ~ '^pg_' THEN 0 ELSE s.setrole END",
        "0",
    ),
    attributes=_ATTRIBUTES,
    cluster=True,
)
