"""A real server on a free port that shows the sample, and a client for it."""

from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field

import aiohttp
import pytest

from pgdrift.core.alerts.incident import Incident
from pgdrift.core.alerts.letters import Tray
from pgdrift.core.alerts.marks import Mark
from pgdrift.core.model import Event, Standing
from pgdrift.metrics import Metrics
from pgdrift.web import Found, Plans, make_app, serve
from tests.web import plan_sample, sample


@dataclass
class Shown:
    """What the site shows; a test changes it while the server runs."""

    client: aiohttp.ClientSession
    url: str = ""
    standings: Mapping[str, Standing] = field(default_factory=sample.standings)
    incidents: Iterable[Incident] = field(default_factory=sample.incidents)
    timeline: Callable[[str], Awaitable[Sequence[Event]]] = sample.timeline
    trays: Sequence[Tray] = ()
    marks: Sequence[Mark] = ()
    plans: Mapping[str, str] = field(default_factory=dict)
    why_no_plan: str = ""
    ready: bool = True
    live: bool = True

    async def plan(self, id_: str) -> Found | None:
        mine = id_ == plan_sample.KEPT.id
        return (plan_sample.KEPT, (plan_sample.RUN,)) if mine else None

    async def get(self, path: str, **headers: str) -> tuple[aiohttp.ClientResponse, str]:
        async with self.client.get(self.url + path, headers=headers) as answer:
            return answer, await answer.text()

    async def json(self, path: str) -> dict[str, object]:
        async with self.client.get(self.url + path) as answer:
            body: dict[str, object] = await answer.json()
            return body


@pytest.fixture
async def site() -> AsyncIterator[Shown]:
    async with aiohttp.ClientSession() as client:
        shown = Shown(client)
        metrics = Metrics(lambda: shown.standings, lambda: shown.incidents, lambda: sample.NOW)
        app = make_app(
            standings=lambda: shown.standings,
            incidents=lambda: shown.incidents,
            timeline=lambda name: shown.timeline(name),  # noqa: PLW0108 - a test exchanges it
            metrics=metrics.render,
            ready=lambda: shown.ready,
            live=lambda: shown.live,
            version="1.2.3",
            kinds=("table", "column", "trigger"),
            trays=lambda: shown.trays,
            marks=lambda: shown.marks,
            plan=shown.plan,
            incident_plans=Plans(
                lambda incident: shown.plans.get(incident.id, ""), lambda _: shown.why_no_plan
            ),
            now=lambda: sample.NOW,
        )
        runner = await serve(app, "127.0.0.1:0")
        shown.url = f"http://127.0.0.1:{runner.addresses[0][1]}"
        yield shown
        await runner.cleanup()
