"""The real command line, ended by SIGKILL between two steps of its loop: `killed.py STEP ARGUMENT…`.

What runs between two awaits is one step of the event loop. They are counted from the moment at
which there is something to tell; the process dies before the one with the number STEP.
"""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from typing import Any

from pgdrift import cli, watch
from pgdrift.cli import daemon
from pgdrift.core import look


def main(step: int, arguments: list[str]) -> None:
    left = step
    counting = False
    run = asyncio.events.Handle._run

    def counted(handle: asyncio.events.Handle) -> None:
        nonlocal left
        if counting:
            left -= 1
            if left <= 0:
                os.kill(os.getpid(), signal.SIGKILL)
        run(handle)

    def seen(*args: Any) -> Any:
        nonlocal counting
        conclusion = look.seen(*args)
        counting = counting or bool(conclusion.step.notices)
        return conclusion

    asyncio.events.Handle._run = counted  # type: ignore[method-assign, assignment]
    vars(daemon)["_loop_factory"] = lambda: None
    vars(watch)["seen"] = seen
    cli.main(arguments)


if __name__ == "__main__":
    main(int(sys.argv[1]), sys.argv[2:])
