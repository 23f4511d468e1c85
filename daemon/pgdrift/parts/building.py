"""What the settings name, built from them: how an environment is watched, where it is read.

Builds and starts nothing; the daemon and the command line use the same.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping

from pgdrift import rules
from pgdrift.core.book import Book
from pgdrift.core.kinds import classes, of_database
from pgdrift.core.look import Upstream, Watched
from pgdrift.core.model import Event
from pgdrift.core.shares import Budget
from pgdrift.errors import SourceError
from pgdrift.log import redact
from pgdrift.settings import Settings
from pgdrift.sources.embedded import binaries_of
from pgdrift.sources.files import FileSource
from pgdrift.sources.reading import Source
from pgdrift.sources.scratch import Scratch
from pgdrift.sources.servers import Servers


def watched(settings: Settings, name: str) -> Watched:
    """Return an environment as its looks need it."""
    environment = settings.environments[name]
    return Watched(
        name=name,
        follows=environment.follows,
        policy=rules.policy(settings, name, classes()),
        options=rules.options(settings.compare),
        names=rules.names(settings, name),
        names_upstream=rules.names(settings, environment.follows),
        own_kinds=own_kinds(cluster=environment.cluster),
        sync_rules=rules.sync_rules(settings, name),
        explained_by=settings.explained_by(name),
        migration_wait=settings.migration_wait(name),
        reads_ledger=environment.ledger != "none",
        routes=rules.routes(settings),
        owners=rules.owners(settings),
        patience=rules.patience(settings, name),
        reopen=settings.alerts.reopen,
        group=environment.group or "",
    )


def own_kinds(*, cluster: bool) -> frozenset[str]:
    """Return the kinds that are compared with the own past alone, unless all is asked for."""
    return frozenset() if cluster else of_database()


def scratch_of(settings: Settings, major: int | None = None) -> Scratch:
    """Return the scratch server as it is configured; nothing is started yet.

    `major` is the one that it had better be of: so it is where we may choose, and have that one.
    """
    of = settings.scratch
    chooses = major is not None and not of.named and of.embedded == "auto"
    found = binaries_of(major, of.binaries) if chooses and major else None
    return Scratch(
        of.read_dsn if of.named else None, embedded=of.embedded == "auto", binaries=found
    )


def source(
    settings: Settings, name: str, scratch: Scratch, *, cluster: bool = False
) -> Source | FileSource:
    """Return where an environment is read: a server, or a file that stands for one.

    `cluster` asks for what belongs to the whole cluster even where the settings do not.
    """
    environment = settings.environments[name]
    if environment.snapshot is not None:
        return FileSource(str(environment.snapshot), scratch)
    seconds = settings.timeout(name).total_seconds()
    return Source(
        environment.read_dsn,
        ledger=environment.ledger,
        statements=environment.statements,
        histories=environment.histories,
        statement_timeout=seconds,
        cluster=cluster or environment.cluster,
        full_read=settings.full_read(name).total_seconds(),
    )


def servers_of(settings: Settings) -> Servers:
    """Return the servers that environments are on, with their shares; none is asked yet."""
    budget = Budget(settings.connections.per_server, settings.connections.total)
    servers = Servers(budget)
    servers.wanted(on_servers(settings))
    return servers


def on_servers(settings: Settings) -> Mapping[str, tuple[Callable[[], str], bool]]:
    """Return of each environment on a server how to find its DSN, and whether to listen to it.

    Where databases are looked for, there is one more.
    """
    named = {
        name: (of.read_dsn, settings.listens(name))
        for name, of in settings.environments.items()
        if of.snapshot is None
    }
    asked = {f"discover.{name}": (of.read_dsn, False) for name, of in settings.discover.items()}
    return named | asked


def probing(settings: Settings, names: Iterable[str]) -> float:
    """Return within how many seconds looks may share what they wait for: a tenth of an interval."""
    intervals = [settings.interval(name).total_seconds() for name in names]
    return min([1.0, *(seconds / 10 for seconds in intervals)])


def upstream_of(name: str, book: Book, events: tuple[Event, ...] = ()) -> Upstream:
    """Return an environment as those that follow it see it, with the latest of its timeline."""
    reason = ""
    if book.failures:
        reason = f"{name} cannot be looked at: {book.reason}"
    elif book.snapshot is None:
        reason = f"{name} was not looked at yet"
    seen = (book.snapshot, book.histories, reason, book.seen_at)
    return Upstream(name, *seen, watched=True, events=events)


async def upstream_of_file(file: FileSource) -> Upstream:
    """Return a file or folder as those that follow it see it, or why it cannot be used."""
    try:
        reading = await file.read()
    except SourceError as error:
        return Upstream(file.path, None, reason=redact(str(error.args[0])))
    return Upstream(file.path, reading.snapshot, reading.histories)
