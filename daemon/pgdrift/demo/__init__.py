"""`pgdrift demo`: a server, three databases, the real daemon, and a story that plays by itself.

Everything is on this machine, on loopback, and gone at the end, whichever way it ends.
"""

import asyncio
import importlib.util

from pgdrift.errors import WITH_DEMO, ConfigError


def run(port: int = 8080, exit_after: float | None = None) -> int:
    """Run the demo until Ctrl-C, or for so many seconds; return the exit code.

    0 when the story came to its end, 1 when it did not. Raises ConfigError when a part of the
    extra `demo` is missing.
    """
    if importlib.util.find_spec("aiosmtpd") is None:
        raise ConfigError("the demo needs aiosmtpd", reason="usage", hint=WITH_DEMO)
    from pgdrift.demo.show import run_demo

    try:
        return asyncio.run(run_demo(port=port, exit_after=exit_after))
    except KeyboardInterrupt:  # a second Ctrl-C: what is left goes with this process
        return 1
