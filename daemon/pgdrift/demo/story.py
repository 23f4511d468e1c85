"""The story: what people do to the three databases, and what pgdrift should say of it.

A step is data: words, statements, expectations. Playing them, and telling, is `stage.py`.
"""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from pgdrift.demo.config import DBA_MAIL, DEV_CHANNEL, ONCALL_CHANNEL
from pgdrift.demo.databases import DBA, ENVIRONMENTS, Migration, Shop

_INDEX = "shop.orders_by_status_hotfix"
_ONE = f"1 finding, worst: index {_INDEX}"


@dataclass(frozen=True, slots=True)
class Finding:
    """A finding that the daemon's API must show; `who` is whom it must name."""

    environment: str
    against: str
    name: str
    direction: str
    severity: str
    cls: str | None = None
    who: str | None = None


@dataclass(frozen=True, slots=True)
class Clean:
    """An environment that must be in sync with everything it is measured against."""

    environment: str


@dataclass(frozen=True, slots=True)
class Told:
    """A message that people must have got: a Slack channel or an address, and words in it."""

    to: str
    words: str


@dataclass(frozen=True, slots=True)
class Planned:
    """An incident that must have its plan, made and not applied."""

    environment: str
    against: str


Expected = Finding | Clean | Told | Planned


@dataclass(frozen=True, slots=True)
class Step:
    """One step: what is done, in plain words and in fact, and what must be seen of it.

    `declares` is an environment that somebody declares right, with `pgdrift sync`.
    """

    title: str
    done: str
    should: str
    expected: tuple[Expected, ...]
    act: Callable[[Shop], Awaitable[None]] | None = None
    declares: str | None = None


GIFT_CARDS = Migration(
    "0042",
    "Gift cards",
    """
    create table shop.gift_cards (
        code text primary key,
        amount billing.money_amount not null,
        order_id bigint references shop.orders (id),
        expires_on date not null
    );
    grant select on shop.gift_cards to shop_app;
    alter table shop.orders add column gift_note text;
    """,
)

# The hotfix, made a migration: where the index is already, nothing happens.
STATUS_INDEX = Migration(
    "0043",
    "Index for the queue of open orders, made by hand in production first",
    "create index if not exists orders_by_status_hotfix on shop.orders (status, placed_at);",
)

_POLICY = """
create policy own_orders on shop.orders
    for all to shop_app
    using (customer_id = current_setting('shop.customer_id', true)::bigint);
"""


async def _migrate_development(shop: Shop) -> None:
    await shop.migrate("development", [GIFT_CARDS])


async def _hotfix(shop: Shop) -> None:
    sql = "create index orders_by_status_hotfix on shop.orders (status, placed_at)"
    await shop.do("production", sql)


async def _drop_policy(shop: Shop) -> None:
    await shop.do("production", "drop policy own_orders on shop.orders")


async def _restore_policy(shop: Shop) -> None:
    await shop.do("production", _POLICY)


async def _write_migration(shop: Shop) -> None:
    await shop.migrate("development", [STATUS_INDEX])


async def _promote_to_staging(shop: Shop) -> None:
    await shop.migrate("staging", [GIFT_CARDS, STATUS_INDEX])


async def _promote_to_production(shop: Shop) -> None:
    await shop.migrate("production", [GIFT_CARDS, STATUS_INDEX])


STORY: tuple[Step, ...] = (
    Step(
        title="The first look",
        done="Three databases, built alike by migration 0041.",
        should="all three are in sync",
        expected=tuple(map(Clean, ENVIRONMENTS)),
    ),
    Step(
        title="A migration in development",
        done="deploy applies migration 0042 there: gift cards, and a note on orders.",
        should="staging is behind development; that is normal for a while, so it is info",
        expected=(
            Finding("staging", "development", "shop.orders.gift_note", "behind", "info"),
            Clean("development"),
            Told(DEV_CHANNEL, "staging is behind development"),
        ),
        act=_migrate_development,
    ),
    Step(
        title="A hotfix in production",
        done="Late at night anna, who is on call, creates an index on orders by hand.",
        should="production is ahead of staging, by whom and when; it is protected: critical;"
        " and there is a plan that would mend it",
        expected=(
            Finding("production", "staging", _INDEX, "ahead", "critical", who=DBA),
            Finding("production", "sync", _INDEX, "changed", "critical", who=DBA),
            Told(ONCALL_CHANNEL, "production is ahead of staging"),
            Told(DBA_MAIL, "production is ahead of staging"),
            Planned("production", "staging"),
        ),
        act=_hotfix,
    ),
    Step(
        title="A row security policy disappears",
        done="While at it, anna drops the policy that shows customers only their own orders.",
        should="a security finding, critical, in nobody's migration; the ledger says whose it is",
        expected=(
            Finding(
                "production",
                "sync",
                "shop.orders.own_orders",
                "changed",
                "critical",
                "security",
                who=DBA,
            ),
            Told(ONCALL_CHANNEL, "worst: policy shop.orders.own_orders"),
            Told(DBA_MAIL, "policy shop.orders.own_orders"),
        ),
        act=_drop_policy,
    ),
    Step(
        title="The repair",
        done="anna creates the policy again, exactly as it was.",
        should="the policy is no drift any more; the index still is",
        expected=(
            Told(ONCALL_CHANNEL, f"changed: production has drifted from its sync point: {_ONE}"),
        ),
        act=_restore_policy,
    ),
    Step(
        title="The hotfix becomes a migration",
        done="deploy applies migration 0043 in development: the same index, for everybody.",
        should="staging is behind by the index too; production waits for it to come down the line",
        expected=(Finding("staging", "development", _INDEX, "behind", "info"),),
        act=_write_migration,
    ),
    Step(
        title="Promotion to staging",
        done="deploy applies 0042 and 0043 in staging.",
        should="staging is in sync; production is no longer ahead, it lacks the gift cards",
        expected=(
            Clean("staging"),
            Finding("production", "staging", "shop.orders.gift_note", "behind", "info"),
            Told(DEV_CHANNEL, "staging is in sync with development again"),
            # What is left is info, of which these are not told.
            Told(ONCALL_CHANNEL, "production has nothing left that is told here"),
            Told(DBA_MAIL, "production has nothing left that is told here"),
        ),
        act=_promote_to_staging,
    ),
    Step(
        title="Promotion to production",
        done="deploy applies 0042 and 0043 in production, where the index is already.",
        should="all three are alike; that the index was made by hand is not laundered by that",
        expected=(
            Clean("development"),
            Clean("staging"),
            Finding("production", "sync", _INDEX, "changed", "critical", who=DBA),
        ),
        act=_promote_to_production,
    ),
    Step(
        title="The resolution",
        done="anna declares production right: pgdrift sync production --reason …",
        should="all three are in sync, and everybody who was told hears of it",
        expected=(
            *map(Clean, ENVIRONMENTS),
            Told(ONCALL_CHANNEL, "production is in sync with its sync point again"),
            Told(DBA_MAIL, "production is in sync with its sync point again"),
        ),
        declares="production",
    ),
)
