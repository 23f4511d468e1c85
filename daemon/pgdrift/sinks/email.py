"""E-mail by SMTP: one mail per notice, one conversation per incident.

One try, no more: when to try again is the outbox's. What a mail says is `mail.py`.
"""

import ssl
from collections.abc import Mapping
from email.errors import MessageError
from email.headerregistry import Address
from email.utils import parseaddr
from pathlib import Path
from typing import Annotated, Any, Literal, Self

import aiosmtplib
from pydantic import AfterValidator, BaseModel, Field, SecretStr, model_validator

from pgdrift.core.alerts.incident import Delivery
from pgdrift.core.shown.render import one_line
from pgdrift.errors import SinkError
from pgdrift.log import get_logger
from pgdrift.sinks import mail
from pgdrift.sinks.hosts import check_host
from pgdrift.sinks.secret import SETTINGS, check_one_source, read_secret
from pgdrift.sinks.thread import own

_TIMEOUT = 20.0  # seconds, for each answer of the server

log = get_logger("sinks.email")


def _address(text: str) -> str:
    name, address = parseaddr(text)
    local, _, domain = address.rpartition("@")
    if not (text.isprintable() and local and domain and " " not in address):
        raise ValueError("must be one address, as dba@example.org or 'DBA <dba@example.org>'")
    try:
        Address(display_name=name, addr_spec=address)  # raises what the header would refuse
    except (MessageError, LookupError, AttributeError):  # its parser trips over some rubbish
        raise ValueError("must be one address that a mail's header can hold") from None
    return text


MailAddress = Annotated[str, AfterValidator(_address)]


class EmailChannel(BaseModel):
    """Which server to hand mails to, and to whom they go.

    `starttls`: `auto` encrypts when the server offers it, and insists when a password is sent;
    `require` always insists; `tls` speaks TLS from the first byte (port 465); `none` never does.
    """

    model_config = SETTINGS | {"populate_by_name": True}

    type: Literal["email"]
    host: Annotated[str, AfterValidator(check_host)] = Field(description="the mail server")
    port: int | None = Field(
        None, ge=1, le=65535, description="else 465 with tls, 587 with a login, 25"
    )
    starttls: Literal["auto", "require", "tls", "none"] = Field(
        "auto", description="how to encrypt"
    )
    username: str | None = Field(None, description="for a login")
    password: SecretStr | None = Field(None, description="for a login")
    password_file: Path | None = Field(None, description="file with it, read at each mail")
    from_address: MailAddress = Field(
        "pgdrift@localhost", alias="from", description="the sender: an address, or Name <address>"
    )
    to: list[MailAddress] = Field(min_length=1, description="the recipients")

    @model_validator(mode="after")
    def _login(self) -> Self:
        if self.username is not None:
            check_one_source("password", self.password, self.password_file)
        elif self.password is not None or self.password_file is not None:
            raise ValueError("a password without a username: give username too")
        return self

    @property
    def server_port(self) -> int:
        """The port in use: 465 with TLS, 587 with a login, else 25, unless one is set."""
        return self.port or (465 if self.starttls == "tls" else 587 if self.username else 25)


async def send(channel: EmailChannel, delivery: Delivery, *, link: str | None) -> Mapping[str, str]:
    """Tell one notice; return the conversation: the first mail's `message_id` and `subject`.

    Raises SinkError.
    """
    delivery = own(delivery, "message_id", "subject")
    message = mail.compose(delivery, sender=channel.from_address, recipients=channel.to, link=link)
    try:
        refused, _ = await aiosmtplib.send(message, **await _connection(channel))
    except (aiosmtplib.SMTPException, TimeoutError, OSError, UnicodeError) as error:
        raise _fault(error, channel) from None
    for address, answer in refused.items():
        log.warning("email.recipient_refused", address=address, code=answer.code)
    return mail.conversation(message, delivery)


async def _connection(channel: EmailChannel) -> dict[str, Any]:
    password = None
    if channel.username is not None:
        password = await read_secret("password", channel.password, channel.password_file)
    # None: where the server offers it.
    offered = True if channel.username is not None else None
    starts = {"auto": offered, "require": True, "tls": False, "none": False}
    return {
        "hostname": channel.host,
        "port": channel.server_port,
        "use_tls": channel.starttls == "tls",
        "start_tls": starts[channel.starttls],
        "username": channel.username,
        "password": password,
        "timeout": _TIMEOUT,
    }


def _fault(error: Exception, channel: EmailChannel) -> SinkError:
    server = f"{channel.host}:{channel.server_port}"
    match error:
        case aiosmtplib.SMTPRecipientsRefused(recipients=recipients):
            return _refused(server, min(recipients, key=lambda r: r.code))
        case aiosmtplib.SMTPAuthenticationError(code=code):
            return SinkError(
                f"{server} refused the login: {code}",
                reason="authentication",
                hint="check username and password",
                # A password from a file may be replaced before the next try.
                retry=_passing(code) or channel.password_file is not None,
            )
        case aiosmtplib.SMTPResponseException():
            return _refused(server, error)
    # The library says so of what the server does not offer, and of nothing else.
    if type(error) in {aiosmtplib.SMTPException, aiosmtplib.SMTPNotSupported}:
        return _unsupported(server, str(error))
    return SinkError(
        f"{server} did not answer: {_detail(error)}",
        reason="unreachable",
        hint="check host, port, starttls and the network",
        retry=True,
        in_doubt=not isinstance(error, aiosmtplib.SMTPConnectError | UnicodeError),
    )


def _refused(server: str, error: aiosmtplib.SMTPResponseException) -> SinkError:
    said = one_line(str(error.message))[:200]
    return SinkError(
        f"{server} did not take the mail: {error.code} {said}",
        reason="refused",
        hint="" if _passing(error.code) else "check from, to, and what the server allows",
        retry=_passing(error.code),
    )


def _unsupported(server: str, what: str) -> SinkError:
    return SinkError(
        f"{server} cannot take the mail this way: {what}",
        reason="refused",
        hint="with a login or starttls: require encryption is demanded; starttls: tls is for port"
        " 465, starttls: none sends all in clear",
        retry=False,
    )


def _passing(code: int) -> bool:
    return 400 <= code < 500


def _detail(error: Exception) -> str:
    if isinstance(error, ssl.SSLCertVerificationError):
        return f"its certificate is not trusted ({error.verify_message})"
    return getattr(error, "strerror", None) or type(error).__name__
