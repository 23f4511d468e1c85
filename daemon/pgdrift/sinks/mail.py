"""A delivery in, an e-mail out: headers of one conversation, plain text and HTML. Sends nothing.

A delivery always has the same Message-ID, so that a mailbox can tell a copy from a new mail.
"""

import re
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import format_datetime, parseaddr
from hashlib import blake2b

from pgdrift.core.alerts.incident import Delivery, Reason
from pgdrift.core.model import Severity
from pgdrift.core.shown import render
from pgdrift.sinks import mail_words
from pgdrift.sinks.blocks import REPEATED

_MOST_SUBJECT = 200


def compose(
    delivery: Delivery, *, sender: str, recipients: Sequence[str], link: str | None
) -> EmailMessage:
    """Return the mail that tells a delivery."""
    domain = _domain(sender)
    message = EmailMessage(policy=SMTP)
    message["From"] = sender
    message["To"] = ", ".join(recipients)
    message["Subject"] = _subject(delivery)
    message["Date"] = format_datetime(datetime.now(UTC))
    message["Message-ID"] = f"<{_hash(delivery.id)}@{domain}>"
    message["List-Id"] = f"<{_list(delivery)}.pgdrift.{domain}>"
    message["Auto-Submitted"] = "auto-generated"
    message["X-Auto-Response-Suppress"] = "All"
    if delivery.thread is not None and (first := delivery.thread.get("message_id")):
        message["In-Reply-To"] = first
        message["References"] = first
    _sort(message, delivery)
    text, html = mail_words.bodies(delivery, link)
    message.set_content(text)
    message.add_alternative(html, subtype="html")
    return message


def conversation(message: EmailMessage, delivery: Delivery) -> Mapping[str, str]:
    """Return the conversation that a mail belongs to: its first mail's `message_id`, `subject`."""
    if delivery.thread is not None and not _from_digest(delivery):
        return dict(delivery.thread)
    return {"message_id": str(message["Message-ID"]), "subject": _headline(delivery)}


def _sort(message: EmailMessage, delivery: Delivery) -> None:
    """Add what a mailbox can sort by, in words of ours alone."""
    told = mail_words.worst(delivery.parts or (delivery.notice,))
    severity = told.incident.severity
    message["X-Pgdrift-Severity"] = severity.value
    message["X-Pgdrift-Reason"] = "digest" if delivery.parts else told.reason.value
    if severity is Severity.CRITICAL and told.reason is not Reason.RESOLVED:
        message["Importance"] = "high"


def _subject(delivery: Delivery) -> str:
    # Mail programs keep a conversation together only while its subject stays the same; what
    # happened stands in the first line, which they show beside the subject.
    first = None if _from_digest(delivery) else (delivery.thread or {}).get("subject")
    subject = f"Re: {first}" if first else _headline(delivery)
    whole = f"({REPEATED}) {subject}" if delivery.uncertain else subject
    # The library decodes an encoded word in what it is given, and writes out the line feeds in it.
    return whole.replace("=?", "= ?")


def _from_digest(delivery: Delivery) -> bool:
    # Its subject speaks of many: what becomes of one of them is a conversation of its own.
    return delivery.thread is not None and "digest" in delivery.thread


def _headline(delivery: Delivery) -> str:
    notices = delivery.parts or (delivery.notice,)
    many = mail_words.digest_headline(notices) if delivery.parts else ""
    line = many or render.headline(delivery.notice)
    line = f"[{mail_words.mood(mail_words.worst(notices))}] {line}"
    return line if len(line) <= _MOST_SUBJECT else line[: _MOST_SUBJECT - 1] + "…"


def _domain(sender: str) -> str:
    domain = parseaddr(sender)[1].rpartition("@")[2]
    try:
        return domain.encode("idna").decode("ascii")
    except UnicodeError:
        return "pgdrift.invalid"


def _list(delivery: Delivery) -> str:
    names = {n.incident.environment for n in delivery.parts or (delivery.notice,)}
    return _label(names.pop()) if len(names) == 1 else "digest"


def _label(name: str) -> str:
    plain = re.sub(r"[^a-z0-9-]+", "-", name.lower()).strip("-")
    return plain[:50] or _hash(name)


def _hash(text: str) -> str:
    return blake2b(text.encode("utf-8", "surrogatepass"), digest_size=16).hexdigest()
