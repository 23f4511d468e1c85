"""The tables of the store. Migrations lead here step by step; a test compares the two.

Times are whole microseconds since 1970 in UTC: they compare and sort alike in every database.
JSON is text of our own making, so that what comes out is what went in.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Dialect,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    Table,
    Text,
    TypeDecorator,
)

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_TICK = timedelta(microseconds=1)


class Instant(TypeDecorator[datetime]):
    """An aware datetime, kept as microseconds since 1970 and given back in UTC."""

    impl = BigInteger
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> int | None:  # noqa: ARG002
        # A naive datetime raises TypeError here: better than an hour that nobody can name.
        return None if value is None else (value - _EPOCH) // _TICK

    def process_result_value(self, value: Any | None, dialect: Dialect) -> datetime | None:  # noqa: ARG002
        return None if value is None else _EPOCH + value * _TICK


metadata = MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "fk": "fk_%(table_name)s_%(column_0_name)s_%(referred_table_name)s",
        "pk": "pk_%(table_name)s",
    }
)

# Which releases have worked on this store, each since when.
opened_by = Table(
    "opened_by",
    metadata,
    Column("version", Text, primary_key=True),
    Column("at", Instant, nullable=False),
)

# The databases that discovery found, as the environments that they are watched as.
found = Table(
    "found",
    metadata,
    Column("name", Text, primary_key=True),
    Column("section", Text, nullable=False),
    Column("database", Text, nullable=False),
    Column("parts", Text, nullable=False),
)

# One row: what this store's readers seal secrets with.
seal = Table(
    "seal",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("key", LargeBinary, nullable=False),
)

# One row per distinct content of an object, over all environments, snapshots and times.
content = Table(
    "content",
    metadata,
    Column("digest", LargeBinary, primary_key=True),
    Column("body", LargeBinary, nullable=False),
    Column("parent", Text, nullable=False),
)

# A share of a snapshot's objects, named by its own hash; `bucket` is the digits that the digests
# of its objects begin with. A change rewrites the pages it touches and no others.
page = Table(
    "page",
    metadata,
    Column("digest", LargeBinary, primary_key=True),
    Column("bucket", Text, nullable=False, index=True),
    Column("body", LargeBinary, nullable=False),
)

snapshot = Table(
    "snapshot",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("environment", Text, nullable=False, index=True),
    Column("kept_at", Instant, nullable=False, index=True),
    Column("taken_at", Instant, nullable=False),
    Column("root", Text, nullable=False),
    Column("database", Text, nullable=False),
    Column("server_version", Integer, nullable=False),
    Column("format", Integer, nullable=False),
    Column("kinds", Text, nullable=False),
    Column("unread", Text, nullable=False),
    # Dependencies with an end that is no object of the snapshot; the others are in the pages.
    Column("loose", Text, nullable=False),
    # Whether the environment was seen like this, rather than expected or agreed to be.
    Column("seen", Boolean, nullable=False, server_default="0"),
    # One unsigned word for each object, big end first, in order of digest. None: in the pages, as
    # releases before this column wrote them.
    Column("oids", LargeBinary),
    # How many there are, for who does not read them; None in what an older release kept.
    Column("objects", Integer),
    sqlite_autoincrement=True,  # an id that was used once never names another snapshot
)

snapshot_page = Table(
    "snapshot_page",
    metadata,
    Column("snapshot_id", ForeignKey("snapshot.id", ondelete="CASCADE"), primary_key=True),
    Column("page", ForeignKey("page.digest"), primary_key=True, index=True),
    sqlite_with_rowid=False,  # a row is its key: a third of the room
)

sync_point = Table(
    "sync_point",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("environment", Text, nullable=False, index=True),
    Column("at", Instant, nullable=False),
    Column("reason", Text, nullable=False),
    Column("actor", Text, nullable=False),
    Column("snapshot_id", ForeignKey("snapshot.id"), nullable=False, index=True),
    Column("how", Text, nullable=False, server_default="declared"),
    Column("migration", Text, nullable=False, server_default=""),
    Column("settled", Text, nullable=False, server_default="[]"),
    # What was expected just before: what is expected again when this one is undone.
    Column("before_id", ForeignKey("snapshot.id"), index=True),
    # What was expected from then on, where that is not what was declared.
    Column("expected_id", ForeignKey("snapshot.id"), index=True),
    Column("undone_at", Instant),
    Column("undone_by", Text, nullable=False, server_default=""),
    Column("undone_reason", Text, nullable=False, server_default=""),
    sqlite_autoincrement=True,
)

# Which look saw a migration newly applied, what there was then, and what was expected.
applied = Table(
    "applied",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("environment", Text, nullable=False),
    Column("at", Instant, nullable=False, index=True),
    Column("tool", Text, nullable=False),
    Column("version", Text, nullable=False),
    Column("description", Text, nullable=False),
    Column("snapshot_id", ForeignKey("snapshot.id"), nullable=False, index=True),
    Column("expected_id", ForeignKey("snapshot.id"), nullable=False, index=True),
    Index(None, "environment", "id"),
)

environment = Table(
    "environment",
    metadata,
    Column("name", Text, primary_key=True),
    Column("outcome", Text),
    Column("reason", Text, nullable=False),
    Column("failures", Integer, nullable=False),
    Column("looked_at", Instant),
    Column("seen_at", Instant),
    Column("gate", Text, nullable=False),
    Column("mark", Text, nullable=False),
    Column("histories", Text, nullable=False),
    Column("against", Text, nullable=False),
    Column("not_compared", Text, nullable=False),
    # One digest of all that is compared, for those of a group; None where nobody asked.
    Column("content", Text),
    Column("notes", Text, nullable=False),
    Column("agreed_with", Text),
    Column("agreed_unknown", Text, nullable=False),
    Column("snapshot_id", ForeignKey("snapshot.id"), index=True),
    Column("expected_id", ForeignKey("snapshot.id"), index=True),
    Column("agreed_id", ForeignKey("snapshot.id"), index=True),
    Column("sync_point_id", ForeignKey("sync_point.id")),
)

incident = Table(
    "incident",
    metadata,
    Column("id", Text, primary_key=True),
    Column("environment", Text, nullable=False),
    Column("state", Text, nullable=False),
    Column("opened_at", Instant, nullable=False),
    Column("resolved_at", Instant, index=True),
    Column("body", Text, nullable=False),
    Index(None, "environment", "state"),
)

notice = Table(
    "notice",
    metadata,
    Column("id", Text, primary_key=True),
    Column("incident_id", ForeignKey("incident.id"), nullable=False, index=True),
    Column("at", Instant, nullable=False),
    Column("body", Text, nullable=False),
)

# The outbox. `seq` is the order in which things were decided, and so the order of telling.
delivery = Table(
    "delivery",
    metadata,
    Column("seq", Integer, primary_key=True),
    Column("id", Text, nullable=False, unique=True),
    Column("notice_id", ForeignKey("notice.id"), nullable=False, index=True),
    Column("incident_id", ForeignKey("incident.id"), nullable=False, index=True),
    Column("channel", Text, nullable=False),
    Column("state", Text, nullable=False, index=True),
    Column("attempts", Integer, nullable=False),
    Column("uncertain", Boolean, nullable=False),
    Column("next_attempt_at", Instant),
    Column("attempted_at", Instant),
    Column("ended_at", Instant),
    Column("reason", Text, nullable=False),
    Column("ref", Text),
    # Which thread of the incident; what it may be told with; what it was begun with.
    Column("group", Text, nullable=False),
    Column("digest", Text, nullable=False),
    Column("batch", Text, index=True),
    Column("not_before", Instant),
    Column("mention", Text, nullable=False),
    Column("fallback", Text, nullable=False),
    # The channel in whose place this one is told, because it was dead.
    Column("stands_for", Text),
    Index(None, "channel", "incident_id", "seq"),
    sqlite_autoincrement=True,
)

# What people said of incidents and findings. `incident_id` refers to no row: an incident may be
# forgotten before what was said of it.
mark = Table(
    "mark",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("verb", Text, nullable=False),
    Column("actor", Text, nullable=False),
    Column("reason", Text, nullable=False),
    Column("at", Instant, nullable=False),
    Column("until", Instant),
    Column("environment", Text, nullable=False),
    Column("incident_id", Text),
    Column("findings", Text, nullable=False),
    Column("matcher", Text, nullable=False),
    Column("ended_at", Instant, index=True),
    Column("ended_by", Text, nullable=False),
    sqlite_autoincrement=True,
)

event = Table(
    "event",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("environment", Text, nullable=False),
    Column("at", Instant, nullable=False, index=True),
    Column("verb", Text, nullable=False),
    Column("text", Text, nullable=False),
    Column("subject", Text, nullable=False),
    # What more is known of a change: why, who, what it belongs to and what came with it.
    Column("detail", Text),
    Index(None, "environment", "id"),
)

# Plans, each as the files of its folder; `body` is the same as deflated JSON, for whoever shows it.
# `incident_id` refers to no row, as in `mark`; `about` is of which findings it was made.
plan = Table(
    "plan",
    metadata,
    Column("id", Text, primary_key=True),
    Column("environment", Text, nullable=False),
    Column("source", Text, nullable=False),
    Column("made_at", Instant, nullable=False, index=True),
    Column("made_by", Text, nullable=False),
    Column("incident_id", Text, nullable=False, index=True),
    Column("about", Text, nullable=False),
    Column("body", LargeBinary, nullable=False),
)

plan_file = Table(
    "plan_file",
    metadata,
    Column("plan_id", ForeignKey("plan.id", ondelete="CASCADE"), primary_key=True),
    Column("name", Text, primary_key=True),
    Column("body", LargeBinary, nullable=False),
)

# Each time that a plan was run on an environment. `left` is what it left behind, by object, and
# `entries` the lines of its record: deflated JSON. A plan that was run with a connection URL alone
# has none.
enactment = Table(
    "enactment",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("plan_id", Text, nullable=False, index=True),
    Column("environment", Text, nullable=False),
    Column("way", Text, nullable=False),
    Column("by", Text, nullable=False),
    Column("reason", Text, nullable=False),
    Column("approved_by", Text, nullable=False),
    Column("began_at", Instant, nullable=False),
    Column("ended_at", Instant),
    Column("result", Text, nullable=False),
    Column("said", Text, nullable=False),
    Column("left", LargeBinary, nullable=False),
    Column("entries", LargeBinary, nullable=False),
    Index(None, "environment", "ended_at"),
    sqlite_autoincrement=True,
)

# The replicas that share what there is to do: those that live hold a lock on their row's number.
member = Table(
    "member",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("name", Text, nullable=False),
    Column("version", Text, nullable=False),
    Column("joined_at", Instant, nullable=False),
    sqlite_autoincrement=True,
)

# What one of them does at a time: who does it holds a lock on its number, which is never another's.
duty = Table(
    "duty",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("name", Text, nullable=False, unique=True),
    sqlite_autoincrement=True,
)
