"""Settings of the server that change what it does, not how fast: a short list.

Only what is the same for every session: what a role or a database may set for itself would be
read as it is for the role that watches. What only a superuser may see (shared_preload_libraries)
is left out: whoever watches would seem to change it.
"""

from pgdrift.core.kind import Attribute, Kind
from pgdrift.core.model import ChangeClass

_NAMES = (
    # Whether what was committed survives a crash, and damage is noticed.
    *("fsync", "full_page_writes", "data_checksums"),
    # Whether it can be restored, and replicated.
    *("archive_mode", "wal_level", "max_wal_senders", "max_replication_slots"),
    *("track_commit_timestamp", "max_slot_wal_keep_size"),
    # What an application is refused: sessions, locks, two-phase commits, long names.
    *("max_connections", "max_locks_per_transaction", "max_prepared_transactions"),
    *("max_identifier_length", "max_index_keys"),
    # Whether who comes in can be hidden from the wire. How well, only a superuser may see.
    *("ssl", "authentication_timeout"),
    # Whether tables are kept from bloat, and from running out of transaction ids.
    *("autovacuum", "autovacuum_freeze_max_age", "autovacuum_multixact_freeze_max_age"),
)
_LISTED = ", ".join(f"'{name}'" for name in _NAMES)

KIND = Kind(
    name="server_setting",
    cls=ChangeClass.BEHAVIOUR,
    path="ARRAY[s.name]",
    source="pg_catalog.pg_settings s",
    where=f"s.name IN ({_LISTED})",
    attributes=(Attribute("value", "pg_catalog.current_setting(s.name)", ChangeClass.BEHAVIOUR),),
    cluster=True,
)
