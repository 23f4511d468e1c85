"""What the driver, the system and the server say in, a SourceError out: translated once, here.

Every message names host:port/database and never a password; the cause is kept.
"""

from __future__ import annotations

import ssl
from collections.abc import Iterator
from contextlib import contextmanager
from socket import gaierror

import asyncpg

from pgdrift.errors import SourceError
from pgdrift.log import redact

# SQLSTATE, or its first two letters, → reason, what happened, what to do next.
_BY_STATE: dict[str, tuple[str, str, str]] = {
    "28P01": (
        "authentication",
        "refused the password",
        "check the user and the password in the DSN",
    ),
    "28": (
        "authentication",
        "refused the user",
        "check that the role exists, may LOG IN, and has a line in pg_hba.conf",
    ),
    "3D000": ("missing_database", "has no such database", "check the name at the DSN's end"),
    "42501": (
        "permission",
        "refused for want of a right",
        "grant the role CONNECT on the database, and SELECT on the ledger or catalog that is named",
    ),
    "57P03": ("busy", "is starting up or shutting down", "it is asked again at the next look"),
    "53300": (
        "busy",
        "has no connection to spare",
        "raise max_connections, the role's or database's CONNECTION LIMIT, or the pool's size",
    ),
    "53": ("busy", "is out of resources", "look into the server's log"),
    "55P03": (
        "timeout",
        "kept a lock for longer than lock_timeout",
        "a migration may be running; it is asked again at the next look",
    ),
    "57014": (
        "timeout",
        "cancelled a query, most likely for statement_timeout",
        "raise the environment's timeout if the schema is large",
    ),
    "57": ("interrupted", "ended the session", "it is asked again at the next look"),
    "40": ("interrupted", "could not finish the reading", "it is asked again at the next look"),
    "08P01": (
        "not_postgresql",
        "does not keep to the protocol",
        "check that host and port are those of a PostgreSQL server",
    ),
    "08": ("interrupted", "lost the connection", "it is asked again at the next look"),
    # What vanishes while it is read is missed as this, or as an internal error (XX).
    "42": (
        "interrupted",
        "could not follow a query",
        "asked again at the next look, as its schema may have moved; if it lasts, please report it",
    ),
}
_STRANGER = (
    "not_postgresql",
    "does not know what every PostgreSQL knows",
    "check that it is a PostgreSQL server, not one that only speaks its protocol",
)
_OTHER = ("interrupted", "could not answer", "it is asked again at the next look")


@contextmanager
def translated(where: str, *, connecting: bool = False) -> Iterator[None]:
    """Turn whatever asyncpg, the network or TLS raises inside into a SourceError.

    `where` is what `describe` says of the DSN. `connecting` tells that nothing was read yet: then
    whoever does not understand a query is no PostgreSQL server.
    """
    try:
        yield
    except asyncpg.PostgresError as error:
        raise _of_server(where, error, connecting=connecting) from error
    except TimeoutError as error:
        raise _timeout(where, connecting=connecting) from error
    except ssl.SSLError as error:
        raise _of_tls(where, error) from error
    except (OSError, asyncpg.InterfaceError, asyncpg.InternalClientError) as error:
        raise _of_network(where, error, connecting=connecting) from error


def _of_server(where: str, error: asyncpg.PostgresError, *, connecting: bool) -> SourceError:
    state = error.sqlstate or ""
    reason, what, hint = _BY_STATE.get(state) or _BY_STATE.get(state[:2]) or _OTHER
    if connecting and state[:2] == "42" and state not in _BY_STATE:
        reason, what, hint = _STRANGER
    if isinstance(error, asyncpg.ConnectionDoesNotExistError):
        reason, what, hint = _BY_STATE["08"]
    said = redact(str(error).splitlines()[0]) if str(error) else state
    # The server's words say the name once more, unless a pooler stands before another database.
    told = state == "3D000" and where.rpartition("/")[2] in said
    return SourceError(f"{where} {what}" + ("" if told else f": {said}"), reason=reason, hint=hint)


def _timeout(where: str, *, connecting: bool) -> SourceError:
    if connecting:
        return SourceError(
            f"{where} did not answer in time",
            reason="unreachable",
            hint="check host, port, firewall and network policy",
        )
    return SourceError(
        f"{where} did not answer a query in time",
        reason="timeout",
        hint="the server or the way to it is overloaded, or the connection is half open",
    )


def _of_tls(where: str, error: ssl.SSLError) -> SourceError:
    said = getattr(error, "verify_message", "") or error.reason or "TLS failed"
    return SourceError(
        f"{where} cannot be trusted or does not speak TLS: {said}",
        reason="unreachable",
        hint="check sslmode and sslrootcert in the DSN against the server's certificate",
    )


def _of_network(where: str, error: Exception, *, connecting: bool) -> SourceError:
    # The driver's word for a question that came between a server's last word and its hanging up.
    ended = "cannot switch to state" in str(error)
    if isinstance(error, asyncpg.InternalClientError) and not ended:
        return SourceError(
            f"{where} does not keep to the protocol",
            reason="not_postgresql",
            hint="check that host and port are those of a PostgreSQL server",
        )
    if ended or not connecting:
        return SourceError(f"{where} lost the connection", reason="interrupted", hint=_OTHER[2])
    if isinstance(error, gaierror):
        said, hint = "its name cannot be resolved", "check the host in the DSN, and DNS"
    elif isinstance(error, ConnectionRefusedError):
        said, hint = "nothing listens there", "check host and port, and that the server runs"
    elif "rejected SSL upgrade" in str(error):
        # The driver's word for every answer to its question but yes, and no where no is enough.
        said = "it does not speak TLS, or is no PostgreSQL server"
        hint = "check host and port, and sslmode in the DSN"
    else:
        said = getattr(error, "strerror", None) or "the connection failed"
        hint = "check host, port, firewall and network policy"
    return SourceError(f"{where} cannot be reached: {said}", reason="unreachable", hint=hint)
