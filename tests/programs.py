"""Programs of the newest major there is, which can ask every older server too."""

from __future__ import annotations

import asyncio

from pgdrift.sources.embedded import find_binaries


async def run(program: str, *arguments: str, stdin: bytes = b"") -> bytes:
    """Return what a program of PostgreSQL prints; the test fails if that does."""
    process = await asyncio.create_subprocess_exec(
        str(find_binaries() / program),
        *arguments,
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    out, said = await process.communicate(stdin)
    assert process.returncode == 0, said.decode()
    return out
