"""A SQL file in, what of it is to be run on a scratch server out; and why a statement was refused.

Left out is what makes no object of the database: rows of a COPY, psql's own lines, statements
about a database as such. Refused is what must not run there: what reaches for other servers, or
changes one that is not ours alone. Words alone decide; what a statement means, a server says.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field

import asyncpg

from pgdrift.core.shown.render import one_line
from pgdrift.errors import SourceError
from pgdrift.log import redact
from pgdrift.sources.sqlfolder import SqlFile
from pgdrift.sources.statements import PsqlLine, Statement, UnfinishedError, split

# Words, not SQL: each is what psql calls it.
_CONNECT = {r"\c", r"\connect"}
_ONLY_PRINT = set(r"\restrict \unrestrict \echo \qecho \warn \timing \pset \unset".split())
_VARIABLES = set("ON_ERROR_STOP ON_ERROR_ROLLBACK ECHO QUIET VERBOSITY SHOW_CONTEXT".split())

_ROLES = {"role", "user", "group"}
_WITHOUT_CONNECTING = re.compile(r"\bconnect\s*=\s*'?(false|off|0)\b", re.IGNORECASE)
_REACHES_OUT = {"enable", "refresh", "connection"}
_EXTENSION = re.compile(r'extension "(.+?)" is not available|extension/([^/"]+)\.control')
_LITERAL = re.compile(r"'|\$[A-Za-z_\d]*\$")
# What a server says of these may repeat a password or a connection string.
_MAY_TELL = {"subscription", "role", "user", "group", "server"}
_LONGEST_HEAD = 70


@dataclass(slots=True)
class Screen:
    """What is known of all files of one load. `own`: the server is ours alone.

    `database` is what psql lines call the database that is loaded; `aside` counts statements
    about databases as such.
    """

    own: bool
    database: str = field(default="", init=False)
    aside: int = field(default=0, init=False)

    def parts(self, file: SqlFile) -> Iterator[Statement | PsqlLine]:
        """Give the statements to run; a psql line stands for a new session.

        Raises SourceError (refused) for what must not be run, with its line.
        """
        try:
            for part in split(file.text):
                if self._is_new_session(file, part) or self._is_to_run(file, part):
                    yield part
        except UnfinishedError as error:
            raise SourceError(
                f"{file.name}:{error.line}: {error}", reason="refused", hint="is the file cut?"
            ) from None

    def _is_new_session(self, file: SqlFile, part: Statement | PsqlLine) -> bool:
        if isinstance(part, Statement):
            return False
        if part.name in _CONNECT:
            # -reuse-previous=on "dbname='the name'", as dumps have it, or the name alone.
            name = re.sub(r"^-reuse-previous=\w+\s+", "", part.rest)
            if self.database in {"", name}:
                self.database = name
                return True
            raise _no(file, part, "it leads to a second database", "one file for each database")
        variable = part.name == r"\set" and part.rest.split(" ")[0] in _VARIABLES
        if variable or part.name in _ONLY_PRINT:
            return False
        raise _no(file, part, "only psql knows this command", "write what it does as SQL")

    def _is_to_run(self, file: SqlFile, part: Statement | PsqlLine) -> bool:
        if isinstance(part, PsqlLine):
            return False
        words = part.words
        if words[:1] == ("copy",) and (part.has("from", "stdin") or part.has("to", "stdout")):
            return False
        if words[:1] == ("lock",):  # it would ask for the transaction that a tool opens
            return False
        if words[1:2] == ("database",) or (
            words[:1] in {("comment",), ("grant",), ("revoke",), ("security",)}
            and part.has("on", "database")
        ):
            self.aside += 1
            return False
        _refuse_reaching_out(file, part)
        if not self.own:
            _refuse_of_the_cluster(file, part)
        return True


def _refuse_reaching_out(file: SqlFile, part: Statement) -> None:
    if part.words[1:2] != ("subscription",):
        return
    connects = part.words[0] == "create" and not _WITHOUT_CONNECTING.search(part.sql)
    if connects or (part.words[0] == "alter" and _REACHES_OUT & {*part.words}):
        what = "it would reach for the publisher, and take a slot there"
        raise _no(file, part, what, "make it WITH (connect = false), as pg_dump does")


def _refuse_of_the_cluster(file: SqlFile, part: Statement) -> None:
    words = part.words
    role = words[1:2] and words[1] in _ROLES and words[1:3] != ("user", "mapping")
    made = words[:1] and words[0] in {"create", "alter", "drop"}
    if (
        (made and (role or words[1:2] == ("tablespace",)))
        or words[:2] in {("alter", "system"), ("drop", "owned"), ("reassign", "owned")}
        or (words[:1] in {("grant",), ("revoke",)} and "on" not in words)
    ):
        what = "it changes the whole scratch server, which others use too"
        hint = "make roles there yourself, or leave out scratch.dsn: a server of our own takes it"
        raise _no(file, part, what, hint)


def refusal(
    file: SqlFile, part: Statement | PsqlLine, error: asyncpg.PostgresError, *, own: bool
) -> SourceError:
    """Return what a server said against a statement: where, which one, why, and what to do."""
    line = part.line
    at = getattr(error, "position", None)
    if isinstance(part, Statement) and at:
        line += part.sql.count("\n", 0, int(at))
    said = one_line(redact(str(error).split("\n")[0]))
    if isinstance(part, Statement) and _MAY_TELL & set(part.words[1:2]):
        said = f"the server refuses it (SQLSTATE {error.sqlstate})"
    hint = "see what the file needs to stand before this statement"
    if error.sqlstate == "42601":
        hint = "see whether it is whole, and SQL of PostgreSQL as this server's version knows it"
    if own and error.sqlstate in {"42704", "0A000"}:
        hint = "what a server of our own has not, another may have: name it with scratch.dsn"
    if extension := _EXTENSION.search(f"{error} {getattr(error, 'detail', '')}"):
        name = one_line(extension[1] or extension[2])
        said = f"the scratch server does not have the extension {name}"
        hint = f"name a server that has {name} with the setting scratch.dsn"
    elif not own and "role" in said and error.sqlstate == "42704":
        hint = "make the role on the scratch server, or leave out scratch.dsn: a server of our own "
        hint += "makes it by itself"
    return SourceError(f"{file.name}:{line}: {_head(part)}: {said}", reason="refused", hint=hint)


def _no(file: SqlFile, part: Statement | PsqlLine, what: str, hint: str) -> SourceError:
    return SourceError(
        f"{file.name}:{part.line}: {_head(part)}: {what}", reason="refused", hint=hint
    )


def _head(part: Statement | PsqlLine) -> str:
    """Return how a statement begins, up to its first literal: that may be a secret."""
    if isinstance(part, PsqlLine):
        return one_line(part.name)
    whole = " ".join(part.sql.split())
    head = _LITERAL.split(whole, maxsplit=1)[0][:_LONGEST_HEAD].rstrip()
    return one_line(head) + ("" if head == whole else " …")
