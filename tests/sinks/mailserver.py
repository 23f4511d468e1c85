"""A real SMTP server on this machine that keeps what it takes, and refuses what it is told to."""

import asyncio
import email
import email.policy
import ssl
from email.message import EmailMessage
from typing import Any

from aiosmtpd.smtp import SMTP, AuthResult, Envelope, Session

from pgdrift.sinks import EmailChannel


class MailServer:
    """Kept mails in `mails`; `recipient`, `data` and `login` are what it answers."""

    def __init__(self, tls: ssl.SSLContext | None = None, *, implicit: bool = False) -> None:
        self.mails: list[EmailMessage] = []
        self.encrypted: list[bool] = []
        self.recipients: list[str] = []
        self.recipient: dict[str, str] = {}
        self.data = "250 kept"
        self.login = AuthResult(success=True)
        self.greets = True
        self.port = 0
        self._tls = tls
        self._implicit = implicit
        self._server: asyncio.Server | None = None

    async def start(self) -> None:
        loop = asyncio.get_running_loop()
        self._server = await loop.create_server(
            self._protocol, "127.0.0.1", 0, ssl=self._tls if self._implicit else None
        )
        self.port = self._server.sockets[0].getsockname()[1]

    async def stop(self) -> None:
        if self._server is not None:
            self._server.close()

    def channel(self, **more: object) -> EmailChannel:
        """Return settings that send to this server."""
        return EmailChannel.model_validate(
            {
                "type": "email",
                "host": "localhost",
                "port": self.port,
                "from": "pgdrift <pgdrift@example.org>",
                "to": ["DBA <dba@example.org>", "oncall@example.org"],
                **more,
            }
        )

    def _protocol(self) -> asyncio.Protocol:
        if not self.greets:
            return asyncio.Protocol()
        return SMTP(
            self,
            enable_SMTPUTF8=True,
            hostname="mail.test",
            loop=asyncio.get_running_loop(),
            tls_context=None if self._implicit else self._tls,
            auth_require_tls=not self._implicit,
            authenticator=self._authenticate,
        )

    def _authenticate(self, *_: Any) -> AuthResult:
        return self.login

    async def handle_RCPT(  # noqa: N802
        self, _: SMTP, __: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        answer = self.recipient.get(address, "250 ok")
        if answer.startswith("250"):
            envelope.rcpt_tos.append(address)
        return answer

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:  # noqa: N802
        if self.data.startswith("250") and isinstance(envelope.content, bytes):
            message = email.message_from_bytes(envelope.content, policy=email.policy.default)
            self.mails.append(message)
            self.recipients += envelope.rcpt_tos
            self.encrypted.append(session.ssl is not None or self._implicit)
        return self.data
