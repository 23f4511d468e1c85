"""What people do in Slack: buttons, the modal, the slash command, over a real Socket Mode link."""

import asyncio
import json
from collections import defaultdict
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from pgdrift.core.alerts.incident import Delivery, Incident, Notice
from pgdrift.core.alerts.marks import Mark, Order, Verb
from pgdrift.core.model import CHANNELS, DRILL, Against, Outcome, Standing
from pgdrift.demo.slack import SlackDouble
from pgdrift.demo.slack.limits import problem
from pgdrift.errors import ConfigError, StoreError
from pgdrift.sinks import SlackChannel, deliver, slack_marks, slack_socket
from pgdrift.sinks.slack_answers import Desk
from pgdrift.sinks.slack_asked import read
from pgdrift.sinks.slack_buttons import FOR
from tests.sinks import samples
from tests.sinks.samples import LINK, NOW, on_its_way

MARIA, EVE = "U0MARIA", "U0EVE"
LATER = NOW + timedelta(minutes=5)


@dataclass
class Office:
    """What stands behind the desk: it keeps the orders, or refuses them."""

    incidents: list[Incident] = field(default_factory=list)
    standings: dict[str, Standing] = field(default_factory=dict)
    orders: list[Order] = field(default_factory=list)
    refuses: Exception | None = None

    async def mark(self, order: Order) -> Mark:
        if self.refuses:
            raise self.refuses
        self.orders.append(order)
        return Mark(
            len(self.orders),
            order.verb,
            order.actor,
            order.reason,
            LATER,
            order.until,
            "production",
            order.incident,
        )

    def desk(self, channels: Mapping[str, SlackChannel]) -> Desk:
        return Desk(
            channels, lambda: self.incidents, lambda: self.standings, self.mark, lambda: LATER, LINK
        )


@pytest.fixture
def office() -> Office:
    return Office()


@pytest.fixture
def pressed(slack: SlackDouble) -> SlackChannel:
    return SlackChannel(
        type="slack",
        token=slack.token,
        channel="#db-oncall",
        app_token=slack.app_token,
        actors=(MARIA,),
        base_url=slack.url,
    )


@pytest.fixture(autouse=True)
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(slack_socket, "_BASE", 0.01)


@pytest.fixture
async def linked(
    slack: SlackDouble, office: Office, pressed: SlackChannel
) -> AsyncIterator[asyncio.Task[None]]:
    task = asyncio.create_task(slack_socket.listen(office.desk({"oncall": pressed})))
    await asyncio.wait_for(slack.sockets.connected.wait(), 30)
    yield task
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)


async def told(office: Office, channel: SlackChannel, notice: Notice) -> str:
    office.incidents.append(notice.incident)
    return (await deliver(channel, on_its_way(notice), link=LINK))["ts"]


async def until(true: Any) -> Any:
    """Wait for what is done after Slack got its answer; the test's own time limit ends it."""
    while not (found := true()):
        await asyncio.sleep(0.01)
    return found


def labels(message: dict[str, Any]) -> list[str]:
    rows = [b["elements"] for b in message["blocks"] if b["type"] == "actions"]
    return [e["text"]["text"] for row in rows for e in row]


# The buttons


async def test_a_message_has_buttons_until_it_is_resolved(
    slack: SlackDouble, oncall: SlackChannel, pressed: SlackChannel
) -> None:
    first = samples.night()
    ref = await deliver(pressed, on_its_way(first), link=LINK)
    assert labels(slack.messages[0]) == [
        "Acknowledge",
        "Silence 4 h",
        "Silence 24 h",
        "Accept…",
        "Show plan",
    ]
    await deliver(pressed, on_its_way(samples.resolved(first), dict(ref)), link=LINK)
    assert labels(slack.messages[0]) == []
    await deliver(pressed, on_its_way(samples.cannot_look()), link=LINK)
    assert "Accept…" not in labels(slack.messages[-1])
    await deliver(oncall, on_its_way(samples.night()), link=LINK)
    assert labels(slack.messages[-1]) == []


@pytest.mark.parametrize("nobodys", [DRILL, CHANNELS])
async def test_what_is_nobodys_incident_cannot_be_answered(
    slack: SlackDouble, pressed: SlackChannel, nobodys: str
) -> None:
    notice = replace(samples.night(), incident=replace(samples.night().incident, id="dd"))
    notice = replace(notice, incident=replace(notice.incident, environment=nobodys))
    await deliver(pressed, on_its_way(notice), link=LINK)
    await deliver(pressed, on_its_way(notice, parts=(notice, samples.night())), link=LINK)
    assert labels(slack.messages[0]) == []
    assert len(menus(slack.messages[1])) == 1


@pytest.mark.parametrize(
    ("action", "verb", "hours"),
    [
        ("ack", Verb.ACK, None),
        ("silence_4h", Verb.SILENCE, 4),
        ("silence_24h", Verb.SILENCE, 24),
    ],
)
async def test_a_press_is_an_order_that_names_who_and_is_shown(
    slack: SlackDouble,
    office: Office,
    pressed: SlackChannel,
    linked: object,
    action: str,
    verb: Verb,
    hours: int | None,
) -> None:
    ts = await told(office, pressed, samples.night())
    await slack.click(MARIA, ts, action)
    await until(lambda: slack.messages[0]["edits"])

    [order] = office.orders
    assert (order.verb, order.incident) == (verb, "4be1f9a0c2d3")
    assert order.actor == "maria (U0MARIA)"
    assert order.until == (LATER + timedelta(hours=hours) if hours else None)
    [reply] = slack.replies(ts)
    assert "by maria (U0MARIA)" in reply["text"]
    shown = slack.messages[0]["blocks"]
    assert [b["block_id"] for b in shown[-2:]] == ["mark", "buttons"]
    assert ("Acknowledge" in labels(slack.messages[0])) == (verb is not Verb.ACK)
    assert "maria (U0MARIA)" in json.dumps(shown[-2])


async def test_a_second_mark_takes_the_place_of_the_first(
    slack: SlackDouble, office: Office, pressed: SlackChannel, linked: object
) -> None:
    ts = await told(office, pressed, samples.night())
    for count, action in enumerate(("ack", "silence_4h"), 1):
        await slack.click(MARIA, ts, action)
        await until(lambda n=count: len(slack.messages[0]["edits"]) == n)
    names = [b.get("block_id") for b in slack.messages[0]["blocks"]]
    assert names.count("mark") == names.count("buttons") == 1


async def digested(office: Office, channel: SlackChannel, *more: Notice) -> tuple[str, Notice]:
    """Tell two incidents at once; return the message's name and the notice of the graver one."""
    night = samples.night()
    office.incidents.append(night.incident)
    ref = await deliver(channel, on_its_way(night, parts=(night, *more)), link=LINK)
    return ref["ts"], night


def menus(message: dict[str, Any]) -> list[list[str]]:
    beside = [b["accessory"] for b in message["blocks"] if "accessory" in b]
    return [[o["text"]["text"] for o in menu["options"]] for menu in beside]


async def test_each_incident_of_a_digest_has_a_menu(
    slack: SlackDouble, office: Office, pressed: SlackChannel, oncall: SlackChannel
) -> None:
    away = replace(samples.cannot_look().incident, id="aaaaaaaaaaaa")
    over = replace(samples.resolved(samples.night()).incident, id="bbbbbbbbbbbb")
    more = (
        replace(samples.cannot_look(), incident=away),
        replace(samples.resolved(samples.night()), incident=over),
    )
    await digested(office, pressed, *more)
    silences = ["Silence 4 h", "Silence 24 h"]
    assert menus(slack.messages[0]) == [
        ["Acknowledge", *silences, "Accept…", "Show plan"],
        ["Acknowledge", *silences],
    ]
    await digested(office, oncall, *more)
    assert menus(slack.messages[1]) == [], "nobody may press anything there"


async def test_what_is_chosen_in_a_digest_is_said_of_one_incident_and_shown_there(
    slack: SlackDouble, office: Office, pressed: SlackChannel, linked: object
) -> None:
    other = replace(samples.night(), incident=replace(samples.night().incident, id="cccccccccccc"))
    ts, notice = await digested(office, pressed, other)
    before = json.dumps(slack.messages[0]["blocks"])
    for count, action in enumerate(("ack", "silence_4h"), 1):
        await slack.choose(MARIA, ts, action)
        await until(lambda n=count: len(slack.messages[0]["edits"]) == n)
    assert [(o.verb, o.incident) for o in office.orders] == [
        (Verb.ACK, notice.incident.id),
        (Verb.SILENCE, notice.incident.id),
    ]
    assert [m["text"].startswith("`production` ") for m in slack.replies(ts)] == [True, True]
    first, second = (b for b in slack.messages[0]["blocks"] if "accessory" in b)
    assert first["text"]["text"].count("maria (U0MARIA)") == 1, "the latest alone"
    assert "silenced by maria" in first["text"]["text"]
    assert "Acknowledge" in menus(slack.messages[0])[1]
    assert json.dumps(second) in before

    await slack.choose(EVE, ts, "silence_4h")
    await until(lambda: slack.private)
    await slack.choose(MARIA, ts, "ack", menu=1)
    await until(lambda: len(slack.private) == 2)
    assert "is over" in slack.private[1]["text"], "the office does not know that one"
    assert len(office.orders) == 2


async def test_findings_are_accepted_from_a_digest_too(
    slack: SlackDouble, office: Office, pressed: SlackChannel, linked: object
) -> None:
    ts, notice = await digested(office, pressed, samples.cannot_look())
    await slack.choose(MARIA, ts, "accept")
    (view,) = await until(lambda: slack.views)
    chosen = view["blocks"][1]["element"]["options"][:1]
    said = {"findings": {"selected_options": chosen}, "reason": {"value": "right"}}
    assert await slack.submit(MARIA, {**said, "until": {"selected_option": None}}) == {}
    [reply] = await until(lambda: slack.replies(ts))
    assert reply["text"].startswith("`production` ")
    assert [(o.verb, o.incident) for o in office.orders] == [(Verb.ACCEPT, notice.incident.id)]


async def test_a_storm_has_menus_for_the_gravest_and_none_that_slack_refuses(
    slack: SlackDouble, pressed: SlackChannel
) -> None:
    hostile = samples.hostile("x" * 63)
    many = tuple(samples.opened(hostile, environment=f"tenant-{i}") for i in range(200))
    # A name that fits into no block_id, and one incident with several threads.
    for channel, parts, count in (("c" * 300, many, 0), ("oncall", many[:1] * 3, 3)):
        told = replace(on_its_way(many[0], parts=parts), channel=channel)
        await deliver(pressed, told, link=LINK)
        assert len(menus(slack.messages[-1])) == count
    await deliver(pressed, on_its_way(many[0], parts=many), link=LINK)
    assert slack.calls.count("chat.postMessage") == 3, "none was refused and told in plain text"
    assert len(menus(slack.messages[-1])) == 6
    assert len(slack.messages[-1]["blocks"]) > 12


async def test_who_is_not_on_the_list_is_told_so_and_nobody_else_is(
    slack: SlackDouble, office: Office, pressed: SlackChannel, linked: object
) -> None:
    ts = await told(office, pressed, samples.night())
    await slack.click(EVE, ts, "ack", name="<!channel>")
    [said] = await until(lambda: slack.private)
    assert (said["user"], said["channel"]) == (EVE, "C0DBONCALL")
    assert "U0EVE" in said["text"]
    assert office.orders == []
    assert len(slack.messages) == 1


@pytest.mark.parametrize(
    "error",
    [
        ConfigError("incident 4be1f9a0c2d3 is resolved", reason="usage"),
        StoreError("the disk is full", reason="full"),
    ],
)
async def test_an_order_that_is_refused_is_answered_with_why(
    slack: SlackDouble, office: Office, pressed: SlackChannel, linked: object, error: Exception
) -> None:
    ts = await told(office, pressed, samples.night())
    office.refuses = error
    await slack.click(MARIA, ts, "ack")
    [said] = await until(lambda: slack.private)
    assert str(error) in said["text"]
    assert slack.messages[0]["edits"] == []


async def test_a_button_of_an_incident_that_is_over_says_so(
    slack: SlackDouble, office: Office, pressed: SlackChannel, linked: object
) -> None:
    ts = await told(office, pressed, samples.night())
    office.incidents.clear()
    await slack.click(MARIA, ts, "accept")
    [said] = await until(lambda: slack.private)
    assert "over" in said["text"]


# The modal


def filled(view: dict[str, Any], *, chosen: int = 1, reason: str = "agreed") -> dict[str, Any]:
    blocks = {b["block_id"]: b["element"] for b in view["blocks"] if b["type"] == "input"}
    return {
        "findings": {"selected_options": blocks["findings"]["options"][:chosen]},
        "reason": {"value": reason},
        "until": {"selected_option": blocks["until"]["options"][1]},
    }


async def test_findings_are_chosen_and_accepted_with_a_reason(
    slack: SlackDouble, office: Office, pressed: SlackChannel, linked: object
) -> None:
    ts = await told(office, pressed, samples.night())
    assert await slack.click(MARIA, ts, "accept") == {}
    [view] = await until(lambda: slack.views)
    assert len(filled(view, chosen=9)["findings"]["selected_options"]) == 3
    assert await slack.submit(MARIA, filled(view, chosen=2)) == {}
    [order] = await until(lambda: office.orders)
    assert order.verb is Verb.ACCEPT
    assert order.findings == tuple(f.key for f in samples.night().incident.findings[:2])
    assert (order.reason, order.until) == ("agreed", LATER + FOR["7d"])  # type: ignore[operator]
    [reply] = await until(lambda: slack.replies(ts))
    assert "☑️ accepted by maria" in reply["text"]


async def test_what_changed_while_the_modal_was_open_is_not_accepted(
    slack: SlackDouble, office: Office, pressed: SlackChannel, linked: object
) -> None:
    first = samples.opened(samples.hostile("t", text="one"))
    ts = await told(office, pressed, first)
    await slack.click(MARIA, ts, "accept")
    [view] = await until(lambda: slack.views)
    assert view["blocks"][1]["element"]["initial_options"], "one finding is chosen already"
    now = samples.hostile("t", text="two")
    office.incidents[:] = [replace(first.incident, findings=(now,))]
    answer = await slack.submit(MARIA, filled(view))
    assert "changed" in answer["errors"]["findings"]
    office.incidents[:] = [first.incident]
    answer = await slack.submit(MARIA, filled(view, reason="  "))
    assert set(answer["errors"]) == {"reason"}
    assert office.orders == []


async def test_a_modal_of_500_hostile_findings_is_one_that_slack_takes(
    slack: SlackDouble, office: Office, pressed: SlackChannel, linked: object
) -> None:
    names = [samples.PINGS, samples.BIDI, samples.NEWLINES, "🐘" * 15]
    findings = [samples.hostile(f"{names[i % 4]}{i}") for i in range(500)]
    ts = await told(office, pressed, samples.opened(*findings, environment=samples.PINGS))
    await slack.click(MARIA, ts, "accept")
    [view] = await until(lambda: slack.views)
    assert "100 gravest of 500" in json.dumps(view)
    assert "<" not in json.dumps(view)


# The slash command


async def test_status_shows_how_everything_stands_to_who_asks(
    slack: SlackDouble, office: Office, linked: object
) -> None:
    incident = samples.night().incident
    against = Against("staging", Outcome.DRIFTED, incident.findings)
    office.incidents.append(incident)
    office.standings = {
        "production": Standing(
            "production", Outcome.DRIFTED, "staging", looked_at=NOW, against=(against,)
        ),
        "staging": Standing("staging", Outcome.IN_SYNC, looked_at=NOW),
        "<!here>": Standing("<!here>", Outcome.UNKNOWN, reason="no answer from <db>"),
    }
    answer = await slack.command(MARIA, "status")
    text = json.dumps(answer, ensure_ascii=False)
    assert answer["response_type"] == "ephemeral"
    assert "🔴 <https://pgdrift.example.org/environments/production|open> `production`" in text
    assert "3 findings" in text
    assert "✅" in text
    assert "❔" in text
    assert "<!here>" not in text
    one = json.dumps(await slack.command(MARIA, "status staging"))
    assert "production" not in one
    assert "no environment" in json.dumps(await slack.command(MARIA, "status nowhere"))
    assert "/pgdrift status" in json.dumps(await slack.command(MARIA, "drop everything"))
    refused = await slack.command(EVE, "status")
    assert "production" not in json.dumps(refused)
    assert "U0EVE" in refused["text"]


async def test_the_status_of_very_many_is_one_that_slack_takes(
    slack: SlackDouble, office: Office, linked: object
) -> None:
    night = samples.opened(*(samples.hostile("<" * 63) for _ in range(3))).incident
    names = [f"{n:02}" + "<&>" * 20 for n in range(40)]
    office.incidents += [replace(night, environment=name) for name in names for _ in range(3)]
    office.standings = {
        name: Standing(name, Outcome.UNKNOWN, reason="<&>" * 100, looked_at=NOW) for name in names
    }
    answer = await slack.command(MARIA, "status")
    assert problem(dict(answer)) is None
    shown = [b for b in answer["blocks"] if b["type"] == "section"]
    assert answer["blocks"][-1]["elements"][0]["text"] == f"and {40 - len(shown)} more"


# The connection


async def test_a_connection_that_is_to_be_closed_is_followed_by_another_one(
    slack: SlackDouble, office: Office, linked: object
) -> None:
    await slack.sockets.refresh()
    await asyncio.wait_for(slack.sockets.connected.wait(), 30)
    assert (slack.sockets.opened, len(slack.sockets.open)) == (2, 2), "the old one is still there"
    assert await slack.command(MARIA, "status")
    assert await slack.command(MARIA, "status")


async def test_a_connection_that_breaks_is_made_again(
    slack: SlackDouble, office: Office, linked: asyncio.Task[None]
) -> None:
    await slack.sockets.cut()
    slack.fail("", status=503, method="apps.connections.open")
    await asyncio.wait_for(slack.sockets.connected.wait(), 60)
    assert await slack.command(MARIA, "status")
    assert not linked.done()


@pytest.mark.parametrize(
    "envelope",
    [
        {"type": "interactive", "payload": {"type": "block_actions"}},
        {"type": "interactive", "payload": {"type": "view_submission", "view": {}}},
        {"type": "slash_commands", "payload": {"user_id": "<!channel>"}},
        {"type": "events_api", "payload": {"event": {"type": "app_mention"}}},
        {"type": "interactive", "payload": []},
    ],
    ids=repr,
)
async def test_what_cannot_be_read_is_answered_and_ends_nothing(
    slack: SlackDouble, office: Office, linked: asyncio.Task[None], envelope: dict[str, Any]
) -> None:
    assert await slack.sockets.send(envelope["type"], envelope["payload"]) == {}
    assert await slack.command(MARIA, "status")
    assert not linked.done()


def test_a_button_that_somebody_made_up_is_nothing() -> None:
    made = {"action_id": "ack", "value": "rm -rf"}
    user = {"id": MARIA}
    place = {"channel_id": "C1", "message_ts": "1.0"}
    payload = {"type": "block_actions", "user": user, "container": place, "actions": [made]}
    assert read("interactive", payload) is None
    made["value"] = json.dumps({"incident": "x", "channel": "oncall"})
    assert read("interactive", payload) is not None


async def test_channels_of_one_app_share_one_connection(
    slack: SlackDouble, pressed: SlackChannel, oncall: SlackChannel, tmp_path: Path
) -> None:
    other = pressed.model_copy(update={"app_token": None, "app_token_file": tmp_path / "x"})
    channels = {"a": pressed, "b": pressed, "c": oncall, "d": other}
    found = slack_socket.desks(channels, Office().desk({}))
    assert [sorted(d.channels) for d in found] == [["a", "b"], ["d"]]


async def test_a_rotated_app_token_is_read_at_the_next_connection(
    slack: SlackDouble, office: Office, tmp_path: Path, pressed: SlackChannel
) -> None:
    file = tmp_path / "app"
    file.write_text("xapp-old\n")
    channel = pressed.model_copy(update={"app_token": None, "app_token_file": file})
    task = asyncio.create_task(slack_socket.listen(office.desk({"oncall": channel})))
    try:
        await until(lambda: "apps.connections.open" in slack.calls)
        file.write_text(f"{slack.app_token}\n")
        await asyncio.wait_for(slack.sockets.connected.wait(), 60)
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def test_what_is_said_elsewhere_is_shown_in_the_message(
    slack: SlackDouble, pressed: SlackChannel, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(slack_marks, "_SECONDS", 0.01)
    first, other = samples.night(), samples.cannot_look()
    told = [on_its_way(n) for n in (first, other)]
    refs = [dict(await deliver(pressed, d, link=LINK)) for d in told]
    standing = [replace(d, thread=ref) for d, ref in zip(told, refs, strict=True)]
    said: list[Mark] = [Mark(1, Verb.ACK, "eve", "old", NOW, incident=other.incident.id)]

    async def stand(_: str) -> list[Delivery]:
        return standing

    async def moved() -> str:
        return repr(said)

    async def marks() -> list[Mark]:
        return said

    turns = defaultdict[str, asyncio.Lock](asyncio.Lock)
    shown = slack_marks.Shown({"oncall": pressed}, stand, moved, marks, turns, LINK, lambda: True)
    task = asyncio.create_task(shown.run())
    try:
        await until(lambda: shown.last)
        said.insert(0, Mark(2, Verb.SILENCE, "dba", "known", NOW, LATER, "", first.incident.id))
        await until(lambda: "silenced by dba" in json.dumps(slack.messages[0]["blocks"]))
        assert slack.messages[1]["edits"] == [], "of it nothing new was said"
        del said[0]
        await until(lambda: "silenced by dba" not in json.dumps(slack.messages[0]["blocks"]))
        slack.delete(refs[0]["ts"])
        said.insert(0, Mark(3, Verb.ACK, "dba", "mine", NOW, incident=first.incident.id))
        said.insert(0, Mark(4, Verb.ACK, "dba", "mine", NOW, incident=other.incident.id))
        await until(lambda: "by dba" in json.dumps(slack.messages[0]["blocks"]))
        assert len(slack.messages) == 1, "what somebody deleted stays deleted"
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def test_who_slept_while_it_read_what_was_told_edits_nothing(
    slack: SlackDouble, pressed: SlackChannel
) -> None:
    told, awake = on_its_way(samples.night()), True
    ref = dict(await deliver(pressed, told, link=LINK))

    async def stand(_: str) -> list[Delivery]:
        nonlocal awake
        awake = not awake
        return [replace(told, thread=ref)]

    async def unused() -> str:
        raise AssertionError

    async def none() -> list[Mark]:
        raise AssertionError

    turns = defaultdict[str, asyncio.Lock](asyncio.Lock)
    shown = slack_marks.Shown({"oncall": pressed}, stand, unused, none, turns, LINK, lambda: awake)
    about = told.notice.incident.id
    said = {about: (Mark(1, Verb.ACK, "dba", "mine", NOW, incident=about),)}
    await shown.show(said)
    assert slack.messages[0]["edits"] == []
    await shown.show(said)
    assert len(slack.messages[0]["edits"]) == 1


def test_marks_that_hold_stand_in_a_later_notice_too() -> None:
    from pgdrift.sinks.blocks import standing

    at = datetime(2026, 11, 22, 3, tzinfo=UTC)
    mark = Mark(1, Verb.ACK, "<!here> `x`", "on *it*\nnow", at, incident="4be1f9a0c2d3")
    blocks = standing(on_its_way(samples.night()), link=LINK, marks=[mark], pressed=True)
    assert [b.get("block_id") for b in blocks[-2:]] == ["mark", "buttons"]
    text = blocks[-2]["elements"][0]["text"]
    assert "acknowledged by &lt;!here&gt;" in text
    assert next(e["action_id"] for e in blocks[-1]["elements"]) == "silence_4h"
    assert "\n" not in text
