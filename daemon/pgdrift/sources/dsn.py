"""A DSN as people write it in, the URL that the driver takes and the words that may be shown out.

Both forms of libpq are taken: `postgresql://…` and `key=value …`.
"""

from __future__ import annotations

import re
from urllib.parse import parse_qsl, quote, unquote, urlencode, urlsplit

from pgdrift.errors import ConfigError

_PAIR = re.compile(r"\s*(\w+)\s*=\s*('(?:[^'\\]|\\.)*'|(?:[^\s'\\]|\\.)*)\s*")

# libpq knows these and the driver does not: it would send them to the server as settings.
_OF_LIBPQ = frozenset(
    """
    channel_binding client_encoding connect_timeout fallback_application_name gssdelegation
    gssencmode gsslib hostaddr keepalives keepalives_count keepalives_idle keepalives_interval
    krbsrvname load_balance_hosts replication requirepeer requiressl sslcompression sslsni
    tcp_user_timeout application_name
    """.split()
)


def to_url(dsn: str) -> str:
    """Return the DSN as a URL for the driver. Raises ConfigError (invalid) for what is none."""
    dsn = dsn.strip()
    if "://" not in dsn and "=" in dsn:
        return _url_of_pairs(_pairs(dsn))
    try:
        parts = urlsplit(dsn)
        ports = [port for host in _hosts(parts.netloc) if (port := _port(host))]
    except ValueError:
        raise _invalid("it cannot be taken apart") from None
    if parts.scheme not in {"postgresql", "postgres"}:
        raise _invalid("it does not begin with postgresql:// or postgres://")
    if not all(port.isdecimal() and 0 < int(port) < 65536 for port in ports):
        raise _invalid("its port is no number from 1 to 65535")
    kept = [(k, v) for k, v in parse_qsl(parts.query, True) if k not in _OF_LIBPQ]
    # Not urlunsplit: it drops the empty host of `postgresql:///name`.
    query = f"?{urlencode(kept)}" if kept else ""
    return f"{parts.scheme}://{parts.netloc}{parts.path}{query}"


def at_database(dsn: str, name: str) -> str:
    """Return the URL of another database on the same server. Raises ConfigError (invalid)."""
    parts = urlsplit(to_url(dsn))
    kept = [(k, v) for k, v in parse_qsl(parts.query, True) if k not in {"dbname", "database"}]
    query = f"?{urlencode(kept, quote_via=quote)}" if kept else ""
    return f"{parts.scheme}://{parts.netloc}/{quote(name, safe='')}{query}"


def describe(dsn: str) -> str:
    """Return `host:port/database` for messages: never the user's password, and never an error."""
    try:
        parts = urlsplit(to_url(dsn))
    except ConfigError:
        return "a DSN that cannot be read"
    query = dict(parse_qsl(parts.query))
    user = parts.netloc.rpartition("@")[0].partition(":")[0] or query.get("user", "")
    database = parts.path.lstrip("/") or query.get("dbname") or query.get("database") or user
    return f"{address(dsn)}/{unquote(database)}"


def address(dsn: str) -> str:
    """Return `host:port` of a DSN, of several hosts all. Raises ConfigError (invalid)."""
    parts = urlsplit(to_url(dsn))
    query = dict(parse_qsl(parts.query))
    host = ",".join(h if _port(h) else f"{h}:5432" for h in _hosts(parts.netloc) if h)
    if not host:
        host = f"{query.get('host', 'localhost')}:{query.get('port', '5432')}"
    return unquote(host)


def without_tls(url: str) -> tuple[tuple[str, int], ...]:
    """Return the addresses (host, port) that a URL of `to_url` leads to with TLS switched off."""
    parts = urlsplit(url)
    query = dict(parse_qsl(parts.query))
    if query.get("sslmode") != "disable":
        return ()
    named = [h for h in _hosts(parts.netloc) if h] or query.get("host", "").split(",")
    ports = query.get("port", "5432").split(",") * len(named)
    return tuple(
        (unquote(h.removesuffix(f":{_port(h)}")).strip("[]"), int(_port(h) or port))
        for h, port in zip(named, ports, strict=False)
        if h and not unquote(h).startswith("/") and (_port(h) or port).isdecimal()
    )


def _hosts(netloc: str) -> list[str]:
    return netloc.rpartition("@")[2].split(",")


def _port(host: str) -> str:
    """Return what stands behind the colon; an IPv6 address has its own in brackets."""
    return host.rpartition("]")[2].partition(":")[2]


def _pairs(dsn: str) -> dict[str, str]:
    pairs, at = {}, 0
    while at < len(dsn):
        found = _PAIR.match(dsn, at)
        if not found:
            raise _invalid("a key=value pair in it cannot be read")
        value = found[2][1:-1] if found[2].startswith("'") else found[2]
        pairs[found[1]] = re.sub(r"\\(.)", r"\1", value)
        at = found.end()
    return pairs


def _url_of_pairs(pairs: dict[str, str]) -> str:
    if not pairs.get("port", "1").replace(",", "").isdecimal():
        raise _invalid("its port is no number from 1 to 65535")
    database = quote(pairs.pop("dbname", ""), safe="")
    host = pairs.pop("host", pairs.get("hostaddr", ""))
    kept = {k: v for k, v in {"host": host, **pairs}.items() if v and k not in _OF_LIBPQ}
    return f"postgresql:///{database}?{urlencode(kept, quote_via=quote)}"


def _invalid(why: str) -> ConfigError:
    # The text itself is not shown: a password with "@" or "/" would be part of what is wrong.
    return ConfigError(
        f"the DSN of a database is not valid: {why}",
        reason="invalid",
        hint="write postgresql://user:password@host:5432/database, and percent-encode"
        " @ : / ? # % in the password",
    )
