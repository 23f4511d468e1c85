"""A path in, the SQL files to load out, in the order in which migration tools run them.

The ways back that some tools keep beside the way forth (down, undo) are left out. What is in a
file is not understood here, but for the comments that part the two ways.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from hashlib import blake2b
from pathlib import Path

from pgdrift.errors import ConfigError

_WAY_BACK = re.compile(
    r"(^|[._-])(down|undo)\.sql$|(^|\.)(revert|rollback)\.sql$|^U\d[\d._]*__.*", re.IGNORECASE
)
# Flyway: V2__x, V2.1__x, once each; R__x, again whenever it changes; B2__x, instead of all up to 2.
_FLYWAY = re.compile(r"(?:([VB])(\d[\d._]*)|(R))__.*\.sql", re.IGNORECASE)
# dbmate, goose, sql-migrate; node-pg-migrate.
_SECTION = re.compile(
    r"[ \t]*--[ \t]*(?:migrate:|\+goose[ \t]+|\+migrate[ \t]+)(up|down)\b"
    r"|[ \t]*--[ \t]*(up|down)[ \t]+migration\b",
    re.IGNORECASE,
)
_DIGITS = re.compile(r"(\d+)")


@dataclass(frozen=True, slots=True)
class SqlFile:
    """One file: its name as people know it, and its text."""

    name: str
    text: str


@dataclass(frozen=True, slots=True)
class SqlFiles:
    """The files of a path in the order to load them in, and what was left out, by name."""

    path: str
    files: Sequence[SqlFile]
    left_out: Sequence[str] = ()

    @property
    def digest(self) -> str:
        """Content hash of all names and texts: as long as it stays, nothing need be loaded."""
        hashed = blake2b(digest_size=16)
        for file in self.files:
            for part in (file.name, file.text):
                encoded = part.encode("utf-8", "surrogateescape")
                hashed.update(b"%d:" % len(encoded) + encoded)
        return hashed.hexdigest()


def read_files(path: Path) -> SqlFiles:
    """Return the SQL files of a path: itself, or those in the folder, below it too.

    Raises ConfigError (unreadable) with the file that cannot be read, and for a folder of none.
    """
    try:
        if not path.is_dir():
            return SqlFiles(str(path), [_read(path, str(path))])
        found = sorted(p for p in path.rglob("*.sql") if _is_plain(p.relative_to(path)))
        taken = list(_in_order([p.relative_to(path) for p in found]))
        if not taken:
            raise ConfigError(
                f"there is no SQL file in the folder {path}",
                reason="unreadable",
                hint="name the folder in which the *.sql files lie",
            )
        left = sorted(str(p.relative_to(path)) for p in found if p.relative_to(path) not in taken)
        return SqlFiles(str(path), [_read(path / p, str(path / p)) for p in taken], left)
    except OSError as error:
        where = error.filename or path
        msg = f"cannot read {where}: {error.strerror}"
        raise ConfigError(msg, reason="unreadable", hint="is it there, and readable?") from error


def _is_plain(path: Path) -> bool:
    return not any(part.startswith(".") for part in path.parts)


def _read(path: Path, name: str) -> SqlFile:
    data = path.read_bytes()
    if data.startswith(b"PGDMP"):
        msg = f"{name} is a dump in pg_dump's own format, no SQL text"
        raise ConfigError(msg, reason="unreadable", hint="dump with pg_dump --format=plain")
    try:
        text = data.decode("utf-8-sig").replace("\r\n", "\n")
    except UnicodeDecodeError as error:
        line = error.object.count(b"\n", 0, error.start) + 1
        msg = f"{name}:{line}: this is not text in UTF-8"
        raise ConfigError(msg, reason="unreadable", hint="write it in UTF-8") from None
    if "\0" in text:
        msg = f"{name} holds a zero byte: it is no SQL text"
        raise ConfigError(msg, reason="unreadable", hint="write it in UTF-8")
    return SqlFile(name, way_forth(text))


def way_forth(text: str) -> str:
    """Return the text with empty lines for all that stands in no `up` section, if it has any."""
    lines = text.split("\n")
    marks = [_SECTION.match(line) for line in lines]
    if not any(marks):
        return text
    kept, up = [], False
    for line, mark in zip(lines, marks, strict=True):
        up = (mark[1] or mark[2]).lower() == "up" if mark else up
        kept.append(line if up else "")
    return "\n".join(kept)


def _in_order(paths: Sequence[Path]) -> Iterator[Path]:
    """Give the paths to load; a folder with Flyway's names in it is taken as Flyway takes it."""
    forth = [p for p in paths if not _WAY_BACK.search(p.name)]
    flyway = {p: m for p in forth if (m := _FLYWAY.fullmatch(p.name))}
    if not any(m[2] for m in flyway.values()):
        yield from sorted(forth, key=lambda p: [natural(part) for part in p.parts])
        return
    versions = {p: _version(m[2]) for p, m in flyway.items() if m[2]}
    base = max((v for p, v in versions.items() if _is_base(flyway[p])), default=None)
    for path in sorted(versions, key=lambda p: (versions[p], not _is_base(flyway[p]))):
        is_base, version = _is_base(flyway[path]), versions[path]
        if base is None or version > base or (is_base and version == base):
            yield path
    yield from sorted((p for p, m in flyway.items() if m[3]), key=lambda p: p.name)


def natural(name: str) -> list[tuple[int, int, str]]:
    """Return a key by which 2 stands before 10, as people count."""
    return [
        (0, int(part), part) if part.isdigit() else (1, 0, part)
        for part in _DIGITS.split(name)
        if part
    ]


def _version(text: str) -> tuple[int, ...]:
    """Return 1.10.0 as numbers; trailing noughts say nothing."""
    numbers = [int(n) for n in re.findall(r"\d+", text)]
    while numbers and not numbers[-1]:
        numbers.pop()
    return tuple(numbers)


def _is_base(found: re.Match[str]) -> bool:
    return (found[1] or "").upper() == "B"
