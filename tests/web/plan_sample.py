"""A kept plan as a daemon makes it of the sample's production, with all that a page has to show."""

from __future__ import annotations

from pgdrift.core.model import ObjectId
from pgdrift.core.plan.kept import KeptPlan
from pgdrift.core.plan.model import End, LeftOut, Plan, Statement, Verb, Way
from pgdrift.core.plan.step import Lock, Step
from pgdrift.core.why.enacted import Enactment, Result
from tests.web.sample import HOSTILE, ago

_ALL, _SHARE = Lock.ACCESS_EXCLUSIVE, Lock.SHARE_UPDATE_EXCLUSIVE


def _said(number: int, key: tuple[str, ...], verb: Verb, step: Step, part: int = 1) -> Statement:
    kind, *path = key
    return Statement(number, ObjectId(kind, tuple(path)), verb, step, part)


UP = Way(
    (
        _said(
            1,
            ("table", "shop", "customer"),
            Verb.CHANGE,
            Step(
                "ALTER TABLE shop.customer ENABLE ROW LEVEL SECURITY",
                "row security",
                _ALL,
                ("shop.customer",),
            ),
        ),
        _said(
            2,
            ("column", "shop", "order", "currency"),
            Verb.MAKE,
            Step(
                'ALTER TABLE shop."order" ADD COLUMN currency character(3) NOT NULL'
                " DEFAULT 'EUR'::bpchar",
                "",
                _ALL,
                ('shop."order"',),
            ),
        ),
        _said(
            3,
            ("column", "shop", "order", "total"),
            Verb.CHANGE,
            Step(
                'ALTER TABLE shop."order" ALTER COLUMN total TYPE numeric(10,2)',
                "change type",
                _ALL,
                ('shop."order"', "shop.order_line"),
                rewrites=True,
                loses="digits after the second",
                fails="a value is greater than 99999999.99",
            ),
        ),
        _said(
            4,
            ("index", "shop", "order_created_at_idx"),
            Verb.DROP,
            Step(
                "DROP INDEX CONCURRENTLY shop.order_created_at_idx",
                "",
                _SHARE,
                ('shop."order"',),
                alone=True,
            ),
            2,
        ),
        _said(
            5,
            ("table", "public", HOSTILE),
            Verb.DROP,
            Step(
                f'DROP TABLE public."{HOSTILE}"',
                "",
                _ALL,
                (f'public."{HOSTILE}"',),
                loses="all of its rows",
            ),
            3,
        ),
    ),
    (LeftOut(ObjectId("user_mapping", ("files", HOSTILE)), "its options were not read"),),
    (f"table public.{HOSTILE} may be a rename of shop.refund",),
)
DOWN = Way(
    (
        _said(
            1,
            ("table", "public", HOSTILE),
            Verb.MAKE,
            Step(f'CREATE TABLE public."{HOSTILE}" (\n    id integer\n)'),
        ),
        _said(
            2,
            ("index", "shop", "order_created_at_idx"),
            Verb.MAKE,
            Step(
                'CREATE INDEX order_created_at_idx ON shop."order" USING btree (created_at DESC)',
                "",
                Lock.SHARE,
                ('shop."order"',),
                scans=True,
            ),
        ),
        _said(
            3,
            ("column", "shop", "order", "currency"),
            Verb.DROP,
            Step(
                'ALTER TABLE shop."order" DROP COLUMN currency',
                "",
                _ALL,
                ('shop."order"',),
                loses="all values of the column",
            ),
        ),
        _said(
            4,
            ("table", "shop", "customer"),
            Verb.CHANGE,
            Step(
                "ALTER TABLE shop.customer DISABLE ROW LEVEL SECURITY",
                "row security",
                _ALL,
                ("shop.customer",),
            ),
        ),
    ),
    (LeftOut(ObjectId("column", ("shop", "order", "total")), "its digits are gone"),),
)
PLAN = Plan(End("production", "5f" * 32, 160004), End("staging", "c1" * 32, 170002), UP, DOWN)
KEPT = KeptPlan(PLAN, ago(hours=2), "pgdrift", "inc-7f3a", "x")
_ENTRIES = (
    {"event": "began", "way": "up", "plan": PLAN.binding, "at": "x", "by": "bob", "reason": "r"},
    {"event": "running", "transaction": 1},
    {"event": "done", "transaction": 1},
    {"event": "failed", "transaction": 2, "statement": 4, "said": "lock timeout"},
)
RUN = Enactment(
    KEPT.id,
    "production",
    "up",
    "bob",
    f"ticket 7 {HOSTILE}",
    ago(hours=1),
    ("eve",),
    ago(minutes=58),
    Result.STOPPED,
    "production: statement 4 was refused: canceling statement due to lock timeout\n"
    "done: statements 1 to 3; not done: 4 to 5",
    entries=_ENTRIES,
)
