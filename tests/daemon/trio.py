"""Several daemons that share one store on a server, each with a way to it that can be cut.

The store's server keeps a record of who wrote of which environment, its incidents and what is told of
them, and whether it held then what that takes.
"""

from __future__ import annotations

import signal
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import asyncpg

from pgdrift.demo.slack import SlackDouble
from pgdrift.store import open_store
from tests.conftest import run_sql
from tests.daemon.house import ALL, Daemon, House, through, until
from tests.daemon.proxy import Proxy
from tests.sinks.mailserver import MailServer

_RECORD = """
create table written (
  id serial primary key, about text, environment text, pid int, held bool, at timestamptz
);
create function record() returns trigger language plpgsql as $$
declare of text; duties text[]; begin
  of := case tg_table_name when 'environment' then to_jsonb(new)->>'name'
    when 'incident' then to_jsonb(new)->>'environment'
    else (select environment from incident where id = to_jsonb(new)->>'incident_id') end;
  duties := array['watch ' || of] || case tg_table_name when 'delivery' then array['lead'] end;
  insert into written (about, environment, pid, held, at)
  select tg_table_name, of, pg_backend_pid(), exists (
    select from pg_locks as l join duty as d on d.id = l.objid::int
    where l.locktype = 'advisory' and l.classid = 'duty'::regclass and l.objsubid = 2
      and l.granted and l.pid = pg_backend_pid() and d.name = any (duties)
  ), clock_timestamp();
  return null;
end $$;
create trigger recorded after insert or update on environment
  for each row execute function record();
create trigger recorded after insert or update on incident
  for each row execute function record();
create trigger recorded after insert or update on delivery
  for each row execute function record();
"""


@dataclass
class Replica:
    """One of them: its house, its way to the store, and its daemon while there is one."""

    house: House
    way: Proxy
    daemon: Daemon | None = None

    @property
    def running(self) -> Daemon:
        assert self.daemon is not None
        return self.daemon

    async def start(self) -> Daemon:
        self.daemon = await self.house.start()
        return self.daemon

    async def kill(self) -> None:
        self.running.process.kill()
        await self.running.process.wait()
        self.daemon = None

    def stop(self) -> None:
        self.running.signal(signal.SIGSTOP)

    def go_on(self) -> None:
        self.running.signal(signal.SIGCONT)


@dataclass
class Trio:
    """All replicas, and the store that they share."""

    store: str
    slack: SlackDouble
    mail: MailServer
    folder: Path
    environments: dict[str, str]
    interval: str = "2s"
    replicas: list[Replica] = field(default_factory=list)

    async def add(self) -> Replica:
        """Add one that is not started yet."""
        folder = self.folder / f"replica-{len(self.replicas)}"
        folder.mkdir()
        way = Proxy()
        port = await way.start(int(urlsplit(self.store).port or 0))
        house = House(folder, self.slack, self.mail)
        house.data["defaults"] |= {"interval": self.interval, "promotion_lag": "24h"}
        house.data["environments"] = {
            name: {"dsn": dsn, "listen": False} for name, dsn in self.environments.items()
        }
        house.data["store"] = {"url": through(self.store, port)}
        house.data["alerts"]["channels"] = {"oncall": house.slack_channel()}
        house.data["alerts"]["routes"] = [{"severity": ALL, "to": ["oncall"]}]
        replica = Replica(house, way)
        self.replicas.append(replica)
        return replica

    async def ask(self, query: str, *arguments: object) -> list[dict[str, Any]]:
        """Ask the store's database, past all that may be cut."""
        connection = await asyncpg.connect(self.store)
        try:
            return [dict(row) for row in await connection.fetch(query, *arguments)]
        finally:
            await connection.close()

    async def holders(self) -> dict[str, str]:
        """Return which member holds each environment now, by what the server says."""
        rows = await self.ask(
            "select d.name, m.name as member from pg_locks as l join duty as d"
            " on d.id = l.objid::int and l.classid = 'duty'::regclass join pg_locks as a"
            " on a.pid = l.pid and a.classid = 'member'::regclass"
            " join member as m on m.id = a.objid::int where l.granted and d.name like 'watch %'"
        )
        return {row["name"].removeprefix("watch "): row["member"] for row in rows}

    async def shared_by(self, *replicas: Replica) -> None:
        """Return once these, and no others, watch all environments, as many each as is fair."""
        pids = {str(r.running.process.pid) for r in replicas}
        fair = {len(self.environments) // len(pids), -(-len(self.environments) // len(pids))}
        seen: dict[str, str] = {}

        async def shared() -> bool:
            seen.clear()
            seen.update(await self.holders())
            counts: dict[str, int] = {}
            for member in seen.values():
                pid = member.rpartition(":")[2]
                counts[pid] = counts.get(pid, 0) + 1
            return seen.keys() == self.environments.keys() and (
                counts.keys() == pids and set(counts.values()) <= fair
            )

        await until(shared, lambda: f"{seen}\n{self.said()}")

    async def written(self) -> list[dict[str, Any]]:
        return await self.ask("select * from written order by id")

    async def looked(self, since: datetime) -> None:
        """Return once every environment was looked at since a time of the store's server."""
        missing: list[Any] = []

        async def all_of_them() -> bool:
            rows = await self.ask(
                "select distinct environment from written where about = 'environment' and at > $1",
                since,
            )
            missing[:] = sorted(self.environments.keys() - {row["environment"] for row in rows})
            return not missing

        await until(all_of_them, lambda: f"{missing}\n{self.said()}")

    async def now(self) -> datetime:
        found: datetime = (await self.ask("select clock_timestamp() as now"))[0]["now"]
        return found

    async def settled(self) -> None:
        """Return once all that was decided is told."""
        waiting: list[Any] = []

        async def nothing_waits() -> bool:
            waiting[:] = await self.ask(
                "select id, state, reason, attempts from delivery"
                " where state not in ('done', 'failed')"
            )
            return not waiting

        await until(nothing_waits, lambda: f"{waiting}\n{self.said()}")

    def said(self) -> str:
        return "\n".join(
            f"== {d.log}\n{d.said[-3000:]}" for r in self.replicas for d in r.house.daemons[-1:]
        )


@asynccontextmanager
async def trio(
    store: str, slack: SlackDouble, mail: MailServer, folder: Path, environments: dict[str, str]
) -> AsyncIterator[Trio]:
    """Give a store with its record and no replica yet; end all that was started."""
    async with open_store(store):
        pass
    await run_sql(store, _RECORD)
    made = Trio(store, slack, mail, folder, environments)
    try:
        yield made
    finally:
        for replica in made.replicas:
            for daemon in replica.house.daemons:
                if daemon.process.returncode is None:
                    daemon.process.kill()
                    await daemon.process.wait()
            await replica.way.stop()
