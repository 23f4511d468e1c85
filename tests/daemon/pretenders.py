"""Servers that are not what is wanted: one that talks rubbish, and a PostgreSQL that is too old.

The old one speaks as much of the protocol as it takes to say how old it is: to be connected to
and to answer one question in a transaction. It stands for a server that cannot be installed any more.
"""

from __future__ import annotations

import asyncio
import struct
from collections.abc import Awaitable, Callable

_TEXT, _INT4 = 25, 23
_SSL = 80877103
_PARAMETERS = {
    "server_version": "12.22",
    "server_encoding": "UTF8",
    "client_encoding": "UTF8",
    "DateStyle": "ISO, MDY",
    "integer_datetimes": "on",
    "standard_conforming_strings": "on",
    "TimeZone": "UTC",
}

Talk = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


async def start(talk: Talk) -> tuple[asyncio.Server, int]:
    """Listen, and return the server and its port."""
    server = await asyncio.start_server(talk, "127.0.0.1", 0)
    return server, server.sockets[0].getsockname()[1]


async def rubbish(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Answer anything with what no protocol knows."""
    await reader.read(1)
    writer.write(b"\x00\xff HELO <!channel> \x1b[31m" * 20)
    writer.close()


async def http(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Answer as a web server does that does not understand."""
    await reader.read(8)
    writer.write(b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
    writer.close()


async def mute(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Hang up at the first word."""
    await reader.read(1)
    writer.close()


async def old(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Be PostgreSQL 12."""
    try:
        await _greet(reader, writer)
        while (kind := await reader.readexactly(1)) != b"X":
            (length,) = struct.unpack("!i", await reader.readexactly(4))
            await reader.readexactly(length - 4)
            writer.write(b"".join(_ANSWERS.get(kind, [])))
    except (asyncio.IncompleteReadError, ConnectionError):
        pass
    writer.close()


async def _greet(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    while True:
        length, code = struct.unpack("!ii", await reader.readexactly(8))
        await reader.readexactly(length - 8)
        if code != _SSL:
            break
        writer.write(b"N")
    writer.write(_message(b"R", struct.pack("!i", 0)))
    for name, value in _PARAMETERS.items():
        writer.write(_message(b"S", _text(name) + _text(value)))
    writer.write(_message(b"K", struct.pack("!ii", 1, 1)) + _READY)


def _message(kind: bytes, body: bytes = b"") -> bytes:
    return kind + struct.pack("!i", len(body) + 4) + body


def _text(text: str) -> bytes:
    return text.encode() + b"\0"


def _field(name: str, oid: int, size: int) -> bytes:
    return _text(name) + struct.pack("!ihihih", 0, 0, oid, size, -1, 0)


def _value(value: bytes) -> bytes:
    return struct.pack("!i", len(value)) + value


_READY = _message(b"Z", b"I")
_VERSION = b"PostgreSQL 12.22 on x86_64-pc-linux-gnu, compiled by gcc, 64-bit"
_COLUMNS = struct.pack("!h", 2) + _field("version", _TEXT, -1) + _field("number", _INT4, 4)
_ROW = struct.pack("!h", 2) + _value(_VERSION) + _value(struct.pack("!i", 120022))
_ANSWERS = {
    b"P": [_message(b"1")],
    b"D": [_message(b"t", struct.pack("!h", 0)), _message(b"T", _COLUMNS)],
    b"B": [_message(b"2")],
    b"E": [_message(b"D", _ROW), _message(b"C", _text("SELECT 1"))],
    b"C": [_message(b"3")],
    b"S": [_READY],
    b"Q": [_message(b"C", _text("BEGIN")), _READY],
}
