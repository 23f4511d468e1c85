"""Catches what pgdrift tells people: a Slack and a mail server on this machine, and a page of both.

Nothing leaves the machine. The page shows messages as their readers would see them; all of their
content is escaped, and an e-mail's HTML lies in a frame that may do nothing.
"""

from __future__ import annotations

import asyncio
import email
import email.policy
from collections.abc import AsyncIterator, Iterable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.message import EmailMessage
from importlib.resources import files
from typing import Any

from aiohttp import web
from jinja2 import Environment, StrictUndefined
from jinja2.loaders import FunctionLoader
from markupsafe import Markup

from pgdrift.demo.blocks import message_html
from pgdrift.demo.slack import SlackDouble

_HOST = "127.0.0.1"
# The frame of an e-mail inherits this: styles of its own, and nothing from anywhere.
_HEADERS = {
    "Content-Security-Policy": (
        "default-src 'none'; script-src 'self'; style-src 'unsafe-inline'; connect-src 'self';"
        " img-src data:; frame-src 'self'; base-uri 'none'; form-action 'none';"
        " frame-ancestors 'none'"
    ),
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cache-Control": "no-store",
}


@dataclass(frozen=True, slots=True)
class Post:
    """A message in Slack, as its readers see it, with the replies in its thread."""

    channel: str
    at: datetime
    text: str
    body: Markup
    edited: bool = False
    replies: tuple[Post, ...] = ()


@dataclass(frozen=True, slots=True)
class Mail:
    """An e-mail, decoded."""

    sender: str
    recipients: str
    subject: str
    text: str
    html: str


@dataclass
class Catcher:
    """The running catcher: its addresses, and what it caught."""

    slack: SlackDouble
    mails: list[Mail] = field(default_factory=list)
    smtp_port: int = 0
    url: str = ""

    def posts(self) -> tuple[Post, ...]:
        """Return the messages in Slack, the latest first."""
        return threads(self.slack.messages)


@asynccontextmanager
async def catcher(token: str) -> AsyncIterator[Catcher]:
    """Run Slack, mail server and page on free ports; Slack accepts this token alone."""
    async with SlackDouble(token=token) as slack:
        caught = Catcher(slack)
        smtp = await _serve_smtp(caught)
        runner = web.AppRunner(make_app(caught), access_log=None, shutdown_timeout=1)
        try:
            await runner.setup()
            await web.TCPSite(runner, _HOST, 0).start()
            caught.url = f"http://{_HOST}:{runner.addresses[0][1]}"
            yield caught
        finally:
            await runner.cleanup()
            smtp.close()


def make_app(caught: Catcher) -> web.Application:
    """Return the application with the page, and the part of it that is fetched again."""
    pages = Environment(loader=FunctionLoader(_file), autoescape=True, undefined=StrictUndefined)

    def render(template: str) -> web.Response:
        mails = list(reversed(caught.mails))
        html = pages.get_template(template).render(messages=caught.posts(), mails=mails)
        return web.Response(text=html, content_type="text/html", headers=_HEADERS)

    async def page(_: web.Request) -> web.Response:
        return render("inbox.html")

    async def messages(_: web.Request) -> web.Response:
        return render("inbox_messages.html")

    async def script(_: web.Request) -> web.Response:
        return web.Response(
            text=_file("inbox.js"), content_type="text/javascript", headers=_HEADERS
        )

    app = web.Application()
    app.router.add_get("/", page)
    app.router.add_get("/messages", messages)
    app.router.add_get("/inbox.js", script)
    return app


def threads(messages: Iterable[Mapping[str, Any]]) -> tuple[Post, ...]:
    """Return messages as posts with their replies; the latest conversation first."""
    messages = list(messages)
    roots = [m for m in messages if m.get("thread_ts") in (None, m["ts"])]
    posts = (_post(root, tuple(_post(m) for m in messages if _answers(m, root))) for root in roots)
    latest = sorted(posts, key=lambda p: (p.replies[-1] if p.replies else p).at, reverse=True)
    return tuple(latest)


def _answers(message: Mapping[str, Any], root: Mapping[str, Any]) -> bool:
    return message is not root and (message.get("thread_ts"), message["channel"]) == (
        root["ts"],
        root["channel"],
    )


def _post(message: Mapping[str, Any], replies: tuple[Post, ...] = ()) -> Post:
    return Post(
        channel=f"#{message['channel_name']}",
        at=datetime.fromtimestamp(float(message["ts"]), UTC),
        text=str(message.get("text", "")),
        body=message_html(message),
        edited=bool(message.get("edited")),
        replies=replies,
    )


def read_mail(content: bytes) -> Mail:
    """Return a message of the wire, decoded."""
    message = email.message_from_bytes(content, policy=email.policy.default)
    return Mail(
        sender=str(message["From"] or ""),
        recipients=str(message["To"] or ""),
        subject=str(message["Subject"] or ""),
        text=_part(message, "plain"),
        # A link opens in a tab of its own, as a mail program does it: the frame may not go there.
        html=_part(message, "html").replace("<head>", '<head><base target="_blank">', 1),
    )


def _part(message: EmailMessage, kind: str) -> str:
    part = message.get_body((kind,))
    return str(part.get_content()) if part else ""


async def _serve_smtp(caught: Catcher) -> asyncio.Server:
    from aiosmtpd.smtp import SMTP, Envelope, Session

    class Handler:
        async def handle_DATA(self, _: SMTP, __: Session, envelope: Envelope) -> str:  # noqa: N802
            caught.mails.append(read_mail(envelope.original_content or b""))
            return "250 kept"

    loop = asyncio.get_running_loop()
    server = await loop.create_server(
        lambda: SMTP(Handler(), enable_SMTPUTF8=True, hostname="demo", loop=loop), _HOST, 0
    )
    caught.smtp_port = server.sockets[0].getsockname()[1]
    return server


def _file(name: str) -> str:
    return files("pgdrift.demo").joinpath(name).read_text(encoding="utf-8")
