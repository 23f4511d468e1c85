"""Killed with -9 on an alert's way, and started again: all is told, nothing is told twice."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

import pytest

from tests.conftest import Execute, MakeDatabase
from tests.daemon.house import Daemon, House, all_text, until

pytestmark = pytest.mark.db

TABLE = "create table account (id int primary key, owner text)"
REPEATED = "repeated: delivery was interrupted"
KILLED = -9
PLACES = ("east", "west")

# Each step is told of both environments, so the first notice of the second step is number 3.
OPENED, CHANGED, RESOLVED = 1, 3, 5
STEPS = (
    "alter table account add column added_first int",
    "alter table account add column added_second int",
    "alter table account drop column added_first, drop column added_second",
)

Steps = Callable[[str], Awaitable[None]]


@pytest.fixture
async def ddl(house: House, make_database: MakeDatabase, execute: Execute) -> Steps:
    dsns = [await make_database(sql=TABLE) for _ in PLACES]
    for name, dsn in zip(PLACES, dsns, strict=True):
        house.watch(name, dsn)

    async def run(sql: str) -> None:
        for dsn in dsns:
            await execute(dsn, sql)

    return run


async def crash(house: House, ddl: Steps, point: str, number: int) -> Daemon:
    """Run into the crash at the number-th notice, and return the daemon that comes after it."""
    first = await (await house.start("crash.py", point, str(number))).watching()
    for step, sql in enumerate(STEPS[: (number + 1) // 2], 1):
        await ddl(sql)
        if step < (number + 1) // 2:
            await house.all_told(2 * step * len(house.data["alerts"]["routes"][0]["to"]))
    assert await first.ended() == KILLED, first.said
    return await (await house.start()).watching()


async def rest(house: House, daemon: Daemon, steps: int) -> None:
    """Return when everything was told, and looked for more twice."""
    await house.all_told(2 * steps * len(house.data["alerts"]["routes"][0]["to"]))
    for name in PLACES:
        await daemon.look_again(name)
    assert len(house.deliveries()) == 2 * steps * len(house.data["alerts"]["routes"][0]["to"])


@pytest.mark.parametrize(
    ("point", "number"),
    [
        ("read", OPENED),
        ("concluded", OPENED),
        ("before_save", OPENED),
        ("before_save_commits", OPENED),
        ("saved", OPENED),
        ("due", OPENED),
        ("before_begin", OPENED),
        ("before_begin_commits", OPENED),
        ("begun", OPENED),
        ("before_post", OPENED),
        ("posted", OPENED),
        ("before_done", OPENED),
        ("before_done_commits", OPENED),
        ("done", OPENED),
        ("saved", CHANGED),
        ("before_edit", 1),
        ("edited", 1),
        ("posted", CHANGED),
        ("posted", RESOLVED),
        ("done", RESOLVED),
    ],
)
async def test_every_drift_is_told_in_slack_and_none_twice(
    house: House, ddl: Steps, point: str, number: int
) -> None:
    steps = (number + 1) // 2 if "edit" not in point else 2
    number = number if "edit" not in point else CHANGED
    daemon = await (
        crash_at_edit(house, ddl, point) if "edit" in point else crash(house, ddl, point, number)
    )
    await rest(house, daemon, steps)

    assert len(house.roots()) == len(PLACES), house.told()
    assert len(house.slack.messages) == len(PLACES) * steps, house.told()
    for name in PLACES:
        root = await house.root(name)
        assert len(house.slack.replies(root["ts"])) == steps - 1
        assert REPEATED not in all_text(root)
        assert ("is in sync" in root["text"]) is (steps == 3)
        for column in ("added_first", "added_second")[:steps]:
            assert column in all_text(root)
    await daemon.end()


async def crash_at_edit(house: House, ddl: Steps, point: str) -> Daemon:
    """As `crash`, at the first edit of a message, which comes with the second notice."""
    first = await (await house.start("crash.py", point, "1")).watching()
    await ddl(STEPS[0])
    await house.all_told(2)
    await ddl(STEPS[1])
    assert await first.ended() == KILLED, first.said
    return await (await house.start()).watching()


async def test_where_slack_cannot_be_searched_the_second_message_says_that_it_repeats(
    house: House, ddl: Steps
) -> None:
    house.slack.scopes -= {"channels:history", "groups:history"}
    daemon = await crash(house, ddl, "posted", OPENED)
    await rest(house, daemon, 1)

    new = [m for m in house.roots() if REPEATED not in all_text(m)]
    again = [m for m in house.roots() if REPEATED in all_text(m)]
    assert len(new) == len(PLACES), house.told()
    assert len(again) == 1, house.told()


@pytest.mark.parametrize(
    ("point", "twice"), [("before_mail", False), ("mailed", True), ("before_done", True)]
)
async def test_a_mail_is_lost_never_and_repeated_only_as_a_repetition(
    house: House, ddl: Steps, point: str, twice: bool
) -> None:
    house.tell("dba")
    daemon = await crash(house, ddl, point, OPENED)
    await rest(house, daemon, 1)

    mails = house.mail.mails
    again = [m for m in mails if REPEATED in m["Subject"]]
    new = [m for m in mails if m not in again]
    assert len({m["Message-ID"] for m in mails}) == len(PLACES), house.told()
    # A mailbox cannot be searched: what may have arrived is sent again, and says so.
    assert len(again) == 1, house.told()
    assert len(new) == len(PLACES) - (0 if twice else 1), house.told()
    assert {again[0]["Message-ID"]} <= {m["Message-ID"] for m in new} or not twice
    await daemon.end()


async def test_what_changed_while_nobody_watched_is_told_too(house: House, ddl: Steps) -> None:
    first = await (await house.start("crash.py", "saved", "1")).watching()
    await ddl(STEPS[0])
    assert await first.ended() == KILLED
    await ddl(STEPS[1])
    daemon = await (await house.start()).watching()

    for name in PLACES:
        root = await house.root(name)
        await until(lambda: "added_second" in all_text(root), house.told)  # noqa: B023
        assert "added_first" in all_text(root)
    assert len(house.roots()) == len(PLACES)
    await daemon.end()
