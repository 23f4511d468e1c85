"""Subscriptions of this database.

Where one is connected to is never read: it holds a password, and only a superuser may see it. So
one that was pointed to another server does not show. No address: up to 13 a plain role may not
see their OIDs, nor all that is told from 14 on.
"""

from pgdrift.core.kind import Attribute, Kind
from pgdrift.core.kinds.fragments import owner, sorted_set, words
from pgdrift.core.model import ChangeClass

KIND = Kind(
    name="subscription",
    cls=ChangeClass.BEHAVIOUR,
    path="ARRAY[s.subname]",
    source="""pg_catalog.pg_subscription s
        JOIN pg_catalog.pg_database b ON b.oid = s.subdbid""",
    where="b.datname = pg_catalog.current_database()",
    attributes=(
        Attribute("enabled", "s.subenabled", ChangeClass.BEHAVIOUR),
        Attribute("publications", sorted_set("s.subpublications"), ChangeClass.BEHAVIOUR),
        Attribute("slot", "s.subslotname::text", ChangeClass.BEHAVIOUR),
        Attribute("synchronous_commit", "s.subsynccommit", ChangeClass.BEHAVIOUR, since=14),
        Attribute("binary", "s.subbinary", ChangeClass.PERFORMANCE, since=14),
        Attribute(
            "streaming",
            "CASE WHEN s.substream THEN 'on' ELSE 'off' END",
            ChangeClass.PERFORMANCE,
            since=14,
            until=15,
        ),
        Attribute(
            "streaming",
            words("s.substream", f="off", t="on", p="parallel"),
            ChangeClass.PERFORMANCE,
            since=16,
        ),
        # Asked for, and at work as soon as all tables are copied: of these two the server's pace
        # decides.
        Attribute("two_phase", "s.subtwophasestate <> 'd'", ChangeClass.BEHAVIOUR, since=15),
        Attribute("disable_on_error", "s.subdisableonerr", ChangeClass.BEHAVIOUR, since=15),
        Attribute("password_required", "s.subpasswordrequired", ChangeClass.SECURITY, since=16),
        Attribute("run_as_owner", "s.subrunasowner", ChangeClass.SECURITY, since=16),
        Attribute("origin", "s.suborigin", ChangeClass.BEHAVIOUR, since=16),
        Attribute("failover", "s.subfailover", ChangeClass.BEHAVIOUR, since=17),
        owner("s.subowner"),
        Attribute(
            "comment",
            "pg_catalog.obj_description(s.oid, 'pg_subscription')",
            ChangeClass.COSMETIC,
            since=14,
        ),
    ),
)
