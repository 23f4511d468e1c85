"""Logging: one JSON object a line in production, readable on a terminal, never a secret."""

import logging
import re
import sys
from typing import Literal

import structlog
from structlog.typing import EventDict, FilteringBoundLogger, WrappedLogger

# A URL with a typo (`postgres//…`) holds the same password.
_URL_PASSWORD = re.compile(
    r"(?P<head>\b[a-z][a-z0-9+]*:?/{1,3}[^\s/@:]*:)[^\s@]*(?=@)", re.IGNORECASE
)
_KEY_PASSWORD = re.compile(
    r"""(?P<head>\b(?:password|passwd|sslpassword|token|secret)(?:\s*=\s*|["']\s*:\s*))"""
    r"""(?:'[^']*'|"[^"]*"|[^\s,;&]+)""",
    re.IGNORECASE,
)
_SLACK = re.compile(r"xox[a-z]-[A-Za-z0-9-]+|hooks\.slack\.com/services/\S+")


def redact(text: str) -> str:
    """Return the text with passwords of URLs and key=value pairs, and Slack tokens, masked."""
    text = _URL_PASSWORD.sub(r"\g<head>***", text)
    text = _KEY_PASSWORD.sub(r"\g<head>***", text)
    return _SLACK.sub("***", text)


def masked(value: object) -> object:
    """Return a JSON value with what looks like a password masked in any text of it."""
    match value:
        case str():
            return redact(value)
        case dict():
            return {name: masked(inner) for name, inner in value.items()}
        case list():
            return [masked(inner) for inner in value]
    return value


def _redact_event(_: WrappedLogger, __: str, event: EventDict) -> EventDict:
    return {k: redact(v) if isinstance(v, str) else v for k, v in event.items()}


def configure(level: str = "info", fmt: Literal["auto", "json", "console"] = "auto") -> None:
    """Set up logging for the process, to standard error; `auto` is readable on a terminal."""
    console = fmt == "console" or (fmt == "auto" and sys.stderr.isatty())
    renderer: structlog.typing.Processor = (
        structlog.dev.ConsoleRenderer() if console else structlog.processors.JSONRenderer()
    )
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.format_exc_info,
            _redact_event,
            renderer,
        ],
        wrapper_class=structlog.make_filtering_bound_logger(logging.getLevelName(level.upper())),
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
        cache_logger_on_first_use=False,
    )


def get_logger(name: str) -> FilteringBoundLogger:
    """Return a logger whose events carry `room=name` (structlog keeps `logger` for itself)."""
    logger: FilteringBoundLogger = structlog.get_logger(room=name)
    return logger
