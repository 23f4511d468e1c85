"""The real command line, ended by SIGKILL at a chosen point: `crash.py POINT NUMBER ARGUMENT…`.

A point is a moment on an alert's way, from what was read to what was told. The process dies when
that moment comes for the NUMBER-th time; only moments that have something to tell are counted.
"""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Awaitable, Callable, Mapping
from functools import wraps
from typing import Any

import aiosmtplib
from slack_sdk.web.async_client import AsyncWebClient

from pgdrift import cli, watch
from pgdrift.core import look
from pgdrift.sources.reading import Source
from pgdrift.store import books, outbox
from pgdrift.store.store import Store

Verb = Callable[..., Any]


class Fuse:
    """Counts the moments, and ends the process when it is time."""

    def __init__(self, number: int) -> None:
        self.left = number

    def __call__(self) -> None:
        self.left -= 1
        if self.left == 0:
            os.kill(os.getpid(), signal.SIGKILL)


def _always(*_: object) -> bool:
    return True


def before(place: Any, name: str, counts: Callable[..., bool] = _always) -> Callable[[Fuse], None]:
    """Die before the verb runs; `counts` gets its arguments."""

    def arm(fuse: Fuse) -> None:
        verb = getattr(place, name)

        @wraps(verb)
        async def run(*args: Any, **kwargs: Any) -> Any:
            if counts(*args):
                fuse()
            return await verb(*args, **kwargs)

        setattr(place, name, run)

    return arm


def after(place: Any, name: str, counts: Callable[..., bool] = _always) -> Callable[[Fuse], None]:
    """Die when the verb has run; `counts` gets its result and its arguments."""

    def arm(fuse: Fuse) -> None:
        verb: Callable[..., Awaitable[Any]] = getattr(place, name)

        @wraps(verb)
        async def run(*args: Any, **kwargs: Any) -> Any:
            result = await verb(*args, **kwargs)
            if counts(result, *args):
                fuse()
            return result

        setattr(place, name, run)

    return arm


def _concluded(fuse: Fuse) -> None:
    """Die between the decision and its keeping."""
    verb = look.seen

    def seen(*args: Any) -> Any:
        conclusion = verb(*args)
        if conclusion.step.notices:
            fuse()
        return conclusion

    vars(watch)["seen"] = seen


def _read_something_new(reading: Any, _: object, book: Any) -> bool:
    return book.snapshot is not None and reading.snapshot is not book.snapshot


POINTS: Mapping[str, Callable[[Fuse], None]] = {
    "read": after(Source, "read", _read_something_new),
    "concluded": _concluded,
    "before_save": before(Store, "save", lambda _, step: bool(step.notices)),
    "before_save_commits": after(books, "save", lambda _, __, step, *___: bool(step.notices)),
    "saved": after(Store, "save", lambda _, __, step: bool(step.notices)),
    "due": after(Store, "due", lambda found, *_: bool(found)),
    "before_begin": before(Store, "begin"),
    "before_begin_commits": after(outbox, "begin"),
    "begun": after(Store, "begin"),
    "before_post": before(AsyncWebClient, "chat_postMessage"),
    "posted": after(AsyncWebClient, "chat_postMessage"),
    "before_edit": before(AsyncWebClient, "chat_update"),
    "edited": after(AsyncWebClient, "chat_update"),
    "before_mail": before(aiosmtplib, "send"),
    "mailed": after(aiosmtplib, "send"),
    "before_done": before(Store, "done"),
    "before_done_commits": after(outbox, "done"),
    "done": after(Store, "done"),
}


if __name__ == "__main__":
    _, point, number, *arguments = sys.argv
    POINTS[point](Fuse(int(number)))
    cli.main(arguments)
