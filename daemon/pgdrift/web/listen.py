"""An address as the operator wrote it in, a running HTTP server out, or a clear refusal."""

import errno

from aiohttp import web

from pgdrift.errors import ConfigError

# Requests end within milliseconds; what is still open at the end is an idle connection.
_SHUTDOWN_SECONDS = 2.0

_WHY = {
    errno.EADDRINUSE: (
        "another program listens there",
        "stop it, or set web.listen to a free port",
    ),
    errno.EADDRNOTAVAIL: (
        "this machine has no such address",
        "set web.listen to an address of this machine, or to 0.0.0.0:8080 for all of them",
    ),
    errno.EACCES: ("permission denied", "set web.listen to a port of 1024 or higher"),
}
_UNKNOWN_HOST = ("the name or address is not known", "set web.listen, for example to 0.0.0.0:8080")


def parse_address(listen: str) -> tuple[str | None, int]:
    """Return host (None for every address) and port. Raises ValueError for anything else."""
    host, colon, port = listen.rpartition(":")
    bracketed = host.startswith("[") and host.endswith("]")
    if not colon or not port.isascii() or not port.isdigit() or int(port) > 65535:
        raise ValueError("must be an address and a port, as 0.0.0.0:8080")
    if ":" in host and not bracketed:
        raise ValueError("an IPv6 address stands in brackets, as [::1]:8080")
    return (host[1:-1] if bracketed else host) or None, int(port)


async def serve(app: web.Application, listen: str) -> web.AppRunner:
    """Start to serve; the caller ends it with `await runner.cleanup()`.

    Port 0 takes a free one, which `runner.addresses` names. Raises ConfigError when the address
    is invalid, taken or not to be had.
    """
    try:
        host, port = parse_address(listen)
    except ValueError as error:
        raise ConfigError(f"web.listen: {listen!r} {error}", reason="invalid") from error
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=_SHUTDOWN_SECONDS)
    await runner.setup()
    try:
        await web.TCPSite(runner, host, port).start()
    except OSError as error:
        await runner.cleanup()
        why, hint = _WHY.get(error.errno or 0, _UNKNOWN_HOST)
        message = f"web.listen: cannot listen on {listen}: {why}"
        raise ConfigError(message, reason="invalid", hint=hint) from error
    return runner
