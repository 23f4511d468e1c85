"""The name of a host, alone or in a URL, in; what no connection can ever be made to is refused."""

from contextlib import suppress
from ipaddress import ip_address
from urllib.parse import urlsplit

_LONGEST = 253  # what the domain name system can hold


def check_host(host: str) -> str:
    """Return the host. Raises ValueError for what is neither a name nor an address."""
    with suppress(ValueError):
        ip_address(host)
        return host
    if not host.isprintable() or set(host) & set(" :/@[]"):
        raise ValueError("must hold a host's name or address, and nothing else: host.example.org")
    try:
        # As the resolver does it, which raises UnicodeError in the middle of a delivery.
        encoded = host.encode("idna")
    except UnicodeError:
        raise ValueError("must be a host whose parts between dots have 1 to 63 letters") from None
    if not 0 < len(encoded) <= _LONGEST:
        raise ValueError(f"must be a host with a name of 1 to {_LONGEST} letters")
    return host


def check_url(url: str) -> str:
    """Return an HTTP URL. Raises ValueError for what is none; the text does not repeat it."""
    try:
        parts = urlsplit(url)
        host, port = parts.hostname, parts.port
    except ValueError:  # its text holds a part of the URL, which may be a secret
        raise ValueError("must be a whole address, https://…; this one cannot be read") from None
    if parts.scheme not in {"https", "http"} or not host or port == 0:
        raise ValueError("must be a whole address, https://…")
    check_host(host)
    return url
