"""What is asked for in Slack, done: what a person did in, an order given and an answer told out.

Who may do what is decided here, by the `actors` of the channel that the message went to. What an
order does, the desk knows; it comes as an argument.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime

from slack_sdk.errors import SlackApiError

from pgdrift.core.alerts.facts import fact
from pgdrift.core.alerts.incident import Incident
from pgdrift.core.alerts.marks import Mark, Order, Verb
from pgdrift.core.model import Standing
from pgdrift.core.plan.kept import KeptPlan
from pgdrift.errors import ConfigError, StoreError
from pgdrift.log import get_logger
from pgdrift.sinks import slack_buttons as named
from pgdrift.sinks import slack_plan, slack_status
from pgdrift.sinks.kit import Block, context, mrkdwn
from pgdrift.sinks.mrkdwn import code_span, escape
from pgdrift.sinks.slack_asked import Asked, Choice, Press, Words, about
from pgdrift.sinks.slack_client import SlackChannel, client_of

log = get_logger("sinks.slack")

_NOT_ALLOWED = (
    "You may not do that: your Slack id, {}, is not among the actors of this channel in the "
    "configuration of pgdrift."
)
_OVER = "This incident is over: there is nothing left to do."
_MOVED = "What you chose has changed or gone meanwhile: open the dialog again."


async def _none(incident: str) -> KeptPlan | None:
    _ = incident
    return None


@dataclass(frozen=True, slots=True)
class Desk:
    """What the daemon can do for whoever asks. `mark` raises ConfigError and StoreError.

    `channels` are the Slack channels with buttons by their names in the configuration. `plan`
    gives the plan that was made for an incident, `plan_words` what is to be known of it, or why
    there is none.
    """

    channels: Mapping[str, SlackChannel]
    incidents: Callable[[], Iterable[Incident]]
    standings: Callable[[], Mapping[str, Standing]]
    mark: Callable[[Order], Awaitable[Mark]]
    now: Callable[[], datetime]
    link: str | None = None
    plan: Callable[[str], Awaitable[KeptPlan | None]] = _none
    plan_words: Callable[[Incident], str] = lambda _: "no plans are made here"

    def incident(self, id_: str) -> Incident | None:
        """Return an incident that is not over, or None."""
        return next((i for i in self.incidents() if i.id == id_), None)


def at_once(desk: Desk, asked: Asked) -> Block:
    """Return what Slack gets at once as its answer, within the three seconds that it waits.

    Empty for nothing; for a slash command all there is to say, for a modal what is wrong with it.
    """
    match asked:
        case Words():
            if not any(c.allows(asked.who.id) for c in desk.channels.values()):
                return _private(_NOT_ALLOWED.format(asked.who.id))
            return slack_status.answer(asked.words, desk.standings(), desk.incidents(), desk.link)
        case Choice():
            return _wrong_choice(desk, asked)
        case Press():
            return {}


async def follow(desk: Desk, asked: Asked) -> None:
    """Do what is asked for and say what came of it. Raises SinkError when Slack cannot be told."""
    if isinstance(asked, Words) or (isinstance(asked, Choice) and _wrong_choice(desk, asked)):
        return
    channel = desk.channels.get(asked.channel)
    if channel is None:
        log.info("slack.channel_unknown", channel=asked.channel)
        return
    if why := _refusal(desk, channel, asked):
        await _whisper(channel, asked, why)
    elif isinstance(asked, Press) and asked.action == named.ACCEPT:
        await _open_modal(desk, channel, asked)
    elif isinstance(asked, Press) and asked.action == named.PLAN:
        await _show_plan(desk, channel, asked)
    else:
        await _obey(desk, channel, asked)


def order(desk: Desk, asked: Press | Choice) -> Order:
    """Return what a person asks for as an order."""
    now, actor = desk.now(), asked.who.words
    if isinstance(asked, Choice):
        incident = desk.incident(asked.incident)
        found = incident.findings if incident else ()
        keys = tuple(f.key for f in found if fact(f) in asked.facts)
        wait = named.FOR[asked.until]
        until = now + wait if wait else None
        return Order(Verb.ACCEPT, actor, asked.reason, until, asked.incident, keys)
    if asked.action == named.ACK:
        return Order(Verb.ACK, actor, "with a button in Slack", incident=asked.incident)
    until = now + named.SILENCES[asked.action]
    return Order(Verb.SILENCE, actor, "with a button in Slack", until, asked.incident)


def _refusal(desk: Desk, channel: SlackChannel, asked: Press | Choice) -> str:
    if not channel.allows(asked.who.id):
        log.warning("slack.not_allowed", user=asked.who.id, channel=asked.channel)
        return _NOT_ALLOWED.format(asked.who.id)
    if desk.incident(asked.incident) is None:
        return _OVER
    known = {named.ACK, named.ACCEPT, named.PLAN, *named.SILENCES}
    if isinstance(asked, Press) and asked.action not in known:
        return "This button is of another release of pgdrift."
    return ""


def _wrong_choice(desk: Desk, asked: Choice) -> Block:
    """Return what is wrong with a modal that was sent off, by field; empty for nothing."""
    incident = desk.incident(asked.incident)
    errors = {}
    if not asked.reason:
        errors[named.REASON] = "Say why: it is recorded."
    if asked.until not in named.FOR:
        errors[named.UNTIL] = "Choose one of these."
    if incident is None:
        errors[named.CHOSEN] = _OVER
    elif not asked.facts or asked.facts - {fact(f) for f in incident.findings}:
        errors[named.CHOSEN] = _MOVED
    return {"response_action": "errors", "errors": errors} if errors else {}


async def _open_modal(desk: Desk, channel: SlackChannel, press: Press) -> None:
    incident = desk.incident(press.incident)
    if incident is None or not incident.findings:
        await _whisper(channel, press, _OVER)
        return
    async with client_of(channel) as client:
        view = named.accept_modal(incident, about(press))
        await client.views_open(trigger_id=press.trigger, view=view)


async def _show_plan(desk: Desk, channel: SlackChannel, press: Press) -> None:
    """Show whoever asks the plan of an incident; nobody else is told of it."""
    incident = desk.incident(press.incident)
    try:
        kept = await desk.plan(press.incident)
    except (ConfigError, StoreError) as error:
        await _whisper(channel, press, str(error))
        return
    words = desk.plan_words(incident) if incident else _OVER
    if kept is None:
        await _whisper(channel, press, f"There is no plan for it: {words}.")
        return
    await _whisper(channel, press, f"plan {kept.id}", slack_plan.answer(kept, words, desk.link))


async def _obey(desk: Desk, channel: SlackChannel, asked: Press | Choice) -> None:
    given = order(desk, asked)
    try:
        mark = await desk.mark(given)
    except (ConfigError, StoreError) as error:
        await _whisper(channel, asked, str(error))
        return
    log.info(
        "slack.order",
        verb=given.verb.value,
        incident=given.incident,
        actor=given.actor,
        mark=mark.id,
    )
    await _show(channel, asked, mark)


async def _show(channel: SlackChannel, asked: Press | Choice, mark: Mark) -> None:
    """Say in the thread who said what, and show it in the incident's message."""
    words = named.mark_words(mark)
    if asked.beside:  # the thread is of several incidents
        words = f"{code_span(mark.environment, 100)} {words}"
    async with client_of(channel) as client:
        await client.chat_postMessage(
            channel=asked.place,
            thread_ts=asked.ts,
            text=words,
            blocks=[context(mrkdwn(words))],
            unfurl_links=False,
            unfurl_media=False,
        )
        if isinstance(asked, Press) and asked.blocks:
            await client.chat_update(
                channel=asked.place,
                ts=asked.ts,
                text=asked.text,
                blocks=_marked(asked, mark),
                parse="none",
                link_names=False,
            )


def _marked(press: Press, mark: Mark) -> list[Block]:
    if press.beside:
        return named.with_mark_beside(press.blocks, press.beside, mark)
    return named.with_mark(press.blocks, mark)


async def _whisper(
    channel: SlackChannel, asked: Press | Choice, text: str, blocks: list[Block] | None = None
) -> None:
    """Tell only the person who asked."""
    async with client_of(channel) as client:
        try:
            await client.chat_postEphemeral(
                channel=asked.place, user=asked.who.id, text=escape(text), blocks=blocks
            )
        except SlackApiError:
            # Whoever asked has left, or the channel is no more: the log has it.
            log.info("slack.not_told", user=asked.who.id, text=text)


def _private(text: str) -> Block:
    return {"response_type": "ephemeral", "text": escape(text)}
