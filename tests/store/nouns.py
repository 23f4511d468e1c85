"""Made-up nouns for the tests of the store, and hypothesis strategies for any of them."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone

from hypothesis import strategies as st

from pgdrift.core.alerts.incident import Incident, Notice, Reason, State
from pgdrift.core.book import Step
from pgdrift.core.model import (
    Against,
    Agreed,
    Blame,
    Change,
    ChangeClass,
    ChangeType,
    Confidence,
    Direction,
    Event,
    Finding,
    Held,
    History,
    HistoryFinding,
    HistoryState,
    LedgerMark,
    Migration,
    Object,
    ObjectId,
    Origin,
    Outcome,
    Severity,
    Snapshot,
    SyncPoint,
)

NOW = datetime(2026, 11, 22, 9, 30, 0, 123456, tzinfo=UTC)
MINUTE = timedelta(minutes=1)


def thing(name: str, comment: object = None, oid: int = 0) -> Object:
    id_ = ObjectId("table", ("public", name))
    return Object(id_, {"comment": comment, "rls": False}, ObjectId("schema", ("public",)), oid)


def snapshot(*objects: Object, at: datetime = NOW) -> Snapshot:
    ids = [o.id for o in objects]
    return Snapshot(
        objects={o.id: o for o in objects},
        kinds=frozenset({"table"}),
        server_version=150018,
        taken_at=at,
        database="shop",
        unread={"policy": "no right to read it"},
        dependencies=tuple(sorted((a, ids[0]) for a in ids[1:])),
    )


def tables(count: int, **comments: str) -> Snapshot:
    return snapshot(*(thing(f"t{i}", comments.get(f"t{i}"), oid=i) for i in range(count)))


def incident(id_: str = "i1", environment: str = "prod", **fields: object) -> Incident:
    given = {
        "against": "sync",
        "state": State.OPEN,
        "severity": Severity.CRITICAL,
        "opened_at": NOW,
        "changed_at": NOW,
        "told_at": NOW,
    }
    return Incident(id_, environment, **(given | fields))  # type: ignore[arg-type]


def notice(about: Incident) -> Notice:
    return Notice(about, Reason.FIRST, NOW)


def look(k: int, environment: str = "prod") -> Step:
    """Return the k-th look (from 1), every part of which says k."""
    content = tables(40, t7=f"look {k}")
    about = incident(f"i-{environment}", environment, revision=k)
    return Step(
        environment=environment,
        at=NOW + k * MINUTE,
        outcome=Outcome.DRIFTED,
        reason=f"look {k}",
        failures=k,
        seen_at=NOW + k * MINUTE,
        snapshot=content,
        expected=tables(40, t9=f"look {k}"),
        agreed=Agreed(tables(40, t8=f"look {k}")),
        agreed_with="staging",
        gate=f"gate {k}",
        sync_point=SyncPoint(environment, NOW, "first look", "pgdrift") if k == 1 else None,
        against=(Against("sync", Outcome.DRIFTED, reason=f"look {k}"),),
        not_compared={"cast": k},
        notes=(f"look {k}", "no ledger here"),
        incidents=(about,),
        notices=((notice(about), ("oncall", "dba")),),
        events=tuple(Event(environment, NOW, "told", f"look {k}", s) for s in "abc"),
        based_on=None if k == 1 else 1,
    )


# Whatever a server can send as text: all but NUL and surrogates; a file may hold NUL, too.
texts = st.text(st.characters(codec="utf-8"), max_size=12)
values = st.recursive(
    st.none() | st.booleans() | st.integers() | texts,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(texts, inner, max_size=3),
    max_leaves=6,
)
moments = st.datetimes(
    min_value=datetime(1900, 1, 1),  # noqa: DTZ001 - hypothesis adds the zone
    max_value=datetime(2200, 1, 1),  # noqa: DTZ001
    timezones=st.sampled_from([UTC, timezone(timedelta(hours=5, minutes=30))]),
)
ids = st.builds(
    ObjectId,
    kind=st.sampled_from(["table", "column", "function"]),
    path=st.lists(texts, min_size=1, max_size=3).map(tuple),
    args=st.sampled_from(["", "(integer, text)"]),
)
attributes = st.dictionaries(texts, values, max_size=4)


def _object(id_: ObjectId, given: dict[str, object], oid: int) -> Object:
    above = ObjectId("schema", id_.path[:1]) if len(id_.path) > 1 else None
    return Object(id_, given, above, oid)


objects = st.builds(_object, ids, attributes, st.integers(0, 2**32 - 1))


@st.composite
def snapshots(draw: st.DrawFn) -> Snapshot:
    chosen = draw(st.lists(objects, max_size=8, unique_by=lambda o: o.id))
    ends = [o.id for o in chosen] + draw(st.lists(ids, max_size=2))
    end = st.sampled_from(ends or [ObjectId("table", ("gone",))])
    return Snapshot(
        objects={o.id: o for o in chosen},
        kinds=draw(st.frozensets(texts, max_size=3)),
        server_version=draw(st.integers(90000, 200000)),
        taken_at=draw(moments),
        database=draw(texts),
        unread=draw(st.dictionaries(texts, texts, max_size=2)),
        dependencies=tuple(sorted(draw(st.sets(st.tuples(end, end), max_size=6)))),
        format=draw(st.integers(1, 3)),
    )


changes = st.builds(
    Change,
    ids,
    st.sampled_from(ChangeType),
    st.dictionaries(texts, st.tuples(values, values), max_size=3),
    st.lists(ids, max_size=2).map(tuple),
)
blames = st.builds(
    Blame,
    st.sampled_from(Confidence),
    who=st.none() | texts,
    at=st.none() | moments,
    application=st.none() | texts,
    migration=st.none() | texts,
    role=st.none() | texts,
    address=st.none() | texts,
    statement=st.none() | texts,
    after=st.none() | moments,
    until=st.none() | moments,
    hearsay=st.none() | texts,
)
findings = st.builds(
    Finding,
    changes,
    st.sampled_from(Direction),
    st.sampled_from(Severity),
    st.sampled_from(ChangeClass),
    st.none() | st.sampled_from(Origin),
    moments,
    blames,
    st.booleans(),
)
some_findings = st.lists(findings, max_size=2).map(tuple)
incidents = st.builds(
    Incident,
    id=texts,
    environment=texts,
    against=texts,
    state=st.sampled_from(State),
    severity=st.sampled_from(Severity),
    opened_at=moments,
    changed_at=moments,
    told_at=moments,
    resolved_at=st.none() | moments,
    findings=some_findings,
    detail=texts,
    revision=st.integers(1),
)
notices = st.builds(
    Notice,
    incidents,
    st.sampled_from(Reason),
    moments,
    st.lists(texts, max_size=2).map(tuple),
    some_findings,
)
standings = st.lists(
    st.builds(
        Against,
        texts,
        st.sampled_from(Outcome),
        some_findings,
        st.none() | st.integers(0, 9),
        texts,
        st.lists(
            st.builds(Held, texts, moments, st.none() | st.sampled_from(Origin), blames), max_size=2
        ).map(tuple),
        histories=st.lists(
            st.builds(HistoryFinding, texts, texts, texts, st.sampled_from(HistoryState), texts),
            max_size=2,
        ).map(tuple),
    ),
    max_size=2,
).map(tuple)
migrations = st.builds(
    Migration,
    version=texts,
    description=texts,
    checksum=st.none() | texts,
    applied=st.booleans(),
    failed=st.booleans(),
    at=st.none() | texts,
    by=st.none() | texts,
    begun=st.booleans(),
    repeatable=st.booleans(),
    baseline=st.booleans(),
)
histories = st.lists(
    st.builds(
        History,
        texts,
        texts,
        st.lists(migrations, max_size=3).map(tuple),
        st.booleans(),
        texts,
        st.booleans(),
    ),
    max_size=2,
).map(tuple)
marks = st.builds(LedgerMark, texts, st.integers(0, 2**64), st.frozensets(st.integers(0, 2**63)))
